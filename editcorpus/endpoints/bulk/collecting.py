"""Taking what a batch made: every line is checked, stored and booked as if it had come online.

A line that has ended is taken no more, so that collecting once more changes nothing. An answer is stored
together with its record, and the page says that all is collected only after that; whoever is killed in
between leaves the rest to the next process.
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Any

import openai

from editcorpus.endpoints.bulk.batch import Batch
from editcorpus.endpoints.bulk.lines import Line
from editcorpus.endpoints.bulk.output import Output, read_answer, read_output, usage, verdict
from editcorpus.endpoints.bulk.works import Works
from editcorpus.endpoints.classify import Verdict, classify
from editcorpus.endpoints.client import CALL_ERRORS
from editcorpus.endpoints.entries import Entry
from editcorpus.endpoints.replies import Reply
from editcorpus.endpoints.streaks import Streaks
from editcorpus.errors import EndpointStopped, ModelMisbehaved
from editcorpus.records import Reason
from editcorpus.refusals import Refusal

_log = logging.getLogger(__name__)
_AT_ONCE = 4
"""Lines that are checked and stored while the next ones are read: four pictures are held."""


class Collector:
    """Collects the batches of one endpoint; lives on the engine's event loop.

    Args:
        works: What it works with.
    """

    def __init__(self, works: Works) -> None:
        self._works = works
        endpoint = works.endpoint
        self._streaks = Streaks(endpoint.name, endpoint.max_blocked_share)
        self._tries: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._stopped: EndpointStopped | None = None

    async def collect(self, batch: Batch, told: Mapping[str, Any]) -> None:
        """End all lines of a batch that has ended, and delete its files.

        Raises:
            RunStopped: The run must not go on; what was answered is stored before.
            ModelUnavailable: A file cannot be had now; what is missing is collected later.
        """
        counts = told.get("request_counts")
        mixed = isinstance(counts, Mapping) and bool(counts.get("completed"))
        files = (told.get("output_file_id"), told.get("error_file_id"))
        unreadable = 0
        for file_id in files:
            if isinstance(file_id, str) and file_id and batch.open:
                unreadable += await self._file(batch, file_id, mixed=mixed)
        if batch.open:
            self._missing(batch, unreadable)
        await self._works.file_away(batch, *files)
        if self._stopped is not None:
            raise self._stopped

    def _missing(self, batch: Batch, unreadable: int) -> None:
        """End the lines that neither file speaks of.

        What a batch had no time for is not billed; of what else is missing nobody knows.
        """
        unreached = batch.status in {"expired", "cancelled"} and not unreadable
        _log.warning(
            "%s: the batch %s is %s, and %d of its lines are in none of its files; they count as %s.",
            self._works.endpoint.name,
            batch.page.name,
            batch.status,
            len(batch.open),
            "free" if unreached else "possibly billed",
        )
        self._works.end(batch, "free" if unreached else "possibly")

    async def _file(self, batch: Batch, file_id: str, *, mixed: bool) -> int:
        """Take all lines of a file; how many of them nobody can read.

        Raises:
            RunStopped: The run must not go on.
            ModelUnavailable: The file cannot be had now.
        """
        tries = 0
        while True:
            try:
                return await self._lines(batch, file_id, mixed=mixed)
            except openai.NotFoundError:
                _log.warning("The file %s of the batch %s is gone.", file_id, batch.page.name)
                return 1
            except CALL_ERRORS as error:
                found = classify(error)
            tries += 1
            await self._works.desk.again(file_id, tries, found)

    async def _lines(self, batch: Batch, file_id: str, *, mixed: bool) -> int:
        doors = asyncio.Semaphore(_AT_ONCE)
        tasks: set[asyncio.Task[bool]] = set()
        loop = asyncio.get_running_loop()
        unreadable = 0

        async def one(data: bytes, whole: bool) -> bool:
            try:
                return await self._line(batch, data, whole=whole, mixed=mixed)
            finally:
                doors.release()

        try:
            async for data, whole in self._works.desk.lines(file_id):
                if not data.strip():
                    continue
                await doors.acquire()
                done = {task for task in tasks if task.done()}
                unreadable += sum(not task.result() for task in done)
                tasks -= done
                tasks.add(loop.create_task(one(data, whole)))
        finally:
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
            unreadable += not result
        return unreadable

    async def _line(self, batch: Batch, data: bytes, *, whole: bool, mixed: bool) -> bool:
        """Take one line; whether it can be read."""
        works = self._works
        output = await works.in_pool(partial(read_output, data, whole))
        if output is None:
            _log.warning("A line of the batch %s cannot be read.", batch.page.name)
            return False
        line = batch.open.pop(output.custom_id, None)
        if line is None:
            return True  # it has ended before, or is none of ours
        try:
            await self._take(line, output, mixed=mixed)
        except BaseException:
            batch.open[line.custom_id] = line
            raise
        works.over(line)
        return True

    async def _take(self, line: Line, output: Output, *, mixed: bool) -> None:
        entry = Entry(line.ask, line.intent)
        entry.request_id = output.request_id
        try:
            reply = await self._reply(line, output)
        except ModelMisbehaved as error:
            if output.body is not None:
                entry.usage = usage(output, line.ask.what)
            await self._missed(entry, classify(error), mixed=mixed)
            return
        if reply is None:
            await self._missed(entry, verdict(output), mixed=mixed)
            return
        self._streaks.answered(line.ask.step)
        await self._works.entries.keep(entry, reply, output.request_id)

    async def _reply(self, line: Line, output: Output) -> Reply | None:
        """What is kept of an answer; None where the line says that there is none."""
        if not output.sound:
            return None
        return await self._works.in_pool(partial(read_answer, output, line.ask.what))

    async def _missed(self, entry: Entry, found: Verdict, *, mixed: bool) -> None:
        """Book a line without a good answer; what can be asked again is missing from then on."""
        ask, entries = entry.ask, self._works.entries
        entry.request_id, entry.kind = entry.request_id or found.request_id, found.kind
        try:
            self._streaks.failed(ask.step, ask.key, found)
        except EndpointStopped as stopped:
            entries.missed(entry, found.billed)
            if found.reason is Reason.REQUEST_REFUSED:
                entries.revoke(self._streaks.doubtful(ask.step))
            self._stopped = self._stopped or stopped
            return
        if mixed:
            self._streaks.broken(ask.step)
        tries = self._tries[ask.key]
        tries[found.kind] += 1
        again = found.action == "retry" and tries[found.kind] <= found.max_retries
        facts = {"step": ask.step, "id": ask.id, "reason": str(found.reason or found.kind)}
        _log.info("%s %s: %s", ask.step, ask.id, found.sentence, extra=facts)
        if found.final and not again:
            refusal = Refusal(found.reason or Reason.REQUEST_REFUSED, found.sentence)
            await entries.refused(entry, found.billed, refusal)
        else:
            entries.missed(entry, found.billed)
