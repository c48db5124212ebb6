"""Task `fetch`: copy the shard's published pictures out of the input."""

from typing import Any

from prefect.client.schemas.objects import State

from editcorpus.shards import ShardRef
from editcorpus.stages.stage import run_stage
from tasks.options import stage_task
from tasks.states import verdict
from tasks.workshop import WORKSHOP


@stage_task("fetch")
def fetch(shard: int) -> ShardRef | State[Any]:
    """Copy the shard's published pictures out of the input."""
    shop = WORKSHOP.get()
    return verdict(run_stage(shop, shard, shop.stage("fetch")), shop.store.root)
