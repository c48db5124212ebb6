"""The skeleton of every build: open, plan, take the shards through their stages, finish.

Shards go out in partitions: one after the other in this process, or several at once in processes of
their own (`handing.py`). In each, shards go through a window, `shards_in_progress` at a time; calls in
flight are limited by the engine, not by threads. What is unanswered after the last shard is done once
more; what is unanswered then is *failed*, and the next run of the same name does it again.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner

from editcorpus.errors import EditcorpusError, RunStopped
from editcorpus.lookups.wishes import Wish, take_wish
from editcorpus.partitions import cut
from editcorpus.rows import Source
from editcorpus.stages.awaiting import under_way
from editcorpus.stages.finish import Finished
from editcorpus.stages.opening import Job, check, opened
from editcorpus.stages.partition import held
from editcorpus.stages.permitting import Permits
from editcorpus.stages.plan import Plan
from editcorpus.stages.rollup import roll_up, shards_left
from editcorpus.stages.workshop import Workshop
from flows.again import again_of
from flows.artifacts import Watch
from flows.crews import check_crew, crew_for
from flows.handing import Handing
from flows.listening import LISTENERS, Listener
from flows.memory import keep_memory_tight
from flows.outcome import Outcome
from flows.parameters import Recipe
from flows.settling import settled
from flows.starting import no_budget, promised
from flows.surroundings import core_logged, in_context, job_of
from flows.through import Window, twice_if_needed
from flows.waves import Waves
from flows.width import width_of
from tasks.finish import finish
from tasks.gallery import gallery
from tasks.plan import plan

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
    given = recipe
    try:
        recipe = settled(recipe, source)
        job = job_of(source, recipe)
        check(job)
        check_crew(recipe)
        _heard(job, recipe)
        for told in filter(None, (promised(job), job.inputs.note)):
            get_run_logger().info(told)
        if told := no_budget(job):
            get_run_logger().warning(told)
        again = again_of(given, job.store.root)
        with core_logged(), opened(job) as shop, in_context(shop), Watch(shop, again) as watch:
            ears = _Ears((watch, *LISTENERS.get()))
            ears.opened(shop)
            outcome = _carried_out(shop, job, recipe, ears)
            return outcome.state(recipe.effort.max_failed_share, again.sentence)
    except EditcorpusError as error:
        _log.error("%s", error)
        name = "Stopped" if isinstance(error, RunStopped) else "Could not start"
        return Failed(name=name, message=str(error))


def _heard(job: Job, recipe: Recipe) -> None:
    """Record the redrive that the parameters ask for: once, also where this flow run is retried."""
    if recipe.effort.redrive:
        wish = Wish(recipe.effort.redriven, recipe.effort.redrive_sample, by=str(flow_run.id))
        for line in take_wish(job, wish):
            get_run_logger().info(line)


def _carried_out(shop: Workshop, job: Job, recipe: Recipe, ears: _Ears) -> Outcome:
    planned = plan(recipe.selection)
    ears.planned(planned)
    try:
        _through(shop, job, planned, recipe, ears)
        finished: Finished = finish(planned.shards, job.identity, emulated=job.emulated)
    except EditcorpusError as error:
        outcome = _so_far(shop, planned.shards, error)
    except (KeyboardInterrupt, TerminationSignal):
        told = _with_batches(shop, "The run was interrupted.")
        with suppress(EditcorpusError, OSError):
            ears.ended(Outcome.so_far(shop, planned.shards, told))
        raise  # a cancel or Ctrl-C goes on to Prefect once it is told where all ids are
    else:
        outcome = Outcome.of(shop, finished, _gallery(recipe.effort.gallery))
    ears.ended(outcome)
    return outcome


def _so_far(shop: Workshop, shards: int, why: EditcorpusError) -> Outcome:
    """What came of a run that had to stop.

    Raises:
        RunStopped: A store that is gone cannot be asked; why the run stopped is all that is known.
    """
    told = _with_batches(shop, str(why))
    try:
        return Outcome.so_far(shop, shards, told)
    except EditcorpusError:
        raise RunStopped(f"{told} What is finished is kept; run the same again to go on.") from why


def _with_batches(shop: Workshop, sentence: str) -> str:
    """Why a run ends, and what goes on at the API without it."""
    with suppress(EditcorpusError):
        return " ".join(filter(None, (sentence, under_way(shop.engine.bulk.standing()))))
    return sentence


def _gallery(limit: int) -> str:
    """Where the gallery lies; a corpus is finished without one, too."""
    try:
        return gallery(limit) if limit else ""
    except EditcorpusError as error:
        _log.warning("There is no gallery: %s", error)
        return ""


def _through(shop: Workshop, job: Job, planned: Plan, recipe: Recipe, ears: _Ears) -> None:
    """Take the shards that are left through their stages, in partitions."""
    window = Window(
        recipe.effort.shards_in_progress or width_of(job, recipe),
        recipe.effort.retry_delay_s,
        job.source.rounds,
    )
    waves = Waves(shop, window, recipe.effort.batch_look_s)
    waves.adopt(alone=recipe.effort.processes == 1 and not recipe.effort.workers)
    left = shards_left(shop, planned)
    for number in sorted(set(range(planned.shards)) - set(left)):
        ears.shard_ended(number)
    hands = min(recipe.effort.processes, job.endpoints["regenerate"].limits.in_flight or 32)
    everything = cut(planned.shards, least=hands, unit=job.source.rounds)
    parts = [one for one in everything if not {*left}.isdisjoint(one.shards)]
    permits = Permits(shop, job.owner)
    crew = crew_for(job, recipe, permits, several=hands > 1 and len(parts) > 1)
    if crew is not None:
        Handing(shop, permits, crew, hands, ears.shard_ended).out(parts)
        shop.responses.read_index()
        return
    permits.settle(permits.out())
    if shop.modes and parts:
        with held(shop, job.owner, shop.redriving.among(left)):
            waves.over([shop.redriving.among(part.shards) for part in parts])
    for part in parts:
        numbers = shop.redriving.among(part.shards)
        work = partial(twice_if_needed, numbers, window, ears.shard_ended, waves.again)
        with held(shop, job.owner, numbers):
            _here(work, f"{shop.run}-partition-{part.number}" if len(parts) > 1 else "")
        roll_up(shop, part.shards)


def _here(work: Callable[[], None], name: str) -> None:
    """Do a partition in this process; one of several as a flow run apart, which the UI can draw."""
    if not name:
        work()
        return
    runner: Any = ThreadPoolTaskRunner(max_workers=64)
    flow(name="partition", flow_run_name=name, task_runner=runner)(work)()
