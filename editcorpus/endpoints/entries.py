"""What is written about a call: its intent before it goes out, and what became of it."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from editcorpus.endpoints.books import Books
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.images import Reply
from editcorpus.endpoints.requests import Answered, Ask, ImageEdit
from editcorpus.endpoints.rules import Billed
from editcorpus.errors import RunStopped, StorageFull
from editcorpus.journal import encode
from editcorpus.ledger import Intent, Outcome, Record, to_fields
from editcorpus.responses import text_line
from editcorpus.tariffs import Usage

_log = logging.getLogger(__name__)
_OUTCOMES: dict[Billed, Outcome] = {"no": "free", "maybe": "possibly", "yes": "damaged"}
_KEEP_AGAIN_S = (0.5, 2.0, 8.0)
"""Pauses after which a store that failed is asked once more to take an answer that is paid for."""


@dataclass(slots=True)
class Entry:
    """A call that is on record as going out.

    Attributes:
        seconds: From sending to the last byte, once it is back.
    """

    ask: Ask
    intent: Intent
    seconds: float = 0.0


class Entries:
    """Writes the records of one endpoint's calls; lives on the engine's event loop.

    Args:
        endpoint: Says what calls cost.
        books: Where they are recorded.
        pool: Threads that write to the store.
        names: Gives each try a name that no other has.
    """

    def __init__(
        self, endpoint: Endpoint, books: Books, pool: Executor, names: Iterator[str]
    ) -> None:
        self._endpoint = endpoint
        self._books = books
        self._pool = pool
        self._names = names
        self._loop = asyncio.get_running_loop()

    async def begin(self, ask: Ask) -> Entry:
        """Reserve the worst case of a call and make its intent durable.

        Raises:
            RunStopped: The budget does not allow the call, or the journal cannot be written.
        """
        books, what = self._books, ask.what
        intent = Intent(
            attempt=next(self._names),
            key=ask.key,
            run=books.run,
            shard=ask.shard,
            id=ask.id,
            step=ask.step,
            sample=ask.sample,
            model=what.model,
            usd=self._endpoint.worst(what),
            at=books.clock(),
        )
        books.ledger.reserve(intent.attempt, intent.usd)
        try:
            await books.journal.durable(encode("intent", ask.key, **to_fields(intent)))
        except OSError as error:
            self.end(Entry(ask, intent), "free")
            raise _storage_stop(error) from error
        return Entry(ask, intent)

    def end(
        self, entry: Entry, outcome: Outcome, usd: Decimal | None = None, request_id: str = ""
    ) -> None:
        """Record the end of a call that left no answer; unless given, at the outcome's own price."""
        price = entry.intent.usd if outcome == "possibly" else Decimal(0)
        record = self._record(entry, price if usd is None else usd, outcome, request_id=request_id)
        self._books.journal.note(encode("end", record.key, **to_fields(record)))
        self._books.ledger.book(record)

    def missed(self, entry: Entry, billed: Billed, usage: Usage | None, request_id: str) -> None:
        """Record the end of a call that brought an error or something useless.

        Args:
            entry: The call.
            billed: Whether it was paid for.
            usage: What it used, where the answer says so; else its worst case is booked.
            request_id: The API's name of the call.
        """
        usd = None
        if billed == "yes":
            usd = entry.intent.usd
            if usage is not None and self._endpoint.reports_usage:
                usd = self._endpoint.price(entry.ask.what, usage)
        self.end(entry, _OUTCOMES[billed], usd, request_id)

    async def keep(self, entry: Entry, reply: Reply, request_id: str) -> Answered:
        """Store an answer together with its record, and book what it cost.

        Raises:
            RunStopped: The store cannot take it; the call is recorded as possibly billed.
        """
        what = entry.ask.what
        usage = reply.usage if self._endpoint.reports_usage else None
        usd = self._endpoint.price(what, usage or self._endpoint.guessed_usage(what))
        known = {"request_id": request_id, "usage": usage.counts() if usage else {}}
        record = self._record(entry, usd, "settled", **known)
        store = self._keep_image if isinstance(what, ImageEdit) else self._keep_text
        for pause_s in (*_KEEP_AGAIN_S, None):
            try:
                return await store(entry.ask, record, reply.payload)
            except OSError as error:
                if pause_s is None or isinstance(error, StorageFull):
                    self.end(entry, "possibly", request_id=request_id)
                    raise _storage_stop(error) from error
                _log.warning("The answer to %s is kept once more: %s", entry.ask.id, error)
                await asyncio.sleep(pause_s)
        raise AssertionError("the last pause is None")

    async def _keep_image(self, ask: Ask, record: Record, payload: bytes) -> Answered:
        books = self._books
        picture = await self._in_pool(partial(books.responses.keep_image, record, payload))
        books.journal.note(encode("end", record.key, **to_fields(record)))
        books.ledger.book(record)
        return Answered(ask, picture, paid=True)

    async def _keep_text(self, ask: Ask, record: Record, payload: bytes) -> Answered:
        books, body = self._books, payload.decode("utf-8", "replace")
        place = await books.journal.durable(text_line(record, body))
        answer = books.responses.keep_text(record, body, place)
        books.ledger.book(record)
        return Answered(ask, answer, paid=True)

    def _record(self, entry: Entry, usd: Decimal, outcome: Outcome, **known: Any) -> Record:
        at = self._books.clock()
        return Record.of(entry.intent, usd, at, outcome, seconds=entry.seconds, **known)

    async def _in_pool(self, work: Callable[[], Any]) -> Any:
        return await self._loop.run_in_executor(self._pool, work)


def _storage_stop(error: OSError) -> RunStopped:
    return error if isinstance(error, RunStopped) else RunStopped(str(error))
