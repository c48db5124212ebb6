"""The skeleton of every build: open, plan, take the shards through their stages, finish.

Shards go out in partitions: one after the other in this process, the first ones while the rest is still
being planned (`alone.py`), or several at once in processes of their own (`handing.py`). In each, shards
go through a window, `shards_in_progress` at a time; calls in flight are limited by the engine, not by
threads. What is unanswered after the last shard is done once more; what is unanswered then is *failed*,
and the next run of the same name does it again.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Failed

from editcorpus.errors import EditcorpusError, Interrupted, RunStopped
from editcorpus.lookups.wishes import Wish, take_wish
from editcorpus.partitions import cut
from editcorpus.stages.awaiting import under_way
from editcorpus.stages.finish import Finished
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.partition import held
from editcorpus.stages.permitting import Permits
from editcorpus.stages.plan import Plan, read_plan
from editcorpus.stages.rollup import shards_left
from editcorpus.stages.workshop import Workshop
from flows.again import again_of
from flows.alone import Alone
from flows.artifacts import Watch
from flows.crews import check_crew, crew_for
from flows.dry import dry_run
from flows.handing import Handing
from flows.listening import LISTENERS, Listener
from flows.memory import keep_memory_tight
from flows.metering import metered
from flows.orphans import outlive_worker
from flows.outcome import Outcome, stopped_name
from flows.parameters import Recipe
from flows.settling import settled
from flows.starting import check_once, no_budget, promised, source_of
from flows.surroundings import budgeted, core_logged, in_context, job_of
from flows.through import Window
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

    def begun(self, shards: int) -> None:
        for listener in self.listeners:
            listener.begun(shards)

    def planned(self, plan: Plan) -> None:
        for listener in self.listeners:
            listener.planned(plan)

    def shard_ended(self, number: int) -> None:
        for listener in self.listeners:
            listener.shard_ended(number)

    def ended(self, outcome: Outcome) -> None:
        for listener in self.listeners:
            listener.ended(outcome)


def build(source: str, recipe: Recipe) -> State[Any]:
    """Build a corpus, and name the state after what came of it.

    Args:
        source: Name of the source, or the path of a file that describes one.
        recipe: What is built, from what, and how.
    """
    keep_memory_tight()
    outlive_worker()
    given = recipe
    try:
        of = source_of(source, recipe)
        recipe = budgeted(settled(recipe, of))
        job = job_of(of, recipe)
        check_once(job)
        check_crew(recipe)
        if recipe.effort.dry_run:
            return dry_run(job, recipe)
        _heard(job, recipe)
        for told in filter(None, (promised(job), job.inputs.note)):
            get_run_logger().info(told)
        if told := no_budget(job):
            get_run_logger().warning(told)
        again = again_of(given, job.store.root)
        with (
            core_logged(recipe.run),
            metered(recipe.run, job.owner.process) as meter,
            opened(replace(job, observer=meter.called)) as shop,
            in_context(shop),
            Watch(shop, again, recipe.effort.warn_share, meter) as watch,
        ):
            meter.opened(shop)
            ears = _Ears((watch, *LISTENERS.get()))
            ears.opened(shop)
            outcome = _carried_out(shop, job, recipe, ears)
            return outcome.state(recipe.effort.max_failed_share, again.sentence)
    except EditcorpusError as error:
        _log.error("%s", error)
        stopped = isinstance(error, RunStopped)
        name = stopped_name(error.kind) if stopped else "Could not start"
        return Failed(name=name, message=str(error))


def _heard(job: Job, recipe: Recipe) -> None:
    """Record the redrive that the parameters ask for: once, also where this flow run is retried."""
    if recipe.effort.redrive:
        wish = Wish(recipe.effort.redriven, recipe.effort.redrive_sample, by=str(flow_run.id))
        for line in take_wish(job, wish):
            get_run_logger().info(line)


def _carried_out(shop: Workshop, job: Job, recipe: Recipe, ears: _Ears) -> Outcome:
    width = recipe.effort.shards_in_progress or width_of(job, recipe)
    window = Window(width, recipe.effort.retry_delay_s, job.source.rounds)
    waves = Waves(shop, window, recipe.effort.batch_look_s)
    alone = Alone(shop, job.owner, window, waves, ears)
    try:
        planned = _planned(shop, recipe, alone)
        ears.planned(planned)
        _through(shop, job, planned, recipe, _Hands(alone, waves, ears))
        finished: Finished = finish(planned.shards, job.identity, emulated=job.emulated)
    except EditcorpusError as error:
        if not _is_begun(shop, alone):
            raise
        outcome = _so_far(shop, error)
    except (KeyboardInterrupt, TerminationSignal):
        told = _with_batches(shop, "The run was interrupted.")
        with suppress(EditcorpusError, OSError):
            if _is_begun(shop, alone):
                ears.ended(Outcome.so_far(shop, shop.growth.shards, told, Interrupted.kind))
        raise  # a cancel or Ctrl-C goes on to Prefect once it is told where all ids are
    else:
        outcome = Outcome.of(shop, finished, _gallery(recipe.effort.gallery))
    ears.ended(outcome)
    return outcome


def _planned(shop: Workshop, recipe: Recipe, alone: Alone) -> Plan:
    """The plan of a run; where this process does all the work and asks online, it begins meanwhile."""
    effort = recipe.effort
    here = effort.processes == 1 and not effort.workers
    known = read_plan(shop.store, shop.run) is not None
    if known or not here or shop.modes or shop.redriving.only:
        return plan(recipe.selection)
    return alone.while_planned(recipe.selection)


def _is_begun(shop: Workshop, alone: Alone) -> bool:
    """Whether any shard may have been worked on."""
    return shop.growth.plan is not None or alone.begun > 0


def _so_far(shop: Workshop, why: EditcorpusError) -> Outcome:
    """What came of a run that had to stop.

    Raises:
        RunStopped: A store that is gone cannot be asked; why the run stopped is all that is known.
    """
    told = _with_batches(shop, str(why))
    try:
        return Outcome.so_far(shop, shop.growth.shards, told, why.kind)
    except EditcorpusError:
        told = f"{told} What is finished is kept; run the same again to go on."
        raise RunStopped(told, kind=why.kind) from why


def _with_batches(shop: Workshop, sentence: str) -> str:
    """Why a run ends, and what goes on at the API without it."""
    if shop.growth.plan is None:
        sentence = (
            f"{sentence} Only the {shop.growth.shards} shards that are planned so far are counted."
        )
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


@dataclass(frozen=True, slots=True)
class _Hands:
    """Those who do the work in this process, and those who follow it."""

    alone: Alone
    waves: Waves
    ears: _Ears


def _through(shop: Workshop, job: Job, planned: Plan, recipe: Recipe, hands: _Hands) -> None:
    """Take the shards that are left through their stages, in partitions."""
    alone, effort = hands.alone, recipe.effort
    left = shards_left(shop, planned)
    for number in sorted(set(range(planned.shards)) - set(left)):
        hands.ears.shard_ended(number)
    most = min(effort.processes, job.endpoints["regenerate"].limits.in_flight or 32)
    everything = cut(planned.shards, least=most, unit=job.source.rounds)
    parts = [one for one in everything[alone.begun :] if not {*left}.isdisjoint(one.shards)]
    permits = Permits(shop, job.owner)
    crew = crew_for(job, recipe, permits, several=most > 1 and len(parts) > 1)
    if crew is not None:
        hands.waves.adopt(alone=False)
        Handing(shop, permits, crew, most, hands.ears.shard_ended).out(parts)
        shop.responses.read_index()
        return
    if not alone.begun:
        alone.take_over()
    if shop.modes and parts:
        with held(shop, job.owner, shop.redriving.among(left)):
            hands.waves.over([shop.redriving.among(part.shards) for part in parts])
    for part in parts:
        alone.work(part, several=alone.begun + len(parts) > 1)
