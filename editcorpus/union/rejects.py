"""`rejects.parquet` of a united corpus: everybody who entered and is not in it, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa

from editcorpus.layouts.parquet import ShardFile, written
from editcorpus.records import Rejected
from editcorpus.storage import Store
from editcorpus.tables import schema_of, table_writer
from editcorpus.union.against import Against, Benchmark
from editcorpus.union.batches import Batch
from editcorpus.union.digests import read_digest
from editcorpus.union.entries import Array, Entries
from editcorpus.union.licences import refusal
from editcorpus.union.nearness import Told
from editcorpus.union.terms import Terms
from editcorpus.union.verdicts import REASONS, Verdict, Verdicts, limit_sentence

STEP = "unite"
"""The step that rejects."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known by looking at pictures, and not at their bytes alone.

    Attributes:
        looked: Whether anybody has looked.
        benchmarks: What the records were held against.
        against: What of the records each of these has.
        sought: What is said of each addition's search for near ones; none where nobody asked.
    """

    looked: bool = False
    benchmarks: Sequence[Benchmark] = ()
    against: Sequence[Against] = ()
    sought: Sequence[Told] = ()

    def met(self, number: int) -> str:
        """What of a record is a benchmark's, as a sentence for each benchmark."""
        hits = (one.hits.get(number) for one in self.against)
        return " ".join(hit.sentence for hit in hits if hit)


@dataclass(frozen=True, slots=True)
class Union:
    """All that was decided.

    Attributes:
        work: All batches, one corpus after the other.
        labels: Name of each corpus.
        additions: Which records came together.
        seen: What is known by looking at pictures.
        elsewhere: Numbers of corpora that came in earlier out of other stores, and are read no more.
    """

    store: Store
    terms: Terms
    work: Sequence[Batch]
    labels: Sequence[str]
    entries: Entries
    verdicts: Verdicts
    additions: Sequence[slice]
    seen: Seen
    elsewhere: frozenset[int] = frozenset()


def write_rejects(union: Union, path: str) -> ShardFile:
    """Write everybody who is not in the corpus, batch by batch.

    An id that entered more than once is followed by the name of its run, so that all ids in the corpus
    and among its rejects differ.
    """
    suffixes = _Suffixes(union)
    earlier = _Earlier(union)
    count = 0
    with union.store.upload(path) as file:
        with table_writer(schema_of(Rejected), file) as writer:
            for batch in union.work:
                table = _rows(union, batch, suffixes, earlier)
                count += table.num_rows
                if table.num_rows:
                    writer.write_table(table)
        return written(path, count, file)


def _rows(union: Union, batch: Batch, suffixes: "_Suffixes", earlier: "_Earlier") -> pa.Table:
    codes = union.verdicts.codes[batch.first : batch.first + batch.records]
    rows = np.flatnonzero(codes != Verdict.KEPT)
    if not len(rows):
        return schema_of(Rejected).empty_table()
    ids = read_digest(union.store, batch, ["id"])["id"].take(pa.array(rows)).to_pylist()
    verdicts = [Verdict(code) for code in codes[rows].tolist()]
    numbers = (rows + batch.first).tolist()
    details = list(_details(union, numbers, verdicts, earlier))
    named = [f"{one}{suffixes.of(number)}" for one, number in zip(ids, numbers, strict=True)]
    reasons = [REASONS[verdict].value for verdict in verdicts]
    columns = [named, [STEP] * len(rows), reasons, details]
    return pa.Table.from_arrays(list(map(pa.array, columns)), schema=schema_of(Rejected))


def _details(
    union: Union, numbers: list[int], verdicts: list[Verdict], earlier: "_Earlier"
) -> Iterator[str]:
    licences, entries = union.entries.words["licence"], union.entries

    @cache
    def refused(code: int) -> str:
        return refusal(licences[code], union.terms.licenses)

    for number, verdict in zip(numbers, verdicts, strict=True):
        if verdict is Verdict.LICENCE:
            yield refused(int(entries["licence"][number]))
        elif verdict is Verdict.CONTAMINATED:
            yield union.seen.met(number)
        elif verdict is Verdict.SPLIT:
            yield "Its group of near source images would join two splits of the corpus."
        elif union.verdicts.earlier[number] >= 0:
            yield earlier.sentence(number, verdict)
        else:
            yield limit_sentence(entries, number, verdict, union.terms)


class _Earlier:
    """Names of those who were there before others."""

    def __init__(self, union: Union) -> None:
        self._union = union
        self._numbers: Array = np.unique(union.verdicts.earlier)
        self._numbers = self._numbers[self._numbers >= 0]
        ids = [pa.chunked_array([], pa.string())]
        for batch in union.work:
            start, end = np.searchsorted(self._numbers, [batch.first, batch.first + batch.records])
            if end > start:
                rows = pa.array(self._numbers[start:end] - batch.first)
                ids.append(read_digest(union.store, batch, ["id"])["id"].take(rows))
        chunks = [chunk for one in ids for chunk in one.chunks]
        self._ids = pa.chunked_array(chunks, pa.string()).combine_chunks()
        self._corpora = corpus_of(union)

    def sentence(self, number: int, verdict: Verdict) -> str:
        first = int(self._union.verdicts.earlier[number])
        label = self._union.labels[int(self._corpora[first])]
        if verdict is Verdict.TAKEN:
            return f"The run {label} has another triplet of this id."
        named = self._ids[int(np.searchsorted(self._numbers, first))].as_py()
        if verdict is Verdict.NEAR_DUPLICATE:
            return f"{named} of the run {label} has nearly the same pictures and the same words."
        return f"{named} of the run {label} has the same pictures and the same instruction."


class _Suffixes:
    """What is added to ids that entered more than once."""

    def __init__(self, union: Union) -> None:
        keys, corpora = union.entries["id_key"], corpus_of(union)
        order = np.lexsort((corpora, keys))
        same = keys[order[1:]] == keys[order[:-1]]
        twice = same & (corpora[order[1:]] == corpora[order[:-1]])
        self._labels, self._corpora = union.labels, corpora
        self._often = _either(order, same)
        self._within = _either(order, twice)

    def of(self, number: int) -> str:
        if not self._often[number]:
            return ""
        more = f"~{number}" if self._within[number] else ""
        return f"~{self._labels[int(self._corpora[number])]}{more}"


def _either(order: Array, same: Array) -> Array:
    """Whether each is like the one before or behind it in an order."""
    made = np.zeros(len(order), bool)
    made[order[1:][same]] = True
    made[order[:-1][same]] = True
    return made


def corpus_of(union: Union) -> Array:
    """Number of the corpus of each record."""
    made = np.empty(len(union.entries), "i4")
    for batch in union.work:
        made[batch.first : batch.first + batch.records] = batch.corpus
    return made
