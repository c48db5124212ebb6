"""The engine: hundreds of calls in flight behind a synchronous face.

One event loop in a background thread per process, shared by all threads. Requests go in, outcomes come
out as they arrive. A picture is read when its call has a slot, and an answer is stored at once, so
that neither is held while it waits. Each request is answered once: what the store has is served from
there, and the same request from two callers goes out once.

When the run must stop (budget, key, quota, full disk, somebody's wish), no further call goes out; what
is in flight is still taken, stored and booked, and every caller then gets the reason as an exception.
"""

import asyncio
import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

from editcorpus.endpoints.calls import Caller, Job
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.lane import Lane
from editcorpus.endpoints.requests import Answer, Answered, Ask, ImageEdit, Outcome
from editcorpus.errors import Interrupted, RunStopped
from editcorpus.journal import Journal
from editcorpus.ledger import Ledger
from editcorpus.responses import Responses

_log = logging.getLogger(__name__)
_DRAIN_S = 25.0
"""How long an interrupted run waits for calls in flight; Prefect kills a cancelled run after 30 s."""


@dataclass(frozen=True, slots=True)
class Books:
    """Where calls are recorded: the answers, the ledger, the journal, and who is writing.

    Attributes:
        process: Name of this process, unique over all that write to the store.
        clock: Gives the time of a record, ISO 8601, UTC.
    """

    run: str
    process: str
    responses: Responses
    ledger: Ledger
    journal: Journal
    clock: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the engine is doing right now, for people who watch."""

    in_flight: int
    waiting: int
    refused: int


class Engine:
    """Asks model endpoints on behalf of steps; use it as a context manager.

    Args:
        endpoints: The endpoint that each step asks, by the step's name.
        books: Where answers and calls are recorded.
        threads: Threads that read request bodies and check answers.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint], books: Books, threads: int = 4) -> None:
        self.books = books
        self._endpoints = dict(endpoints)
        self._pool = ThreadPoolExecutor(threads, "editcorpus-codec")
        self._lanes: dict[str, Lane] = {}
        self._flying: dict[str, list[tuple[Ask, SimpleQueue[Outcome]]]] = {}
        self._stopped: RunStopped | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._run_loop, name="editcorpus-engine", daemon=True
        )

    def __enter__(self) -> "Engine":
        self._thread.start()
        self._call(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._pool.shutdown()
        self.books.journal.close()

    @property
    def stopped(self) -> RunStopped | None:
        """Why no further call goes out, once that is so."""
        return self._stopped

    def standing(self) -> Standing:
        """Calls in flight, calls waiting, and refusals so far, over all endpoints."""
        lanes = set(self._lanes.values())
        return Standing(
            sum(lane.in_flight for lane in lanes),
            sum(lane.waiting for lane in lanes),
            sum(lane.refused for lane in lanes),
        )

    def answers(self, asks: Sequence[Ask]) -> Iterator[Outcome]:
        """Ask, and yield outcomes as they come, in any order; each ask gets exactly one.

        Raises:
            RunStopped: The run must not go on. It is raised after every answer in flight was taken.
        """
        found = list(self._pool.map(self._stored, asks))
        missing = [ask for ask, answer in zip(asks, found, strict=True) if answer is None]
        queue: SimpleQueue[Outcome] = SimpleQueue()
        self._loop.call_soon_threadsafe(self._submit, missing, queue)
        self.books.ledger.cached(len(asks) - len(missing))
        for ask, answer in zip(asks, found, strict=True):
            if answer is not None:
                yield Answered(ask, answer, paid=False)
        for _ in missing:
            yield queue.get()
        if self._stopped is not None:
            raise self._stopped

    def stop(self, reason: RunStopped | None = None) -> None:
        """Let no further call go out. Any thread may say so; the first reason counts."""
        self._loop.call_soon_threadsafe(
            self._stop, reason or Interrupted("The run was interrupted.")
        )

    def _stored(self, ask: Ask) -> Answer | None:
        responses = self.books.responses
        found = responses.image if isinstance(ask.what, ImageEdit) else responses.text
        return found(ask.key)

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> None:
        numbers = itertools.count()
        names = (f"{self.books.process}-{number}" for number in numbers)
        lanes: dict[str, Lane] = {}
        for step, endpoint in self._endpoints.items():
            if endpoint.name not in lanes:
                caller = Caller(endpoint, self.books, self._pool, names)
                lanes[endpoint.name] = Lane(endpoint, caller, self._stop)
            self._lanes[step] = lanes[endpoint.name]

    async def _close(self) -> None:
        lanes = set(self._lanes.values())
        self._stop(Interrupted("The engine was closed."))
        patience = _DRAIN_S if isinstance(self._stopped, Interrupted) else None
        await asyncio.gather(*(lane.drain(patience) for lane in lanes))
        try:
            await self.books.journal.flush()
        except OSError as error:
            _log.warning("The last lines of the journal could not be written: %s", error)
        await asyncio.gather(*(lane.close() for lane in lanes))

    def _submit(self, asks: list[Ask], queue: SimpleQueue[Outcome]) -> None:
        for ask in asks:
            followers = self._flying.get(ask.key)
            if followers is not None:
                followers.append((ask, queue))
                continue
            self._flying[ask.key] = [(ask, queue)]
            self._lanes[ask.step].add(Job(ask, self._done))

    def _done(self, outcome: Outcome) -> None:
        for number, (ask, queue) in enumerate(self._flying.pop(outcome.ask.key)):
            if number and isinstance(outcome, Answered):
                self.books.ledger.cached()
                outcome = replace(outcome, paid=False)
            queue.put(replace(outcome, ask=ask))

    def _stop(self, reason: RunStopped) -> None:
        if self._stopped is None:
            self._stopped = reason
        for lane in set(self._lanes.values()):
            lane.stop(self._stopped)
