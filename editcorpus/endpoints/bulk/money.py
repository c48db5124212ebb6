"""The money for lines of batches: set aside before a line enters a batch, free when it has ended."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from decimal import Decimal

from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.requests import Ask
from editcorpus.errors import EditcorpusError, RecordError, RunStopped
from editcorpus.ledger import Ledger
from editcorpus.records import Reason

_SHORT = "The budget has no room for it beside what is reserved for batches that are under way."


@dataclass(frozen=True, slots=True)
class Purses:
    """Where tries get their names, and who is told when one is over and its money free."""

    names: Iterator[str]
    ended: Callable[[str], None]


class Money:
    """Sets money aside; lives on the engine's event loop.

    Args:
        endpoints: The endpoint that each step asks, by the step's name.
        ledger: The budget, and what is spent and reserved.
        purses: Names of tries, and the money that they leave.
        pool: Threads that draw from a budget of all runs.
    """

    def __init__(
        self, endpoints: Mapping[str, Endpoint], ledger: Ledger, purses: Purses, pool: Executor
    ) -> None:
        self._endpoints = endpoints
        self._ledger = ledger
        self._purses = purses
        self._pool = pool
        self._short: Decimal | None = None
        self._drawing = asyncio.Lock()

    @property
    def is_short(self) -> bool:
        """Whether a request found no room since the last `check`."""
        return self._short is not None

    async def reserve(self, ask: Ask) -> tuple[str, Decimal]:
        """Set the worst case of a request aside; the name of the try, and the dollars.

        Raises:
            RecordError: It does not fit beside what is under way.
            RunStopped: It does not fit though nothing is under way, or has no price.
        """
        try:
            worst = self._endpoints[ask.step].worst(ask.what, batch=True)
        except EditcorpusError as error:
            raise RunStopped(str(error), kind=error.kind) from error
        attempt = next(self._purses.names)
        if not await self._set_aside(attempt, worst):
            self._short = worst if self._short is None else min(worst, self._short)
            raise RecordError(Reason.NOT_REACHED, _SHORT)
        return attempt, worst

    async def check(self) -> None:
        """Stop if nothing is under way and not even the cheapest request that is left fits.

        Raises:
            BudgetExceeded: That is so.
        """
        short, self._short = self._short, None
        if short is None:
            return
        name = next(self._purses.names)
        if await self._set_aside(name, short):
            self._purses.ended(name)

    async def _set_aside(self, name: str, usd: Decimal) -> bool:
        """Whether there is so much money; what a budget of all runs has to give is drawn."""
        loop = asyncio.get_running_loop()
        async with self._drawing:
            while not self._ledger.reserve(name, usd):
                if not self._ledger.lacking:
                    return False
                try:
                    await loop.run_in_executor(self._pool, self._ledger.draw)
                except RunStopped:
                    raise
                except EditcorpusError as error:
                    raise RunStopped(str(error), kind=error.kind) from error
        return True
