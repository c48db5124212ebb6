"""What of a corpus a benchmark holds too, so that nobody trains on what is measured with.

A record is a hit if one of its pictures is near a picture of the benchmark, or perhaps near and its
instruction nearly the same. An instruction alone is none: benchmarks repeat what everybody says. Such
are counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from editcorpus.similar.bars import Array
from editcorpus.similar.hashfile import Known
from editcorpus.similar.minhash import ALIKE, alike
from editcorpus.similar.search import NEAR, THREADS, WEAK, Pairs, between, joined, matches

_BLOCK = 1 << 18
"""Pairs of pictures that are held against each other at a time."""


class Kind(StrEnum):
    """Why a record is a hit."""

    PICTURE = "picture"
    BOTH = "picture_and_instruction"


@dataclass(frozen=True, slots=True)
class Hashed:
    """The pictures and instructions of a corpus, as hashes.

    Attributes:
        pictures: Hashes of source and edited images in any number of views, shape (N, 12).
        records: Number of the record of each hash.
        instructions: Signatures of the records, shape (M, 16).
    """

    pictures: Array
    records: Array
    instructions: Array


class Hit(NamedTuple):
    """A record and the benchmark's item that it is a hit of, at its nearest.

    Attributes:
        record: Number of the record.
        item: Number of the item in `Known.ids`.
        kind: Why.
        picture: Number of the corpus' hash that is near.
        view: Number of the benchmark's hash that it is near to.
        signs: See `hashes.Likeness`.
        agreement: See `hashes.Likeness`.
        mirrored: Whether one is the mirror image.
    """

    record: int
    item: int
    kind: Kind
    picture: int
    view: int
    signs: int
    agreement: float
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Contamination:
    """What a benchmark and a corpus have in common.

    Attributes:
        benchmark: Name of the benchmark.
        hits: One for each record and item, by record.
        text_only: How many records have an item's instruction and none of its pictures; none is a hit.
        degenerate: Buckets of the benchmark that were not looked through, as `search.Found` has them.
    """

    benchmark: str
    hits: tuple[Hit, ...]
    text_only: int
    degenerate: int


def contamination(known: Known, corpus: Hashed, threads: int = THREADS) -> Contamination:
    """Hold a corpus against a benchmark.

    What is found of a record depends on it and on the benchmark alone, so that a corpus may be held against
    it in parts.

    Args:
        known: The benchmark.
        corpus: The corpus.
        threads: That search.
    """
    found = matches(corpus.pictures, known.pictures, NEAR, threads)
    turned = found.pairs._replace(one=found.pairs.other, other=found.pairs.one)
    near = _nearest(known, corpus, turned, Kind.PICTURE)
    said, weak = _same_words(known, corpus)
    both = _nearest(known, corpus, weak, Kind.BOTH)
    hits = {**both, **near}
    listed = tuple(hits[key] for key in sorted(hits))
    only = np.setdiff1d(said, [hit.record for hit in listed])
    return Contamination(known.benchmark, listed, len(only), found.degenerate.buckets)


def _nearest(known: Known, corpus: Hashed, pairs: Pairs, kind: Kind) -> dict[tuple[int, int], Hit]:
    """The nearest pair of each record and item."""
    items, records = known.items[pairs.one], corpus.records[pairs.other]
    order = np.lexsort((pairs.one, pairs.other, pairs.signs))
    made: dict[tuple[int, int], Hit] = {}
    for at in order.tolist():
        key = int(records[at]), int(items[at])
        if key not in made:
            view, picture, signs, agreement, mirrored = (column[at].item() for column in pairs)
            made[key] = Hit(*key, kind, picture, view, signs, round(agreement, 4), mirrored)
    return made


def _same_words(known: Known, corpus: Hashed) -> tuple[Array, Pairs]:
    """Records whose instruction an item has, and the pairs among their pictures that are perhaps near."""
    by_item = _Rows(known.items, len(known.instructions))
    by_record = _Rows(corpus.records, len(corpus.instructions))
    said, found = np.empty(0, "u4"), list[Pairs]()
    for items, records, _ in alike(known.instructions, corpus.instructions, ALIKE):
        said = np.union1d(said, records)
        for rows in _across(by_item, items, by_record, records):
            weak = between(known.pictures, corpus.pictures, rows, WEAK)
            found = [_best(known, corpus, joined([*found, weak]))]
    return said, joined(found)


def _best(known: Known, corpus: Hashed, pairs: Pairs) -> Pairs:
    """The nearest pair of each record and item alone, as `_nearest` chooses them."""
    keys = corpus.records[pairs.other].astype("u8") << np.uint64(32) | known.items[pairs.one]
    order = np.lexsort((pairs.one, pairs.other, pairs.signs, keys))
    first = np.unique(keys[order], return_index=True)[1]
    return pairs.take(order[first])


class _Rows:
    """The rows that each owner has."""

    def __init__(self, owners: Array, count: int) -> None:
        self.order = np.argsort(owners, kind="stable").astype("u4")
        self.counts = np.bincount(owners, minlength=count)
        self.starts = np.cumsum(self.counts) - self.counts


def _across(one: _Rows, left: Array, other: _Rows, right: Array) -> Iterator[tuple[Array, Array]]:
    """Every row of each owner on the left with every row of the one on the right, some at a time.

    A file of hashes may hold any number of views of an item, and a corpus any number of records that say
    the same.
    """
    ends = np.cumsum(one.counts[left] * other.counts[right])
    for start in range(0, int(ends[-1]) if len(ends) else 0, _BLOCK):
        places = np.arange(start, min(start + _BLOCK, int(ends[-1])))
        pair = np.searchsorted(ends, places, side="right")
        width = other.counts[right][pair]
        inside = places - (ends[pair] - one.counts[left][pair] * width)
        first = one.order[one.starts[left][pair] + inside // width]
        second = other.order[other.starts[right][pair] + inside % width]
        yield first, second
