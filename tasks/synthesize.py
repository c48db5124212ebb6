"""Task `synthesize`: have a new source image made from each caption of the shard."""

from typing import Any

from prefect.client.schemas.objects import State

from editcorpus.shards import ShardRef
from editcorpus.stages.stage import run_stage
from tasks.options import stage_task
from tasks.states import verdict
from tasks.workshop import WORKSHOP


@stage_task("synthesize")
def synthesize(shard: int) -> ShardRef | State[Any]:
    """Have a new source image made from each caption of the shard."""
    shop = WORKSHOP.get()
    return verdict(run_stage(shop, shard, shop.stage("synthesize")), shop.store.root)
