"""Task `align`: have the shard's triplets judged."""

from typing import Any

from prefect.client.schemas.objects import State

from editcorpus.shards import ShardRef
from editcorpus.stages.stage import run_stage
from tasks.options import stage_task
from tasks.states import verdict
from tasks.workshop import WORKSHOP


@stage_task("align")
def align(shard: int) -> ShardRef | State[Any]:
    """Have the shard's triplets judged."""
    shop = WORKSHOP.get()
    return verdict(run_stage(shop, shard, shop.stage("align")), shop.store.root)
