"""What of a union is a benchmark's: found batch by batch, and kept beside the digests.

What is found of a record depends on it and on the benchmark alone, so it is found once for a batch,
however often its runs are united against that benchmark.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from editcorpus.errors import ShardError
from editcorpus.layouts.markdown import one_line
from editcorpus.similar import hashes, minhash
from editcorpus.similar.contamination import Contamination, Hashed, Hit, Kind, contamination
from editcorpus.similar.hashes import WORDS
from editcorpus.similar.hashfile import Known
from editcorpus.similar.minhash import BANDS
from editcorpus.storage import Store
from editcorpus.tables import table_writer
from editcorpus.union import looks
from editcorpus.union.batches import Batch
from editcorpus.union.digests import FOLDER, read_looks
from editcorpus.union.reading import opened

VERSION = 1
"""Raised when the same records would be found otherwise."""

_COLUMNS: dict[str, pa.DataType] = {
    "row": pa.int64(),
    "item": pa.int64(),
    "id": pa.string(),
    "kind": pa.string(),
    "picture": pa.string(),
    "view": pa.string(),
    "signs": pa.int64(),
    "agreement": pa.float64(),
    "mirrored": pa.bool_(),
}
_SCHEMA = pa.schema(list(_COLUMNS.items()))
_TOLD = b"editcorpus.told"
_NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What a corpus is held against.

    Attributes:
        known: Its hashes.
        sha256: Of the file that they are of.
    """

    known: Known
    sha256: str


@dataclass(frozen=True, slots=True)
class Met:
    """A record that is a benchmark's.

    Attributes:
        benchmark: Its name.
        item: Number of the item that it is nearest to.
        id: Of that item.
        kind: Why.
        picture: `source` or `edited`: which of its two pictures.
        view: The part of the benchmark's picture that is near.
        signs: See `similar.hashes.Likeness`.
        agreement: Likewise.
        mirrored: Likewise.
    """

    benchmark: str
    item: int
    id: str
    kind: str
    picture: str
    view: str
    signs: int
    agreement: float
    mirrored: bool

    @property
    def sentence(self) -> str:
        """For people."""
        item = one_line(self.id)[:_NAME_CHARACTERS]
        benchmark = one_line(self.benchmark)[:_NAME_CHARACTERS]
        mirrored = ", mirrored" if self.mirrored else ""
        shown = f"its {self.view} view{mirrored}; {self.signs} of 256 signs differ"
        measured = f"({shown}, {self.agreement:.2f} of the firm differences agree)"
        if self.kind == Kind.PICTURE:
            return f"The {self.picture} image is that of item {item} of {benchmark} {measured}."
        return (
            f"The {self.picture} image resembles that of item {item} of {benchmark} {measured}, "
            "and the instruction is nearly the same."
        )


@dataclass(frozen=True, slots=True)
class Against:
    """What of the records one benchmark has.

    Attributes:
        hits: By number of the record; each at its nearest.
        text_only: How many records have an item's instruction and none of its pictures.
        buckets: Keys of the benchmark's hashes that too many of them share.
    """

    name: str
    hits: Mapping[int, Met]
    text_only: int
    buckets: int


def against_path(batch: Batch, benchmark: Benchmark) -> str:
    """Where it lies what of a batch is a benchmark's."""
    versions = f"{VERSION}.{looks.VERSION}.{hashes.VERSION}.{minhash.VERSION}"
    return f"{FOLDER}/{batch.key}-against-{benchmark.sha256[:32]}-{versions}.parquet"


def hold(store: Store, batch: Batch, benchmarks: Sequence[Benchmark]) -> int:
    """Hold a batch against benchmarks, unless that is done; how many records it has.

    Raises:
        ShardError: What is known of how it looks is damaged.
    """
    left = [one for one in benchmarks if not store.exists(against_path(batch, one))]
    if left:
        parts, corpus = _hashed(store, batch)
        for benchmark in left:
            found = contamination(benchmark.known, corpus)
            _write(store, against_path(batch, benchmark), benchmark, found, parts)
    return batch.records


def read_against(store: Store, work: Sequence[Batch], benchmark: Benchmark) -> Against:
    """What of all batches is a benchmark's.

    Raises:
        ShardError: A file is missing or damaged.
    """
    hits: dict[int, Met] = {}
    text_only, buckets = 0, 0
    for batch in work:
        path = against_path(batch, benchmark)
        with opened(store, path) as parquet:
            table = parquet.read(use_threads=False)
        try:
            told = json.loads(table.schema.metadata[_TOLD])
            text_only += int(told["text_only"])
            buckets = int(told["buckets"])
            for row in table.to_pylist():
                number = batch.first + row.pop("row")
                hits[number] = Met(benchmark.known.benchmark, **row)
        except (KeyError, TypeError, ValueError) as error:
            raise ShardError(
                f"{store.url(path)} is damaged; remove it, and run the same again."
            ) from error
    return Against(benchmark.known.benchmark, hits, text_only, buckets)


def _hashed(store: Store, batch: Batch) -> tuple[list[str], Hashed]:
    """Which picture each hash is of, and the hashes."""
    names = [f"{picture}_{part}" for picture in looks.PICTURES for part in ("whole", "content")]
    table = read_looks(store, batch, [*names, "signature"])
    owners, views, parts = [], [], []
    for name in names:
        found = looks.numbers(table[name], WORDS)
        there = np.flatnonzero(found.any(1))
        owners.append(there.astype("u4"))
        views.append(found[there])
        parts += [name.partition("_")[0]] * len(there)
    numbers = np.concatenate(owners)
    signatures = looks.numbers(table["signature"], BANDS)
    return parts, Hashed(np.concatenate(views), numbers, signatures)


def _write(
    store: Store, path: str, benchmark: Benchmark, found: Contamination, parts: Sequence[str]
) -> None:
    rows = [_row(hit, benchmark.known, parts) for hit in _nearest(found.hits)]
    told = {"text_only": found.text_only, "buckets": found.degenerate}
    schema = _SCHEMA.with_metadata({_TOLD: json.dumps(told).encode()})
    with store.upload(path) as file, table_writer(schema, file) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema))


def _nearest(hits: Sequence[Hit]) -> list[Hit]:
    """One hit for each record: by the picture if there is one, then the fewest signs."""
    made: dict[int, Hit] = {}
    for hit in sorted(hits, key=lambda one: (one.kind != Kind.PICTURE, one.signs, one.item)):
        made.setdefault(hit.record, hit)
    return [made[record] for record in sorted(made)]


def _row(hit: Hit, known: Known, parts: Sequence[str]) -> dict[str, object]:
    return {
        "row": hit.record,
        "item": hit.item,
        "id": known.ids[hit.item],
        "kind": hit.kind.value,
        "picture": parts[hit.picture],
        "view": known.views[hit.view],
        "signs": hit.signs,
        "agreement": hit.agreement,
        "mirrored": hit.mirrored,
    }
