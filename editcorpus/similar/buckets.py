"""Hashes that share a key, and the pairs among them that their lowest signs do not tell apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from editcorpus.similar.bands import Keys
from editcorpus.similar.bars import Array
from editcorpus.similar.hashes import MIRRORS

MOST_MEMBERS = 2000
"""Members of a bucket beyond which it says nothing: they are not compared by its key."""
LOW = 26
"""Most of the 64 lowest signs that may differ; so few do of 5 to 10 in 100 pictures that are not near."""
MIDDLE = 50
"""Most of the 128 lowest signs that may differ."""
_CHUNK = 1 << 16
"""Pairs at a time, so that what is computed of them stays in the processor's cache."""
_KEYS = 1 << 16


class Degenerate(NamedTuple):
    """Buckets with more than `MOST_MEMBERS`, over all keys, and how many members they have together."""

    buckets: int = 0
    members: int = 0

    def __add__(self, other: tuple[object, ...]) -> "Degenerate":
        if not isinstance(other, Degenerate):
            return NotImplemented
        return Degenerate(self.buckets + other.buckets, self.members + other.members)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Numbers of hashes by bucket, the largest bucket first.

    Attributes:
        rows: The numbers.
        buckets: The bucket of each, ascending.
        reach: At `k`: how many rows lie in buckets with more than `k + 1` members; these are the first.
        degenerate: What was left out.
    """

    rows: Array
    buckets: Array
    reach: Array
    degenerate: Degenerate

    @classmethod
    def of(cls, hashes: Array, keys: Keys) -> "Buckets":
        """The buckets of two members or more."""
        order, counts = _sorted(hashes, keys)
        starts = np.cumsum(counts) - counts
        large = counts > MOST_MEMBERS
        taken = np.flatnonzero((counts > 1) & ~large)
        taken = taken[np.argsort(-counts[taken], kind="stable")]
        sizes = counts[taken]
        ends = np.cumsum(sizes)
        total = int(ends[-1]) if len(ends) else 0
        places = np.repeat(starts[taken] - (ends - sizes), sizes) + np.arange(total)
        deepest = int(sizes[0]) if len(sizes) else 1
        more = np.searchsorted(-sizes, -np.arange(1, deepest), side="left")
        reach = np.concatenate([[0], ends])[more]
        buckets = np.repeat(np.arange(len(sizes), dtype="u4"), sizes)
        return cls(order[places], buckets, reach, _degenerate(counts[large]))

    def pairs(self, hashes: Array) -> Iterator[tuple[Array, Array]]:
        """Numbers of both of each pair of a bucket whose lowest signs are near, some at a time."""
        low, middle = hashes[self.rows, 0], hashes[self.rows, 1]
        room = _Room()
        waiting: list[tuple[Array, Array]] = []
        count = 0
        for apart, stop in enumerate(self.reach.tolist(), 1):
            for start in range(0, stop - apart, _CHUNK):
                at = start + room.close(low, start, min(start + _CHUNK, stop - apart), apart)
                at = at[self.buckets[at] == self.buckets[at + apart]]
                at = at[_near_middle(low, middle, at, at + apart)]
                waiting.append((self.rows[at], self.rows[at + apart]))
                count += len(at)
                if count >= _CHUNK:
                    yield _together(waiting)
                    waiting, count = [], 0
        if waiting:
            yield _together(waiting)


class _Room:
    """Arrays that are used over and over."""

    def __init__(self) -> None:
        self._apart = np.empty(_CHUNK, "u8")
        self._straight, self._turned = np.empty(_CHUNK, "u1"), np.empty(_CHUNK, "u1")

    def close(self, low: Array, start: int, stop: int, apart: int) -> Array:
        """Which of the rows from `start` to before `stop` are near to the one `apart` rows on."""
        count = stop - start
        bits, straight, turned = (
            each[:count] for each in (self._apart, self._straight, self._turned)
        )
        np.bitwise_xor(low[start:stop], low[start + apart : stop + apart], out=bits)
        np.bitwise_count(bits, out=straight)
        np.bitwise_xor(bits, MIRRORS[0], out=bits)
        np.bitwise_count(bits, out=turned)
        np.minimum(straight, turned, out=straight)
        found: Array = np.flatnonzero(straight <= LOW)
        return found


def meeting(
    queries: Array, hashes: Array, keys: Keys, most: int
) -> tuple[Degenerate, Iterator[tuple[Array, Array]]]:
    """Numbers of queries and of hashes in the same bucket whose lowest signs are near, `most` at a time."""
    order, counts = _sorted(hashes, keys)
    starts = np.cumsum(counts) - counts
    asked, valid = keys(queries)
    large = counts > MOST_MEMBERS
    sizes = np.where(large[asked], 0, counts[asked])
    if valid is not None:
        sizes[~valid] = 0
    skipped = large[asked] if valid is None else large[asked] & valid
    degenerate = _degenerate(counts[np.unique(asked[skipped])])
    return degenerate, _met(queries, hashes, order, (starts[asked], sizes), most)


def _met(
    queries: Array, hashes: Array, order: Array, spans: tuple[Array, Array], most: int
) -> Iterator[tuple[Array, Array]]:
    starts, sizes = spans
    ends = np.cumsum(sizes)
    first = 0
    while first < len(sizes):
        before = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + most, side="right")))
        own = sizes[first:last]
        query = np.repeat(np.arange(first, last, dtype="u4"), own)
        inside = np.arange(len(query)) - np.repeat(ends[first:last] - own - before, own)
        row = order[np.repeat(starts[first:last], own) + inside]
        apart = queries[query, 0] ^ hashes[row, 0]
        straight, turned = np.bitwise_count(apart), np.bitwise_count(apart ^ MIRRORS[0])
        at = np.minimum(straight, turned) <= LOW
        yield query[at], row[at]
        first = last


def _near_middle(low: Array, middle: Array, one: Array, other: Array) -> Array:
    apart = low[one] ^ low[other], middle[one] ^ middle[other]
    straight = np.bitwise_count(apart[0]) + np.bitwise_count(apart[1])
    turned = np.bitwise_count(apart[0] ^ MIRRORS[0]) + np.bitwise_count(apart[1] ^ MIRRORS[1])
    made: Array = np.minimum(straight, turned) <= MIDDLE
    return made


def _sorted(hashes: Array, keys: Keys) -> tuple[Array, Array]:
    """Numbers of the hashes that have a key, in the order of their keys, and how many have each."""
    found, valid = keys(hashes)
    rows = None if valid is None else np.flatnonzero(valid).astype("u4")
    if rows is not None:
        found = found[rows]
    order = np.argsort(found, kind="stable").astype("u4")
    counts = np.bincount(found, minlength=_KEYS)
    return (order if rows is None else rows[order]), counts


def _degenerate(counts: Array) -> Degenerate:
    return Degenerate(len(counts), int(counts.sum()))


def _together(parts: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    return np.concatenate([one for one, _ in parts]), np.concatenate([two for _, two in parts])
