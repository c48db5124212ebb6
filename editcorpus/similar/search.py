"""Which hashes are near each other: over a whole corpus, and between some queries and a corpus.

Only hashes that share a key of `bands.bands` are compared, so that the time grows with the sizes of the
buckets and not with all pairs. Most of those are told apart by their lowest signs alone, taken from
arrays that lie in the order of the buckets; the rest is compared in full. What none of the keys brings
together is missed: `tests/benchmarks/similar.py` measures how many.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from editcorpus.similar.bands import Keys, bands
from editcorpus.similar.bars import Array
from editcorpus.similar.buckets import Buckets, Degenerate, meeting
from editcorpus.similar.hashes import Likeness, compare, is_plain

THREADS = 2
_BLOCK = 1 << 18
"""Pairs that are compared in full at a time: some 60 MB."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How near two hashes are at least (see `hashes.Likeness`).

    Each hundredth by which they agree beyond `USUAL` outweighs `WEIGHT` / 100 signs that differ: an edit
    of a part changes many signs, and few rises and falls.

    Attributes:
        signs: Most signs that may differ at an agreement of `USUAL`.
        agreement: Least agreement.
    """

    signs: int
    agreement: float

    def holds(self, found: Likeness) -> Array:
        """For which pairs it holds."""
        most = self.signs + WEIGHT * (found.agreement - USUAL)
        made: Array = (found.signs <= most) & (found.agreement >= self.agreement)
        return made


USUAL, WEIGHT = 0.6, 80
NEAR = Rule(72, 0.5)
"""The same picture, encoded anew, resized, brighter, padded, mirrored, or with a part of it edited."""
WEAK = Rule(96, 0.45)
"""Perhaps the same picture: not enough without another reason, such as the same instruction."""


class Pairs(NamedTuple):
    """Hashes that are near each other, by their numbers; a pair may be there more than once.

    Attributes:
        one: The lower number; of queries, their own.
        other: The other number.
        signs: How many signs differ.
        agreement: See `hashes.Likeness`.
        mirrored: Whether one shows the mirror image of the other.
    """

    one: Array
    other: Array
    signs: Array
    agreement: Array
    mirrored: Array

    def take(self, rows: Array) -> "Pairs":
        """Some of them."""
        return Pairs(*(column[rows] for column in self))


NONE = Pairs(*(np.empty(0, kind) for kind in ("u4", "u4", "i2", "f4", "?")))


@dataclass(slots=True)
class Found:
    """What a search came to.

    Attributes:
        pairs: Each once.
        degenerate: Buckets with too many members, whose members were not compared by that key.
        plain: How many hashes are of pictures with too little in them (`hashes.is_plain`).
    """

    pairs: Pairs
    degenerate: Degenerate
    plain: int


def near(hashes: Array, rule: Rule = NEAR, threads: int = THREADS) -> Found:
    """All pairs of (N, 12) for which the rule holds and that share a key.

    Equal hashes are compared with others once, through the first of them.
    """
    return added(hashes, 0, rule, threads)


def added(hashes: Array, start: int, rule: Rule = NEAR, threads: int = THREADS) -> Found:
    """The pairs of `near` that came with the hashes from `start` on, those before having been searched.

    What is found of hashes that come later cannot change what was found before: a key that has become
    too common since hides nothing that it once showed.
    """
    plain = is_plain(hashes)
    firsts, same = _distinct(hashes, np.flatnonzero(~plain).astype("u4"))
    old, new = np.split(firsts, [int(np.searchsorted(firsts, start))])
    own = hashes if len(new) == len(hashes) else hashes[new]
    inside, degenerate = _within(own, rule, threads)
    parts = [
        same.take(np.flatnonzero(same.other >= start)),
        inside._replace(one=new[inside.one], other=new[inside.other]),
    ]
    if len(old) and len(new):
        across, more = _across(own, hashes[old], rule, threads)
        parts.append(across._replace(one=new[across.one], other=old[across.other]))
        degenerate += more
    return Found(_ordered(joined(parts)), degenerate, int(plain[start:].sum()))


def matches(queries: Array, hashes: Array, rule: Rule = NEAR, threads: int = THREADS) -> Found:
    """All pairs of a query (M, 12) and a hash (N, 12) for which the rule holds and that share a key."""
    plain = is_plain(hashes)
    asked = np.flatnonzero(~is_plain(queries)).astype("u4")
    there = np.flatnonzero(~plain).astype("u4")
    made, degenerate = _across(queries[asked], hashes[there], rule, threads)
    pairs = made._replace(one=asked[made.one], other=there[made.other])
    return Found(pairs, degenerate, int(plain.sum()))


def _within(own: Array, rule: Rule, threads: int) -> tuple[Pairs, Degenerate]:
    def of_band(keys: Keys) -> tuple[Pairs, Degenerate]:
        buckets = Buckets.of(own, keys)
        found = (_checked(own, own, *pair, rule) for pair in buckets.pairs(own))
        return joined(found), buckets.degenerate

    return _over_bands(of_band, threads)


def _across(wanted: Array, known: Array, rule: Rule, threads: int) -> tuple[Pairs, Degenerate]:
    def of_band(keys: Keys) -> tuple[Pairs, Degenerate]:
        degenerate, blocks = meeting(wanted, known, keys, _BLOCK)
        return joined(_checked(wanted, known, *pair, rule) for pair in blocks), degenerate

    return _over_bands(of_band, threads)


def between(one: Array, other: Array, rows: tuple[Array, Array], rule: Rule) -> Pairs:
    """Which of some pairs, given by their rows, the rule holds for; plain ones, too."""
    blocks = range(0, len(rows[0]), _BLOCK)
    cuts = ((rows[0][at : at + _BLOCK], rows[1][at : at + _BLOCK]) for at in blocks)
    return joined(_checked(one, other, *cut, rule) for cut in cuts)


def _over_bands(
    job: Callable[[Keys], tuple[Pairs, Degenerate]], threads: int
) -> tuple[Pairs, Degenerate]:
    made, degenerate = NONE, Degenerate()
    with ThreadPoolExecutor(threads) as pool:
        for pairs, skipped in pool.map(job, bands()):
            made = _once(joined([made, pairs]))
            degenerate += skipped
    return made, degenerate


def _checked(one: Array, other: Array, left: Array, right: Array, rule: Rule) -> Pairs:
    found = compare(one[left], other[right])
    rows = np.flatnonzero(rule.holds(found))
    return Pairs(left, right, found.signs, found.agreement, found.mirrored).take(rows)


def joined(parts: Iterable[Pairs]) -> Pairs:
    """Several as one."""
    columns: Iterator[Sequence[Array]] = zip(NONE, *parts, strict=True)
    return Pairs(*(np.concatenate(column) for column in columns))


def _once(pairs: Pairs) -> Pairs:
    keys = pairs.one.astype("u8") << np.uint64(32) | pairs.other
    return pairs.take(np.unique(keys, return_index=True)[1])


def _ordered(pairs: Pairs) -> Pairs:
    low, high = np.minimum(pairs.one, pairs.other), np.maximum(pairs.one, pairs.other)
    return _once(pairs._replace(one=low, other=high))


def equal(hashes: Array, rows: Array) -> Pairs:
    """Pairs of the first of each hash among some rows with each later one that is the same."""
    return _distinct(hashes, rows)[1]


def _distinct(hashes: Array, rows: Array) -> tuple[Array, Pairs]:
    """The first row of each hash among some, in ascending order, and pairs of it with the others."""
    values = np.ascontiguousarray(hashes[rows]).view("S96")[:, 0]
    order = np.argsort(values, kind="stable")
    repeated = np.zeros(len(rows), bool)
    repeated[1:] = values[order[1:]] == values[order[:-1]]
    places = np.maximum.accumulate(np.where(repeated, 0, np.arange(len(rows))))
    one, other = rows[order[places[repeated]]], rows[order[repeated]]
    count = len(one)
    signs, agreement = np.zeros(count, "i2"), np.ones(count, "f4")
    same = Pairs(one, other, signs, agreement, np.zeros(count, bool))
    return np.sort(rows[order[~repeated]]), same
