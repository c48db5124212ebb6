"""Task `batch`: one step of uniting runs, over some files of one of them."""

from contextvars import ContextVar
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from editcorpus.union.hands import Work
from tasks.options import worth_retrying

WORK: ContextVar[Work] = ContextVar("editcorpus-union")
"""What is done with a batch, by the batch's number."""


@task(
    task_run_name="{number:05d}-{step}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=1,
    retry_delay_seconds=2,
    retry_condition_fn=worth_retrying,
)
def batch(step: str, number: int) -> State[Any]:  # noqa: ARG001 - the step names the task run
    """Do a step of a batch; what of it is done before is not done again."""
    records = WORK.get()(number)
    return Completed(name=f"{records:,} records", data=records)
