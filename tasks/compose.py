"""Task `compose`: have the shard's complex instructions written."""

from typing import Any

from prefect.client.schemas.objects import State

from editcorpus.shards import ShardRef
from editcorpus.stages.stage import run_stage
from tasks.options import stage_task
from tasks.states import verdict
from tasks.workshop import WORKSHOP


@stage_task("compose")
def compose(shard: int) -> ShardRef | State[Any]:
    """Have the shard's complex instructions written."""
    shop = WORKSHOP.get()
    return verdict(run_stage(shop, shard, shop.stage("compose")), shop.store.root)
