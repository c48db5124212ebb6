"""What all work on the batches of one endpoint needs."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from editcorpus.endpoints.books import Books
from editcorpus.endpoints.bulk.batch import Batch
from editcorpus.endpoints.bulk.desk import Desk
from editcorpus.endpoints.bulk.lines import Line
from editcorpus.endpoints.bulk.page import Records
from editcorpus.endpoints.bulk.uploads import Uploads
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.entries import Entries, Entry, storage_stop
from editcorpus.ledger import Outcome

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """The open ends of one endpoint's batches.

    Attributes:
        prefix: Gives what the names of the run's files at the API begin with.
        freed: Is told the name of each try that is over, whose money is free.
        over: Is told of each line that has ended: its request may be asked again, its money is free.
    """

    endpoint: Endpoint
    books: Books
    pool: Executor
    records: Records
    entries: Entries
    desk: Desk
    uploads: Uploads
    prefix: Callable[[], str]
    freed: Callable[[str], None]
    over: Callable[[Line], None]

    async def in_pool(self, work: Callable[[], _T]) -> _T:
        """Do something that takes its time in another thread."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, work)

    def end(self, batch: Batch, outcome: Outcome) -> None:
        """End all lines that have not ended, without an answer."""
        for line in list(batch.open.values()):
            self.entries.end(Entry(line.ask, line.intent), outcome)
            del batch.open[line.custom_id]
            self.over(line)

    async def file_away(self, batch: Batch, *files: Any) -> None:
        """Close the record of a batch all of whose lines have ended, and delete its files.

        Args:
            batch: The batch.
            files: The API's names of what it made, where it made something.

        Raises:
            RunStopped: Store or journal cannot be written.
        """
        batch.close()
        try:
            await self.books.journal.flush()
        except OSError as error:
            raise storage_stop(error) from error
        named = (batch.page.input_file, *files)
        left = tuple(name for name in named if isinstance(name, str) and name)
        batch.page = replace(batch.page, state="collected", input_file="", left=left)
        await self.records.save(batch.page)
        await self.records.forget_lines(batch.page.name)
        await self.uploads.let_go(batch.files)
        await self.tidy(batch)

    async def tidy(self, batch: Batch) -> None:
        """Delete the files of a batch that are left at the API.

        Raises:
            RunStopped: The store cannot be written.
        """
        page = batch.page
        left = tuple([name for name in page.left if await self.desk.delete(name) == "no"])
        if left:
            _log.warning(
                "%s: %d files of the batch %s could not be deleted yet.",
                self.endpoint.name,
                len(left),
                page.name,
            )
        if left != page.left:
            batch.page = replace(page, left=left)
            await self.records.save(batch.page)
