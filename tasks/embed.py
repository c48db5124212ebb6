"""Task `embed`: have vectors made of the shard's pairs."""

from typing import Any

from prefect.client.schemas.objects import State

from editcorpus.shards import ShardRef
from editcorpus.stages.stage import run_stage
from tasks.options import stage_task
from tasks.states import verdict
from tasks.workshop import WORKSHOP


@stage_task("embed")
def embed(shard: int) -> ShardRef | State[Any]:
    """Have vectors made of the shard's pairs."""
    shop = WORKSHOP.get()
    return verdict(run_stage(shop, shard, shop.stage("embed")), shop.store.root)
