"""Task `caption`: have the source images of the shard described."""

from typing import Any

from prefect.client.schemas.objects import State

from editcorpus.shards import ShardRef
from editcorpus.stages.stage import run_stage
from tasks.options import stage_task
from tasks.states import verdict
from tasks.workshop import WORKSHOP


@stage_task("caption")
def caption(shard: int) -> ShardRef | State[Any]:
    """Have the source images of the shard described."""
    shop = WORKSHOP.get()
    return verdict(run_stage(shop, shard, shop.stage("caption")), shop.store.root)
