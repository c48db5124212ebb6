"""Task `regenerate`: have each canvas of the shard edited anew."""

from typing import Any

from prefect.client.schemas.objects import State

from editcorpus.shards import ShardRef
from editcorpus.stages.stage import run_stage
from tasks.options import stage_task
from tasks.states import verdict
from tasks.workshop import WORKSHOP


@stage_task("regenerate")
def regenerate(shard: int) -> ShardRef | State[Any]:
    """Have each canvas of the shard edited anew."""
    shop = WORKSHOP.get()
    return verdict(run_stage(shop, shard, shop.stage("regenerate")), shop.store.root)
