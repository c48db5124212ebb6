"""A partition of a run: some of its shards, on an allowance of the run's owner.

    python -m flows.partition < '{"recipe": ..., "share": ..., "parent": ...}'

So a process of the machine is started on it (`processes.py`), which says a line of JSON for each shard
that is through, and one for the end. Workers fetch it as a run of a deployment of this flow
(`workers.py`): then it leaves word of its shards in the store, and its final state tells the end. The
owner alone has the run, its budget and its limits, and makes the corpus.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from threading import Thread
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from editcorpus.errors import (
    AllowanceVoid,
    BudgetExceeded,
    EditcorpusError,
    StorageError,
    StorageFull,
)
from editcorpus.permits import tell
from editcorpus.stages.opening import Job
from editcorpus.stages.partition import opened_part
from editcorpus.stages.rollup import roll_up
from editcorpus.stages.summary import Standing
from editcorpus.stages.workshop import Workshop
from flows.channel import PARENT
from flows.listening import LISTENERS
from flows.lookout import Lookout
from flows.memory import keep_memory_tight
from flows.metering import metered
from flows.orphans import outlive_worker
from flows.outcome import Outcome, completed_name, counted, stopped_name
from flows.parameters import Recipe
from flows.server import leave
from flows.settling import settled
from flows.sharing import NAMES, End, Share
from flows.starting import interruptible, source_of
from flows.surroundings import core_logged, in_context, job_of
from flows.through import Window, twice_if_needed
from flows.width import width_of


@flow(
    name="partition",
    flow_run_name="{recipe.run}-partition-{share.number}",
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]
    cache_result_in_memory=True,
    persist_result=False,
)
def partition(recipe: Recipe, share: Share) -> State[Any]:
    """Take some shards of a run through their stages; its owner starts this, not a person.

    Args:
        recipe: What is built, from what, and how.
        share: Which part of it, and what it may cost.
    """
    keep_memory_tight()
    outlive_worker()
    end = _worked(recipe, share)
    if end.how == "done":
        name = completed_name(end.failed)
        return Completed(name=name, message=end.sentence, data=end.model_dump())
    name = stopped_name(end.kind) if end.how == "stopped" else NAMES[end.how]
    return Failed(name=name, message=end.sentence, data=end.model_dump())


def _worked(recipe: Recipe, share: Share) -> End:
    shards = range(share.first, share.stop)
    try:
        source = source_of(share.source, recipe)
        recipe = settled(recipe, source)
        job = part_of(job_of(source, recipe), share)
        with ExitStack() as stack:
            stack.enter_context(core_logged(recipe.run))
            meter = stack.enter_context(metered(recipe.run, share.permit, share.number))
            job = replace(job, observer=meter.called)
            shop = stack.enter_context(opened_part(job, share.permit, shards))
            meter.opened(shop)
            stack.enter_context(in_context(shop))
            stack.enter_context(Lookout(shop))
            standing = _through(shop, job, recipe, share)
    except BudgetExceeded as error:
        return End(how="short", sentence=str(error))
    except AllowanceVoid as error:
        return End(how="void", sentence=str(error))
    except EditcorpusError as error:
        return End(how="stopped", sentence=str(error), kind=error.kind)
    failed, told = len(standing.failed), f"{counted(standing)}."
    return End(how="done", sentence=told, failed=failed)


def _through(shop: Workshop, job: Job, recipe: Recipe, share: Share) -> Standing:
    ended = _teller(shop, share.permit)
    shards = range(share.first, share.stop)
    width = recipe.effort.shards_in_progress or width_of(job, recipe)
    window = Window(width, recipe.effort.retry_delay_s, job.source.rounds)
    try:
        twice_if_needed(shop.redriving.among(shards), window, ended)
    finally:
        ended(None)
    return roll_up(shop, shards)


def _teller(shop: Workshop, permit: str) -> Callable[[int | None], None]:
    """Leaves word of each shard that is through, and with none of the last; to the parent, too."""
    through: set[int] = set()

    def ended(number: int | None) -> None:
        if number is not None:
            through.add(number)
            for listener in LISTENERS.get():
                listener.shard_ended(number)
        with suppress(
            StorageError, StorageFull
        ):  # it is for people; what hinders work is told there
            tell(shop.store, shop.run, permit, through, shop.ledger.calls["cached"])

    return ended


def part_of(job: Job, share: Share) -> Job:
    """The run as it is seen by whoever takes a share of it."""
    endpoints = {
        step: endpoint.model_copy(update={"limits": endpoint.limits.shared(share.hands)})
        for step, endpoint in job.endpoints.items()
    }
    return replace(job, budget_usd=share.usd, endpoints=endpoints)


class _Teller:
    """A listener that tells the parent."""

    def opened(self, shop: Workshop) -> None:
        """Nothing to tell."""

    def begun(self, shards: int) -> None:
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


def _ended(recipe: Recipe, share: Share) -> dict[str, Any]:
    """Do a partition; gives the members of its `End`."""
    try:
        state = partition(recipe, share, return_state=True)
    except (KeyboardInterrupt, TerminationSignal):
        return End(how="interrupted", sentence="The run was interrupted.").model_dump()
    end: object = state.result(raise_on_failure=False)
    if isinstance(end, dict):
        return end
    return End(how="stopped", sentence=state.message or "").model_dump()


def main() -> None:
    """Do what standard input asks for."""
    keep_memory_tight()
    asked = json.loads(sys.stdin.readline())
    recipe, share = Recipe.model_validate(asked["recipe"]), Share.model_validate(asked["share"])
    PARENT.set(tuple(asked.get("parent", ())))
    LISTENERS.set((_Teller(),))
    with interruptible():
        Thread(target=_leave_with_parent, daemon=True).start()
        _say({"end": _ended(recipe, share)})
    leave(0)


if __name__ == "__main__":
    main()
