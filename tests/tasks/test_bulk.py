"""Tasks that ask in bulk: what they are called, and what batches alone leave to be tried again."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.cache_policies import NO_CACHE
from prefect.states import Failed

from editcorpus.stages.order import KNOWN
from tasks.bulk import IN_BULK, waiting
from tasks.regenerate import regenerate
from tasks.rewrite import rewrite
from tasks.shard import ahead
from tasks.workshop import WORKSHOP


@pytest.fixture
def in_batches() -> Iterator[None]:
    """A run whose edits are asked for in batches alone, and whose rewrites are not."""
    shop: Any = SimpleNamespace(modes={"regenerate": "batch", "rewrite": "auto"})
    token = WORKSHOP.set(shop)
    yield
    WORKSHOP.reset(token)


def test_each_step_that_asks_a_model_has_a_task_that_asks_in_bulk() -> None:
    assert list(IN_BULK) == [stage.name for stage in KNOWN.values() if stage.asks is not None]
    for step, task in IN_BULK.items():
        assert task.name == f"{step}-in-bulk"
        assert task.task_run_name == f"{{shard:05d}}-{step}-in-bulk"
        assert (task.retries, task.cache_policy) == (1, NO_CACHE)


def test_a_shard_is_taken_ahead_under_its_number_and_the_step() -> None:
    assert ahead.task_run_name == "{number:05d}-{step}-ahead"
    assert (ahead.retries, ahead.cache_policy) == (0, NO_CACHE)


@pytest.mark.parametrize(("count", "name"), [(0, "Nothing to ask"), (48, "48 wait for a batch")])
def test_a_state_says_how_many_wait(count: int, name: str) -> None:
    state = waiting(count)
    assert (state.name, state.data) == (name, count)


@pytest.mark.parametrize(("task", "worth"), [(regenerate, False), (rewrite, True)])
def test_what_no_batch_has_answered_is_not_tried_again_at_once(
    task: Any, worth: bool, in_batches: None
) -> None:
    assert task.retry_condition_fn(task, None, Failed(data=3)) is worth
