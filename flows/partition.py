"""A partition of a run: some of its shards, done by this process on an allowance of the run's owner.

    python -m flows.partition < '{"recipe": ..., "share": ...}'

The parent starts it so (`handing.py`), and reads a line of JSON for each shard that is through, and one
for the end. The parent alone owns the run, its budget and its limits, and makes the corpus.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from threading import Thread
from typing import Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict, Field

from editcorpus.errors import BudgetExceeded, EditcorpusError
from editcorpus.stages.opening import Job
from editcorpus.stages.partition import opened_part
from editcorpus.stages.workshop import Workshop
from flows.listening import LISTENERS
from flows.memory import keep_memory_tight
from flows.outcome import Outcome
from flows.parameters import Recipe
from flows.server import leave
from flows.starting import interruptible, source_named
from flows.surroundings import core_logged, in_context, job_of
from flows.through import twice_if_needed
from flows.width import width_of


class Share(BaseModel):
    """Which part of a run a process takes, and what it may spend on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(description="Name of the dataset.")
    number: int = Field(ge=0, description="Of the partition, from 0.")
    first: int = Field(ge=0, description="Its first shard.")
    stop: int = Field(ge=0, description="The first shard that is not its own any more.")
    process: str = Field(description="Name of the process that takes it; its journal's name.")
    parent: str = Field(description="Name of the process that owns the run.")
    usd: Decimal | None = Field(None, description="Dollars that it may spend; none is no limit.")
    hands: int = Field(1, ge=1, description="Processes that share the endpoints' limits.")


class End(BaseModel):
    """How the work on a partition ended."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: Literal["done", "short", "stopped", "interrupted"] = Field(
        description="All shards are through; the allowance is used up; or the run must not go on."
    )
    sentence: str = Field("", description="Why it ended early.")
    cached: int = Field(0, ge=0, description="Answers that came from the store.")


@flow(
    name="partition",
    flow_run_name="{recipe.run}-partition-{share.number}",
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]
    cache_result_in_memory=True,
)
def partition(recipe: Recipe, share: Share) -> State[Any]:
    """Take some shards of a run through their stages, on an allowance of the run's owner.

    Args:
        recipe: What is built, from what, and how.
        share: Which part of it, and what it may cost.
    """
    end = _worked(recipe.settled(), share)
    if end.how == "done":
        return Completed(data=end.model_dump())
    name = {"short": "Out of allowance", "interrupted": "Interrupted"}.get(end.how, "Stopped")
    return Failed(name=name, message=end.sentence, data=end.model_dump())


def _worked(recipe: Recipe, share: Share) -> End:
    shards = range(share.first, share.stop)
    try:
        job = part_of(job_of(source_named(share.source), recipe), share)
        with core_logged(), opened_part(job, share.parent, shards) as shop, in_context(shop):
            return _through(shop, job, recipe, shards)
    except EditcorpusError as error:
        return End(how="stopped", sentence=str(error))


def _through(shop: Workshop, job: Job, recipe: Recipe, shards: range) -> End:
    def ended(number: int) -> None:
        for listener in LISTENERS.get():
            listener.shard_ended(number)

    how: Literal["done", "short", "stopped", "interrupted"] = "done"
    sentence = ""
    try:
        width = recipe.effort.shards_in_progress or width_of(job, recipe)
        numbers = shop.redriving.among(shards)
        twice_if_needed(numbers, width, recipe.effort.retry_delay_s, ended)
    except BudgetExceeded as error:
        how, sentence = "short", str(error)
    except EditcorpusError as error:
        how, sentence = "stopped", str(error)
    except (KeyboardInterrupt, TerminationSignal):
        how, sentence = "interrupted", "The run was interrupted."
    return End(how=how, sentence=sentence, cached=shop.ledger.calls["cached"])


def part_of(job: Job, share: Share) -> Job:
    """The run as a process sees it that takes a share of it."""
    owner = replace(job.owner, process=share.process)
    endpoints = {
        step: endpoint.model_copy(update={"limits": endpoint.limits.shared(share.hands)})
        for step, endpoint in job.endpoints.items()
    }
    return replace(job, owner=owner, budget_usd=share.usd, endpoints=endpoints)


class _Teller:
    """A listener that tells the parent."""

    def opened(self, shop: Workshop) -> None:
        """Nothing to tell."""

    def planned(self, plan: Any) -> None:
        """Nothing to tell."""

    def shard_ended(self, number: int) -> None:
        """Tell it in one line."""
        _say({"shard": number})

    def ended(self, outcome: Outcome) -> None:
        """Nothing to tell."""


def _say(members: dict[str, Any]) -> None:
    with suppress(BrokenPipeError):  # nobody listens any more: see `_leave_with_parent`
        sys.stdout.write(json.dumps(members) + "\n")
        sys.stdout.flush()


def _leave_with_parent() -> None:
    """Wait until the parent is gone, and then have this process end in order, as by SIGTERM."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Do what standard input asks for."""
    keep_memory_tight()
    asked = json.loads(sys.stdin.readline())
    recipe, share = Recipe.model_validate(asked["recipe"]), Share.model_validate(asked["share"])
    LISTENERS.set((_Teller(),))
    with interruptible():
        Thread(target=_leave_with_parent, daemon=True).start()
        state = partition(recipe, share, return_state=True)
    end: object = state.result(raise_on_failure=False)
    known = isinstance(end, dict)
    _say({"end": end if known else End(how="stopped", sentence=state.message or "").model_dump()})
    leave(0)


if __name__ == "__main__":
    main()
