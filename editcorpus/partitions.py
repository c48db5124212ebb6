"""Partitions: a run's shards in parts that several processes can take.

The parent of a run is the only owner of its budget and of its endpoints' limits. Whoever takes a
partition gets an allowance: so many dollars, and its share of the limits. It cannot pass it, so that
all together cannot pass the budget, and what it leaves goes back to the parent. What it spent is read
from its own journal, which names every call that may have been billed, not from what it says of itself;
a process that was killed settles its account thus, too.
"""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from itertools import pairwise

from editcorpus.errors import BudgetExceeded
from editcorpus.ledger import Ledger, Totals

PARTITION_SHARDS = 100
"""Most shards of a partition: with seven task runs each, beyond 1,100 of which the Prefect UI draws no
graph of a flow run."""
_CENT = Decimal("0.01")
_ALL = Decimal(10) ** 12
"""More dollars than any budget has: who draws so much draws all that is left."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Some shards of a run, one after the other.

    Attributes:
        number: Of the partition, from 0.
        first: Its first shard.
        stop: The first shard that is not its own any more.
    """

    number: int
    first: int
    stop: int

    @property
    def shards(self) -> range:
        """The numbers of its shards."""
        return range(self.first, self.stop)


def cut(
    shards: int, most: int = PARTITION_SHARDS, least: int = 1, unit: int = 1
) -> list[Partition]:
    """Partitions in the order of their shards: full ones and a rest, or some of nearly equal size.

    Where each of the processes gets more than one, they are full (see `full`), so that the first of
    them are known before it is known how many shards there are.

    Args:
        shards: Of the run.
        most: Shards in a partition.
        least: Partitions, as far as there are shards for them: one for each process that is to work.
        unit: Shards that belong together, one after the other: the turns of conversations.
    """
    units, each = shards // unit, len(full(0, most, unit).shards)
    if units * unit > each * least:
        parts = (full(number, most, unit) for number in range(-(-units * unit // each)))
        return [Partition(one.number, one.first, min(one.stop, units * unit)) for one in parts]
    count = min(least, units)
    bounds = [unit * (number * units // max(count, 1)) for number in range(count + 1)]
    pairs = pairwise(bounds)
    return [Partition(number, *pair) for number, pair in enumerate(pairs)]


def full(number: int, most: int = PARTITION_SHARDS, unit: int = 1) -> Partition:
    """The partition of a number where a run has more shards than it: the same however many more.

    Args:
        number: From 0.
        most: Shards in a partition.
        unit: Shards that belong together.
    """
    each = max(1, most // unit) * unit
    return Partition(number, number * each, (number + 1) * each)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one process may spend on a partition.

    Attributes:
        name: Of the process, unique over all that ever write to the store: its journal's name.
        usd: Dollars, possibly billed calls included; None is no limit.
    """

    name: str
    usd: Decimal | None


class Allowances:
    """Deals out what is left of a run's budget, and takes back what was not spent.

    Args:
        ledger: Of the run.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def deal(self, name: str, hands: int) -> Allowance:
        """Set an equal share of what is free aside for a process.

        Args:
            name: Of the process.
            hands: Processes that could still be started now, this one included.

        Raises:
            BudgetExceeded: Not a cent is free.
        """
        free = self._ledger.free
        if free is None:
            return Allowance(name, None)
        if self._ledger.fund is not None:
            free = self._drawn(free, hands)
        usd = (free / hands).quantize(_CENT, ROUND_DOWN)
        if usd <= 0 or not self._ledger.reserve(name, usd):
            if self._ledger.fund is not None and self._ledger.fund.dry:
                raise BudgetExceeded(self._ledger.fund.dry)
            raise BudgetExceeded(
                f"The budget of ${self._ledger.budget_usd} is dealt out: ${free:.4f} is free. "
                "Start the run again with a higher budget to go on."
            )
        return Allowance(name, usd)

    def _drawn(self, free: Decimal, hands: int) -> Decimal:
        """What is free once a share was drawn from the budget of all runs; all of it for the last hand."""
        budget = self._ledger.budget_usd
        room = None if budget is None else budget - self._ledger.spent - self._ledger.reserved
        most = _ALL if room is None else max(room - free, Decimal(0))
        self._ledger.draw(min(most, _ALL if hands == 1 else free or _CENT))
        return self._ledger.free or Decimal(0)

    def take_back(self, allowance: Allowance, spent: Totals, cached: int = 0) -> Decimal | None:
        """Book what a process spent, once it has ended or its lease is over; gives what it left.

        Args:
            allowance: What it was given.
            spent: What its journal adds up to.
            cached: How many answers it had from the store.
        """
        self._ledger.absorb(allowance.name, spent, cached)
        return None if allowance.usd is None else allowance.usd - spent.spent
