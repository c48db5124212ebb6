"""What is written about a call: its intent before it goes out, and what became of it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from editcorpus.endpoints.books import Books, Told
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.replies import Reply
from editcorpus.endpoints.requests import (
    Answered,
    Ask,
    Chat,
    Embed,
    ForImage,
    ImageEdit,
    What,
)
from editcorpus.endpoints.rules import Billed
from editcorpus.errors import RunStopped, StorageFull
from editcorpus.journal import encode
from editcorpus.ledger import Intent, Outcome, Record, to_fields
from editcorpus.refusals import Refusal, refusal_line, revoked_line
from editcorpus.responses import text_line
from editcorpus.tariffs import Tariff, Usage

_log = logging.getLogger(__name__)
_OUTCOMES: dict[Billed, Outcome] = {"no": "free", "maybe": "possibly", "yes": "damaged"}
_KEEP_AGAIN_S = (0.5, 2.0, 8.0)
"""Pauses after which a store that failed is asked once more to take an answer that is paid for."""


@dataclass(slots=True)
class Entry:
    """A call that is on record as going out.

    Attributes:
        seconds: From sending to the last byte, once it is back.
        request_id: The API's name of the call, where an answer without use gave one.
        usage: What such an answer says that it used.
        kind: The class of what went wrong (`rules.Kind`), once that is known.
    """

    ask: Ask
    intent: Intent
    seconds: float = 0.0
    request_id: str = ""
    usage: Usage | None = None
    kind: str = ""


class Entries:
    """Writes the records of one endpoint's calls; lives on the engine's event loop.

    Args:
        endpoint: Says what calls cost.
        books: Where they are recorded.
        pool: Threads that write to the store.
        batch: Whether they are lines of batches: those cost less, and an answer that the store cannot
            take stays at the API, where it can be had again.
    """

    def __init__(
        self, endpoint: Endpoint, books: Books, pool: Executor, *, batch: bool = False
    ) -> None:
        self._endpoint = endpoint
        self._batch = batch
        self._books = books
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._told: set[str] = set()

    async def begin(self, ask: Ask, attempt: str, worst: Decimal) -> Entry:
        """Make the intent of a call durable.

        Args:
            ask: The request.
            attempt: Name of the try.
            worst: What is reserved for it, in dollars.

        Raises:
            RunStopped: The journal cannot be written.
        """
        entry = Entry(ask, self.intent(ask, attempt, worst))
        await self.going(entry)
        return entry

    def intent(self, ask: Ask, attempt: str, worst: Decimal, batch: str = "") -> Intent:
        """What is on record of a call before it goes out; `batch` names the one that it goes with."""
        return Intent(
            attempt=attempt,
            key=ask.key,
            run=self._books.run,
            shard=ask.shard,
            id=ask.id,
            step=ask.step,
            sample=ask.sample,
            model=ask.what.model,
            usd=worst,
            at=self._books.clock(),
            batch=batch,
        )

    async def going(self, entry: Entry) -> None:
        """Make an intent durable.

        Raises:
            RunStopped: The journal cannot be written; the call ends as free.
        """
        line = encode("intent", entry.ask.key, **to_fields(entry.intent))
        try:
            await self._books.journal.durable(line)
        except OSError as error:
            self.end(entry, "free")
            raise storage_stop(error) from error

    def end(self, entry: Entry, outcome: Outcome, usd: Decimal | None = None) -> None:
        """Record the end of a call that left no answer; unless given, at the outcome's own price.

        One that is free never went out.
        """
        self._end(entry, self._missing(entry, outcome, usd), out=outcome != "free")

    def missed(self, entry: Entry, billed: Billed) -> None:
        """Record the end of a call that brought an error or something useless."""
        self._end(entry, self._missed(entry, billed))

    async def refused(self, entry: Entry, billed: Billed, refusal: Refusal) -> None:
        """Store that a request is refused for good, together with its record, and book it.

        Raises:
            RunStopped: The journal cannot take it; the call alone is recorded.
        """
        books, record = self._books, self._missed(entry, billed)
        try:
            await books.journal.durable(refusal_line(record, refusal))
        except OSError as error:
            self._end(entry, record)
            raise storage_stop(error) from error
        books.responses.keep_refusal(record, refusal)
        self._book(entry, record)

    def revoke(self, keys: Sequence[str]) -> None:
        """Forget that these requests were refused, or are about to be."""
        for key in keys:
            self._books.responses.revoke(key)
            self._books.journal.note(revoked_line(key, self._books.clock()))

    def _missed(self, entry: Entry, billed: Billed) -> Record:
        """The record of a call that brought nothing good; where it says no usage, its worst case."""
        usd = None
        if billed == "yes":
            usd = entry.intent.usd
            if entry.usage is not None and self._endpoint.reports_usage:
                usd = self._price(entry.ask.what, entry.usage)
        return self._missing(entry, _OUTCOMES[billed], usd)

    def _price(self, what: What, usage: Usage) -> Decimal:
        return self._endpoint.price(what, usage, batch=self._batch)

    def _missing(self, entry: Entry, outcome: Outcome, usd: Decimal | None) -> Record:
        price = entry.intent.usd if outcome == "possibly" else Decimal(0)
        booked = price if usd is None else usd
        return self._record(entry, booked, outcome, request_id=entry.request_id)

    def _end(self, entry: Entry, record: Record, *, out: bool = True) -> None:
        self._books.journal.note(encode("end", record.key, **to_fields(record)))
        self._book(entry, record, out=out)

    def _book(self, entry: Entry, record: Record, *, out: bool = True) -> None:
        """Book a call, and tell of it if it went out."""
        self._books.ledger.book(record)
        if out:
            what = _operation(entry.ask.what)
            self._books.observer(Told(self._endpoint, record, what, entry.kind, self._batch))

    async def keep(self, entry: Entry, reply: Reply, request_id: str) -> Answered:
        """Store an answer together with its record, and book what it cost.

        Raises:
            RunStopped: The store cannot take it; the call is recorded as possibly billed, unless its
                answer can be had again.
        """
        what = entry.ask.what
        usage = reply.usage if self._endpoint.reports_usage else None
        usd = self._price(what, usage or self._endpoint.guessed_usage(what))
        self._tell_gap(what, usage)
        told = {"request_id": request_id, "usage": usage.counts() if usage else {}}
        record = self._record(entry, usd, "settled", **told, model_version=reply.model)
        store = self._keep_image if isinstance(what, ForImage) else self._keep_text
        for pause_s in (*_KEEP_AGAIN_S, None):
            try:
                return await store(entry, record, reply.payload)
            except OSError as error:
                if pause_s is None or isinstance(error, StorageFull):
                    entry.request_id = request_id
                    if not self._batch:
                        self.end(entry, "possibly")
                    raise storage_stop(error) from error
                _log.warning("The answer to %s is kept once more: %s", entry.ask.id, error)
                await asyncio.sleep(pause_s)
        raise AssertionError("the last pause is None")

    def _tell_gap(self, what: What, usage: Usage | None) -> None:
        """Say once of each model that it counts notably otherwise than the formulas have it."""
        endpoint = self._endpoint
        if usage is None or endpoint.tariff is not Tariff.LISTED or what.model in self._told:
            return
        sentence = endpoint.tariffs.gap_sentence(what.model, usage, endpoint.guessed_usage(what))
        if sentence:
            self._told.add(what.model)
            _log.warning("%s", sentence)

    async def _keep_image(self, entry: Entry, record: Record, payload: bytes) -> Answered:
        keep = partial(self._books.responses.keep_image, record, payload)
        picture = await self._in_pool(keep)
        self._end(entry, record)
        return Answered(entry.ask, picture, paid=True)

    async def _keep_text(self, entry: Entry, record: Record, payload: bytes) -> Answered:
        books, body = self._books, payload.decode("utf-8", "replace")
        place = await books.journal.durable(text_line(record, body))
        answer = books.responses.keep_text(record, body, place)
        self._book(entry, record)
        return Answered(entry.ask, answer, paid=True)

    def _record(self, entry: Entry, usd: Decimal, outcome: Outcome, **known: Any) -> Record:
        at = self._books.clock()
        return Record.of(entry.intent, usd, at, outcome, seconds=entry.seconds, **known)

    async def _in_pool(self, work: Callable[[], Any]) -> Any:
        return await self._loop.run_in_executor(self._pool, work)


def _operation(what: What) -> str:
    """What is asked for, by its name in OpenTelemetry's conventions where it has one."""
    if isinstance(what, Chat):
        return "chat"
    if isinstance(what, Embed):
        return "embeddings"
    return "image_edit" if isinstance(what, ImageEdit) else "image_generation"


def storage_stop(error: OSError) -> RunStopped:
    """Why the run stops where the store cannot be written."""
    return error if isinstance(error, RunStopped) else RunStopped(str(error), kind="store")
