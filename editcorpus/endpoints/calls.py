"""One call, from its reservation to its settlement.

The order is what makes it safe: read the body, reserve the worst case, make the intent durable, call,
check the answer, store it with its record, settle. A kill between any two leaves at worst an intent
without an end, and that is a call named as possibly billed.
"""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import aiohttp
import httpx2
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient

from editcorpus.endpoints import chat, images
from editcorpus.endpoints.books import Books
from editcorpus.endpoints.classify import Verdict, classify
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.entries import Entries, Entry
from editcorpus.endpoints.requests import Ask, Chat, Dropped, ImageEdit, Outcome, Unanswered
from editcorpus.endpoints.rules import RULES
from editcorpus.endpoints.streaks import Streaks
from editcorpus.errors import BudgetExceeded, EndpointStopped, ModelMisbehaved, RunStopped
from editcorpus.records import Reason
from editcorpus.tariffs import Usage

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_CALL_ERRORS = (
    openai.OpenAIError,
    httpx2.HTTPError,
    aiohttp.ClientError,
    TimeoutError,
    ConnectionError,
    ModelMisbehaved,
)
_LONGEST_DELAY_S = 60.0
_KEEP_ALIVE_S = 4.0
"""How long an idle connection is kept: uvicorn, on which vLLM stands, closes it after 5 s, and a call
that goes out at that moment is lost."""
_NO_LIMIT = 0
"""In aiohttp's terms; None would mean its default of 100 connections."""


@dataclass(slots=True)
class Job:
    """A request on its way: who waits for it, and how often it was tried."""

    ask: Ask
    done: Callable[[Outcome], None]
    tries: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Retry:
    """The call is to be made again after a delay, for the reason that the verdict gives."""

    delay_s: float
    verdict: Verdict


class Caller:
    """Makes calls to one endpoint and records each; lives on the engine's event loop.

    Args:
        endpoint: Where to call, with which key, prices and deadline.
        books: Where answers and calls are recorded.
        pool: Threads for reading bodies and checking pictures.
        names: Gives each try a name that no other has.

    Attributes:
        stopped: Why nothing further may go out, once that is so.
    """

    def __init__(
        self, endpoint: Endpoint, books: Books, pool: Executor, names: Iterator[str]
    ) -> None:
        self.stopped: RunStopped | None = None
        self._endpoint = endpoint
        self._entries = Entries(endpoint, books, pool, names)
        self._damaged = books.ledger.damaged
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._streaks = Streaks(endpoint.name)
        self._out: set[asyncio.Timeout] = set()
        self._client = _client(endpoint)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def cut(self) -> None:
        """Take the calls that are out for lost; those that are answered go on to be stored."""
        for limit in self._out:
            limit.reschedule(self._loop.time())

    async def call(
        self, job: Job, heard: Callable[[Mapping[str, str]], None], landed: Callable[[int], None]
    ) -> Outcome | Retry:
        """Make one try.

        Args:
            job: The request.
            heard: Is told the headers of whatever answers.
            landed: Is told how many bytes an answer has, before it is checked and stored.

        Raises:
            RunStopped: No further call may go out: budget, key, quota, model, settings or storage.
        """
        ask = job.ask
        if (before := self._hopeless(ask)) is not None:
            return before
        bodies = await self._bodies(ask)
        entry = await self._entries.begin(ask)
        if self.stopped is not None and not isinstance(self.stopped, BudgetExceeded):
            self._entries.end(entry, "free")
            raise self.stopped  # for want of budget, what was set aside in time may still go out
        api: Any = images if isinstance(ask.what, ImageEdit) else chat
        raw: images.Raw | None = None
        try:
            raw = await self._send(api, entry, bodies)
            heard(raw.headers)
            landed(len(raw.content))
            reply = await self._read(raw, ask.what)
        except _CALL_ERRORS as error:
            response = getattr(error, "response", None)
            heard(getattr(response, "headers", {}))
            usage = api.usage_of(raw) if raw else None
            return self._missed(job, entry, classify(error), raw, usage)
        except BaseException:
            self._entries.end(entry, "possibly")
            raise
        self._streaks.answered(ask.step)
        return await self._entries.keep(entry, reply, raw.request_id)

    async def _bodies(self, ask: Ask) -> list[bytes]:
        if not ask.what.pictures:
            return []
        return await self._in_pool(lambda: [picture.load() for picture in ask.what.pictures])

    async def _send(self, api: Any, entry: Entry, bodies: list[bytes]) -> images.Raw:
        began = self._loop.time()
        async with asyncio.timeout(self._endpoint.deadline_s) as limit:
            self._out.add(limit)
            try:
                raw: images.Raw = await api.send(self._client, entry.ask.what, bodies)
                return raw
            finally:
                self._out.discard(limit)
                entry.seconds = round(self._loop.time() - began, 3)

    async def _read(self, raw: images.Raw, what: ImageEdit | Chat) -> images.Reply:
        if isinstance(what, ImageEdit):
            return await self._in_pool(partial(images.read, raw, what))
        return chat.read(raw)

    def _hopeless(self, ask: Ask) -> Dropped | None:
        """The verdict on a request whose answers were damaged as often as it may be repeated."""
        seen = self._damaged(ask.key)
        if seen <= RULES["damaged"].max_retries:
            return None
        detail = f"The answer was damaged {seen} times in this run."
        return Dropped(ask, Reason.ANSWER_DAMAGED, detail)

    def _missed(
        self,
        job: Job,
        entry: Entry,
        verdict: Verdict,
        raw: images.Raw | None,
        usage: Usage | None,
    ) -> Outcome | Retry:
        """Book a call without a good answer; decide what follows."""
        request_id = raw.request_id if raw else verdict.request_id
        self._entries.missed(entry, verdict.billed, usage, request_id)
        if verdict.action == "stop":
            raise EndpointStopped(f"{self._endpoint.name}: {verdict.sentence}")
        self._streaks.failed(job.ask.step, verdict)
        job.tries[verdict.kind] += 1
        tries = max(
            job.tries[verdict.kind],
            self._damaged(job.ask.key) if verdict.kind == "damaged" else 0,
        )
        if verdict.action == "retry" and tries <= self._allowed(verdict):
            return Retry(_delay(job.ask.key, tries, verdict), verdict)
        _log.info("%s %s: %s", job.ask.step, job.ask.id, verdict.sentence)
        if verdict.reason is None or verdict.reason is Reason.UNAVAILABLE:
            return Unanswered(job.ask, Reason.UNAVAILABLE, verdict.sentence)
        return Dropped(job.ask, verdict.reason, verdict.sentence)

    def _allowed(self, verdict: Verdict) -> int:
        if verdict.refused or verdict.reason not in {None, Reason.UNAVAILABLE}:
            return verdict.max_retries
        return min(verdict.max_retries, self._endpoint.call_attempts - 1)

    async def _in_pool(self, work: Callable[[], _T]) -> _T:
        return await self._loop.run_in_executor(self._pool, work)


def _client(endpoint: Endpoint) -> AsyncOpenAI:
    limits = httpx2.Limits(
        max_connections=_NO_LIMIT,
        max_keepalive_connections=_NO_LIMIT,
        keepalive_expiry=_KEEP_ALIVE_S,
    )
    return AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key.get_secret_value() or "none",
        http_client=DefaultAioHttpClient(limits=limits, follow_redirects=False),
        timeout=httpx2.Timeout(endpoint.deadline_s, connect=endpoint.connect_s),
        max_retries=0,
    )


def _delay(key: str, tries: int, verdict: Verdict) -> float:
    """Seconds until the next try: what the API asks for, else 0.5, 1, 2, ... with spread by hash."""
    if verdict.retry_after_s is not None:
        return verdict.retry_after_s
    spread = hashlib.sha256(f"{key}/{tries}".encode()).digest()[0] / 255
    return float(min(_LONGEST_DELAY_S, 0.5 * 2 ** (tries - 1)) * (0.75 + 0.25 * spread))
