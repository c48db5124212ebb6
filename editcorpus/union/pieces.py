"""Which records lie in which file of a united corpus: decided once, before anything is copied."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from editcorpus.layouts.manifest import DATA
from editcorpus.union.batches import Batch
from editcorpus.union.entries import Array
from editcorpus.union.verdicts import SPLITS, Verdicts

SHARD_BYTES = 512 * 2**20
"""Picture bytes after which a file is closed: loaders fetch whole files, and the Hub advises against
more than some gigabytes (https://huggingface.co/docs/hub/repositories-recommendations)."""

VERSION = 1
"""Raised when the same records would be written otherwise."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of the corpus, with records of one batch and one split.

    Attributes:
        name: Of the file, without its ending: `train-00017`.
        rows: Numbers of its records within the batch, rising.
        mark: Hash of what the file holds: one with another mark is another file.
    """

    name: str
    rows: Array
    mark: str

    @property
    def path(self) -> str:
        """Where the file lies in its corpus."""
        return f"{DATA}{self.name}.parquet"


def cut(
    work: Sequence[Batch], verdicts: Verdicts, sizes: Array, counts: dict[str, int], most: int
) -> list[list[Piece]]:
    """The files of an addition, by its batches.

    Args:
        work: Batches of the addition.
        verdicts: Of all records.
        sizes: Bytes of the pictures of all records.
        counts: Files that each split has already; changed in place.
        most: Most records in a file.
    """
    made = []
    for batch in work:
        rows = slice(batch.first, batch.first + batch.records)
        kept = verdicts.kept(rows)
        pieces = []
        for number, split in enumerate(SPLITS):
            own = kept[verdicts.splits[kept] == number]
            for part in _parts(own, sizes[own], most):
                name = f"{split}-{counts[split]:05d}"
                pieces.append(Piece(name, part - batch.first, _mark(batch, part - batch.first)))
                counts[split] += 1
        made.append(pieces)
    return made


def _parts(rows: Array, sizes: Array, most: int) -> list[Array]:
    ends, held, start = [], 0, 0
    for place, size in enumerate(sizes.tolist()):
        if place > start and (held + size > SHARD_BYTES or place - start == most):
            ends.append(place)
            held, start = 0, place
        held += size
    return [part for part in np.split(rows, ends) if len(part)]


def _mark(batch: Batch, rows: Array) -> str:
    told = f"{VERSION} {batch.key} ".encode() + rows.astype("<i8").tobytes()
    return hashlib.sha256(told).hexdigest()
