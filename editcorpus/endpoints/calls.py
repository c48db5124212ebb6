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
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx2
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient

from editcorpus.endpoints import chat, images
from editcorpus.endpoints.classify import Verdict, classify
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.limits import Cost
from editcorpus.endpoints.requests import Answered, Ask, Dropped, ImageEdit, Outcome, Unanswered
from editcorpus.errors import EndpointStopped, ModelMisbehaved, RunStopped
from editcorpus.journal import encode
from editcorpus.ledger import Intent, Record, to_fields
from editcorpus.ledger import Outcome as Ending
from editcorpus.records import Reason
from editcorpus.responses import text_line

if TYPE_CHECKING:
    from editcorpus.endpoints.engine import Books

_log = logging.getLogger(__name__)
_CALL_ERRORS = (
    openai.OpenAIError,
    httpx2.HTTPError,
    aiohttp.ClientError,
    TimeoutError,
    ConnectionError,
    ModelMisbehaved,
)
_ENDINGS: dict[str, Ending] = {"no": "free", "maybe": "possibly", "yes": "damaged"}
_LONGEST_DELAY_S = 60.0


@dataclass(slots=True)
class Job:
    """A request on its way: who waits for it, and how often it was tried."""

    ask: Ask
    done: Callable[[Outcome], None]
    cost: Cost = field(init=False)
    tries: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        what = self.ask.what
        self.cost = Cost(images=len(what.pictures), tokens=len(what.prompt) // 4 + 1)


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
    """

    def __init__(
        self, endpoint: Endpoint, books: "Books", pool: Executor, names: Iterator[str]
    ) -> None:
        self._endpoint = endpoint
        self._books = books
        self._pool = pool
        self._names = names
        self._loop = asyncio.get_running_loop()
        self._client = AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key.get_secret_value() or "none",
            http_client=DefaultAioHttpClient(
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=512)
            ),
            timeout=httpx2.Timeout(endpoint.deadline_s, connect=endpoint.connect_s),
            max_retries=0,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def call(self, job: Job, heard: Callable[[Mapping[str, str]], None]) -> Outcome | Retry:
        """Make one try.

        Args:
            job: The request.
            heard: Is told the headers of whatever answers.

        Raises:
            RunStopped: No further call may go out: budget, key, quota, model or storage.
        """
        what = job.ask.what
        bodies = await self._in_pool(partial(_bodies, what))
        intent = await self._intend(job.ask)
        began = self._loop.time()
        raw: images.Raw | None = None
        api: Any = images if isinstance(what, ImageEdit) else chat
        try:
            async with asyncio.timeout(self._endpoint.deadline_s):
                raw = await api.send(self._client, what, bodies)
            heard(raw.headers)
            reply = await self._read(api, raw, what)
        except _CALL_ERRORS as error:
            response = getattr(error, "response", None)
            heard(getattr(response, "headers", {}))
            return self._missed(job, intent, error, raw, self._loop.time() - began)
        except asyncio.CancelledError:
            self._end(intent, "possibly", intent.usd)
            raise
        seconds = round(self._loop.time() - began, 3)
        usage = reply.usage or self._endpoint.guessed_usage(what)
        record = Record.of(
            intent,
            self._endpoint.price(what, usage),
            self._books.clock(),
            "settled",
            usage=usage.counts(),
            request_id=raw.request_id,
            seconds=seconds,
        )
        return await self._keep(job.ask, record, reply.payload)

    async def _read(self, api: Any, raw: images.Raw, what: Any) -> images.Reply:
        if api is chat:
            return chat.read(raw, what)
        made: images.Reply = await self._in_pool(partial(images.read, raw, what))
        return made

    async def _intend(self, ask: Ask) -> Intent:
        books = self._books
        worst = self._endpoint.worst(ask.what)
        intent = Intent(
            attempt=next(self._names),
            key=ask.key,
            run=books.run,
            shard=ask.shard,
            id=ask.id,
            step=ask.step,
            sample=ask.sample,
            model=ask.what.model,
            usd=worst,
            at=books.clock(),
        )
        books.ledger.reserve(intent.attempt, worst)
        try:
            await books.journal.durable(encode("intent", ask.key, **to_fields(intent)))
        except OSError as error:
            books.ledger.book(Record.of(intent, Decimal(0), books.clock(), "free"))
            raise _storage_stop(error) from error
        return intent

    async def _keep(self, ask: Ask, record: Record, payload: bytes) -> Answered:
        books = self._books
        try:
            if isinstance(ask.what, ImageEdit):
                picture = await self._in_pool(partial(books.responses.keep_image, record, payload))
                books.journal.note(encode("end", record.key, **to_fields(record)))
                books.ledger.book(record)
                return Answered(ask, picture, paid=True)
            body = payload.decode("utf-8", "replace")
            place = await books.journal.durable(text_line(record, body))
            books.ledger.book(record)
            return Answered(ask, books.responses.keep_text(record, body, place), paid=True)
        except OSError as error:
            books.ledger.book(record)
            raise _storage_stop(error) from error

    def _missed(
        self, job: Job, intent: Intent, error: Exception, raw: images.Raw | None, seconds: float
    ) -> Outcome | Retry:
        verdict = classify(error)
        usd = self._booked(job, intent, verdict, raw)
        request_id = raw.request_id if raw else verdict.request_id
        ending = _ENDINGS[verdict.billed]
        self._end(intent, ending, usd, seconds=round(seconds, 3), request_id=request_id)
        if verdict.action == "stop":
            raise EndpointStopped(f"{self._endpoint.name}: {verdict.sentence}")
        job.tries[verdict.kind] += 1
        tries = job.tries[verdict.kind]
        if verdict.action == "retry" and tries <= self._allowed(verdict):
            return Retry(_delay(job.ask.key, tries, verdict), verdict)
        _log.info("%s %s: %s", job.ask.step, job.ask.id, verdict.sentence)
        if verdict.reason is None or verdict.reason is Reason.UNAVAILABLE:
            return Unanswered(job.ask, Reason.UNAVAILABLE, verdict.sentence)
        return Dropped(job.ask, verdict.reason, verdict.sentence)

    def _booked(
        self, job: Job, intent: Intent, verdict: Verdict, raw: images.Raw | None
    ) -> Decimal:
        if verdict.billed == "no":
            return Decimal(0)
        usage = images.usage_of(raw) if raw else None
        if usage is None or verdict.billed == "maybe":
            return intent.usd
        return self._endpoint.price(job.ask.what, usage)

    def _allowed(self, verdict: Verdict) -> int:
        if verdict.refused or verdict.reason not in {None, Reason.UNAVAILABLE}:
            return verdict.max_retries
        return min(verdict.max_retries, self._endpoint.call_attempts - 1)

    def _end(self, intent: Intent, ending: Ending, usd: Decimal, **known: Any) -> None:
        record = Record.of(intent, usd, self._books.clock(), ending, **known)
        self._books.journal.note(encode("end", record.key, **to_fields(record)))
        self._books.ledger.book(record)

    async def _in_pool(self, work: Callable[[], Any]) -> Any:
        return await self._loop.run_in_executor(self._pool, work)


def _bodies(what: Any) -> list[bytes]:
    return [picture.load() for picture in what.pictures]


def _delay(key: str, tries: int, verdict: Verdict) -> float:
    """Seconds until the next try: what the API asks for, else 0.5, 1, 2, ... with spread by hash."""
    if verdict.retry_after_s is not None:
        return verdict.retry_after_s
    spread = hashlib.sha256(f"{key}/{tries}".encode()).digest()[0] / 255
    return float(min(_LONGEST_DELAY_S, 0.5 * 2 ** (tries - 1)) * (0.75 + 0.25 * spread))


def _storage_stop(error: OSError) -> RunStopped:
    if isinstance(error, RunStopped):
        return error
    return RunStopped(str(error))
