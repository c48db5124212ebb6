"""Records that hold pictures, in two parquet files: their facts, and their pictures.

The facts are one row group, read whole with one request. The pictures lie in the same order in row
groups of `PICTURE_ROWS`, so that one picture can be read alone. For each picture the facts hold its
SHA-256, and none where the record has none: what is read is proven against it, since parquet's own
page checksums leave headers and footer unprotected, and cannot tell that the file is another one.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import accumulate, islice
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.errors import ShardError
from editcorpus.tables import (
    Source,
    damaged,
    from_table,
    opened_source,
    schema_of,
    table_writer,
    to_table,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

PICTURE_ROWS = 4
"""Rows in a row group of pictures: at 2 to 3 MB each about 10 MB."""
_HASH = "_sha256"
"""What the column of facts with the hashes of a picture column has behind its name."""
_Row = TypeVar("_Row", bound="DataclassInstance")


def has_pictures(cls: type["DataclassInstance"]) -> bool:
    """Whether records of this class hold pictures: fields of type `bytes`."""
    return bool(_names(schema_of(cls)))


def write_split(rows: Iterable[_Row], cls: type[_Row], facts: Path, pictures: Path) -> int:
    """Write records with pictures and return how many; equal records give equal bytes.

    No more than `PICTURE_ROWS` pictures of a column are held at once: pass a generator.

    Args:
        rows: Records of `cls`; read once.
        cls: The dataclass, which decides the columns even where there are no rows.
        facts: Where all but the pictures goes.
        pictures: Where the pictures go.
    """
    schema = schema_of(cls)
    names = _names(schema)
    parts = [_facts(to_table([], cls), names)]
    remaining = iter(rows)
    with table_writer(pa.schema([schema.field(name) for name in names]), pictures) as writer:
        while batch := list(islice(remaining, PICTURE_ROWS)):
            table = to_table(batch, cls)
            writer.write_table(table.select(names), row_group_size=PICTURE_ROWS)
            parts.append(_facts(table, names))
    table = pa.concat_tables(parts).combine_chunks()
    with table_writer(table.schema, facts) as writer:
        writer.write_table(table, row_group_size=max(1, len(table)))
    return len(table)


def facts_of(table: pa.Table, cls: type[_Row]) -> list[_Row]:
    """The records in a table of facts; their pictures are left empty.

    Raises:
        ShardError: A column is missing, or has another type than its field.
    """
    for column in schema_of(cls):
        if column.type == pa.binary():
            table = table.append_column(column, pa.array([b""] * len(table), column.type))
    return from_table(table, cls)


def hashes_of(table: pa.Table, column: str) -> list[str | None]:
    """What a table of facts knows of a picture column: SHA-256 in hex, None where there is none.

    Raises:
        ShardError: It knows of no such column.
    """
    name = f"{column}{_HASH}"
    if name not in table.schema.names:
        raise ShardError(f"There is no column {column!r} of pictures.")
    found: list[str | None] = table.column(name).to_pylist()
    return found


class Pictures:
    """One column of pictures, read by row number from any thread and proven by their hashes.

    The file is opened when the first picture is read. One row group is read at a time and the last
    one is kept, so that rows taken in order are read once and memory holds `PICTURE_ROWS` pictures.
    Use as a context manager, or call `close`.

    Args:
        source: Opens the file: gives a local path, or a seekable file open for reading bytes.
        column: Name of a column of type binary.
        hashes: SHA-256 of each row's picture in hex; None where the row has none.
        wrong: Makes the error that is raised of a sentence.
    """

    def __init__(
        self,
        source: Callable[[], Source],
        column: str,
        hashes: Sequence[str | None],
        wrong: Callable[[str], ShardError] = ShardError,
    ) -> None:
        self._source = source
        self._column = column
        self._hashes = hashes
        self._wrong = wrong
        self._lock = Lock()
        self._opened = ExitStack()
        self._over = False
        self._parquet: pq.ParquetFile | None = None
        self._starts: list[int] = []
        self._group = -1
        self._rows: list[bytes | None] = []

    def __len__(self) -> int:
        return len(self._hashes)

    def __getitem__(self, row: int) -> bytes | None:
        """The picture of a row, from 0; None where it has none.

        Raises:
            IndexError: There is no such row; negative numbers are none.
            ShardError: The file is missing or damaged, or of the class that `wrong` makes.
        """
        if not 0 <= row < len(self):
            raise IndexError(f"Row {row} is not one of {len(self)} rows of {self._column}.")
        if self._hashes[row] is None:
            return None
        try:
            with self._lock:
                picture = self._at(row)
        except (ShardError, FileNotFoundError) as error:
            missing = isinstance(error, FileNotFoundError)
            raise self._wrong("It is missing." if missing else str(error)) from error
        if picture is None or hashlib.sha256(picture).hexdigest() != self._hashes[row]:
            raise self._wrong(f"Row {row} of {self._column} is not what was written.")
        return picture

    def need(self, row: int) -> bytes:
        """The picture of a row that must have one; errors as for any row."""
        picture = self[row]
        if picture is None:
            raise self._wrong(f"Row {row} of {self._column} has no picture.")
        return picture

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and free the row group."""
        with self._lock:
            self._rows, self._group = [], -1
            self._parquet, self._over = None, True
            self._opened.close()

    def _at(self, row: int) -> bytes | None:
        parquet = self._parquet or self._open()
        group = bisect_right(self._starts, row) - 1
        if group != self._group:
            self._rows, self._group = [], -1  # free the last group before the next is read
            with damaged():
                table = parquet.read_row_group(group, columns=[self._column], use_threads=False)
                self._rows = table.column(self._column).to_pylist()
            self._group = group
        place = row - self._starts[group]
        return self._rows[place] if place < len(self._rows) else None

    def _open(self) -> pq.ParquetFile:
        if self._over:
            raise ShardError("It was closed.")
        source = self._source()
        with ExitStack() as stack, damaged():
            if not isinstance(source, str | Path):
                stack.enter_context(source)
            parquet = stack.enter_context(pq.ParquetFile(opened_source(source), pre_buffer=False))
            self._starts = self._proven(parquet)
            self._parquet, self._opened = parquet, stack.pop_all()
        return parquet

    def _proven(self, parquet: pq.ParquetFile) -> list[int]:
        """The rows at which the row groups of the right file begin, and the one behind the last."""
        schema, meta = parquet.schema_arrow, parquet.metadata
        if self._column not in schema.names or schema.field(self._column).type != pa.binary():
            raise ShardError(f"It has no column {self._column!r} of bytes.")
        sizes = [meta.row_group(group).num_rows for group in range(meta.num_row_groups)]
        if sum(sizes) != len(self):
            raise ShardError(f"It holds {sum(sizes)} rows, not {len(self)}.")
        return list(accumulate(sizes, initial=0))


def _names(schema: pa.Schema) -> list[str]:
    return [column.name for column in schema if column.type == pa.binary()]


def _facts(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """The table without its pictures, but with their hashes."""
    made = table.drop_columns(list(names))
    for name in names:
        found = [_sha256(value) for value in table.column(name).to_pylist()]
        column = pa.field(f"{name}{_HASH}", pa.string())
        made = made.append_column(column, pa.array(found, pa.string()))
    return made


def _sha256(picture: bytes | None) -> str | None:
    return None if picture is None else hashlib.sha256(picture).hexdigest()
