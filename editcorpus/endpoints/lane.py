"""The queue of one endpoint: which call goes out when."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from editcorpus.endpoints.calls import Caller, Job, Retry
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.facts import scrub
from editcorpus.endpoints.limits import Controller, Cost
from editcorpus.endpoints.purse import Purse
from editcorpus.endpoints.requests import Outcome, Unanswered
from editcorpus.errors import EditcorpusError, RunStopped
from editcorpus.records import Reason

_log = logging.getLogger(__name__)
_MOST_BYTES = 96 * 1024 * 1024
"""Answers that may wait to be checked and stored while the next calls have their places already: 30
of a picture of 1.5 MP, each held about twice. Beyond that an answer keeps its call's place."""
_FIRST_PROBE = 16
"""The first look at an endpoint that was lost comes so many times sooner than the later ones."""


@dataclass(slots=True, eq=False)
class _Flight:
    """A call that is out, or whose answer is being stored.

    Attributes:
        attempt: Name of the try, under which its money is set aside.
        landed: Bytes of its answer, once that has given its place to the next call.
    """

    job: Job
    cost: Cost
    attempt: str
    landed: int = 0


class Lane:
    """Holds requests until the limits let them go; lives on the engine's event loop.

    Args:
        endpoint: Its limits.
        caller: Makes one call.
        purse: Sets money aside for it.
        stop: Tells the engine that the run must not go on.
    """

    def __init__(
        self, endpoint: Endpoint, caller: Caller, purse: Purse, stop: Callable[[RunStopped], None]
    ) -> None:
        self._endpoint = endpoint
        self._caller = caller
        self._purse = purse
        self._stop_run = stop
        self._controller = Controller(endpoint.limits)
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[Job, Cost]] = deque()
        self._later: dict[asyncio.TimerHandle, tuple[Job, Cost]] = {}
        self._wake: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Outcome | Retry]] = set()
        self._probe: asyncio.Task[None] | None = None
        self._landed_bytes = 0
        self._stopped: RunStopped | None = None
        self.refused = 0

    @property
    def in_flight(self) -> int:
        """Calls that have a slot now."""
        return self._controller.in_flight

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn."""
        return len(self._queue) + len(self._later)

    @property
    def away(self) -> str:
        """Name of its endpoint, if that cannot be reached; empty while it can, as far as is known."""
        return self._endpoint.name if self._caller.outage.told else ""

    def add(self, job: Job) -> None:
        """Queue a request."""
        if self._stopped is not None:
            job.done(self._unreached(job))
            return
        self._queue.append((job, self._endpoint.cost(job.ask.what)))
        if self._wake is None:
            self.pump()

    def stop(self, reason: RunStopped) -> None:
        """Let nothing further go out; what waits is told so at once."""
        if self._stopped is not None:
            return
        self._stopped = self._caller.stopped = reason
        for timer in self._later:
            timer.cancel()
        waiting = [*self._queue, *self._later.values()]
        self._queue.clear()
        self._later.clear()
        if self._probe is not None:
            self._probe.cancel()
        for job, _ in waiting:
            job.done(self._unreached(job))

    def cut(self) -> None:
        """Wait no longer for answers; calls whose answer has come are still stored and booked."""
        self._caller.cut()

    async def drain(self) -> None:
        """Wait until no call is out."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Close the connections."""
        if self._probe is not None:
            await asyncio.wait([self._probe])
        await self._caller.close()

    def pump(self) -> None:
        """Let go what limits and budget allow."""
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        while self._queue and self._stopped is None and not self._caller.outage.down:
            if self._next() is None:
                return

    def _next(self, *, probes: bool = False) -> asyncio.Task[Outcome | Retry] | None:
        """Let the first call go, if limits and budget allow it; else see that it is tried again."""
        job, cost = self._queue[0]
        wait = self._controller.admit(self._loop.time(), cost)
        if wait > 0:
            if wait != float("inf"):
                self._wake = self._loop.call_later(wait, self.pump)
            return None
        attempt = self._paid_for(job)
        if attempt is None:
            return None
        self._queue.popleft()
        job.probes = probes
        return self._start(_Flight(job, cost, attempt))

    def _paid_for(self, job: Job) -> str | None:
        """Name of the try for which money is set aside; None where the call has to wait for it."""
        try:
            if job.worst is None:
                job.worst = self._endpoint.worst(job.ask.what)
        except EditcorpusError as error:
            self._stop_run(why_stopped(self._endpoint.name, error))
            return None
        return self._purse.take(job.worst, self.pump)

    def _start(self, flight: _Flight) -> asyncio.Task[Outcome | Retry]:
        self._controller.started(self._loop.time(), flight.cost)
        landed = partial(self._landed, flight)
        call = self._caller.call(flight.job, flight.attempt, self._heard, landed)
        task = self._loop.create_task(call)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, flight))
        return task

    def _landed(self, flight: _Flight, size: int) -> None:
        """The answer is here; unless too much waits to be stored, the next call may go out."""
        if size and self._landed_bytes + size <= _MOST_BYTES:
            flight.landed = size
            self._landed_bytes += size
            self._controller.finished(self._loop.time())
            self.pump()

    def _ended(self, flight: _Flight, task: asyncio.Task[Outcome | Retry]) -> None:
        job = flight.job
        self._tasks.discard(task)
        self._purse.ended(flight.attempt)
        if flight.landed:
            self._landed_bytes -= flight.landed
        else:
            self._controller.finished(self._loop.time())
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            what = f"{self._endpoint.name}: the call for {job.ask.id}"
            self._stop_run(why_stopped(what, error))
            job.done(self._unreached(job))
            tell_bug(what, error)
            return
        result = task.result()
        if isinstance(result, Retry):
            self._again(job, flight.cost, result)
        else:
            job.done(result)
        self.pump()

    def _again(self, job: Job, cost: Cost, retry: Retry) -> None:
        if retry.verdict.refused:
            self.refused += 1
            self._controller.refused(self._loop.time(), retry.verdict, cost)
        if self._stopped is not None:
            job.done(self._unreached(job))
            return
        if retry.held:
            self._queue.appendleft((job, cost))
            self._watch()
            return

        def back() -> None:
            del self._later[timer]
            self._queue.appendleft((job, cost))
            self.pump()

        timer = self._loop.call_later(retry.delay_s, back)
        self._later[timer] = (job, cost)

    def _watch(self) -> None:
        """See that somebody notices when the endpoint can be reached again."""
        if self._probe is None or self._probe.done():
            self._probe = self._loop.create_task(self._look_out())
            self._probe.add_done_callback(self._watched)

    def _watched(self, probe: asyncio.Task[None]) -> None:
        """A bug in it must not leave anybody waiting."""
        error = None if probe.cancelled() else probe.exception()
        if error is not None:
            self._stop_run(why_stopped(self._endpoint.name, error))
            tell_bug(self._endpoint.name, error)

    async def _look_out(self) -> None:
        """Let one call at a time go until one gets through; one that stays out has got through."""
        outage, pause_s = self._caller.outage, self._endpoint.probe_s / _FIRST_PROBE
        while outage.down:
            await asyncio.sleep(pause_s)
            pause_s = min(self._endpoint.probe_s, pause_s * 2)
            if self._queue and outage.down:
                await self._look()
                outage.looked()
        self.pump()

    async def _look(self) -> None:
        """See whether a question that costs nothing gets through, and then whether a call does."""
        there = await self._caller.reachable()
        call = self._next(probes=True) if there and self._queue else None
        if call is not None:
            _, out = await asyncio.wait([call], timeout=self._endpoint.probe_s)
            if out:
                self._caller.outage.answered()

    def _heard(self, headers: Mapping[str, str]) -> None:
        """Learn from the headers of any answer."""
        self._controller.headers(self._loop.time(), headers)

    def _unreached(self, job: Job) -> Unanswered:
        return Unanswered(job.ask, Reason.NOT_REACHED, str(self._stopped or "The run stopped."))


def why_stopped(what: str, error: BaseException) -> RunStopped:
    """Why the run stops after an exception: its own sentence, or one about a bug.

    Args:
        what: What raised it, to begin a sentence with.
        error: Anything.
    """
    if isinstance(error, RunStopped):
        return error
    if isinstance(error, EditcorpusError):
        return RunStopped(str(error), kind=error.kind)
    told = f"{what} failed with {type(error).__name__}: {scrub(str(error))}"
    return RunStopped(told, kind="defect")


def tell_bug(what: str, error: BaseException) -> None:
    """Log an exception that nobody raised on purpose, once nobody waits for what it broke.

    A log handler may raise in its turn.
    """
    if not isinstance(error, EditcorpusError | asyncio.CancelledError):
        _log.error("%s failed.", what, exc_info=error)
