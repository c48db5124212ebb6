"""What calls add up to."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from editcorpus.bookings import Intent, Outcome, Record


@dataclass(slots=True)
class Totals:
    """What the calls of a run, or of one process, add up to.

    Attributes:
        ended_usd: Booked dollars of the calls that ended.
        outcomes: How many ended how.
        settled: Answers by step.
        damaged: Useless answers that were paid for, by the hash of the request.
        usd: Booked dollars of the calls that ended, by step and shard.
        open: The calls whose end is unknown.
    """

    ended_usd: Decimal = Decimal(0)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)
    damaged: Counter[str] = field(default_factory=Counter)
    usd: defaultdict[tuple[str, int], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    open: tuple[Intent, ...] = ()

    @property
    def spent(self) -> Decimal:
        """Booked dollars; calls whose end is unknown count at their worst case."""
        return self.ended_usd + sum((intent.usd for intent in self.open), Decimal(0))

    @property
    def possibly(self) -> int:
        """How many calls may have been billed without an answer in the store."""
        return self.outcomes["possibly"] + len(self.open)

    def add(self, record: Record, times: int = 1) -> None:
        """Add a call that ended; -1 times takes it out again."""
        self.ended_usd += record.usd * times
        self.outcomes[record.outcome] += times
        self.usd[record.step, record.shard] += record.usd * times
        if record.outcome == "settled":
            self.settled[record.step] += times
        if record.outcome == "damaged":
            self.damaged[record.key] += times

    def take(self, other: "Totals") -> None:
        """Add what other calls add up to; `open` is left alone."""
        self.ended_usd += other.ended_usd
        self.outcomes.update(other.outcomes)
        self.settled.update(other.settled)
        self.damaged.update(other.damaged)
        for place, usd in other.usd.items():
            self.usd[place] += usd
