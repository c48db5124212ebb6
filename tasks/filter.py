"""Task `filter`: refuse what went wrong in the shard's pictures, and bring the others back."""

from typing import Any

from prefect.client.schemas.objects import State

from editcorpus.shards import ShardRef
from editcorpus.stages.stage import run_stage
from tasks.options import stage_task
from tasks.states import verdict
from tasks.workshop import WORKSHOP


@stage_task("filter")
def filter(shard: int) -> ShardRef | State[Any]:  # noqa: A001 - the step's name
    """Refuse what went wrong in the shard's pictures, and bring the others back."""
    shop = WORKSHOP.get()
    return verdict(run_stage(shop, shard, shop.stage("filter")), shop.store.root)
