"""All records that are united, as arrays: some 90 bytes each, however large their pictures are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from editcorpus.storage import Store
from editcorpus.union.batches import Batch
from editcorpus.union.digests import read_digest

Array = np.ndarray[Any, np.dtype[Any]]

CODED = ("source", "task", "family", "type", "licence")
"""Texts of which few differ; a task is one of its source."""
BETWEEN = "\x1f"
"""Stands between a source and its task."""
_KEY = "S16"
_COLUMNS = {
    "id_key": _KEY,
    "content": _KEY,
    "image": "u8",
    "thread": "u8",
    "bytes": "i8",
    "score": "f4",
}
_PREVIOUS = "previous"
_MOST_TURNS = 64
"""Turns of a conversation that are followed back; published ones have at most 5."""


@dataclass(slots=True)
class Entries:
    """What is known of every record, by its number over all corpora.

    Attributes:
        columns: Arrays by name: hashes `id_key` and `content` (16 bytes), `image` and `thread` (64
            bits), `bytes` of both pictures, `score`, and codes of `CODED`. `image` is of the source
            image, or of the one with which the conversation began.
        words: What the codes stand for.
    """

    columns: dict[str, Array]
    words: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns["id_key"])

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]


def read_entries(store: Store, work: Sequence[Batch]) -> Entries:
    """What the digests of all batches say.

    Raises:
        ShardError: One is missing or damaged.
    """
    total = sum(batch.records for batch in work)
    made = Entries({name: np.empty(total, kind) for name, kind in _COLUMNS.items()})
    made.columns |= {name: np.empty(total, "i4") for name in CODED}
    known: dict[str, dict[str, int]] = {name: {} for name in CODED}
    for corpus in dict.fromkeys(batch.corpus for batch in work):
        own = [batch for batch in work if batch.corpus == corpus]
        before = [_fill(made, known, store, batch) for batch in own]
        rows = slice(own[0].first, own[-1].first + own[-1].records)
        _root(made["image"][rows], made["id_key"][rows], np.concatenate(before))
    made.words = {name: list(codes) for name, codes in known.items()}
    return made


def _fill(made: Entries, known: dict[str, dict[str, int]], store: Store, batch: Batch) -> Array:
    """Put a batch where it belongs; the turns before its records."""
    table = read_digest(store, batch, [*_COLUMNS, _PREVIOUS, *CODED])
    rows = slice(batch.first, batch.first + batch.records)
    for name, kind in _COLUMNS.items():
        made[name][rows] = _keys(table[name]) if kind == _KEY else table[name].to_numpy()
    for name in CODED:
        column = table[name]
        if name == "task":
            column = pc.binary_join_element_wise(table["source"], column, BETWEEN)
        made[name][rows] = _codes(column, known[name])
    return _keys(table[_PREVIOUS])


def _keys(column: pa.ChunkedArray) -> Array:
    """Hashes of 16 bytes as numpy compares them."""
    return np.frombuffer(b"".join(chunk.buffers()[1].to_pybytes() for chunk in column.chunks), _KEY)


def _codes(column: pa.ChunkedArray, known: dict[str, int]) -> Array:
    """A number for each text, the same in all batches; new texts get the next."""
    made = [np.empty(0, "i4")]
    for chunk in column.dictionary_encode().chunks:
        words = chunk.dictionary.to_pylist()
        numbers = [known.setdefault(word, len(known)) for word in words]
        made.append(np.array(numbers, "i4")[chunk.indices.to_numpy()])
    return np.concatenate(made)


def _root(images: Array, keys: Array, before: Array) -> None:
    """Give each turn of a conversation the source image with which the conversation began.

    The turns before are looked for in the same corpus. Where one is not there, its hash stands for
    the image, so that the turns that are there stay together.

    Args:
        images: Hashes of source images; changed in place.
        keys: Hashes of ids.
        before: Hashes of the ids of the turns before; zero where there is none.
    """
    turns = np.flatnonzero(before != b"")
    if not len(turns):
        return
    order = np.argsort(keys, kind="stable")
    found = np.searchsorted(keys, before[turns], sorter=order)
    earlier = order[np.minimum(found, len(order) - 1)]
    there = keys[earlier] == before[turns]
    parents = np.arange(len(keys))
    parents[turns[there]] = earlier[there]
    roots = parents.copy()
    for _ in range(_MOST_TURNS):
        higher = parents[roots]
        if np.array_equal(higher, roots):
            break
        roots = higher
    lost = turns[~there]
    images[lost] = np.ascontiguousarray(before[lost]).view("u8")[::2]
    images[:] = images[roots]
