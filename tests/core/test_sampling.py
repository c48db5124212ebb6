"""Seeded numbers, quotas and draws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.sampling import fraction, number, quotas, spread

counts = st.lists(st.integers(0, 40), min_size=1, max_size=6)


def test_a_number_follows_from_seed_and_names_alone():
    assert number(0, "omniedit/a") == number(0, "omniedit/a") == 14935174358599726633
    assert number(0, "omniedit/a") != number(1, "omniedit/a")
    assert number(0, "a", "b") != number(0, "ab")


def test_fractions_are_evenly_spread():
    drawn = [fraction(7, f"id/{n}") for n in range(4000)]
    assert all(0 <= one < 1 for one in drawn)
    assert sum(one < 0.1 for one in drawn) == pytest.approx(400, abs=60)


def test_quotas_are_proportional_and_leave_no_stratum_out():
    sizes = {"style": 14, "swap": 262, "env": 137, "none": 0}
    assert quotas(sizes, 10) == {"style": 1, "swap": 6, "env": 3}
    assert quotas(sizes, 3) == {"style": 1, "swap": 1, "env": 1}
    assert quotas(sizes, 1) == {"style": 0, "swap": 1, "env": 0}
    assert quotas(sizes, 1000) == {"style": 14, "swap": 262, "env": 137}
    assert quotas({}, 5) == {}


@given(counts, st.integers(0, 200))
def test_a_higher_limit_never_takes_a_seat_away(sizes, limit):
    strata = {f"s{n}": size for n, size in enumerate(sizes)}
    one, more = quotas(strata, limit), quotas(strata, limit + 1)
    assert sum(one.values()) == min(limit, sum(sizes))
    assert all(one[name] <= more[name] <= strata[name] for name in one)


def test_few_groups_are_drawn_from_while_they_suffice():
    assert spread([100, 100, 100, 100], 70, 32) == [32, 32, 6, 0]
    assert spread([100, 5, 100], 50, 32) == [32, 5, 13]
    assert spread([100, 5, 100], 185, 32) == [90, 5, 90]
    assert spread([100, 5, 100], 186, 32) == [91, 5, 90]
    assert spread([3], 99, 1) == [3]


@given(counts, st.integers(0, 250), st.integers(1, 50))
def test_a_higher_quota_never_takes_less_from_a_group(sizes, quota, at_most):
    one, more = spread(sizes, quota, at_most), spread(sizes, quota + 1, at_most)
    assert sum(one) == min(quota, sum(sizes))
    assert all(a <= b <= size for a, b, size in zip(one, more, sizes, strict=True))
