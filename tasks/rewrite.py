"""Task `rewrite`: say in words what was really done, for a share of the shard."""

from typing import Any

from prefect.client.schemas.objects import State

from editcorpus.shards import ShardRef
from editcorpus.stages.stage import run_stage
from tasks.options import stage_task
from tasks.states import verdict
from tasks.workshop import WORKSHOP


@stage_task("rewrite")
def rewrite(shard: int) -> ShardRef | State[Any]:
    """Say in words what was really done, for a share of the shard."""
    shop = WORKSHOP.get()
    return verdict(run_stage(shop, shard, shop.stage("rewrite")), shop.store.root)
