"""What a build takes follows from its figures: examples done by hand, units, and what more of each does."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus import figures
from editcorpus.capacity import Capacity, Ceilings, Demand, Fleet, capacity
from editcorpus.errors import ConfigError

DEMAND = Demand(
    triplets=1_500_000,
    usd=Decimal(90_000),
    usd_batch=Decimal(45_000),
    usd_call=Decimal("0.07"),
    edit_s=100,
    images=1,
    tokens=1_500,
)
OPEN = Ceilings()


def found(ceilings: Ceilings = OPEN, demand: Demand = DEMAND, **fleet: Any) -> Capacity:
    return capacity(demand, ceilings, Fleet(**fleet))


def test_an_example_done_by_hand() -> None:
    """1,000 pictures a minute are 16.67 a second, of which 1,666.7 are out at once for 100 s each.

    A worker has 256 * 0.9 = 230.4 of them out: 7.2 workers. 1.5 million take 90,000 s, and the last 100 s.
    """
    plan = found(Ceilings(images_per_minute=1000))
    assert plan.binds == "pictures a minute"
    assert plan.rate == pytest.approx(1000 / 60)
    assert plan.seconds == pytest.approx(90_100)
    assert plan.days == pytest.approx(90_100 / 86_400)
    assert plan.in_flight == pytest.approx(1666.67, abs=0.01)
    assert plan.allowed == 1852  # 1666.67 / 0.9
    assert plan.workers == 8
    assert plan.runs == 1
    assert plan.shards == 5860  # 5,859.4
    assert plan.partitions == 59
    assert plan.task_runs == 41_020
    assert plan.database_bytes == 697_340_000
    assert plan.server_s == pytest.approx(820.4)
    assert plan.server_cores == pytest.approx(1000 / 60 * 7 / 256 * 0.020)
    assert plan.cores == pytest.approx(1000 / 60 * (0.5 + 0.07 / 256))
    assert plan.puts == pytest.approx(1000 / 60 * (3 + 24 / 256))
    assert plan.gets == pytest.approx(1000 / 60 * (4 + 54 / 256))
    assert plan.affordable == 1_500_000


@pytest.mark.parametrize(
    ("ceilings", "binds", "rate"),
    [
        (Ceilings(requests_per_minute=60), "requests a minute", 1),
        (Ceilings(images_per_minute=60), "pictures a minute", 1),
        (Ceilings(tokens_per_minute=90_000), "tokens a minute", 1),
        (Ceilings(in_flight=100), "calls in flight allowed", 0.9),
        (Ceilings(requests_per_minute=120, images_per_minute=60), "pictures a minute", 1),
    ],
)
def test_the_lowest_limit_of_the_api_binds(ceilings: Ceilings, binds: str, rate: float) -> None:
    plan = found(ceilings)
    assert (plan.binds, plan.workers) == (binds, 1)
    assert plan.rate == pytest.approx(rate)


def test_an_edit_of_two_pictures_takes_two_of_the_pictures_a_minute() -> None:
    plan = found(Ceilings(images_per_minute=60), replace(DEMAND, images=2))
    assert plan.rate == pytest.approx(0.5)


def test_too_few_workers_bind_by_their_calls() -> None:
    plan = found(Ceilings(images_per_minute=1000), workers=3)
    assert plan.binds == "workers' calls in flight"
    assert plan.rate == pytest.approx(3 * 230.4 / 100)


def test_quick_answers_make_the_cpu_of_the_workers_bind() -> None:
    plan = found(demand=replace(DEMAND, edit_s=5), workers=4, cores=2)
    assert plan.binds == "workers' CPU"
    assert plan.rate == pytest.approx(4 * 2 / 0.5, rel=1e-3)
    assert plan.cores == pytest.approx(8)


def test_pictures_of_twice_the_pixels_take_twice_the_cpu() -> None:
    large = replace(DEMAND, pixels=2 * figures.CPU_PIXELS)
    assert large.cpu_s == 2 * DEMAND.cpu_s == 2 * figures.CPU_S


def test_shards_of_one_triplet_make_the_server_bind() -> None:
    plan = found(demand=replace(DEMAND, edit_s=1), workers=10_000, shard_size=1)
    assert plan.binds == "server's recorder"
    assert plan.rate == pytest.approx(1 / 7 / 0.020)


def test_a_great_fleet_is_bound_by_the_bucket() -> None:
    stored = replace(DEMAND, edit_s=1, stored={"answers": 2.0 * 52_428_800 * DEMAND.triplets})
    plan = found(demand=stored, workers=5860)
    assert plan.binds == "bucket's puts"
    assert plan.rate == pytest.approx(3500 / (3 + 24 / 256 + 2))


def test_the_days_given_say_how_many_workers_are_needed() -> None:
    plan = found(days=1)
    assert (plan.binds, plan.workers) == ("days given", 8)
    assert plan.days == pytest.approx(1, rel=2e-3)
    slower = found(Ceilings(images_per_minute=100), days=1)
    assert (slower.binds, slower.workers) == ("pictures a minute", 1)


def test_one_worker_is_enough_where_nothing_is_asked_for() -> None:
    assert found().workers == 1


def test_there_are_no_more_workers_than_shards() -> None:
    assert found(demand=replace(DEMAND, triplets=600), workers=50).workers == 3


def test_a_run_is_shared_by_32_workers_at_most() -> None:
    assert [found(workers=count).runs for count in (32, 33, 100)] == [1, 2, 4]


def test_a_short_budget_says_how_far_it_goes() -> None:
    assert found(budget_usd=Decimal(30_000)).affordable == 500_000
    assert found(budget_usd=Decimal(90_000)).affordable == 1_500_000
    free = replace(DEMAND, usd=Decimal(0))
    assert found(demand=free, budget_usd=Decimal(1)).affordable == 1_500_000


@pytest.mark.parametrize(
    "wrong", [{"triplets": 0}, {"edit_s": 0.0}, {"edit_s": float("nan")}, {"images": -1.0}]
)
def test_a_demand_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="is to be more than 0"):
        found(demand=replace(DEMAND, **wrong))


@pytest.mark.parametrize("wrong", [{"workers": -1}, {"days": float("inf")}, {"cores": 0}])
def test_a_fleet_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        found(**wrong)


AMOUNT = st.integers(1, 100_000)


@given(AMOUNT, AMOUNT, st.integers(1, 200), st.integers(1, 10_000_000))
def test_more_of_anything_is_never_slower(
    pictures: int, calls: int, workers: int, triplets: int
) -> None:
    demand = replace(DEMAND, triplets=triplets)
    ceilings = Ceilings(images_per_minute=pictures, in_flight=calls)
    plan = found(ceilings, demand, workers=workers)
    assert plan.rate == min(plan.bounds.values())
    for more in (
        found(replace(ceilings, images_per_minute=2 * pictures), demand, workers=workers),
        found(replace(ceilings, in_flight=2 * calls), demand, workers=workers),
        found(ceilings, demand, workers=workers + 1),
        found(ceilings, demand, workers=workers, cores=4),
    ):
        assert more.seconds <= plan.seconds
    assert found(ceilings, replace(demand, edit_s=200), workers=workers).seconds > plan.seconds


@given(st.integers(1, 60_000))
def test_the_workers_needed_use_the_limit_up_and_one_less_does_not(pictures: int) -> None:
    ceilings = Ceilings(images_per_minute=pictures)
    plan = found(ceilings)
    assert plan.rate == pytest.approx(pictures / 60)
    if plan.workers > 1:
        assert found(ceilings, workers=plan.workers - 1).rate < plan.rate
