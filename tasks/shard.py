"""Tasks `shard` and `ahead`: take one shard through its stages, or up to one, in this thread.

Each stage is a task run of its own inside its own transaction: without one, Prefect 3.9 turns the
finished siblings of a failed stage to RolledBack.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.tasks import Task
from prefect.transactions import CommitMode, transaction

from editcorpus.shards import ShardRef
from editcorpus.stages.batching import is_through
from editcorpus.stages.mending import healed
from tasks.align import align
from tasks.bulk import IN_BULK, waiting
from tasks.caption import caption
from tasks.compose import compose
from tasks.embed import embed
from tasks.fetch import fetch
from tasks.filter import filter as filter_task
from tasks.options import RETRY_DELAY_S
from tasks.pad import pad
from tasks.publish import publish
from tasks.regenerate import regenerate
from tasks.rewrite import rewrite
from tasks.states import through
from tasks.synthesize import synthesize
from tasks.view import view
from tasks.workshop import WORKSHOP

TASKS: Mapping[str, Task[[int], Any]] = MappingProxyType(
    {
        task.name: task
        for task in (
            *(fetch, view, caption, synthesize, pad, compose, regenerate),
            *(filter_task, rewrite, align, embed, publish),
        )
    }
)
"""The task of each stage, by the stage's name."""


@task(task_run_name="{number:05d}-shard", cache_policy=NO_CACHE, persist_result=False)
def shard(number: int, retry_delay_s: float) -> State[Any]:
    """Take one shard through every stage; what stays unanswered does not hold up the rest."""
    RETRY_DELAY_S.set(retry_delay_s)
    shop = WORKSHOP.get()
    stages = [partial(_run, TASKS[stage.name], number) for stage in shop.stages]
    refs = healed(shop.mending, stages)
    unanswered, kept = sum(ref.failed for ref in refs), refs[-1].kept
    if unanswered:
        name = f"{kept} kept, {unanswered} unanswered"
        return Completed(name=name, message=through(refs), data=unanswered)
    return Completed(name=f"{kept} kept", data=0)


@task(task_run_name="{number:05d}-{step}-ahead", cache_policy=NO_CACHE, persist_result=False)
def ahead(number: int, step: str, retry_delay_s: float) -> State[Any]:
    """Take one shard up to a step, and put what that step lacks into batches."""
    shop = WORKSHOP.get()
    names = [stage.name for stage in shop.stages]
    if is_through(shop, number, shop.stage(step)):
        return Completed(name="Done before", data=0)
    RETRY_DELAY_S.set(retry_delay_s)
    before = [partial(_run, TASKS[name], number) for name in names[: names.index(step)]]
    *_, count = healed(shop.mending, [*before, partial(_result, IN_BULK[step], number)])
    return waiting(count)


def _run(stage: Task[[int], Any], number: int) -> ShardRef:
    result = _result(stage, number)
    if not isinstance(result, ShardRef):
        raise TypeError(f"The stage {stage.name} returned {result!r}.")
    return result


def _result(stage: Task[[int], Any], number: int) -> Any:
    with transaction(commit_mode=CommitMode.EAGER):
        state: State[Any] = stage(number, return_state=True)
    result = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    return result
