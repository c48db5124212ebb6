"""Task `plan`: fix which rows are in which shard."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from editcorpus.planning import Selection
from editcorpus.stages.classifying import kinds_of
from editcorpus.stages.plan import Plan, planning
from tasks.workshop import WORKSHOP


@task(task_run_name="plan", cache_policy=NO_CACHE, persist_result=False)
def plan(selection: Selection) -> Plan:
    """Fix which rows are in which shard; the first shards may be worked on before the last are known."""
    shop = WORKSHOP.get()
    kinds = kinds_of(shop) if shop.source.classes else None
    steps = planning(shop.store, shop.run, shop.source, shop.inputs, selection, kinds)
    return shop.growth.follow(steps, shop.prove_going)
