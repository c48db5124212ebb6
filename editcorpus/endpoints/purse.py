"""Who may spend next: calls that do not fit beside what is reserved wait for what that leaves over."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal

from editcorpus.errors import BudgetExceeded, EditcorpusError, RunStopped
from editcorpus.ledger import Ledger

Pump = Callable[[], None]
"""Makes a lane look at its queue; it asks the purse for each call that it lets go."""


class Purse:
    """Sets money aside for the calls of all lanes; lives on the engine's event loop.

    A call that is out mostly ends for less than its worst case. So one that does not fit waits until
    some call has ended, or more was drawn from a budget that all runs share; then all lanes that wait
    try again, the cheapest first. The budget is used up only when not even that one fits though nothing
    is out.

    Args:
        ledger: The budget, and what is spent and reserved.
        names: Gives each try a name that no other has.
        stop: Tells the engine that the run must not go on.
    """

    def __init__(
        self, ledger: Ledger, names: Iterator[str], stop: Callable[[RunStopped], None]
    ) -> None:
        self._ledger = ledger
        self._names = names
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._name = next(names)
        self._short: dict[Pump, Decimal] = {}
        self._due = False
        self._never: BudgetExceeded | None = None
        self._drawing = False

    def take(self, worst: Decimal, pump: Pump) -> str | None:
        """Set the worst case of a call aside.

        Args:
            worst: In dollars.
            pump: Is called when it is worth asking again, if it does not fit now.

        Returns:
            The name of this try, under which the money is set aside; None where it does not fit.
        """
        try:
            if self._ledger.reserve(self._name, worst):
                taken, self._name = self._name, next(self._names)
                return taken
        except BudgetExceeded as error:
            self._never = self._never or error
        self._short[pump] = worst
        if self._ledger.lacking and not self._drawing:
            self._drawing = True
            threading.Thread(target=self._draw, name="editcorpus-purse", daemon=True).start()
        if self._never is not None:
            self._look()
        return None

    def _draw(self) -> None:
        """Draw what the run lacks from the budget of all runs; in a thread, since it asks the store."""
        error: RunStopped | None = None
        try:
            self._ledger.draw()
        except RunStopped as stopped:
            error = stopped
        except EditcorpusError as failed:
            error = RunStopped(str(failed), kind=failed.kind)
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._drawn, error)

    def _drawn(self, error: RunStopped | None) -> None:
        self._drawing = False
        if error is not None:
            self._stop(error)
        self._look()

    def ended(self, attempt: str) -> None:
        """A try is over; what was not booked of its money is free again."""
        self._ledger.release(attempt)
        self._look()

    def _look(self) -> None:
        if self._short and not self._due:
            self._due = True
            self._loop.call_soon(self._again)

    def _again(self) -> None:
        """Let those that wait try once more; who still does not fit waits on."""
        short = sorted(self._short, key=self._short.__getitem__)
        self._short.clear()
        self._never = None
        for pump in short:
            pump()
        self._due = False
        if self._never is not None and not self._ledger.reserved:
            self._stop(self._never)
