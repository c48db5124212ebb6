"""Intervals hold what they promise, and say nothing of certainty where little was seen."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.intervals import Stratum, project, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_shares_have_the_published_intervals_of_wilson(
    successes: int, trials: int, low: float, high: float
) -> None:
    """The last is the example of Newcombe 1998, table I."""
    found = wilson(successes, trials)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.mid == successes / trials


def test_of_no_trial_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 0.0, 1.0)


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_share_lies_in_its_interval(successes: int, others: int) -> None:
    low, mid, high = wilson(successes, successes + others)
    assert 0 <= low <= mid <= high <= 1


def test_strata_are_weighted_by_their_rows() -> None:
    cheap = Stratum(900, [0.1] * 20, [1.0] * 20)
    dear = Stratum(100, [0.5] * 20, [0.0, 1.0] * 10)
    found = project([cheap, dear])
    assert found.usd == pytest.approx((140, 140, 140))
    assert found.kept.mid == pytest.approx(950)
    assert found.usd_per_kept is not None
    assert found.usd_per_kept.mid == pytest.approx(140 / 950)


def test_all_accepted_is_not_certain() -> None:
    few, many = (project([Stratum(n, [0.1] * n, [1.0] * n)]).usd_per_kept for n in (5, 500))
    assert few is not None
    assert many is not None
    assert few.low < few.mid < few.high
    assert few.high - few.low > 10 * (many.high - many.low) > 0


def test_without_an_accepted_one_there_is_no_price_of_it() -> None:
    found = project([Stratum(100, [0.1] * 9, [0.0] * 9)])
    assert found.usd_per_kept is None
    assert found.kept.high > 0


def test_what_costs_nothing_is_no_error() -> None:
    assert project([Stratum(1, [0.0], [1.0])]).usd == (0, 0, 0)
    free = project([Stratum(10, [0.0, 0.0], [1.0, 0.0])]).usd_per_kept
    assert free == (0, 0, 0)


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_95_of_100_intervals_hold_the_truth(share: float) -> None:
    """Accepted triplets cost a little more than others, and a twentieth is refused for nothing."""
    draw = random.Random(f"coverage {share}")
    truth = 0.06 * 0.95 + 0.004 * share
    held = 0
    for _ in range(400):
        kept = [float(draw.random() < share) for _ in range(80)]
        usd = [0.06 * (one > 0 or draw.random() < _ran(share)) + 0.004 * one for one in kept]
        found = project([Stratum(80, usd, kept)]).usd_per_kept
        held += found is not None and found.low <= truth / share <= found.high
    assert held / 400 >= 0.93


def _ran(share: float) -> float:
    """Share of those not accepted that were paid for, so that a twentieth of all was not."""
    return max(0.0, 1 - 0.05 / (1 - share))
