"""Copy the records of a batch into the files of a united corpus: encoded bytes, never decoded."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field

import numpy as np
import pyarrow as pa

from editcorpus.errors import ShardError
from editcorpus.layouts.parquet import ShardFile
from editcorpus.layouts.sink import ShardSink, shard_sink
from editcorpus.storage import Store
from editcorpus.union.batches import Batch
from editcorpus.union.entries import Array
from editcorpus.union.pieces import Piece
from editcorpus.union.reading import Alive, tables


@dataclass(frozen=True, slots=True)
class Place:
    """Where a united corpus is made.

    Attributes:
        store: Of the corpus.
        folder: Of the corpus, such as `corpora/full`.
        notes: Folder in which it stands which files are whole, until the corpus is.
    """

    store: Store
    folder: str
    notes: str

    def known(self, batch: Batch, pieces: Sequence[Piece]) -> dict[str, ShardFile]:
        """The files of a batch that were written whole, and are those that are wanted, by name."""
        try:
            told = json.loads(self.store.read(self._note(batch)))
            found = {name: (mark, ShardFile(**file)) for name, (mark, file) in told.items()}
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            return {}
        wanted = {piece.name: (piece.mark, f"{self.folder}/{piece.path}") for piece in pieces}
        same = {
            name: file
            for name, (mark, file) in found.items()
            if wanted.get(name) == (mark, file.path)
        }
        return {name: file for name, file in same.items() if self._lies(file)}

    def note(self, batch: Batch, pieces: Sequence[Piece], files: Mapping[str, ShardFile]) -> None:
        """Say which files of a batch are whole."""
        told = {
            piece.name: (piece.mark, asdict(files[piece.name]))
            for piece in pieces
            if piece.name in files
        }
        self.store.write(self._note(batch), json.dumps(told).encode() + b"\n")

    def _note(self, batch: Batch) -> str:
        return f"{self.notes}/{batch.corpus}-{batch.first}.json"

    def _lies(self, file: ShardFile) -> bool:
        try:
            return self.store.size(file.path) == file.bytes
        except FileNotFoundError:
            return False


def copy(place: Place, batch: Batch, pieces: list[Piece], alive: Alive) -> int:
    """Write the files of a batch that are not there; how many records lie in all of them.

    Each file of the source is read once, and of it only the row groups with records that are wanted.

    Args:
        place: Where to.
        batch: Where from.
        pieces: Which records go into which file.
        alive: See `reading.Alive`.

    Raises:
        ShardError: A file of the source is missing, damaged, or not what it was.
        StorageFull: No space is left; files that are written stay.
    """
    done = place.known(batch, pieces)
    left = [piece for piece in pieces if piece.name not in done]
    with ExitStack() as stack:
        lanes = [_Lane(place, piece, stack.enter_context(ExitStack())) for piece in left]
        for first, table in _wanted(batch, left, alive):
            for lane in lanes:
                if lane.take(first, table):
                    done[lane.piece.name] = lane.file
                    place.note(batch, pieces, done)
            lanes = [lane for lane in lanes if not lane.done]
    return sum(len(piece.rows) for piece in pieces)


@dataclass(slots=True)
class _Lane:
    """A file on its way: opened with its first record, closed with its last."""

    place: Place
    piece: Piece
    stack: ExitStack
    taken: int = 0
    sink: ShardSink | None = field(default=None)

    @property
    def done(self) -> bool:
        return self.taken == len(self.piece.rows)

    @property
    def file(self) -> ShardFile:
        """The file, once it is whole."""
        if self.sink is None or self.sink.written is None:
            raise ShardError(f"{self.piece.path} is not written.")
        return self.sink.written

    def take(self, first: int, table: pa.Table) -> bool:
        """Take what belongs here of a table whose first row has this number; whether it was the last."""
        rows = self.piece.rows
        end = int(np.searchsorted(rows, first + table.num_rows))
        if end == self.taken:
            return False
        if self.sink is None:
            path = f"{self.place.folder}/{self.piece.path}"
            self.sink = self.stack.enter_context(shard_sink(self.place.store, path))
        self.sink.add(table.take(pa.array(rows[self.taken : end] - first)))
        self.taken = end
        if self.done:
            self.stack.close()
        return self.done


def _wanted(batch: Batch, pieces: list[Piece], alive: Alive) -> Iterator[tuple[int, pa.Table]]:
    """The tables of a batch that hold wanted records, each with the number of its first row."""
    if not pieces:
        return
    rows: Array = np.sort(np.concatenate([piece.rows for piece in pieces]))
    first = 0
    for shard in batch.shards:
        own = rows[np.searchsorted(rows, first) : np.searchsorted(rows, first + shard.file.records)]
        if len(own):
            for at, table in tables(shard, alive, rows=own - first):
                yield first + at, table
        first += shard.file.records
