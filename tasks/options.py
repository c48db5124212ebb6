"""How every task of this project is run."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.tasks import Task

from editcorpus.errors import ConfigError, Interrupted, RunStopped, ShardDamaged
from tasks.workshop import WORKSHOP

_P = ParamSpec("_P")
_R = TypeVar("_R")

RETRY_DELAY_S: ContextVar[float] = ContextVar("editcorpus-retry-delay", default=30.0)
"""Seconds that the second try of a stage waits."""


def worth_retrying(task: Any, _run: TaskRun, state: State[Any]) -> bool:
    """Whether another try may end better: not after a budget, a key or a wrong parameter.

    Nor where an earlier stage's file is damaged: that stage has to go first (`healed`). Nor where a
    stage takes its answers from batches alone: none is under way any more.
    """
    shop = WORKSHOP.get(None)
    if shop is not None and shop.modes.get(task.name) == "batch":
        return False
    result = state.result(raise_on_failure=False)
    return not isinstance(result, RunStopped | ConfigError | ShardDamaged)


def stage_task(name: str) -> Callable[[Callable[_P, _R]], Task[_P, _R]]:
    """A task that is one step over one shard, retried once by the orchestrator.

    Its manifest decides what is done, not Prefect's cache, which sees only the wrapper's lines. The
    second try waits by itself: nothing cuts Prefect's own delay short when the run is interrupted.
    """

    def made(work: Callable[_P, _R]) -> Task[_P, _R]:
        return task(
            name=name,
            task_run_name=f"{{shard:05d}}-{name}",
            cache_policy=NO_CACHE,
            retries=1,
            retry_delay_seconds=0,
            retry_condition_fn=worth_retrying,
            persist_result=False,
        )(_after_delay(work))

    return made


def _after_delay(work: Callable[_P, _R]) -> Callable[_P, _R]:
    @wraps(work)
    def tried(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        context = TaskRunContext.get()
        again = context is not None and context.task_run.run_count > 1
        if again and WORKSHOP.get().stopping.wait(RETRY_DELAY_S.get()):
            raise Interrupted("The run was interrupted.")
        return work(*args, **kwargs)

    return tried
