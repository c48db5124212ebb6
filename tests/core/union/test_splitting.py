"""Near pictures lie in one split, whenever they come, and what is published stays where it is."""

from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from editcorpus.similar.bars import Array
from editcorpus.union.splitting import Splitting, split_of
from editcorpus.union.terms import Terms

THIRDS = Terms(validation_share=0.3, test_share=0.3)


class World(NamedTuple):
    """Records with their pictures and conversations, near pictures, and who came together."""

    pictures: list[int]
    talks: list[int]
    near: set[tuple[int, int]]
    ends: list[int]
    refused: set[int]


class Known(NamedTuple):
    """What the corpus has."""

    pictures: set[int]
    talks: set[int]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Small worlds, in which many things touch."""
    total = draw(st.integers(1, 24))
    pictures = draw(st.lists(st.integers(0, 11), min_size=total, max_size=total))
    talks = draw(st.lists(st.integers(0, 30), min_size=total, max_size=total))
    pairs = draw(st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=8))
    near = {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]}
    cuts = draw(st.lists(st.integers(0, total), max_size=3))
    refused = draw(st.sets(st.integers(0, total - 1), max_size=4))
    return World(pictures, talks, near, [*sorted(cuts), total], refused)


def told(world: World, start: int, end: int) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """What a search says of the records that came: equal ones by the first, near ones between firsts."""
    firsts = {picture: world.pictures.index(picture) for picture in set(world.pictures)}
    same = [
        (firsts[world.pictures[n]], n) for n in range(start, end) if firsts[world.pictures[n]] != n
    ]
    near = [
        (min(pair), max(pair))
        for one, other in world.near
        if one in firsts and other in firsts
        for pair in [(firsts[one], firsts[other])]
        if start <= max(pair) < end
    ]
    made = [np.array(pairs, "u4").reshape(-1, 2).T for pairs in (same, near)]
    return (made[0][0], made[0][1]), (made[1][0], made[1][1])


def images(world: World) -> Array:
    return np.array(world.talks, "u8") * np.uint64(0x9E37_79B9_7F4A_7C15)


def carried_out(world: World) -> dict[int, int]:
    """The split of each record that is not refused."""
    splitting = Splitting(images(world), THIRDS)
    made: dict[int, int] = {}
    start = 0
    for end in world.ends:
        rows = np.array([n for n in range(start, end) if n not in world.refused], "i8")
        splits, refused = splitting.add(rows, *told(world, start, end))
        made |= {
            int(n): int(split)
            for n, split, out in zip(rows, splits, refused, strict=True)
            if not out
        }
        start = end
    return made


def touch(world: World, one: int, other: int) -> bool:
    left, right = world.pictures[one], world.pictures[other]
    near = (min(left, right), max(left, right)) in world.near
    return left == right or near or world.talks[one] == world.talks[other]


def ties(world: World, one: int, other: int, known: Known) -> bool:
    """Whether two new records touch by something that the corpus does not have yet."""
    left, right = world.pictures[one], world.pictures[other]
    new = left not in known.pictures and right not in known.pictures
    near = (min(left, right), max(left, right)) in world.near
    talk = world.talks[one]
    return (new and (left == right or near)) or (
        talk == world.talks[other] and talk not in known.talks
    )


def plainly(world: World) -> dict[int, int]:
    """The same by the rule, record by record."""
    keys = images(world)
    made: dict[int, int] = {}
    start = 0
    for end in world.ends:
        left = [n for n in range(start, end) if n not in world.refused]
        known = Known({world.pictures[n] for n in made}, {world.talks[n] for n in made})
        fresh: dict[int, int] = {}
        while left:
            group, edge = [], [left[0]]
            while edge:
                at = edge.pop()
                group.append(at)
                left.remove(at)
                edge += [n for n in left if ties(world, at, n, known) and n not in edge]
            met = {split for n, split in made.items() if any(touch(world, n, at) for at in group)}
            if len(met) < 2:
                drawn = int(split_of(keys[[min(group)]], THIRDS)[0])
                fresh |= dict.fromkeys(group, met.pop() if met else drawn)
        made |= fresh
        start = end
    return made


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_splits_are_those_of_the_plain_rule(world: World) -> None:
    assert carried_out(world) == plainly(world)


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_no_two_that_touch_lie_in_two_splits(world: World) -> None:
    made = carried_out(world)
    torn = [
        (one, other)
        for one in made
        for other in made
        if one < other and touch(world, one, other) and made[one] != made[other]
    ]
    assert torn == []


def test_a_newcomer_that_joins_two_splits_is_refused_and_ties_nothing_later() -> None:
    keys = np.array([3, 7, 100, 200, 300], "u8")
    splits = split_of(keys, THIRDS)
    assert splits[0] != splits[1]
    splitting = Splitting(keys, THIRDS)
    nobody = np.empty(0, "u4"), np.empty(0, "u4")
    splitting.add(np.arange(2), nobody, nobody)
    both = np.array([0, 1], "u4"), np.array([2, 2], "u4")
    assert splitting.add(np.array([2]), nobody, both)[1].tolist() == [True]
    near_first = np.array([0], "u4"), np.array([3], "u4")
    made, refused = splitting.add(np.array([3]), nobody, near_first)
    assert (made.tolist(), refused.tolist()) == ([splits[0]], [False])
    twin_of_refused = np.array([2], "u4"), np.array([4], "u4")
    assert splitting.add(np.array([4]), twin_of_refused, nobody)[1].tolist() == [True]


def test_without_near_pictures_the_split_is_that_of_the_image() -> None:
    keys = np.arange(5000, dtype="u8") * np.uint64(0x9E37_79B9_7F4A_7C15)
    nobody = np.empty(0, "u4"), np.empty(0, "u4")
    made, refused = Splitting(keys, THIRDS).add(np.arange(5000), nobody, nobody)
    assert not refused.any()
    assert (made == split_of(keys, THIRDS)).all()
