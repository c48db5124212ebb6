"""The batches of all endpoints of a run: who is asked for what, and whose money it is."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from hashlib import sha256

from editcorpus.endpoints.books import Books
from editcorpus.endpoints.bulk.desk import Desk
from editcorpus.endpoints.bulk.facts import BatchFacts
from editcorpus.endpoints.bulk.lines import Line
from editcorpus.endpoints.bulk.money import Money, Purses
from editcorpus.endpoints.bulk.office import Office
from editcorpus.endpoints.bulk.page import MARK_DIGITS, Page, Records
from editcorpus.endpoints.bulk.uploads import Uploads
from editcorpus.endpoints.bulk.works import Works
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.entries import Entries
from editcorpus.endpoints.requests import Ask, Unanswered
from editcorpus.errors import EndpointStopped, RecordError, RunStopped, ShardError
from editcorpus.records import Reason

_log = logging.getLogger(__name__)
WAITS = "It waits for a batch."
"""What is said of a request that is queued or under way."""


class Hall:
    """All offices of a run; lives on the engine's event loop.

    Args:
        endpoints: The endpoint that each step asks, by the step's name.
        books: Where answers and calls are recorded.
        pool: Threads that read, check and write.
        purses: Names of tries, and the money that they leave.
    """

    def __init__(
        self, endpoints: Mapping[str, Endpoint], books: Books, pool: Executor, purses: Purses
    ) -> None:
        self._endpoints = endpoints
        self._books = books
        self._pool = pool
        self._purses = purses
        self._records = Records(books.responses.store, books.run, pool)
        self._offices: dict[str, Office] = {}
        self._money = Money(endpoints, books.ledger, purses, pool)
        self._mark = ""
        self._made = 0
        self._swept = 0
        self._stopped: RunStopped | None = None
        self._halted = asyncio.Event()
        self.keys: set[str] = set()

    @property
    def facts(self) -> tuple[BatchFacts, ...]:
        """All batches that are under way or wait."""
        return tuple(facts for office in self._offices.values() for facts in office.facts)

    @property
    def is_short(self) -> bool:
        """Whether the budget had no room for a request since nothing was under way any more."""
        return self._money.is_short

    async def claim(self, asks: Iterable[Ask]) -> list[Ask]:
        """Those requests that nobody else looks for, queues or has under way; they are ours now."""
        fresh = [ask for ask in asks if ask.key not in self.keys]
        self.keys.update(ask.key for ask in fresh)
        return fresh

    async def release(self, asks: Iterable[Ask]) -> None:
        """Give requests up that were claimed."""
        self.keys.difference_update(ask.key for ask in asks)

    async def enter(self, asks: Sequence[Ask]) -> list[Unanswered]:
        """Queue requests that were claimed; each waits for its batch, or the reason says why not.

        Raises:
            RunStopped: The run must not go on.
        """
        self._check()
        self._mark = self._mark or await self._records.mark(self._books.process)
        results = await asyncio.gather(*(self._enter(ask) for ask in asks), return_exceptions=True)
        made: list[Unanswered] = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            made.append(result)
        return made

    async def flush(self) -> None:
        """Submit all that is queued.

        Raises:
            RunStopped: The run must not go on.
        """
        self._check()
        await asyncio.gather(*(office.flush() for office in self._offices.values()))

    async def look(self) -> tuple[BatchFacts, ...]:
        """Collect what has ended, submit what has room; what is left.

        Raises:
            RunStopped: The run must not go on.
        """
        self._check()
        results = await asyncio.gather(
            *(office.look() for office in self._offices.values()), return_exceptions=True
        )
        for error in results:
            if error is not None:
                raise error
        found = self.facts
        if not found:
            await self._sweep(only_once=True)
            await self._money.check()
        return found

    async def adopt(self) -> tuple[BatchFacts, ...]:
        """Take over what earlier processes of the run left; once something is queued, nothing is.

        Raises:
            RunStopped: The run must not go on.
        """
        self._check()
        self._mark = self._mark or await self._records.known_mark()
        if not self._mark or not all(office.idle for office in self._offices.values()):
            return self.facts
        pages = await self._records.pages()
        for page in pages:
            if page.state != "collected" or page.left:
                await self._adopt(page)
        for step in {page.step for page in pages} & self._endpoints.keys():
            self._office(self._endpoints[step])
        await self._sweep()
        return self.facts

    async def cancel(self) -> None:
        """Ask the API to cancel what is under way.

        Raises:
            RunStopped: The run must not go on.
        """
        self._check()
        for office in list(self._offices.values()):
            await office.cancel()

    def halt(self, reason: RunStopped) -> None:
        """Let nothing further go out."""
        self._stopped = self._stopped or reason
        self._halted.set()

    async def close(self) -> None:
        """Let go of all that is held on this machine."""
        for office in self._offices.values():
            await office.close()

    def _check(self) -> None:
        if self._stopped is not None:
            raise self._stopped

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._halted.wait()
        self._check()

    async def _enter(self, ask: Ask) -> Unanswered:
        try:
            await self._office(self._endpoints[ask.step]).enter(ask)
        except RecordError as error:
            self.keys.discard(ask.key)
            short = error.reason is Reason.NOT_REACHED
            return Unanswered(ask, error.reason if short else Reason.UNAVAILABLE, error.detail)
        except ShardError as error:  # of a damaged picture: the stage has it made anew
            self.keys.discard(ask.key)
            return Unanswered(ask, Reason.UNAVAILABLE, str(error))
        except BaseException:
            self.keys.discard(ask.key)
            raise
        return Unanswered(ask, Reason.NOT_REACHED, WAITS)

    async def _adopt(self, page: Page) -> None:
        endpoint = self._endpoints.get(page.step)
        if endpoint is None:
            _log.warning("The batch %s asks for %s, which nobody does now.", page.name, page.step)
            return
        lines = await self._office(endpoint).adopt(page)
        self.keys.update(line.ask.key for line in lines)

    def _office(self, endpoint: Endpoint) -> Office:
        found = self._offices.get(endpoint.name)
        if found is None:
            found = self._offices[endpoint.name] = Office(
                self._works(endpoint), self._name, self._money.reserve
            )
        return found

    def _works(self, endpoint: Endpoint) -> Works:
        desk = Desk(endpoint, self._pause)
        return Works(
            endpoint=endpoint,
            books=self._books,
            pool=self._pool,
            records=self._records,
            entries=Entries(endpoint, self._books, self._pool, batch=True),
            desk=desk,
            uploads=Uploads(desk, self._pool, self._prefix),
            prefix=self._prefix,
            freed=self._purses.ended,
            over=self._over,
        )

    def _prefix(self) -> str:
        return f"editcorpus-{self._mark}-"

    def _name(self) -> str:
        self._made += 1
        word = sha256(self._books.process.encode()).hexdigest()[:MARK_DIGITS]
        return f"{word}-{self._made:04d}"

    def _over(self, line: Line) -> None:
        self.keys.discard(line.ask.key)
        self._purses.ended(line.intent.attempt)

    async def _sweep(self, *, only_once: bool = False) -> None:
        """Delete files of the run at the API that no batch needs: their names were never written down.

        Raises:
            RunStopped: No call can succeed.
        """
        offices = list(self._offices.values())
        count = sum(office.works.uploads.count for office in offices)
        if not self._mark or (only_once and count == self._swept):
            return
        for office in offices:
            try:
                named = await self._files(office)
            except RecordError as error:
                _log.warning("Files that are left at the API are deleted later: %s", error.detail)
                return
            if count != sum(other.works.uploads.count for other in offices):
                return  # somebody uploads meanwhile
            for file_id in named:
                if not any(other.needs(file_id) for other in offices):
                    await office.works.desk.delete(file_id)
        self._swept = count

    async def _files(self, office: Office) -> list[str]:
        """The run's files at an API; none where it may know no files at all.

        Raises:
            RecordError: No answer after all retries.
            RunStopped: No call can succeed.
        """
        try:
            return await office.works.desk.files(self._prefix())
        except EndpointStopped:
            if office.facts:
                raise
            return []  # if it is the key that is bad, a call will tell
