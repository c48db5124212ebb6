"""What every call cost, what is reserved, and the budget that is never passed.

The order for one call is: reserve the worst case, write the intent, call, store the answer with
its record, settle. Whatever is killed in between, the journal names every call that may have been
billed: an intent without an end, and without a stored answer of that very attempt, is *possibly
billed* and stays booked at its worst case for ever.
"""

from collections import Counter, defaultdict
from decimal import Decimal
from threading import Lock
from typing import Literal, Protocol

from editcorpus.adding import read_totals
from editcorpus.bookings import Intent, Outcome, Record, to_fields, to_intent, to_record
from editcorpus.errors import BudgetExceeded
from editcorpus.headers import Header, image_path, parse_header, read_header
from editcorpus.history import (
    ENDS,
    History,
    journal_folder,
    read_history,
)
from editcorpus.totals import Totals

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


class Fund(Protocol):
    """Where a run draws money that it shares with others (`treasury.Treasury`).

    Attributes:
        ceiling: Dollars that the run may have booked in all, as of now.
        dry: Why there is no more; empty while there may be.
    """

    ceiling: Decimal
    dry: str

    def more(self, need: Decimal) -> None:
        """Raise the ceiling by at least so much, or find the fund dry; this asks the store."""


class Ledger:
    """Dollars of one run in this process: settled, possibly billed, reserved; safe from any thread.

    Args:
        budget_usd: What the run may cost in all, possibly billed calls included; None is no limit.
        past: What earlier processes booked for the run.
    """

    def __init__(self, budget_usd: Decimal | None, past: Totals | None = None) -> None:
        past = past or Totals()
        self.budget_usd = budget_usd
        self.fund: Fund | None = None
        self._lacking = Decimal(0)
        self._spent = past.spent
        self._possibly = past.possibly
        self._settled = past.settled.copy()
        self._damaged = past.damaged.copy()
        self._reserved: dict[str, Decimal] = {}
        self._open = {intent.attempt: intent.usd for intent in past.open}
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
            Whether it was. If not, calls that are out may end for less than their worst case, and
            there may be `lacking` money to `draw`: ask again when one has ended, or more is here.

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
            if not self._is_funded(booked + worst):
                return False
            self._reserved[attempt] = worst
            self._out += worst
            return True

    def _is_funded(self, wanted: Decimal) -> bool:
        """Whether the fund, if there is one, has so much for the run."""
        fund = self.fund
        if fund is None or wanted <= fund.ceiling:
            return True
        if not fund.dry:
            self._lacking = wanted - fund.ceiling
        elif not self._reserved:
            raise BudgetExceeded(fund.dry)
        return False

    @property
    def lacking(self) -> Decimal:
        """Dollars for which a reservation waits that `draw` may bring; zero where none does."""
        return self._lacking

    def draw(self, need: Decimal | None = None) -> None:
        """Draw money from the fund, if there is one and it is not dry: what is lacking, or so much.

        Raises:
            RunStopped: The run's account was taken over.
            StorageError: The store cannot be asked.
        """
        need, self._lacking = self._lacking if need is None else need, Decimal(0)
        if self.fund is not None and not self.fund.dry:
            self.fund.more(need)

    def readmit(self, attempt: str) -> bool:
        """Take a call of an earlier process, whose end was unknown, for one that is out again.

        Its worst case, which was booked as spent, is reserved instead, so that what is booked now is
        its price.

        Returns:
            Whether it was such a call; if not, its end is on record.
        """
        with self._lock:
            worst = self._open.pop(attempt, None)
            if worst is None:
                return False
            self._spent -= worst
            self._possibly -= 1
            self._reserved[attempt] = worst
            self._out += worst
            return True

    def hold(self, name: str, usd: Decimal) -> None:
        """Set dollars aside that are out already, also where the budget has no room for them.

        Args:
            name: Of whoever has them; one that has a reservation already keeps it.
            usd: How many.
        """
        with self._lock:
            if name not in self._reserved:
                self._reserved[name] = usd
                self._out += usd

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
        """Dollars of budget and fund that are neither spent nor reserved; None without either."""
        limits = [self.budget_usd, None if self.fund is None else self.fund.ceiling]
        known = [limit for limit in limits if limit is not None]
        with self._lock:
            return min(known) - self._spent - self._out if known else None

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
