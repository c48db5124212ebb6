"""Task `plan`: fix which rows are in which shard."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from editcorpus.planning import Selection
from editcorpus.stages.plan import Plan, make_plan
from tasks.workshop import WORKSHOP


@task(cache_policy=NO_CACHE)
def plan(selection: Selection) -> Plan:
    """Fix which rows are in which shard, before a pixel is read."""
    shop = WORKSHOP.get()
    return make_plan(shop.store, shop.run, shop.source, shop.inputs, selection)
