"""All batches of one endpoint: filled, submitted, looked at, collected, taken over."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from editcorpus.endpoints.bulk.batch import WAITING, Batch, Tray
from editcorpus.endpoints.bulk.collecting import Collector
from editcorpus.endpoints.bulk.facts import BatchFacts
from editcorpus.endpoints.bulk.filling import Filler
from editcorpus.endpoints.bulk.lines import Line, path_of
from editcorpus.endpoints.bulk.page import Page
from editcorpus.endpoints.bulk.submitting import Submitter
from editcorpus.endpoints.bulk.works import Works
from editcorpus.endpoints.classify import classify
from editcorpus.endpoints.facts import Facts
from editcorpus.endpoints.requests import Ask
from editcorpus.errors import EndpointStopped, RecordError, RunStopped

_log = logging.getLogger(__name__)
_ENDED = frozenset({"completed", "expired", "cancelled", "failed"})
"""Statuses of a batch that has ended (the batch API reference)."""
_CROWDED = "token_limit_exceeded"
"""The code under which a batch fails whose tokens have no room beside those of others."""
_AT_ONCE = 8
"""Batches that are looked at at once."""


class Office:
    """Batches of one endpoint; lives on the engine's event loop.

    Args:
        works: What it works with.
        name: Gives each batch a name that no other has.
        reserve: Sets the worst case of a request aside; gives the name of the try and the dollars.
    """

    def __init__(
        self,
        works: Works,
        name: Callable[[], str],
        reserve: Callable[[Ask], Awaitable[tuple[str, Decimal]]],
    ) -> None:
        self.works = works
        self._batches: dict[str, Batch] = {}
        self._submitter = Submitter(works, self._batches.values)
        self._filler = Filler(works, name, reserve, self._submitter.limit)
        self._collector = Collector(works)
        self._looking = asyncio.Lock()
        self._doors = asyncio.Semaphore(_AT_ONCE)
        self._busy = 0

    @property
    def idle(self) -> bool:
        """Whether nothing of it is at the API, or on its way there."""
        return not (self._busy or self._filler.filled or self._batches or self.works.uploads.busy)

    @property
    def facts(self) -> tuple[BatchFacts, ...]:
        """Its batches that are under way or wait."""
        return tuple(batch.facts for batch in self._batches.values())

    def needs(self, file_id: str) -> bool:
        """Whether a file at the API is still needed."""
        inputs = {batch.page.input_file for batch in self._batches.values()}
        return file_id in inputs or self.works.uploads.needed(file_id)

    async def enter(self, ask: Ask) -> None:
        """Put a request into a batch; a batch that is full is submitted.

        Raises:
            RunStopped: The run must not go on.
            RecordError: Its pictures cannot be uploaded now, or the budget has no room for it now.
            ShardError: Its pictures cannot be read.
        """
        self._busy += 1
        try:
            full = await self._filler.enter(ask)
            await asyncio.gather(*(self._submit(tray) for tray in full))
        finally:
            self._busy -= 1

    async def flush(self) -> None:
        """Submit what is queued.

        Raises:
            RunStopped: The run must not go on.
        """
        self._busy += 1
        try:
            await asyncio.gather(*(self._submit(tray) for tray in self._filler.taken()))
        finally:
            self._busy -= 1

    async def look(self) -> None:
        """Collect what has ended, and submit what has room now.

        Raises:
            RunStopped: The run must not go on; what can be collected was collected before.
        """
        stopped: RunStopped | None = None
        async with self._looking:
            made = [one for one in self._batches.values() if one.page.state == "created"]
            for batch, told in zip(made, await asyncio.gather(*map(self._told, made)), strict=True):
                try:
                    await self._note(batch, told)
                except RunStopped as error:
                    stopped = stopped or error
            if stopped is not None:
                raise stopped
            for batch in list(self._batches.values()):
                await self._submitter.advance(batch)
            self._forget()

    async def adopt(self, page: Page) -> list[Line]:
        """Take over a batch that an earlier process left; its lines that have not ended.

        Raises:
            RunStopped: The run must not go on.
        """
        works = self.works
        lines = await works.records.lines(page.name) if page.state != "collected" else []
        readmit = works.books.ledger.readmit
        found = {line.custom_id: line for line in lines if readmit(line.intent.attempt)}
        files = tuple(name for line in lines for name in line.files)
        path = path_of(lines[0].ask.what) if lines else ""
        tokens = sum(works.endpoint.cost(line.ask.what).tokens for line in lines)
        batch = Batch(page, found, path, tokens, files, doubt=page.tries > 0)
        works.uploads.keep(files)
        if page.state == "created":
            batch.status, batch.doubt = "in_progress", False
            self._batches[page.name] = batch
        elif page.state == "uploaded" and found:
            self._batches[page.name] = batch
            await self._submitter.advance(batch)
        elif page.state == "collected":
            await works.tidy(batch)
        else:
            works.end(batch, "free")
            await works.file_away(batch)
        self._forget()
        return list(batch.open.values())

    async def cancel(self) -> None:
        """Ask the API to cancel what it has; what it surely does not have ends at once.

        Raises:
            RunStopped: The run must not go on.
        """
        await self.works.uploads.let_go(self._filler.drop())
        for batch in list(self._batches.values()):
            async with batch.lock:
                if batch.page.state == "created":
                    await self._cancel(batch)
                elif not batch.doubt:
                    self.works.end(batch, "free")
                    await self.works.file_away(batch)
        self._forget()

    async def close(self) -> None:
        """Let go of all that is held on this machine; what is at the API stays there."""
        self._filler.drop()
        for batch in self._batches.values():
            batch.close()
        await self.works.uploads.close()
        await self.works.desk.close()

    async def _submit(self, tray: Tray) -> None:
        first = tray.lines[0].ask
        page = Page(
            name=tray.name,
            state="prepared",
            step=first.step,
            endpoint=self.works.endpoint.name,
            model=first.what.model,
            lines=len(tray.lines),
            created=self.works.books.clock(),
        )
        try:
            batch = await self._submitter.prepare(tray, page)
        except BaseException:
            tray.file.close()
            raise
        self._batches[tray.name] = batch
        await self._submitter.advance(batch)
        self._forget()

    async def _told(self, batch: Batch) -> dict[str, Any] | None:
        """What the API says of a batch; None where it gives no answer now."""
        async with self._doors:
            try:
                return await self.works.desk.batch(batch.page.batch_id)
            except RecordError as error:
                _log.warning("The batch %s was not looked at: %s", batch.page.name, error.detail)
                return None

    async def _note(self, batch: Batch, told: Mapping[str, Any] | None) -> None:
        if told is None:
            return
        batch.status = told["status"]
        counts = told.get("request_counts")
        if isinstance(counts, Mapping):
            batch.done, batch.failed = _count(counts, "completed"), _count(counts, "failed")
        if batch.status not in _ENDED:
            return
        async with batch.lock:
            try:
                if batch.status == "failed":
                    await self._failed(batch, told)
                else:
                    await self._collector.collect(batch, told)
            except RecordError as error:
                _log.warning("The batch %s is collected later: %s", batch.page.name, error.detail)

    async def _failed(self, batch: Batch, told: Mapping[str, Any]) -> None:
        """End a batch of which nothing was done, or let it wait where there was no room for it."""
        works, page = self.works, batch.page
        code, message = _first_error(told)
        if code == _CROWDED and page.input_file and self._submitter.crowded(batch, message):
            batch.status = WAITING
            batch.page = replace(page, state="uploaded", batch_id="")
            await works.records.save(batch.page)
            return
        works.end(batch, "free")
        await works.file_away(batch, told.get("output_file_id"), told.get("error_file_id"))
        if code == _CROWDED or not page.input_file:
            return
        error = {"error": {"code": code, "message": message}}
        found = classify(None, Facts.of_answer(400, error, {}))
        _log.warning("The batch %s failed: %s", page.name, found.sentence)
        if found.action != "retry":
            raise EndpointStopped(f"{works.endpoint.name}: a batch failed. {found.sentence}")

    async def _cancel(self, batch: Batch) -> None:
        try:
            await self.works.desk.cancel(batch.page.batch_id)
        except RecordError as error:
            _log.warning("The batch %s was not cancelled: %s", batch.page.name, error.detail)

    def _forget(self) -> None:
        """Hold batches no longer that are collected."""
        over = [name for name, one in self._batches.items() if one.page.state == "collected"]
        for name in over:
            del self._batches[name]


def _count(counts: Mapping[str, Any], name: str) -> int:
    found = counts.get(name)
    return found if isinstance(found, int) and found >= 0 else 0


def _first_error(told: Mapping[str, Any]) -> tuple[str, str]:
    """Code and message of the first error of a batch that failed."""
    errors = told.get("errors")
    data = errors.get("data") if isinstance(errors, Mapping) else None
    first = data[0] if isinstance(data, list) and data else {}
    found = first if isinstance(first, Mapping) else {}
    return str(found.get("code") or ""), str(found.get("message") or "")
