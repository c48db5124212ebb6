"""Into which split a record comes: near source images lie in one, and what lies in one stays there.

A split is drawn for a *group*: all records with the same source image, all turns of a conversation, and all
whose source images are near, however many steps apart. It is drawn by the hash of the group's first
record. New records come into the split of what is in and near them; those that are tied to each other by
pictures that are new, and to two splits, are refused together.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from editcorpus.similar.clusters import group
from editcorpus.union.entries import Array
from editcorpus.union.terms import Terms

_GOLDEN = 0x9E3779B97F4A7C15
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
"""Constants of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a mixer of 64 bits."""
_NONE = 255


def split_of(images: Array, terms: Terms) -> Array:
    """Number in `SPLITS` of each record, by the hash of a source image."""
    drawn = mixed(images, 2 * terms.seed + 1) / 2.0**64
    test = terms.validation_share + terms.test_share
    chosen = np.select([drawn < terms.validation_share, drawn < test], [1, 2], 0)
    return chosen.astype("u1")


def mixed(values: Array, seed: int) -> Array:
    """Hashes of seed and value, 64 bits each."""
    start = (seed + 1) * _GOLDEN % 2**64
    made = values + np.uint64(start)
    for shift, factor in _MIX:
        made ^= made >> np.uint64(shift)
        made *= np.uint64(factor)
    return made


class _Edges(NamedTuple):
    """Numbers of the nodes at both ends of each edge."""

    one: Array
    other: Array

    def where(self, held: Array) -> "_Edges":
        return _Edges(self.one[held], self.other[held])

    def __or__(self, more: "_Edges") -> "_Edges":
        return _Edges(
            np.concatenate([self.one, more.one]), np.concatenate([self.other, more.other])
        )


@dataclass(slots=True)
class Splitting:
    """The splits of what has entered so far.

    A picture is a node, numbered as the first record that has it, and so is each key of `images`, behind
    them. A record ties its nodes together; a near pair ties two pictures while records have both, so that
    what was refused ties nothing.

    Attributes:
        images: Key of each record's source image, or of that with which its conversation began.
    """

    images: Array
    terms: Terms
    _nodes: Array = field(init=False)
    _keys: Array = field(init=False)
    _near: _Edges = field(init=False)

    def __post_init__(self) -> None:
        """No record has a split yet."""
        total = len(self.images)
        self._nodes = np.full(2 * total, _NONE, "u1")
        _, first, inverse = np.unique(self.images, return_index=True, return_inverse=True)
        self._keys = (first[inverse] + total).astype("u4")
        self._near = _Edges(np.empty(0, "u4"), np.empty(0, "u4"))

    def add(
        self, records: Array, same: tuple[Array, Array], near: tuple[Array, Array]
    ) -> tuple[Array, Array]:
        """Draw splits for new records.

        Args:
            records: Their numbers, rising.
            same: See `nearness.Nearness`; what came with them.
            near: Likewise.

        Returns:
            The split of each, and whether it is refused, for it would join two.
        """
        self._near |= _Edges(*near)
        equal = _Edges(same[1], same[0]).where(np.isin(same[1], records))
        ties = _Edges(records.astype("u4"), self._keys[records]) | equal
        there = self._nodes != _NONE
        there[ties.one] = there[ties.other] = True
        edges = ties | self._near.where(there[self._near.one] & there[self._near.other])
        splits = self._drawn(records, edges)
        refused = splits == _NONE
        known = np.full(len(self.images), _NONE, "u1")
        known[records] = splits
        kept = ties.where(known[ties.one] != _NONE)
        for ends in kept:
            self._nodes[ends] = known[kept.one]
        return splits, refused

    def _drawn(self, records: Array, edges: _Edges) -> Array:
        """The split of each new record; `_NONE` where its group would join two."""
        old = self._nodes[edges.one] != _NONE, self._nodes[edges.other] != _NONE
        groups = group(len(self._nodes), [edges.where(~old[0] & ~old[1])])
        border = edges.where(old[0] != old[1])
        inside = self._nodes[border.one] == _NONE
        new = np.where(inside, border.one, border.other)
        splits = self._nodes[np.where(inside, border.other, border.one)]
        met = np.zeros(len(groups), "u1")
        np.bitwise_or.at(met, groups[new], np.uint8(1) << splits)
        own = groups[records]
        first = np.full(len(groups), len(groups), "u4")
        np.minimum.at(first, own, records.astype("u4"))
        drawn = split_of(self.images[first[own]], self.terms)
        return np.select(
            [met[own] == 0, np.bitwise_count(met[own]) == 1], [drawn, _log(met[own])], _NONE
        )


def _log(bits: Array) -> Array:
    """The number of the one bit that is set, below 3."""
    made: Array = bits >> np.uint8(1)
    return made
