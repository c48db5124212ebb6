"""Batches that are being filled: one for each step and model."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

from editcorpus.endpoints.bulk.batch import Tray
from editcorpus.endpoints.bulk.lines import Line, bare, for_batch, sent
from editcorpus.endpoints.bulk.works import Works
from editcorpus.endpoints.requests import Ask, Chat, ForImage

_KEY_DIGITS = 16
"""Of a request's hash in the name of its line; a number makes the name unique."""
_AT_ONCE = 8
"""Questions whose pictures are held while they are written down."""


class Filler:
    """Fills the batches of one endpoint; lives on the engine's event loop.

    Args:
        works: What it works with.
        name: Gives each batch a name that no other has.
        reserve: Sets the worst case of a request aside; gives the name of the try and the dollars.
        limit: Input tokens of a model that batches may hold; 0 where nobody knows.
    """

    def __init__(
        self,
        works: Works,
        name: Callable[[], str],
        reserve: Callable[[Ask], Awaitable[tuple[str, Decimal]]],
        limit: Callable[[str], int],
    ) -> None:
        self._works = works
        self._name = name
        self._reserve = reserve
        self._limit = limit
        self._trays: dict[tuple[str, str], Tray] = {}
        self._doors = asyncio.Semaphore(_AT_ONCE)
        self._number = 0

    @property
    def filled(self) -> bool:
        """Whether something is queued."""
        return bool(self._trays)

    def taken(self) -> list[Tray]:
        """All that is queued, to be submitted."""
        trays = list(self._trays.values())
        self._trays.clear()
        return trays

    def drop(self) -> list[str]:
        """Forget what is queued; the API's names of its pictures."""
        files = [
            name for tray in self._trays.values() for line in tray.lines for name in line.files
        ]
        for tray in self._trays.values():
            tray.file.close()
            for line in tray.lines:
                self._works.over(line)
        self._trays.clear()
        return files

    async def enter(self, ask: Ask) -> list[Tray]:
        """Put a request into a batch; those that have no room for more are to be submitted.

        Raises:
            RunStopped: The run must not go on.
            RecordError: Its pictures cannot be uploaded now, or the budget has no room for it now.
            ShardError: Its pictures cannot be read.
        """
        attempt, worst = await self._reserve(ask)
        self._number += 1
        custom_id = f"{ask.key[:_KEY_DIGITS]}-{self._number}"
        try:
            what = for_batch(ask.what)
            if isinstance(what, ForImage):
                files, data = await self._image(custom_id, what)
            else:
                async with self._doors:
                    files, data = [], await self._chat(custom_id, what)
        except BaseException:
            self._works.freed(attempt)
            raise
        tokens = self._works.endpoint.cost(ask.what).tokens
        full, tray = self._tray(ask, len(data), tokens)
        intent = self._works.entries.intent(ask, attempt, worst, tray.name)
        tray.add(Line(custom_id, bare(ask), intent, tuple(files)), data, tokens)
        if tray.full:
            full.append(self._trays.pop(_place(ask)))
        return full

    async def _image(self, custom_id: str, what: ForImage) -> tuple[list[str], bytes]:
        files = [await self._works.uploads.hold(picture) for picture in what.pictures]
        return files, sent(custom_id, what, files, [])

    async def _chat(self, custom_id: str, what: Chat) -> bytes:
        def line() -> bytes:
            return sent(custom_id, what, [], [picture.load() for picture in what.pictures])

        return await self._works.in_pool(line)

    def _tray(self, ask: Ask, size: int, tokens: int) -> tuple[list[Tray], Tray]:
        """The batch that a line goes into, and the one that had no room for it."""
        place, full = _place(ask), list[Tray]()
        tray = self._trays.get(place)
        if tray is not None and not tray.takes(size, tokens):
            full.append(self._trays.pop(place))
            tray = None
        if tray is None:
            limits = self._works.endpoint
            pictures = isinstance(ask.what, ForImage)
            most = limits.batch_lines if pictures else limits.batch_chats
            tray = self._trays[place] = Tray(self._name(), most, self._limit(ask.what.model))
        return full, tray


def _place(ask: Ask) -> tuple[str, str]:
    return ask.step, ask.what.model
