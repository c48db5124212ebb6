"""Groups, who stays, and what must not lie on both sides of a split."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.similar.clusters import best, group, leaks, same_triplets
from editcorpus.similar.search import Pairs

COUNT = 24
PAIRS = st.lists(st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)), max_size=40)


def plainly(pairs: list[tuple[int, int]]) -> list[int]:
    """The lowest member of each group, by going along all pairs until nothing changes."""
    names = list(range(COUNT))
    for _ in range(COUNT):
        for one, other in pairs:
            names[one] = names[other] = min(names[one], names[other])
    return names


def parts(pairs: list[tuple[int, int]], size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    cuts = [pairs[at : at + size] for at in range(0, len(pairs), size)]
    return [
        (np.array([one for one, _ in cut], "u4"), np.array([two for _, two in cut], "u4"))
        for cut in cuts
    ]


@given(PAIRS, st.integers(1, 9))
def test_groups_are_what_pairs_join(pairs: list[tuple[int, int]], size: int) -> None:
    assert group(COUNT, parts(pairs, size)).tolist() == plainly(pairs)


def test_a_long_chain_is_one_group() -> None:
    order = np.random.default_rng(0).permutation(50_000).astype("u4")
    assert not group(50_000, [(order[1:], order[:-1])]).any()


@given(PAIRS, st.lists(st.floats(allow_nan=True), min_size=COUNT, max_size=COUNT))
def test_the_best_of_each_group_stays(pairs: list[tuple[int, int]], scores: list[float]) -> None:
    groups = group(COUNT, parts(pairs, 50))
    kept = best(groups, np.array(scores))
    for name in set(groups.tolist()):
        members = np.flatnonzero(groups == name).tolist()
        stays = set(kept[members].tolist())
        assert len(stays) == 1
        (one,) = stays
        worth = [-np.inf if np.isnan(scores[n]) else scores[n] for n in members]
        assert members.index(one) == worth.index(max(worth))


def test_triplets_are_the_same_only_in_all_three() -> None:
    sources = np.array([0, 0, 0, 0, 4], "u4")
    edited = np.array([0, 0, 2, 0, 0], "u4")
    instructions = np.array([0, 0, 0, 3, 0], "u4")
    assert same_triplets(sources, edited, instructions).tolist() == [0, 0, 2, 3, 4]


def test_near_pairs_across_a_split_are_told() -> None:
    one, other = np.array([0, 1, 2], "u4"), np.array([3, 4, 5], "u4")
    rest = np.zeros(3, "i2"), np.ones(3, "f4"), np.zeros(3, bool)
    found = leaks(Pairs(one, other, *rest), np.array([0, 0, 1, 0, 2, 1]))
    assert (found.one.tolist(), found.other.tolist()) == ([1], [4])
