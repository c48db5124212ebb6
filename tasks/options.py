"""How every task of this project is run."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from editcorpus.errors import ConfigError, RunStopped

_P = ParamSpec("_P")
_R = TypeVar("_R")


def worth_retrying(_task: Any, _run: TaskRun, state: State[Any]) -> bool:
    """Whether another try may end better: not after a budget, a key or a wrong parameter."""
    result = state.result(raise_on_failure=False)
    return not isinstance(result, RunStopped | ConfigError)


def stage_task(name: str) -> Callable[[Callable[_P, _R]], Task[_P, _R]]:
    """A task that is one step over one shard, retried once by the orchestrator.

    Its manifest decides what is done, not Prefect's cache, which sees only the wrapper's lines.
    """
    return task(
        name=name,
        task_run_name=f"{{shard:05d}}-{name}",
        cache_policy=NO_CACHE,
        retries=1,
        retry_delay_seconds=30,
        retry_condition_fn=worth_retrying,
        result_serializer="json",
    )
