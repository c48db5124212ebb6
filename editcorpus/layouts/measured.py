"""What was measured in a corpus, counted from the small columns of its files; each file is read once."""

import json
from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from editcorpus.layouts.counting import by_file, columns_of, with_note
from editcorpus.layouts.parquet import ShardFile
from editcorpus.quality import NEEDED, Column, Counts, count
from editcorpus.storage import Store

VERSION = 1
"""Raised when the same columns would be counted otherwise."""

Known = dict[str, Counts]
"""Counts of files by their SHA-256."""


def measured(store: Store, files: Sequence[ShardFile], note: str) -> Counts:
    """The counts of a corpus.

    Args:
        store: Where the corpus lies.
        files: Its files with records; paths are those in the store.
        note: Path in the store of a note of what was counted, by which no file is read twice.

    Raises:
        ShardError: A file is missing or damaged.
    """
    count_all = partial(by_file, store, files, read=_read)
    return sum(with_note(store, note, decode, encode, count_all).values(), Counts())


def encode(known: Known) -> bytes:
    """The counts as JSON; `decode` gives them back."""
    told = {
        digest: [
            one.records,
            one.rates,
            {name: sorted(v.items()) for name, v in one.figures.items()},
        ]
        for digest, one in known.items()
    }
    made = json.dumps({"version": VERSION, "files": told}, sort_keys=True, separators=(",", ":"))
    return made.encode() + b"\n"


def decode(data: bytes) -> Known:
    """The counts that `encode` wrote; none where the bytes are damaged, since all can be read anew."""
    try:
        told = json.loads(data)
        if told["version"] != VERSION:
            return {}
        return {
            str(digest): Counts(
                records,
                {name: (found, of) for name, (found, of) in rates.items()},
                {name: Counter(dict(values)) for name, values in figures.items()},
            )
            for digest, (records, rates, figures) in told["files"].items()
        }
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return {}


def _read(store: Store, path: str) -> Counts:
    table = columns_of(
        store, path, lambda schema: [name for name in schema.names if name in NEEDED]
    )
    return count({name: _column(table[name]) for name in table.column_names}, len(table))


def _column(column: pa.ChunkedArray) -> Column:
    if pa.types.is_string(column.type):
        return np.array([text or "" for text in column.to_pylist()], object)
    made: Column = column.cast(pa.float64()).to_numpy().astype(float)
    return made
