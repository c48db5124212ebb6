"""Task `plan`: fix which rows are in which shard."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from editcorpus.planning import Selection
from editcorpus.stages.classifying import kinds_of
from editcorpus.stages.plan import Plan, make_plan
from tasks.workshop import WORKSHOP


@task(cache_policy=NO_CACHE)
def plan(selection: Selection) -> Plan:
    """Fix which rows are in which shard, before a pixel is read."""
    shop = WORKSHOP.get()
    kinds = kinds_of(shop) if shop.source.classes else None
    return make_plan(shop.store, shop.run, shop.source, shop.inputs, selection, kinds)
