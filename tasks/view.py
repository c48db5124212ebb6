"""Task `view`: look at the source images of the shard that are to be described."""

from typing import Any

from prefect.client.schemas.objects import State

from editcorpus.shards import ShardRef
from editcorpus.stages.stage import run_stage
from tasks.options import stage_task
from tasks.states import verdict
from tasks.workshop import WORKSHOP


@stage_task("view")
def view(shard: int) -> ShardRef | State[Any]:
    """Look at the source images of the shard that are to be described."""
    shop = WORKSHOP.get()
    return verdict(run_stage(shop, shard, shop.stage("view")), shop.store.root)
