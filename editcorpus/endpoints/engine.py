"""The engine: hundreds of calls in flight behind a synchronous face.

One event loop in a background thread per process, shared by all threads. Requests go in, outcomes come
out as they arrive. A picture is read when its call has a slot, and an answer is stored at once, so
that neither is held while it waits. Each request is answered once: what the store has is served from
there, and the same request from two callers goes out once.

When the run must stop (budget, key, quota, full disk, somebody's wish), no further call goes out; what
is in flight is still taken, stored and booked, and every caller who lacks an outcome for that then gets
the reason as an exception; who has them all may finish.
"""

import asyncio
import itertools
import logging
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from editcorpus.endpoints.books import Books
from editcorpus.endpoints.bulk import WAITS, Bulk, Purses
from editcorpus.endpoints.calls import Caller, Job
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.lane import Lane, why_stopped
from editcorpus.endpoints.purse import Purse
from editcorpus.endpoints.requests import Ask, Outcome, Unanswered
from editcorpus.endpoints.stored import stored
from editcorpus.endpoints.waiting import Mailbox, Waiting
from editcorpus.errors import ConfigError, Interrupted, RunStopped
from editcorpus.records import Reason

_log = logging.getLogger(__name__)
_PATIENCE_S = 25.0
"""How long an interrupted run waits for calls in flight; Prefect kills a cancelled run after 30 s."""
_LOOKED_UP_AT_ONCE = 16
"""Requests that one thread looks up in the store before it hands on those that are missing."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the engine is doing right now, for people who watch.

    Attributes:
        away: Names of the endpoints that cannot be reached.
    """

    in_flight: int
    waiting: int
    refused: int
    away: frozenset[str] = frozenset()


class Engine:
    """Asks model endpoints on behalf of steps; use it as a context manager.

    Args:
        endpoints: The endpoint that each step asks, by the step's name.
        books: Where answers and calls are recorded.
        threads: Threads that look answers up, read request bodies and check answers.
        patience_s: How long calls in flight are waited for once somebody interrupts the run.

    Raises:
        ConfigError: Two endpoints that differ have the same name.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        books: Books,
        threads: int = 4,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self.books = books
        self._endpoints = dict(endpoints)
        _check_names(self._endpoints)
        self._patience_s = patience_s
        self._pool = ThreadPoolExecutor(threads, "editcorpus-codec")
        self._lanes: dict[str, Lane] = {}
        self._waiting = Waiting()
        self._stopped: RunStopped | None = None
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._broken)
        self._bulk = Bulk(self._endpoints, books, self._pool, self._loop, self._stop)
        self._thread = threading.Thread(
            target=self._run_loop, name="editcorpus-engine", daemon=True
        )

    def __enter__(self) -> "Engine":
        self._thread.start()
        try:
            self._call(self._open())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.close(self._stopped or Interrupted("The engine was closed."))
        try:
            self._call(self._close())
            self._pool.shutdown()
            self._call(self._sweep())
        finally:
            self._end()

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """The endpoint that each step asks, by the step's name."""
        return self._endpoints

    @property
    def stopped(self) -> RunStopped | None:
        """Why no further call goes out, once that is so."""
        return self._stopped

    @property
    def bulk(self) -> Bulk:
        """The same by batches; see there."""
        return self._bulk

    def standing(self, endpoint: str = "") -> Standing:
        """Calls in flight, calls waiting, and refusals so far, over all endpoints or at one of them."""
        lanes = {
            lane
            for step, lane in self._lanes.copy().items()
            if endpoint in {"", self._endpoints[step].name}
        }
        return Standing(
            sum(lane.in_flight for lane in lanes),
            sum(lane.waiting for lane in lanes),
            sum(lane.refused for lane in lanes),
            frozenset(lane.away for lane in lanes if lane.away),
        )

    def answers(self, asks: Sequence[Ask]) -> Iterator[Outcome]:
        """Ask, and yield outcomes as they come, in any order; each ask gets exactly one.

        Raises:
            RunStopped: The run must not go on, and some of these were not reached. It is raised
                after every answer in flight was taken.
            StorageError: The store cannot be asked what it has; raised after all outcomes as well.
            ConfigError: No endpoint is known for a step; nothing was asked.
        """
        if unknown := {ask.step for ask in asks} - self._endpoints.keys():
            raise ConfigError(f"No endpoint is known for {', '.join(sorted(unknown))}.")
        mailbox: Mailbox = Mailbox()
        first = self._waiting.claim(asks, mailbox)
        looks = [
            self._in_pool(partial(self._look_up, first[start : start + _LOOKED_UP_AT_ONCE]))
            for start in range(0, len(first), _LOOKED_UP_AT_ONCE)
        ]
        reached = True
        for _ in asks:
            outcome = mailbox.get()
            reached &= getattr(outcome, "reason", None) is not Reason.NOT_REACHED
            yield outcome
        if self._stopped is not None and not reached:
            raise self._stopped
        for look in looks:
            look.result()

    def stop(self, reason: RunStopped | None = None) -> None:
        """Let no further call go out. Any thread may say so; the first reason counts.

        Calls in flight are waited for; once somebody has interrupted the run, not for longer than
        the engine's patience: those that are still out then count as possibly billed.
        """
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(
                self._stop, reason or Interrupted("The run was interrupted.")
            )

    def _look_up(self, asks: list[Ask]) -> None:
        """Settle what the store has, and let the rest go out; in a thread."""
        missing: list[Ask] = []
        try:
            for ask in asks:
                found = None if self._stopped else self._known(ask)
                if found is None:
                    missing.append(ask)
                else:
                    self._settle(found)
        except BaseException as error:
            for ask in asks:
                self._settle(Unanswered(ask, Reason.UNAVAILABLE, str(error)))
            raise
        self._loop.call_soon_threadsafe(self._submit, missing)

    def _known(self, ask: Ask) -> Outcome | None:
        """What the store has, or that a batch is asking already."""
        found = stored(self.books.responses, ask)
        if found is None and self._bulk.holds(ask.key):
            return Unanswered(ask, Reason.UNAVAILABLE, WAITS)
        return found

    def _in_pool(self, work: Callable[[], None]) -> Future[None]:
        try:
            return self._pool.submit(work)
        except RuntimeError as error:
            raise self._stopped or Interrupted("The engine was closed.") from error

    def _settle(self, outcome: Outcome) -> None:
        free = self._waiting.settle(outcome)
        if free:
            self.books.ledger.cached(free)

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._pool.shutdown(cancel_futures=True)
        self.books.journal.close()

    async def _open(self) -> None:
        names = (f"{self.books.process}-{number}" for number in itertools.count())
        purse = Purse(self.books.ledger, names, self._stop)
        self._bulk.open(Purses(names, purse.ended))
        lanes: dict[str, Lane] = {}
        for step, endpoint in self._endpoints.items():
            if endpoint.name not in lanes:
                caller = Caller(endpoint, self.books, self._pool)
                lanes[endpoint.name] = Lane(endpoint, caller, purse, self._stop)
            self._lanes[step] = lanes[endpoint.name]
        if self._stopped is not None:
            self._stop(self._stopped)

    async def _close(self) -> None:
        if self._stopped is None:
            self._stop(Interrupted("The engine was closed."))
        lanes = set(self._lanes.values())
        await asyncio.gather(*(lane.drain() for lane in lanes))
        await self._bulk.close()
        try:
            await self.books.journal.flush()
        except OSError as error:
            _log.warning("The last lines of the journal could not be written: %s", error)
        await asyncio.gather(*(lane.close() for lane in lanes))

    async def _sweep(self) -> None:
        """Whoever still waits when nothing is out any more is told so."""
        await asyncio.gather(*(lane.drain() for lane in set(self._lanes.values())))
        for ask in self._waiting.left():
            self._settle(Unanswered(ask, Reason.NOT_REACHED, str(self._stopped)))

    def _submit(self, asks: list[Ask]) -> None:
        for ask in asks:
            self._lanes[ask.step].add(Job(ask, self._settle))

    def _stop(self, reason: RunStopped) -> None:
        if self._stopped is None:
            self._stopped = reason
        parts = {lane.stop: lane.cut for lane in set(self._lanes.values())}
        for stop, cut in {**parts, self._bulk.halt: self._bulk.cut}.items():
            stop(self._stopped)
            if isinstance(reason, Interrupted):
                self._loop.call_later(self._patience_s, cut)

    def _broken(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A callback of the loop has raised: a bug, which must not leave anybody waiting."""
        error = context.get("exception")
        if error is not None and "handle" in context:
            self._stop(why_stopped("The engine", error))
            self._sweeping = loop.create_task(self._sweep())
        loop.default_exception_handler(context)


def _check_names(endpoints: Mapping[str, Endpoint]) -> None:
    known: dict[str, Endpoint] = {}
    for endpoint in endpoints.values():
        if known.setdefault(endpoint.name, endpoint) != endpoint:
            raise ConfigError(f"Two endpoints that differ are both named {endpoint.name!r}.")
