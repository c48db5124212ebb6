"""The queue of one endpoint: which call goes out when."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

from editcorpus.endpoints.calls import Caller, Job, Retry
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.limits import Controller
from editcorpus.endpoints.requests import Outcome, Unanswered
from editcorpus.errors import RunStopped
from editcorpus.records import Reason


class Lane:
    """Holds requests until the limits let them go; lives on the engine's event loop.

    Args:
        endpoint: Its limits, deadline and number of tries.
        caller: Makes one call.
        stop: Tells the engine that the run must not go on.
    """

    def __init__(
        self, endpoint: Endpoint, caller: Caller, stop: Callable[[RunStopped], None]
    ) -> None:
        self._endpoint = endpoint
        self._caller = caller
        self._stop_run = stop
        self._controller = Controller(endpoint.limits)
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Job] = deque()
        self._later: dict[asyncio.TimerHandle, Job] = {}
        self._wake: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped: RunStopped | None = None
        self.refused = 0

    @property
    def in_flight(self) -> int:
        """Calls that are out now."""
        return len(self._tasks)

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn."""
        return len(self._queue) + len(self._later)

    def add(self, job: Job) -> None:
        """Queue a request."""
        if self._stopped is not None:
            job.done(self._unreached(job))
            return
        self._queue.append(job)
        self._pump()

    def stop(self, reason: RunStopped) -> None:
        """Let nothing further go out; what waits is told so at once."""
        if self._stopped is not None:
            return
        self._stopped = reason
        for timer in self._later:
            timer.cancel()
        jobs = [*self._queue, *self._later.values()]
        self._queue.clear()
        self._later.clear()
        for job in jobs:
            job.done(self._unreached(job))

    async def drain(self, patience_s: float | None) -> None:
        """Wait for the calls in flight; after `patience_s` cancel those that are left."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def close(self) -> None:
        """Close the connections."""
        await self._caller.close()

    def _pump(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        while self._queue and self._stopped is None:
            wait = self._controller.admit(self._loop.time(), self._queue[0].cost)
            if wait > 0:
                if wait != float("inf"):
                    self._wake = self._loop.call_later(wait, self._pump)
                return
            self._start(self._queue.popleft())

    def _start(self, job: Job) -> None:
        self._controller.started(self._loop.time(), job.cost)
        task = self._loop.create_task(self._perform(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _perform(self, job: Job) -> None:
        result: Outcome | Retry | None = None
        try:
            result = await self._caller.call(job, self._heard)
        except RunStopped as reason:
            self._stop_run(reason)
        except BaseException as error:
            self._stop_run(RunStopped(f"The engine failed at {job.ask.id}: {error!r}"))
            raise
        finally:
            self._controller.finished(self._loop.time())
            self._settle(job, result or self._unreached(job))
            self._pump()

    def _settle(self, job: Job, result: Outcome | Retry) -> None:
        if not isinstance(result, Retry):
            job.done(result)
            return
        if result.verdict.refused:
            self.refused += 1
            self._controller.refused(self._loop.time(), result.verdict)
        if self._stopped is not None:
            job.done(self._unreached(job))
            return
        self._again(job, result.delay_s)

    def _again(self, job: Job, delay_s: float) -> None:
        def back() -> None:
            del self._later[timer]
            self._queue.appendleft(job)
            self._pump()

        timer = self._loop.call_later(delay_s, back)
        self._later[timer] = job

    def _heard(self, headers: Mapping[str, str]) -> None:
        """Learn from the headers of any answer."""
        self._controller.headers(self._loop.time(), headers)

    def _unreached(self, job: Job) -> Unanswered:
        return Unanswered(job.ask, Reason.NOT_REACHED, str(self._stopped or "The run stopped."))
