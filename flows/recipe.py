"""The skeleton of every build: open, plan, take the shards through their stages, finish.

Shards go out through a window, `shards_in_progress` at a time; calls in flight are limited by the
engine, not by threads. What is unanswered after the last shard is done once more; what is unanswered
then is *failed*, and the next run of the same name does it again.
"""

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar, cast

from prefect.blocks.core import Block
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import TerminationSignal
from prefect.futures import PrefectFuture
from prefect.logging.handlers import APILogHandler
from prefect.runtime import flow_run
from prefect.states import Failed
from pydantic import ValidationError

from blocks.corpus_store import CorpusStore
from blocks.model_endpoint import ModelEndpoint
from editcorpus.endpoints.endpoint import first_problem
from editcorpus.errors import ConfigError, EditcorpusError, Interrupted, RunStopped
from editcorpus.rows import Source
from editcorpus.stages.finish import Finished
from editcorpus.stages.opening import Job, check, opened
from editcorpus.stages.plan import Plan
from editcorpus.stages.workshop import Workshop
from flows.artifacts import Watch
from flows.listening import LISTENERS, Listener
from flows.outcome import Outcome
from flows.parameters import Recipe
from flows.starting import Connected, job_over
from tasks.finish import finish
from tasks.gallery import gallery
from tasks.plan import plan
from tasks.shard import shard
from tasks.workshop import WORKSHOP

_Saved = TypeVar("_Saved", bound=Block)
_log = logging.getLogger(__name__)
MIN_SHARDS = 6
"""Fewest shards in progress: with six, 91 to 94% of 256 calls in flight are held on average."""
_PATIENCE_S = 20.0
"""How long shards are waited for after an interrupt: Prefect's worker kills a cancelled run 30 s
after it was told so (`grace_seconds`, prefect/runner), and the outcome is yet to be told."""


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
    recipe = recipe.settled()
    try:
        job = job_of(source, recipe)
        check(job)
        with _core_logged(), opened(job) as shop, _context(shop), Watch(shop) as watch:
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
        _through(planned, recipe, recipe.effort.shards_in_progress or _width(job, recipe), ears)
        finished: Finished = finish(planned.shards, job.identity, emulated=job.emulated)
    except EditcorpusError as error:
        outcome = Outcome.so_far(shop, planned.shards, str(error))
    except (KeyboardInterrupt, TerminationSignal):
        with suppress(EditcorpusError, OSError):
            ears.ended(Outcome.so_far(shop, planned.shards, "The run was interrupted."))
        raise  # a cancel or Ctrl-C goes on to Prefect once it is told where all ids are
    else:
        outcome = Outcome.of(shop, finished, _gallery(recipe.effort.gallery))
    ears.ended(outcome)
    return outcome.state(recipe.effort.max_failed_share)


def _gallery(limit: int) -> str:
    """Where the gallery lies; a corpus is finished without one, too."""
    try:
        return gallery(limit) if limit else ""
    except EditcorpusError as error:
        _log.warning("There is no gallery: %s", error)
        return ""


def _through(planned: Plan, recipe: Recipe, width: int, ears: _Ears) -> None:
    """Take all shards through their stages, and those with unanswered calls once more."""
    delay_s = recipe.effort.retry_delay_s
    unanswered = _run_shards(range(planned.shards), width, delay_s, ears)
    if unanswered:
        _run_shards(unanswered, width, delay_s, ears)


def _run_shards(numbers: Sequence[int], width: int, retry_delay_s: float, ears: _Ears) -> list[int]:
    """Take shards through their stages; gives those with unanswered calls.

    A shard that cannot be done, since a file of it is damaged, does not hold up the others.

    Raises:
        RunStopped: The run must not go on; all shards in progress have ended.
        EditcorpusError: All shards have ended, and one of them could not be done.
    """
    waiting = deque(numbers)
    running: dict[PrefectFuture[Any], int] = {}
    ended: SimpleQueue[PrefectFuture[Any]] = SimpleQueue()
    unanswered: list[int] = []
    trouble: list[BaseException] = []
    try:
        while waiting or running:
            while waiting and len(running) < width and not _stopped(trouble):
                number = waiting.popleft()
                future = shard.submit(number, retry_delay_s)
                running[future] = number
                future.add_done_callback(ended.put)
            if not running:
                break
            future = ended.get()
            number = running.pop(future)
            result = future.result(raise_on_failure=False)
            ears.shard_ended(number)
            if isinstance(result, BaseException):
                _take(trouble, result)
            elif result:
                unanswered.append(number)
    except BaseException:  # a cancel or Ctrl-C: calls in flight are taken, then the signal goes on
        _interrupt(list(running))
        raise
    if trouble:
        raise _stopped(trouble) or trouble[0]
    return unanswered


def _take(trouble: list[BaseException], error: BaseException) -> None:
    """Keep what went wrong; once the run must stop, no stage waits for its second try any more."""
    trouble.append(error)
    if isinstance(error, RunStopped):
        WORKSHOP.get().stopping.set()


def _stopped(trouble: list[BaseException]) -> RunStopped | None:
    return next((error for error in trouble if isinstance(error, RunStopped)), None)


def _interrupt(running: list[PrefectFuture[Any]]) -> None:
    shop = WORKSHOP.get()
    shop.stopping.set()
    shop.engine.stop(Interrupted("The run was interrupted."))
    until = time.monotonic() + _PATIENCE_S
    for future in running:
        future.wait(max(0.0, until - time.monotonic()))


def _width(job: Job, recipe: Recipe) -> int:
    in_flight = job.endpoints["regenerate"].limits.in_flight or 256
    return max(MIN_SHARDS, -(-2 * in_flight // recipe.selection.shard_size))


class _Adopted(logging.Filter):
    """Gives lines of the engine's own threads, which know of no run, to the flow run."""

    def __init__(self, flow_run_id: str) -> None:
        super().__init__()
        self._flow_run_id = flow_run_id

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass, with the run that it belongs to."""
        if TaskRunContext.get() is None and FlowRunContext.get() is None:
            record.flow_run_id = self._flow_run_id
        return True


@contextmanager
def _core_logged() -> Iterator[None]:
    """Send what the core logs to the Prefect server, whatever the environment says of loggers."""
    logger = logging.getLogger("editcorpus")
    there = [handler for handler in logger.handlers if isinstance(handler, APILogHandler)]
    handlers, adopted = there or [APILogHandler()], _Adopted(str(flow_run.id))
    level = logger.level
    logger.setLevel(logging.INFO)
    for handler in handlers:
        handler.addFilter(adopted)
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.setLevel(level)
        for handler in handlers:
            handler.removeFilter(adopted)
            if not there:
                logger.removeHandler(handler)


@contextmanager
def _context(shop: Workshop) -> Iterator[None]:
    token = WORKSHOP.set(shop)
    try:
        yield
    finally:
        WORKSHOP.reset(token)


def _saved(kind: type[_Saved], name: str) -> _Saved:
    """A saved block, or one sentence about why there is none."""
    label = f"{kind.get_block_type_slug()}/{name}"
    try:
        return cast(_Saved, kind.load(name))
    except ValueError:
        raise ConfigError(f"No block {label} is saved on this Prefect server.") from None
    except RuntimeError as error:  # which member has a wrong value, Prefect says in the cause alone
        cause = error.__cause__ or error.__context__
        why = first_problem(cause) if isinstance(cause, ValidationError) else str(error)
        raise ConfigError(f"The block {label} cannot be used: {why}") from None


def job_of(source: Source, recipe: Recipe) -> Job:
    """The run that a recipe describes, with its saved blocks opened."""
    names = recipe.endpoints
    saved = _saved(CorpusStore, names.store)
    images = _saved(ModelEndpoint, names.images)
    writer = _saved(ModelEndpoint, names.writer)
    judge = _saved(ModelEndpoint, names.judge)
    endpoints = {
        "regenerate": images.endpoint(names.images),
        "rewrite": writer.endpoint(names.writer),
        "align": judge.endpoint(names.judge),
    }
    return job_over(source, recipe, Connected(saved.store(), saved.options(), endpoints))
