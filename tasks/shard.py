"""Task `shard`: take one shard through every stage, in this thread.

Each stage is a task run of its own inside its own transaction: without one, Prefect 3.9 turns the
finished siblings of a failed stage to RolledBack.
"""

from functools import partial
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.tasks import Task
from prefect.transactions import CommitMode, transaction

from editcorpus.shards import ShardRef
from editcorpus.stages.mending import healed
from tasks.align import align
from tasks.filter import filter as filter_task
from tasks.options import RETRY_DELAY_S
from tasks.pad import pad
from tasks.publish import publish
from tasks.regenerate import regenerate
from tasks.rewrite import rewrite
from tasks.workshop import WORKSHOP

STAGES: tuple[Task[[int], Any], ...] = (pad, regenerate, filter_task, rewrite, align, publish)


@task(task_run_name="{number:05d}-shard", cache_policy=NO_CACHE)
def shard(number: int, retry_delay_s: float) -> State[Any]:
    """Take one shard through every stage; what stays unanswered does not hold up the rest."""
    RETRY_DELAY_S.set(retry_delay_s)
    refs = healed(WORKSHOP.get().mending, [partial(_run, stage, number) for stage in STAGES])
    unanswered, kept = sum(ref.failed for ref in refs), refs[-1].kept
    if unanswered:
        return Completed(name=f"{kept} kept, {unanswered} unanswered", data=unanswered)
    return Completed(name=f"{kept} kept", data=0)


def _run(stage: Task[[int], Any], number: int) -> ShardRef:
    with transaction(commit_mode=CommitMode.EAGER):
        state: State[Any] = stage(number, return_state=True)
    result = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    if not isinstance(result, ShardRef):
        raise TypeError(f"The stage {stage.name} returned {result!r}.")
    return result
