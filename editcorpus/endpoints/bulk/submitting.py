"""How a batch comes to the API, and never twice.

The order is what makes it safe: the record of its lines, their intents, the upload, a note that the API
is asked to make it, the asking, a note that it did. Where nobody knows whether it did, the batch is
looked for by the word in its metadata. If it is not there, its input file is deleted, so that an order
that is still on its way cannot be carried out, and it is looked for once more; only then it is
submitted anew, or its lines end as free.
"""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from editcorpus.endpoints.bulk.batch import Batch, Tray
from editcorpus.endpoints.bulk.lines import path_of
from editcorpus.endpoints.bulk.page import Page
from editcorpus.endpoints.bulk.works import Works
from editcorpus.endpoints.entries import Entry
from editcorpus.errors import (
    EndpointStopped,
    ModelRefused,
    ModelUnavailable,
    RunStopped,
)
from editcorpus.records import Reason

_log = logging.getLogger(__name__)
_MOST_AN_HOUR, _HOUR_S = 2_000, 3_600.0
"""Batches that may be made in an hour (OpenAI's guide to the Batch API)."""
_TRIES_AT_ONCE = 4
"""How often a batch is submitted before it waits for the next look, while the API fails."""
_LONGEST_PAUSE_S = 600.0
_LIMIT = re.compile(r"limit:\s*([\d,]{1,15})", re.IGNORECASE)


class Submitter:
    """Submits the batches of one endpoint; lives on the engine's event loop.

    Args:
        works: What it works with.
        others: Gives all batches of the endpoint.
    """

    def __init__(self, works: Works, others: Callable[[], Iterable[Batch]]) -> None:
        self._works = works
        self._others = others
        self._learnt: dict[str, int] = {}
        self._made: deque[float] = deque(maxlen=_MOST_AN_HOUR)
        self._loop = asyncio.get_running_loop()

    def limit(self, model: str) -> int:
        """Input tokens of a model that unfinished batches may hold; 0 where nobody knows."""
        return self._works.endpoint.batch_tokens or self._learnt.get(model, 0)

    async def prepare(self, tray: Tray, page: Page) -> Batch:
        """Put a batch that was filled on record, with the intents of all its lines.

        Raises:
            RunStopped: Store or journal cannot be written; its lines end as free.
        """
        works = self._works
        files = tuple(name for line in tray.lines for name in line.files)
        lines = {line.custom_id: line for line in tray.lines}
        path = path_of(tray.lines[0].ask.what)
        batch = Batch(page, lines, path, tray.tokens, files, file=tray.file)
        try:
            await works.records.save_lines(page.name, lines.values())
            await works.records.save(page)
        except RunStopped:
            works.end(batch, "free")
            raise
        entries = [Entry(line.ask, line.intent) for line in lines.values()]
        results = await asyncio.gather(
            *(works.entries.going(entry) for entry in entries), return_exceptions=True
        )
        failed = [error for error in results if error is not None]
        if failed:
            for line, error in zip(list(lines.values()), results, strict=True):
                if error is not None:  # it has ended already
                    del batch.open[line.custom_id]
                    works.over(line)
            works.end(batch, "free")
            raise failed[0]
        return batch

    async def advance(self, batch: Batch) -> None:
        """Bring a batch that waits as far as there is room at the API.

        Raises:
            RunStopped: The run must not go on; a batch that the API surely does not have ends.
        """
        async with batch.lock:
            try:
                await self._advance(batch)
            except ModelUnavailable as error:
                _log.warning("The batch %s waits: %s", batch.page.name, error.detail)
            except (EndpointStopped, ModelRefused) as error:
                if not batch.doubt:
                    self._works.end(batch, "free")
                    await self._works.file_away(batch)
                if isinstance(error, EndpointStopped):
                    raise
                name = self._works.endpoint.name
                raise EndpointStopped(f"{name}: {error.detail}") from error

    async def _advance(self, batch: Batch) -> None:
        for number in range(_TRIES_AT_ONCE):
            if number:
                await self._works.desk.pause(min(self._works.endpoint.probe_s, 0.5 * 2.0**number))
            if batch.doubt:
                await self._settle_doubt(batch)
            if batch.page.state == "prepared":
                await self._upload(batch)
            if batch.page.state == "uploaded" and self._has_room(batch):
                await self._create(batch)
            if not batch.doubt:
                return

    async def _upload(self, batch: Batch) -> None:
        works, page = self._works, batch.page
        assert batch.file is not None  # noqa: S101 - one of an earlier process is never uploaded
        name = f"{works.prefix()}{page.name}.jsonl"
        input_file = await works.desk.upload(name, batch.file, "application/jsonl")
        batch.page = replace(page, state="uploaded", input_file=input_file)
        await works.records.save(batch.page)

    async def _create(self, batch: Batch) -> None:
        works = self._works
        batch.doubt = True  # from here on it takes up room
        self._made.append(self._loop.time())
        batch.page = replace(batch.page, tries=batch.page.tries + 1)
        await works.records.save(batch.page)
        try:
            told = await works.desk.create(batch.page.input_file, batch.path, batch.page.tag)
        except (EndpointStopped, ModelRefused, ModelUnavailable):
            batch.doubt = False  # it was refused, or never sent
            raise
        if told is not None:
            await self.take(batch, told)

    async def take(self, batch: Batch, told: dict[str, Any]) -> None:
        """Note that the API has a batch.

        Raises:
            RunStopped: The store cannot be written.
        """
        batch.page = replace(batch.page, state="created", batch_id=told["id"])
        batch.status = told["status"]
        await self._works.records.save(batch.page)
        batch.doubt = False

    async def _settle_doubt(self, batch: Batch) -> None:
        """Find out whether the API made a batch; if not, it is to be submitted anew, or has ended.

        Raises:
            EndpointStopped: No call can succeed.
            ModelUnavailable: No answer after all retries: the doubt remains.
        """
        works, page = self._works, batch.page
        told, gone = await works.desk.find(page.tag), "no"
        if told is None:
            gone = await works.desk.delete(page.input_file)
            told = await works.desk.find(page.tag)
            batch.page = page if gone == "no" else replace(page, input_file="")
        if told is not None:
            await self.take(batch, told)
            return
        if gone == "no":
            raise ModelUnavailable(Reason.UNAVAILABLE, "nobody knows whether the API has made it.")
        batch.doubt = False
        if gone == "now" and batch.file is not None:
            batch.page = replace(batch.page, state="prepared")
            await works.records.save(batch.page)
            return
        works.end(batch, "free" if gone == "now" else "possibly")
        await works.file_away(batch)

    def crowded(self, batch: Batch, message: str) -> bool:
        """Note that the API failed a batch for want of room for its tokens.

        Returns:
            Whether the same batch can be submitted again once others have ended.
        """
        said = _LIMIT.search(message)
        limit = int(said[1].replace(",", "")) if said else 0
        if limit:
            self._learnt[batch.page.model] = limit
        alone = not self._under_way(batch)
        batch.crowded += alone
        pause_s = self._works.endpoint.probe_s * 2 ** min(batch.crowded, 10)
        batch.not_before = self._loop.time() + min(_LONGEST_PAUSE_S, pause_s)
        return not limit or batch.tokens <= limit or len(batch.open) == 1

    def _has_room(self, batch: Batch) -> bool:
        now, made = self._loop.time(), self._made
        if now < batch.not_before:
            return False
        if len(made) == _MOST_AN_HOUR and now - made[0] < _HOUR_S:
            return False
        limit, under_way = self.limit(batch.page.model), self._under_way(batch)
        return not limit or not under_way or under_way + batch.tokens <= limit

    def _under_way(self, batch: Batch) -> int:
        """Input tokens that other batches of the same model hold at the API."""
        return sum(
            other.tokens
            for other in self._others()
            if other is not batch
            and other.page.model == batch.page.model
            and (other.doubt or other.page.state == "created")
        )
