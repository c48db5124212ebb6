"""The purse: a budget is used up to its last worst case, never passed, and keeps nobody waiting."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editcorpus.bookings import Intent, Record
from editcorpus.endpoints.purse import Purse
from editcorpus.errors import BudgetExceeded, RunStopped
from editcorpus.ledger import Ledger

Call = tuple[Decimal, Decimal]
"""The worst case of a call, and its price."""


def record(attempt: str, usd: Decimal) -> Record:
    intent = Intent(attempt, "ab" * 32, "r", 0, "x", "rewrite", 0, "m", Decimal(1), "")
    return Record.of(intent, usd, "", "settled")


@dataclass
class Queue:
    """A lane with nothing but a queue; its calls take a few turns of the loop."""

    purse: Purse
    ledger: Ledger
    calls: list[Call]
    turns: int
    out: dict[str, Call] = field(default_factory=dict)
    made: list[Call] = field(default_factory=list)

    def pump(self) -> None:
        while self.calls:
            attempt = self.purse.take(self.calls[0][0], self.pump)
            if attempt is None:
                return
            self.out[attempt] = self.calls.pop(0)
            self._turn(attempt, self.turns)

    def _turn(self, attempt: str, left: int) -> None:
        assert self.ledger.budget_usd is not None
        assert self.ledger.spent + self.ledger.reserved <= self.ledger.budget_usd
        if left:
            asyncio.get_running_loop().call_soon(self._turn, attempt, left - 1)
            return
        call = self.out.pop(attempt)
        self.made.append(call)
        self.ledger.book(record(attempt, call[1]))
        self.purse.ended(attempt)
        self.pump()


def spend(budget: Decimal, lanes: list[list[Call]]) -> tuple[Ledger, list[Queue], list[RunStopped]]:
    """Let lanes spend until all is spent or done."""
    ledger, stops = Ledger(budget), []

    async def main() -> list[Queue]:
        names = (f"p-{number}" for number in itertools.count())
        purse = Purse(ledger, names, stops.append)
        queues = [Queue(purse, ledger, list(calls), 3 + turn) for turn, calls in enumerate(lanes)]
        for queue in queues:
            queue.pump()
        while not stops and any(queue.calls or queue.out for queue in queues):
            await asyncio.sleep(0)
        return queues

    return ledger, asyncio.run(asyncio.wait_for(main(), 20)), stops


@pytest.mark.parametrize("count", [1, 7, 40])
def test_a_budget_for_so_many_calls_makes_about_so_many(count: int) -> None:
    """Though each is reserved at three times its price."""
    price = Decimal("0.1")
    ledger, (queue,), stops = spend(price * count, [[(3 * price, price)] * 100])
    assert max(0, count - 2) == len(queue.made)
    assert ledger.spent == price * len(queue.made) <= price * count
    assert len(stops) == 1 and "nothing is in flight" in str(stops[0])


cents = st.integers(0, 60).map(lambda number: Decimal(number) / 100)
calls = st.tuples(cents, st.integers(0, 10)).map(lambda it: (it[0], it[0] * it[1] / 10))


@settings(max_examples=150, deadline=None)
@given(
    budget=st.integers(0, 500).map(lambda number: Decimal(number) / 100),
    lanes=st.lists(st.lists(calls, max_size=25), min_size=1, max_size=3),
)
def test_a_budget_is_never_passed_and_the_end_is_never_early(
    budget: Decimal, lanes: list[list[Call]]
) -> None:
    ledger, queues, stops = spend(budget, lanes)
    assert ledger.spent <= budget and ledger.reserved == 0
    heads = [queue.calls[0][0] for queue in queues if queue.calls]
    assert bool(stops) == bool(heads)
    if stops:
        assert isinstance(stops[0], BudgetExceeded)
        assert ledger.spent + min(heads) > budget, "not even the cheapest fits"


def test_a_lane_whose_calls_are_dear_keeps_no_cheaper_one_waiting() -> None:
    dear, cheap = (Decimal(2), Decimal(2)), (Decimal("0.1"), Decimal("0.1"))
    ledger, queues, stops = spend(Decimal("1.5"), [[dear], [cheap] * 15])
    assert [len(queue.made) for queue in queues] == [0, 15]
    assert ledger.spent == Decimal("1.5") and len(stops) == 1


def test_money_that_was_set_aside_for_nothing_is_free_again() -> None:
    ledger, stops = Ledger(Decimal(1)), []
    pumped: list[Callable[[], None]] = []

    async def main() -> None:
        purse = Purse(ledger, iter("abc"), stops.append)
        assert purse.take(Decimal(1), pumped.clear) == "a"
        assert purse.take(Decimal(1), lambda: pumped.append(pumped.clear)) is None
        purse.ended("a")
        await asyncio.sleep(0)

    asyncio.run(main())
    assert len(pumped) == 1 and ledger.reserved == 0 and not stops
