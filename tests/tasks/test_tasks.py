"""Tasks are thin: how they are run, what their states are called, and what is worth a retry."""

from dataclasses import replace
from typing import Any

import pytest
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import StateType
from prefect.states import Failed

from editcorpus.errors import BudgetExceeded, ConfigError, ShardError
from editcorpus.shards import ShardRef
from editcorpus.stages.order import KNOWN as STAGES
from tasks.finish import finish
from tasks.plan import plan
from tasks.shard import TASKS, shard
from tasks.states import through, verdict

KNOWN: dict[str, Any] = {"run": "r", "shard": 3, "step": "pad", "digest": "d", "skipped": False}


def ref(**counts: int) -> ShardRef:
    members = {"entered": 12, "kept": 12, "rejected": 0, "failed": 0, **KNOWN, **counts}
    return ShardRef(**members)


def test_there_is_one_task_a_stage_in_the_order_of_the_stages() -> None:
    assert set(TASKS) == {stage.name for stage in STAGES.values()}


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_a_stage_is_retried_once_and_never_served_from_prefects_cache(task: Any) -> None:
    assert task.retries == 1
    assert task.cache_policy == NO_CACHE
    assert task.task_run_name == f"{{shard:05d}}-{task.name}"
    assert not task.isasync


@pytest.mark.parametrize("task", [plan, shard, finish], ids=lambda task: task.name)
def test_other_tasks_are_not_retried(task: Any) -> None:
    assert task.retries == 0
    assert task.cache_policy == NO_CACHE


@pytest.mark.parametrize(
    ("counts", "kind", "name"),
    [
        ({}, StateType.COMPLETED, "12 kept"),
        ({"kept": 9, "rejected": 3}, StateType.COMPLETED, "9 kept, 3 rejected"),
        ({"kept": 8, "rejected": 2, "failed": 2}, StateType.FAILED, "2 unanswered"),
    ],
)
def test_a_state_says_what_came_of_the_shard(
    counts: dict[str, int], kind: StateType, name: str
) -> None:
    made = ref(**counts)
    state = verdict(made, "store")
    assert (state.type, state.name, state.data) == (kind, name, made)


def test_a_shard_that_was_done_says_so() -> None:
    assert verdict(replace(ref(), skipped=True), "store").name == "Done before"


def test_a_red_stage_says_how_many_why_where_to_look_and_what_to_type() -> None:
    made = replace(
        ref(kept=9, failed=3),
        failed_for={"unavailable": 2, "not_reached": 1},
        example="status 503:\n<b>busy</b>.",
    )
    told = verdict(made, "s3://team/a b").message or ""
    assert told.startswith("3 of 12 have no answer: 2 unavailable, 1 not_reached.")
    assert "The first: status 503: <b>busy</b>. The run asks once more" in told
    assert "the artifact editcorpus-failures of the flow run" in told
    command = "editcorpus redrive --store 's3://team/a b' --run r --reason unavailable"
    assert told.endswith(f"Only these again: `{command}`.")


def test_a_stage_that_rejects_says_why() -> None:
    made = replace(ref(kept=10, rejected=2), rejected_for={"moderation_input": 2})
    told = verdict(made, "store").message or ""
    assert told.startswith("2 rejected for good: 2 moderation_input; the artifact editcorpus-fail")


def test_a_shard_says_at_which_steps_answers_are_missing() -> None:
    short = replace(ref(kept=10, failed=2), step="align", failed_for={"unavailable": 2})
    told = through([ref(), short])
    assert told.startswith("No answer yet: 2 unavailable at align. The red stages of this shard")
    assert through([ref(), ref(kept=11, rejected=1)]) == ""


@pytest.mark.parametrize(
    ("error", "worth"),
    [(ShardError("cut short"), True), (BudgetExceeded("spent"), False), (ConfigError("no"), False)],
)
def test_what_cannot_end_better_is_not_tried_again(error: Exception, worth: bool) -> None:
    condition = TASKS["pad"].retry_condition_fn
    assert condition is not None
    assert condition(TASKS["pad"], None, Failed(data=error)) is worth
