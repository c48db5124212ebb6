"""The face of batch mode: queue what the store lacks, submit it, and look until it is all there.

No step knows of it. What is asked here is queued instead of called; what comes back lies in the same
response store, under the same records, as if it had been asked online, at half the price. A request that
is queued or under way is asked by nobody else.
"""

import asyncio
import concurrent.futures
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from editcorpus.endpoints.books import Books
from editcorpus.endpoints.bulk.facts import BatchFacts
from editcorpus.endpoints.bulk.hall import WAITS, Hall
from editcorpus.endpoints.bulk.money import Purses
from editcorpus.endpoints.calls import hopeless
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.requests import Ask, Outcome, Unanswered
from editcorpus.endpoints.stored import stored
from editcorpus.errors import ConfigError, Interrupted, RunStopped
from editcorpus.records import Reason

_T = TypeVar("_T")
_LOOKED_UP_AT_ONCE = 16
"""Requests that one thread looks up in the store."""
_Found = Outcome | None


class Bulk:
    """Asks model endpoints by batches; every public method may be called from any thread.

    Args:
        endpoints: The endpoint that each step asks, by the step's name.
        books: Where answers and calls are recorded.
        pool: Threads that look answers up, read pictures and check answers.
        loop: The engine's event loop.
        stop: Tells the engine that the run must not go on; is called on the event loop.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        books: Books,
        pool: Executor,
        loop: asyncio.AbstractEventLoop,
        stop: Callable[[RunStopped], None],
    ) -> None:
        self._endpoints = endpoints
        self._books = books
        self._pool = pool
        self._loop = loop
        self._stop = stop
        self._stopped: RunStopped | None = None
        self._hall: Hall | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def answers(self, asks: Sequence[Ask]) -> Iterator[Outcome]:
        """What the store has, at once; what it lacks is put into a batch.

        Each ask gets exactly one outcome. What is missing comes as `Unanswered` with the reason
        `NOT_REACHED`; its pictures are loaded and uploaded before that, so that nobody needs them
        later. What is queued or under way already is not queued twice.

        Raises:
            RunStopped: The run must not go on.
            StorageError: The store cannot be asked what it has.
            ConfigError: No endpoint is known for a step; nothing was queued.
        """
        if unknown := {ask.step for ask in asks} - self._endpoints.keys():
            raise ConfigError(f"No endpoint is known for {', '.join(sorted(unknown))}.")
        groups: defaultdict[str, list[Ask]] = defaultdict(list)
        for ask in asks:
            groups[ask.key].append(ask)
        hall = self._open_hall()
        fresh = self._call(hall.claim(group[0] for group in groups.values()))
        outcomes = self._outcomes(hall, fresh)
        for key, group in groups.items():
            for ask in group:
                found = outcomes.get(key) or Unanswered(ask, Reason.NOT_REACHED, WAITS)
                yield replace(found, ask=ask)

    def flush(self) -> None:
        """Submit all that is queued; what has no room at the API waits for `look`.

        Raises:
            RunStopped: The run must not go on: budget, key, quota, model or storage.
        """
        self._call(self._open_hall().flush())

    def look(self) -> tuple[BatchFacts, ...]:
        """Collect the batches that ended, submit what has room now; those that are left.

        Raises:
            RunStopped: The run must not go on.
        """
        return self._call(self._open_hall().look())

    def standing(self) -> tuple[BatchFacts, ...]:
        """How the batches stand as far as is known; the API is not asked, nor is it after a stop.

        Raises:
            RunStopped: The engine is closed.
        """
        hall = self._open_hall()

        async def known() -> tuple[BatchFacts, ...]:
            return hall.facts

        return self._call(known())

    def adopt(self) -> tuple[BatchFacts, ...]:
        """Take over the batches that an earlier process of the run left; call it before all else.

        Raises:
            RunStopped: The run must not go on.
        """
        return self._call(self._open_hall().adopt())

    def cancel(self) -> None:
        """Ask the API to cancel what is under way; `look` still collects what is done by then.

        Raises:
            RunStopped: The run must not go on.
        """
        self._call(self._open_hall().cancel())

    @property
    def is_short(self) -> bool:
        """Whether the budget had no room for a request; until `look` finds nothing under way."""
        return self._hall is not None and self._hall.is_short

    def holds(self, key: str) -> bool:
        """Whether a request is queued or under way, or somebody is about to queue it."""
        return self._hall is not None and key in self._hall.keys

    def open(self, purses: Purses) -> None:
        """Begin; on the event loop."""
        self._hall = Hall(self._endpoints, self._books, self._pool, purses)
        if self._stopped is not None:
            self._hall.halt(self._stopped)

    def halt(self, reason: RunStopped) -> None:
        """Let nothing further go out; on the event loop. Batches under way are left to the next run."""
        self._stopped = self._stopped or reason
        if self._hall is not None:
            self._hall.halt(reason)

    def cut(self) -> None:
        """Wait no longer for the API; on the event loop."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Wait until nothing is done any more, and close the connections; on the event loop."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._hall is not None:
            await self._hall.close()

    def _outcomes(self, hall: Hall, fresh: list[Ask]) -> dict[str, Outcome]:
        """What is found of requests that were claimed; the others are queued."""
        try:
            known = self._looked_up(fresh)
        except BaseException:
            self._call(hall.release(fresh))
            raise
        found: dict[str, Outcome] = {key: one for key, one in known.items() if one is not None}
        self._call(hall.release(ask for ask in fresh if ask.key in found))
        missing = [ask for ask in fresh if ask.key not in found]
        if missing:
            found |= {one.ask.key: one for one in self._call(hall.enter(missing))}
        return found

    def _looked_up(self, asks: list[Ask]) -> dict[str, _Found]:
        starts = range(0, len(asks), _LOOKED_UP_AT_ONCE)
        try:
            looks = [
                self._pool.submit(partial(self._look_up, asks[start : start + _LOOKED_UP_AT_ONCE]))
                for start in starts
            ]
        except RuntimeError as error:
            raise self._why() from error
        concurrent.futures.wait(looks)
        return {key: one for look in looks for key, one in look.result().items()}

    def _look_up(self, asks: list[Ask]) -> dict[str, _Found]:
        responses, ledger = self._books.responses, self._books.ledger
        return {
            ask.key: stored(responses, ask) or hopeless(ask, ledger.damaged(ask.key))
            for ask in asks
        }

    def _open_hall(self) -> Hall:
        if self._hall is None:
            raise self._why()
        return self._hall

    def _why(self) -> RunStopped:
        return self._stopped or Interrupted("The engine was closed.")

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do something on the event loop and wait for it."""
        tracked = self._tracked(work)
        try:
            future = asyncio.run_coroutine_threadsafe(tracked, self._loop)
        except RuntimeError as error:  # the loop is closed
            tracked.close()
            work.close()
            raise self._why() from error
        try:
            return future.result()
        except concurrent.futures.CancelledError as error:
            raise self._why() from error

    async def _tracked(self, work: Coroutine[Any, Any, _T]) -> _T:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await task
        except RunStopped as error:
            self._stop(error)
            raise
