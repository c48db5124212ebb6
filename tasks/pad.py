"""Task `pad`: read the shard's pictures and lay them on canvases."""

from typing import Any

from prefect.client.schemas.objects import State

from editcorpus.shards import ShardRef
from editcorpus.stages.stage import run_stage
from tasks.options import stage_task
from tasks.states import verdict
from tasks.workshop import WORKSHOP


@stage_task("pad")
def pad(shard: int) -> ShardRef | State[Any]:
    """Read the shard's pictures and lay them on canvases."""
    shop = WORKSHOP.get()
    return verdict(run_stage(shop, shard, shop.stage("pad")), shop.store.root)
