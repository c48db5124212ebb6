"""A budget is dealt out and comes back, whatever becomes of those who had it."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from editcorpus.bookings import Intent, Record
from editcorpus.endpoints.limits import Limits
from editcorpus.errors import BudgetExceeded
from editcorpus.ledger import History, Ledger, Totals
from editcorpus.partitions import Allowances, Partition, cut, full


@pytest.mark.parametrize(
    ("shards", "most", "least", "sizes"),
    [
        (0, 100, 1, []),
        (1, 100, 4, [1]),
        (3, 100, 8, [1, 1, 1]),
        (7, 100, 3, [2, 2, 3]),
        (100, 100, 1, [100]),
        (101, 100, 1, [100, 1]),
        (101, 100, 2, [50, 51]),
        (250, 100, 2, [100, 100, 50]),
        (1000, 100, 3, [100] * 10),
    ],
)
def test_partitions_hold_each_shard_once(shards: int, most: int, least: int, sizes: list[int]):
    parts = cut(shards, most, least)
    assert [len(part.shards) for part in parts] == sizes
    assert [number for part in parts for number in part.shards] == list(range(shards))
    assert [part.number for part in parts] == list(range(len(parts)))


@pytest.mark.parametrize(
    ("shards", "most", "least", "sizes"),
    [(5, 100, 8, [5]), (15, 100, 2, [5, 10]), (500, 100, 1, [100] * 5), (20, 3, 1, [5] * 4)],
)
def test_shards_that_belong_together_are_in_one_partition(
    shards: int, most: int, least: int, sizes: list[int]
):
    parts = cut(shards, most, least, unit=5)
    assert [len(part.shards) for part in parts] == sizes
    assert [number for part in parts for number in part.shards] == list(range(shards))


def test_a_partition_knows_its_shards():
    assert Partition(2, 10, 13).shards == range(10, 13)


def call(name: str, usd: str, shard: int = 0) -> Record:
    intent = Intent(name, "k" * 64, "r", shard, "a/1", "regenerate", 0, "m", Decimal(usd), "now")
    return Record.of(intent, Decimal(usd), "now", "settled")


def lost(name: str, usd: str) -> Intent:
    return Intent(name, "k" * 64, "r", 0, "a/1", "regenerate", 0, "m", Decimal(usd), "now")


def test_what_is_dealt_out_is_never_more_than_the_budget():
    ledger = Ledger(Decimal("10.00"))
    dealt = Allowances(ledger)
    given = [dealt.deal(str(number), 3 - number) for number in range(3)]
    assert [one.usd for one in given] == [Decimal("3.33"), Decimal("3.33"), Decimal("3.34")]
    with pytest.raises(
        BudgetExceeded, match=r"The budget of \$10.00 is dealt out: \$0.0000 is free"
    ):
        dealt.deal("4", 1)


def test_what_was_not_spent_comes_back_and_what_may_be_billed_does_not():
    ledger = Ledger(Decimal(10))
    dealt = Allowances(ledger)
    first, second = dealt.deal("a", 2), dealt.deal("b", 1)
    spent = History((call("a-0", "1.5"),), (lost("a-1", "0.25"),)).totals
    assert dealt.take_back(first, spent, cached=4) == Decimal("3.25")
    assert (ledger.spent, ledger.free) == (Decimal("1.75"), Decimal("3.25"))
    assert (ledger.possibly, ledger.calls["settled"], ledger.calls["cached"]) == (1, 1, 4)
    dealt.take_back(second, Totals())
    assert ledger.free == Decimal("8.25")
    assert ledger.usd("regenerate", 0) == Decimal("1.5")


def test_without_a_budget_nobody_is_held_back():
    ledger = Ledger(None)
    allowance = Allowances(ledger).deal("a", 3)
    assert allowance.usd is None
    assert Allowances(ledger).take_back(allowance, History((call("a-0", "2"),), ()).totals) is None
    assert ledger.spent == 2


def test_many_who_ask_at_once_share_one_budget():
    ledger = Ledger(Decimal(7))
    dealt = Allowances(ledger)

    def taken(number: int) -> Decimal:
        try:
            return dealt.deal(str(number), 3).usd or Decimal(0)
        except BudgetExceeded:
            return Decimal(0)

    with ThreadPoolExecutor(16) as pool:
        given = list(pool.map(taken, range(200)))
    assert sum(given) <= 7
    assert ledger.reserved == sum(given)


def test_limits_are_shared_out():
    limits = Limits(in_flight=64, requests_per_minute=100, input_images_per_minute=2)
    assert limits.shared(3) == Limits(
        in_flight=21, requests_per_minute=33, input_images_per_minute=1, tokens_per_minute=0
    )
    assert limits.shared(1) == limits


@pytest.mark.parametrize("unit", [1, 3, 150])
def test_a_full_partition_is_the_same_however_many_shards_follow(unit: int):
    for count in (1, 2, 5):
        parts = cut(count * 300, 100, unit=unit)
        whole = [full(number, 100, unit) for number in range(len(parts))]
        assert parts[:-1] == whole[:-1]
        assert (parts[-1].first, parts[-1].stop) == (whole[-1].first, count * 300)
