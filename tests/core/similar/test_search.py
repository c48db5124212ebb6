"""Pairs that are found, pairs that are not, and buckets that say nothing."""

from collections.abc import Callable

import numpy as np
import pytest

from editcorpus.similar import buckets
from editcorpus.similar.bands import bands
from editcorpus.similar.bars import Array
from editcorpus.similar.hashes import compare, firm, is_plain, mirror
from editcorpus.similar.search import NEAR, WEAK, Pairs, Rule, added, between, matches, near

Changed = Callable[..., Array]


def listed(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(pairs.one.tolist(), pairs.other.tolist(), strict=True))


def all_pairs(hashes: Array, rule: Rule) -> set[tuple[int, int]]:
    """By comparing every one with every other."""
    one, other = np.triu_indices(len(hashes), 1)
    plain = is_plain(hashes)
    held = rule.holds(compare(hashes[one], hashes[other])) & ~plain[one] & ~plain[other]
    return set(zip(one[held].tolist(), other[held].tolist(), strict=True))


@pytest.fixture
def rich(hashes: Array) -> Array:
    """Hashes that are not plain, and not nearly so."""
    return hashes[firm(hashes) > 100]


def test_every_key_is_that_of_the_mirrored_hash(rich: Array) -> None:
    count = 0
    for keys in bands():
        straight, valid = keys(rich)
        turned, valid_too = keys(mirror(rich))
        assert (straight == turned).all()
        assert (valid is None) == (valid_too is None)
        if valid is not None and valid_too is not None:
            assert (valid == valid_too).all()
        count += 1
    assert count == 31


def test_keys_differ_where_hashes_do(rich: Array) -> None:
    for keys in bands():
        found, valid = keys(rich)
        rows = slice(None) if valid is None else valid
        assert len(np.unique(found[rows])) > len(found[rows]) / 3


@pytest.mark.parametrize(("signs", "share"), [(0, 0.0), (8, 0.02), (16, 0.05)])
def test_near_ones_are_found_whole_and_mirrored(
    rich: Array, changed: Changed, signs: int, share: float
) -> None:
    other = changed(rich, signs, share)
    other[::2] = mirror(other[::2])
    both = np.concatenate([rich, other])
    found = near(both)
    wanted = {(n, n + len(rich)) for n in range(len(rich))}
    assert wanted <= listed(found.pairs)
    assert listed(found.pairs) <= all_pairs(both, NEAR)
    turned = {one: flag for one, _, *_, flag in zip(*found.pairs, strict=True) if one < len(rich)}
    assert all(turned[n] == (n % 2 == 0) for n in range(len(rich)))


def test_pairs_are_there_once_with_the_lower_number_first(rich: Array, changed: Changed) -> None:
    both = np.concatenate([rich, changed(rich, 10), rich])
    pairs = near(both).pairs
    assert (pairs.one < pairs.other).all()
    assert len(listed(pairs)) == len(pairs.one)


def test_threads_change_nothing(rich: Array, changed: Changed) -> None:
    both = np.concatenate([rich, changed(rich, 10)])
    one, four = near(both, threads=1), near(both, threads=4)
    assert all((a == b).all() for a, b in zip(one.pairs, four.pairs, strict=True))


def test_what_a_search_says_of_a_pair_is_so(rich: Array, changed: Changed) -> None:
    both = np.concatenate([rich, changed(rich, 20, 0.05)])
    pairs = near(both).pairs
    found = compare(both[pairs.one], both[pairs.other])
    assert (found.signs == pairs.signs).all()
    assert (found.agreement == pairs.agreement).all()
    assert NEAR.holds(found).all()


def test_queries_find_what_a_search_of_both_finds(rich: Array, changed: Changed) -> None:
    queries = changed(rich[:50], 12, 0.03)
    found = listed(matches(queries, rich).pairs)
    both = listed(near(np.concatenate([queries, rich])).pairs)
    assert found == {(one, two - 50) for one, two in both if one < 50 <= two}
    assert {(n, n) for n in range(50)} <= found


def test_plain_ones_are_left_out_and_counted(rich: Array) -> None:
    blank = np.zeros((5, 12), "<u8")
    both = np.concatenate([blank, rich[:3], rich[:3]])
    found = near(both)
    assert found.plain == 5
    assert listed(found.pairs) == {(5, 8), (6, 9), (7, 10)}
    assert listed(matches(blank, both).pairs) == set()
    assert matches(rich[:3], both).plain == 5


def test_many_equal_ones_fill_no_bucket(rich: Array) -> None:
    many = np.repeat(rich[:2], 3 * buckets.MOST_MEMBERS, 0)
    found = near(many)
    assert found.degenerate.buckets == 0
    assert len(found.pairs.one) == len(many) - 2
    assert set(found.pairs.one.tolist()) == {0, 3 * buckets.MOST_MEMBERS}


def test_a_bucket_with_too_many_is_passed_over_and_told(
    rich: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = np.repeat(rich[:1], 40, 0)
    crowd[:, 3] ^= np.arange(1, 41, dtype="u8")  # alike in the lowest signs, all different
    both = np.concatenate([crowd, rich[1:]])
    whole = near(both)
    monkeypatch.setattr(buckets, "MOST_MEMBERS", 30)
    capped = near(both)
    assert whole.degenerate == (0, 0)
    assert capped.degenerate.buckets >= 8
    assert capped.degenerate.members >= 40 * capped.degenerate.buckets
    assert listed(capped.pairs) <= listed(whole.pairs)
    asked = matches(rich[:1], both)
    assert asked.degenerate.buckets >= 8


@pytest.mark.parametrize("count", [0, 1])
def test_no_hash_and_one_hash_have_no_pairs(rich: Array, count: int) -> None:
    assert listed(near(rich[:count]).pairs) == set()
    assert listed(matches(rich[:0], rich[:count]).pairs) == set()
    assert listed(matches(rich[:count], rich[:0]).pairs) == set()


def test_blocks_of_pairs_are_joined(
    rich: Array, changed: Changed, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = changed(rich, 12)
    before = (
        listed(matches(queries, rich).pairs),
        listed(near(np.concatenate([queries, rich])).pairs),
    )
    monkeypatch.setattr("editcorpus.similar.search._BLOCK", 7)
    monkeypatch.setattr(buckets, "_CHUNK", 5)
    after = (
        listed(matches(queries, rich).pairs),
        listed(near(np.concatenate([queries, rich])).pairs),
    )
    assert before == after


def test_a_rule_gives_more_signs_to_those_that_agree_more(rich: Array, changed: Changed) -> None:
    edited = changed(rich, 90)
    whole = compare(rich, edited)
    assert (whole.agreement == 1).all()
    assert NEAR.holds(whole).all()
    apart = compare(rich, changed(rich, 90, 0.45))
    assert not NEAR.holds(apart).any()


def test_pairs_that_are_named_are_held_against_a_weaker_rule(rich: Array, changed: Changed) -> None:
    other = changed(rich, 60, 0.35)
    rows = np.arange(len(rich))
    found = between(rich, other, (rows, rows), WEAK)
    assert len(found.one) > 0
    held = WEAK.holds(compare(rich, other))
    assert found.one.tolist() == np.flatnonzero(held).tolist()


@pytest.mark.parametrize("start", [0, 1, 60, 10_000])
def test_what_is_added_brings_the_pairs_that_a_search_of_all_finds(
    rich: Array, changed: Changed, start: int
) -> None:
    both = np.concatenate([rich, changed(rich, 12, 0.03), rich[::2], mirror(rich[::3])])
    start = min(start, len(both))
    before, more = added(both[:start], 0).pairs, added(both, start).pairs
    assert (more.other >= start).all()
    assert listed(before) | listed(more) == listed(near(both).pairs)
    assert not listed(before) & listed(more)


def test_a_crowd_that_comes_later_hides_nothing_that_was_found(
    rich: Array, changed: Changed, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = np.repeat(rich[:1], 40, 0)
    crowd[:, 3] ^= np.arange(1, 41, dtype="u8")
    first = np.concatenate([rich, changed(rich, 6)])
    monkeypatch.setattr(buckets, "MOST_MEMBERS", 30)
    found = listed(added(first, 0).pairs)
    both = np.concatenate([first, crowd])
    assert added(both, len(first)).degenerate.buckets > 0
    assert all(other >= len(first) for _, other in listed(added(both, len(first)).pairs))
    assert found == listed(added(both[: len(first)], 0).pairs)
