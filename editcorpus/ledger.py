"""What every call cost, what is reserved, and the budget that is never passed.

The order for one call is: reserve the worst case, write the intent, call, store the answer with
its record, settle. Whatever is killed in between, the journal names every call that may have been
billed: an intent without an end, and without a stored answer of that very attempt, is *possibly
billed* and stays booked at its worst case for ever.
"""

from collections import Counter, defaultdict
from decimal import Decimal
from threading import Lock
from typing import Literal

from editcorpus.bookings import Intent, Outcome, Record, to_fields, to_intent, to_record
from editcorpus.errors import BudgetExceeded
from editcorpus.headers import Header, image_path, parse_header, read_header
from editcorpus.history import (
    ENDS,
    History,
    Totals,
    journal_folder,
    read_history,
    read_totals,
)

__all__ = [
    "ENDS",
    "Header",
    "History",
    "Intent",
    "Ledger",
    "Outcome",
    "Record",
    "Totals",
    "image_path",
    "journal_folder",
    "parse_header",
    "read_header",
    "read_history",
    "read_totals",
    "to_fields",
    "to_intent",
    "to_record",
]


class Ledger:
    """Dollars of one run in this process: settled, possibly billed, reserved; safe from any thread.

    Args:
        budget_usd: What the run may cost in all, possibly billed calls included; None is no limit.
        past: What earlier processes booked for the run.
    """

    def __init__(self, budget_usd: Decimal | None, past: Totals | None = None) -> None:
        past = past or Totals()
        self.budget_usd = budget_usd
        self._spent = past.spent
        self._possibly = past.possibly
        self._settled = past.settled.copy()
        self._damaged = past.damaged.copy()
        self._reserved: dict[str, Decimal] = {}
        self._out = Decimal(0)
        self._lock = Lock()
        self.calls: Counter[Outcome | Literal["cached"]] = Counter()
        self._usd: dict[tuple[str, int], Decimal] = defaultdict(Decimal)

    @property
    def spent(self) -> Decimal:
        """Booked dollars: settled, damaged and possibly billed."""
        return self._spent

    @property
    def possibly(self) -> int:
        """Calls of the run, earlier processes included, that may have been billed for nothing."""
        with self._lock:
            return self._possibly + self.calls["possibly"]

    def settled(self, step: str) -> int:
        """Calls of the run, earlier processes included, whose answers a step got."""
        with self._lock:
            return self._settled[step]

    def damaged(self, key: str) -> int:
        """How often the run, earlier processes included, paid for a useless answer to a request."""
        with self._lock:
            return self._damaged[key]

    @property
    def reserved(self) -> Decimal:
        """Worst case of all calls that are out now, in dollars."""
        return self._out

    def reserve(self, attempt: str, worst: Decimal) -> bool:
        """Set the worst case of a call aside.

        Returns:
            Whether it was. If not, calls that are out may end for less than their worst case: ask
            again when one has.

        Raises:
            BudgetExceeded: It does not fit though nothing is out; nothing was set aside.
            ValueError: The attempt has a reservation; nothing was set aside.
        """
        with self._lock:
            if attempt in self._reserved:
                raise ValueError(f"The attempt {attempt!r} has a reservation already.")
            booked = self._spent + self._out
            if self.budget_usd is not None and booked + worst > self.budget_usd:
                if self._reserved:
                    return False
                raise BudgetExceeded(
                    f"The budget of ${self.budget_usd} would be passed: ${self._spent:.4f} is "
                    f"spent, nothing is in flight, and the next call may cost ${worst:.4f}. "
                    "Start the run again with a higher budget to go on."
                )
            self._reserved[attempt] = worst
            self._out += worst
            return True

    def release(self, attempt: str) -> None:
        """End what is left of a reservation: its call never went out. Nothing, if it was booked."""
        with self._lock:
            self._out -= self._reserved.pop(attempt, Decimal(0))

    def book(self, record: Record) -> None:
        """End a reservation with what the call really cost."""
        with self._lock:
            self._out -= self._reserved.pop(record.attempt, Decimal(0))
            self._spent += record.usd
            self.calls[record.outcome] += 1
            self._settled[record.step] += record.outcome == "settled"
            if record.outcome == "damaged":
                self._damaged[record.key] += 1
            self._usd[record.step, record.shard] += record.usd

    def usd(self, step: str, shard: int) -> Decimal:
        """Dollars that this process booked for one step over one shard."""
        with self._lock:
            return self._usd[step, shard]

    def cached(self, count: int = 1) -> None:
        """Count answers that were served from the store."""
        with self._lock:
            self.calls["cached"] += count

    @property
    def free(self) -> Decimal | None:
        """Dollars of the budget that are neither spent nor reserved; None without a budget."""
        with self._lock:
            return None if self.budget_usd is None else self.budget_usd - self._spent - self._out

    def absorb(self, name: str, totals: Totals, cached: int) -> None:
        """Book what another process spent under a reservation, which ends.

        Args:
            name: Of the reservation; without one, the money was spent all the same.
            totals: What the process' journal adds up to.
            cached: How many answers it had from the store.
        """
        with self._lock:
            self._out -= self._reserved.pop(name, Decimal(0))
            self._spent += totals.spent
            self._possibly += len(totals.open)
            self.calls["cached"] += cached
            self.calls.update(totals.outcomes)
            self._settled.update(totals.settled)
            self._damaged.update(totals.damaged)
            for place, usd in totals.usd.items():
                self._usd[place] += usd
