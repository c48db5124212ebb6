"""Task `publish`: write what passes into the corpus."""

from typing import Any

from prefect.client.schemas.objects import State

from editcorpus.shards import ShardRef
from editcorpus.stages.stage import run_stage
from tasks.options import stage_task
from tasks.states import verdict
from tasks.workshop import WORKSHOP


@stage_task("publish")
def publish(shard: int) -> ShardRef | State[Any]:
    """Write what passes into the corpus."""
    shop = WORKSHOP.get()
    return verdict(run_stage(shop, shard, shop.stage("publish")), shop.store.root)
