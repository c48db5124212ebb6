"""The skeleton of every build: open, plan, take the shards through their stages, finish.

Shards go out in partitions: one after the other in this process, or several at once in processes of
their own (`handing.py`). In each, shards go through a window, `shards_in_progress` at a time; calls in
flight are limited by the engine, not by threads. What is unanswered after the last shard is done once
more; what is unanswered then is *failed*, and the next run of the same name does it again.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.logging import get_run_logger
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner

from editcorpus.errors import EditcorpusError, RunStopped
from editcorpus.partitions import Partition, cut
from editcorpus.rows import Source
from editcorpus.stages.finish import Finished
from editcorpus.stages.opening import Job, check, opened
from editcorpus.stages.partition import held
from editcorpus.stages.plan import Plan
from editcorpus.stages.rollup import shards_left
from editcorpus.stages.workshop import Workshop
from flows.artifacts import Watch
from flows.handing import Handing, Order
from flows.listening import LISTENERS, Listener
from flows.memory import keep_memory_tight
from flows.outcome import Outcome
from flows.parameters import Recipe
from flows.starting import no_budget
from flows.surroundings import core_logged, in_context, job_of
from flows.through import twice_if_needed
from flows.width import width_of
from tasks.finish import finish
from tasks.gallery import gallery
from tasks.plan import plan
from tasks.workshop import WORKSHOP

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Ears:
    """All who follow this build: its artifacts, and the command line if it started it."""

    listeners: tuple[Listener, ...]

    def opened(self, shop: Workshop) -> None:
        for listener in self.listeners:
            listener.opened(shop)

    def planned(self, plan: Plan) -> None:
        for listener in self.listeners:
            listener.planned(plan)

    def shard_ended(self, number: int) -> None:
        for listener in self.listeners:
            listener.shard_ended(number)

    def ended(self, outcome: Outcome) -> None:
        for listener in self.listeners:
            listener.ended(outcome)


def build(source: Source, recipe: Recipe) -> State[Any]:
    """Build a corpus, and name the state after what came of it."""
    keep_memory_tight()
    recipe = recipe.settled()
    try:
        job = job_of(source, recipe)
        check(job)
        if told := no_budget(job):
            get_run_logger().warning(told)
        with core_logged(), opened(job) as shop, in_context(shop), Watch(shop) as watch:
            ears = _Ears((watch, *LISTENERS.get()))
            ears.opened(shop)
            return _carried_out(shop, job, recipe, ears)
    except EditcorpusError as error:
        _log.error("%s", error)
        name = "Stopped" if isinstance(error, RunStopped) else "Could not start"
        return Failed(name=name, message=str(error))


def _carried_out(shop: Workshop, job: Job, recipe: Recipe, ears: _Ears) -> State[Any]:
    planned = plan(recipe.selection)
    ears.planned(planned)
    try:
        _through(shop, job, planned, recipe, ears)
        finished: Finished = finish(planned.shards, job.identity, emulated=job.emulated)
    except EditcorpusError as error:
        outcome = _so_far(shop, planned.shards, error)
    except (KeyboardInterrupt, TerminationSignal):
        with suppress(EditcorpusError, OSError):
            ears.ended(Outcome.so_far(shop, planned.shards, "The run was interrupted."))
        raise  # a cancel or Ctrl-C goes on to Prefect once it is told where all ids are
    else:
        outcome = Outcome.of(shop, finished, _gallery(recipe.effort.gallery))
    ears.ended(outcome)
    return outcome.state(recipe.effort.max_failed_share)


def _so_far(shop: Workshop, shards: int, why: EditcorpusError) -> Outcome:
    """What came of a run that had to stop.

    Raises:
        RunStopped: A store that is gone cannot be asked; why the run stopped is all that is known.
    """
    try:
        return Outcome.so_far(shop, shards, str(why))
    except EditcorpusError:
        raise RunStopped(f"{why} What is finished is kept; run the same again to go on.") from why


def _gallery(limit: int) -> str:
    """Where the gallery lies; a corpus is finished without one, too."""
    try:
        return gallery(limit) if limit else ""
    except EditcorpusError as error:
        _log.warning("There is no gallery: %s", error)
        return ""


def _through(shop: Workshop, job: Job, planned: Plan, recipe: Recipe, ears: _Ears) -> None:
    """Take the shards that are left through their stages, in partitions."""
    left = shards_left(shop, planned)
    for number in sorted(set(range(planned.shards)) - set(left)):
        ears.shard_ended(number)
    hands = min(recipe.effort.processes, job.endpoints["regenerate"].limits.in_flight or 32)
    parts = [one for one in cut(planned.shards, least=hands) if not {*left}.isdisjoint(one.shards)]
    if hands > 1 and len(parts) > 1:
        order = Order(job.source.name, recipe, job.owner.process, hands)
        Handing(shop, order, ears.shard_ended).out(parts)
        shop.responses.read_index()
        return
    for part in parts:
        with held(shop, job.owner, shop.redriving.among(part.shards)):
            _here(part, job, recipe, ears, apart=len(parts) > 1)


def _here(part: Partition, job: Job, recipe: Recipe, ears: _Ears, *, apart: bool) -> None:
    """Do a partition in this process; one of several as a flow run apart, which the UI can draw."""
    width = recipe.effort.shards_in_progress or width_of(job, recipe)

    def work() -> None:
        numbers = WORKSHOP.get().redriving.among(part.shards)
        twice_if_needed(numbers, width, recipe.effort.retry_delay_s, ears.shard_ended)

    if not apart:
        work()
        return
    name = f"{recipe.run}-partition-{part.number}"
    runner: Any = ThreadPoolTaskRunner(max_workers=64)
    flow(name="partition", flow_run_name=name, task_runner=runner)(work)()
