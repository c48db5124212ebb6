"""One call, from its reservation to its settlement.

The order is what makes it safe: reserve the worst case, read the body, make the intent durable, call,
check the answer, store it with its record, settle. A kill between any two leaves at worst an intent
without an end, and that is a call named as possibly billed. What the API refuses for good is stored
with its record as well, and never asked again.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from editcorpus.endpoints import chat, embeddings, images
from editcorpus.endpoints.books import Books
from editcorpus.endpoints.classify import Verdict, classify
from editcorpus.endpoints.client import CALL_ERRORS, client_of, delay_s
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.entries import Entries, Entry
from editcorpus.endpoints.outage import LOST, Outage
from editcorpus.endpoints.replies import Raw, Reply, usage_of
from editcorpus.endpoints.requests import (
    Ask,
    Dropped,
    Embed,
    ForImage,
    Outcome,
    Unanswered,
    What,
)
from editcorpus.endpoints.rules import RULES
from editcorpus.endpoints.streaks import Streaks
from editcorpus.errors import EndpointStopped, RunStopped, ShardError
from editcorpus.records import Reason
from editcorpus.refusals import Refusal

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Job:
    """A request on its way: who waits for it, and how often it was tried.

    Attributes:
        worst: The most that a try can cost, in dollars, once somebody has asked.
        probes: Whether it goes out alone, to see whether the endpoint can be reached again.
    """

    ask: Ask
    done: Callable[[Outcome], None]
    tries: Counter[str] = field(default_factory=Counter)
    worst: Decimal | None = None
    probes: bool = False


@dataclass(frozen=True, slots=True)
class Retry:
    """The call is to be made again after a delay, for the reason that the verdict gives.

    Attributes:
        held: Whether it waits until the endpoint can be reached again.
    """

    delay_s: float
    verdict: Verdict
    held: bool = False


class Caller:
    """Makes calls to one endpoint and records each; lives on the engine's event loop.

    Args:
        endpoint: Where to call, with which key, prices and deadline.
        books: Where answers and calls are recorded.
        pool: Threads for reading bodies and checking pictures.

    Attributes:
        stopped: Why nothing further may go out, once that is so.
        outage: Whether the endpoint can be reached.
    """

    def __init__(self, endpoint: Endpoint, books: Books, pool: Executor) -> None:
        self.stopped: RunStopped | None = None
        self.outage = Outage(endpoint.name)
        self._endpoint = endpoint
        self._entries = Entries(endpoint, books, pool)
        self._damaged = books.ledger.damaged
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._streaks = Streaks(endpoint.name, endpoint.max_blocked_share)
        self._out: set[asyncio.Timeout] = set()
        self._client = client_of(endpoint)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def cut(self) -> None:
        """Take the calls that are out for lost; those that are answered go on to be stored."""
        for limit in self._out:
            limit.reschedule(self._loop.time())

    async def reachable(self) -> bool:
        """Whether the endpoint itself says anything to a question that costs nothing."""
        try:
            await self._client.models.with_raw_response.list(timeout=self._endpoint.connect_s)
        except CALL_ERRORS as error:
            return classify(error).kind not in LOST | {"timeout"}
        return True

    async def call(
        self,
        job: Job,
        attempt: str,
        heard: Callable[[Mapping[str, str]], None],
        landed: Callable[[int], None],
    ) -> Outcome | Retry:
        """Make one try.

        Args:
            job: The request, with its worst case.
            attempt: Name of the try, under which the worst case is reserved.
            heard: Is told the headers of whatever answers.
            landed: Is told how many bytes an answer has, before it is checked and stored.

        Raises:
            RunStopped: No further call may go out: key, quota, model, settings or storage.
        """
        ask = job.ask
        if (before := self._hopeless(ask)) is not None:
            return before
        try:
            bodies = await self._bodies(ask)
        except (
            ShardError
        ) as error:  # of a damaged picture: the stage has it made anew and asks again
            return Unanswered(ask, Reason.UNAVAILABLE, str(error))
        entry = await self._entries.begin(ask, attempt, job.worst or Decimal(0))
        if self.stopped is not None:
            self._entries.end(entry, "free")
            raise self.stopped
        api = _api_of(ask.what)
        raw: Raw | None = None
        try:
            raw = await self._send(api, entry, bodies)
            heard(raw.headers)
            landed(len(raw.content))
            reply = await self._read(raw, ask.what)
        except CALL_ERRORS as error:
            response = getattr(error, "response", None)
            heard(getattr(response, "headers", {}))
            if raw is not None:
                entry.request_id, entry.usage = raw.request_id, usage_of(raw, api.usage)
            return await self._missed(job, entry, classify(error))
        except BaseException:
            self._entries.end(entry, "possibly")
            raise
        self.outage.answered()
        self._streaks.answered(ask.step)
        return await self._entries.keep(entry, reply, raw.request_id)

    async def _bodies(self, ask: Ask) -> list[bytes]:
        if not ask.what.pictures:
            return []
        return await self._in_pool(lambda: [picture.load() for picture in ask.what.pictures])

    async def _send(self, api: Any, entry: Entry, bodies: list[bytes]) -> Raw:
        began = self._loop.time()
        async with asyncio.timeout(self._endpoint.deadline_s) as limit:
            self._out.add(limit)
            try:
                raw: Raw = await api.send(self._client, entry.ask.what, bodies)
                return raw
            finally:
                self._out.discard(limit)
                entry.seconds = round(self._loop.time() - began, 3)

    async def _read(self, raw: Raw, what: What) -> Reply:
        if isinstance(what, ForImage):
            return await self._in_pool(partial(images.read, raw, what))
        return embeddings.read(raw) if isinstance(what, Embed) else chat.read(raw)

    def _hopeless(self, ask: Ask) -> Dropped | None:
        return hopeless(ask, self._damaged(ask.key))

    async def _missed(self, job: Job, entry: Entry, verdict: Verdict) -> Outcome | Retry:
        """Book a call without a good answer; decide what follows."""
        ask, kind = job.ask, verdict.kind
        entry.request_id, entry.kind = entry.request_id or verdict.request_id, kind
        self._check(entry, verdict)
        job.tries[kind] += 1
        again = verdict.action == "retry" and job.tries[kind] <= self._allowed(verdict)
        self.outage.missed(ask.key, verdict)
        if verdict.final and not again:
            refusal = Refusal(verdict.reason or Reason.REQUEST_REFUSED, verdict.sentence)
            await self._entries.refused(entry, verdict.billed, refusal)
            return self._gone(Dropped(ask, refusal.reason, refusal.sentence), verdict)
        self._entries.missed(entry, verdict.billed)
        if kind == "damaged" and (hopeless := self._hopeless(ask)) is not None:
            return self._gone(hopeless, verdict)
        if kind in LOST and self.outage.down and (again or not job.probes):
            return self._held(job, verdict)
        if again:
            return Retry(delay_s(ask.key, job.tries[kind], verdict), verdict)
        return self._gone(Unanswered(ask, Reason.UNAVAILABLE, verdict.sentence), verdict)

    def _check(self, entry: Entry, verdict: Verdict) -> None:
        """Book a call that shows that no further one may go out.

        Requests that were refused alike in a row are forgotten: the setting was wrong, not they.

        Raises:
            EndpointStopped: It is one.
        """
        ask = entry.ask
        try:
            self._streaks.failed(ask.step, ask.key, verdict)
        except EndpointStopped:
            self._entries.missed(entry, verdict.billed)
            if verdict.reason is Reason.REQUEST_REFUSED:
                self._entries.revoke(self._streaks.doubtful(ask.step))
            raise

    def _held(self, job: Job, verdict: Verdict) -> Retry:
        """The call waits until the endpoint can be reached; only probes use up tries meanwhile."""
        if not job.probes:
            job.tries.clear()
        return Retry(0.0, verdict, held=True)

    def _gone(self, outcome: Outcome, verdict: Verdict) -> Outcome:
        ask = outcome.ask
        facts = {"step": ask.step, "id": ask.id, "reason": str(verdict.reason or verdict.kind)}
        _log.info("%s %s: %s", ask.step, ask.id, verdict.sentence, extra=facts)
        return outcome

    def _allowed(self, verdict: Verdict) -> int:
        if verdict.refused or verdict.reason not in {None, Reason.UNAVAILABLE}:
            return verdict.max_retries
        return min(verdict.max_retries, self._endpoint.call_attempts - 1)

    async def _in_pool(self, work: Callable[[], _T]) -> _T:
        return await self._loop.run_in_executor(self._pool, work)


def _api_of(what: What) -> Any:
    """The module that sends such a request and reads its answer."""
    if isinstance(what, Embed):
        return embeddings
    return images if isinstance(what, ForImage) else chat


def hopeless(ask: Ask, damaged: int) -> Dropped | None:
    """The verdict on a request whose answers were damaged as often as it may be repeated."""
    if damaged < ask.chances * (1 + RULES["damaged"].max_retries):
        return None
    return Dropped(ask, Reason.ANSWER_DAMAGED, f"The answer was damaged {damaged} times.")
