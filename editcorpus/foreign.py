"""Parquet files from outside: damaged, or made to take all memory.

What their pages announce is checked before Arrow sees it (`pages.py`); what their dictionaries unfold
to, before it is unfolded.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from editcorpus.blobs import Column, blobs, readable
from editcorpus.buckets import cause
from editcorpus.errors import EditcorpusError, RowsDamaged, ShardError
from editcorpus.footers import Footer
from editcorpus.pages import Guard

_BUFFER_BYTES = 4 * 1024 * 1024
_MOST_MEMBERS = 200_000
"""Members of any list in a footer, for each of which Arrow sets aside up to 700 bytes: row groups,
columns. Published files of pictures have some hundreds."""
_MOST_TEXT = 64 * 1024 * 1024
"""Bytes of text that are unfolded at once: a thousand rows of a page each take 2 MB."""
_TEXT_ROWS = 1024
_LISTS = {pa.lib.Type_LIST: pa.list_, pa.lib.Type_LARGE_LIST: pa.large_list}


class ForeignTable:
    """A parquet file from outside, open for reading row group by row group.

    Args:
        file: Seekable; closed by whoever opened it. Each read of a bucket is one range request.
        name: For messages.

    Attributes:
        name: As given.
        metadata: What the footer says.
        schema: Its columns.

    Raises:
        ShardError: It is no parquet file, or announces more rows than it has bytes.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = name
        self._guard = Guard(file)
        with _sound(ShardError, f"{name} is not a whole parquet file"):
            footer = self._open()
            self.metadata: pq.FileMetaData = footer.metadata
            self.schema: pa.Schema = footer.schema_arrow
            self._footer = Footer(self._guard.footer())
            self._parquet = self._open(metadata=self.metadata, read_dictionary=self._texts())
            groups = range(self.metadata.num_row_groups)
            self._rows: list[int] = [self.metadata.row_group(group).num_rows for group in groups]
            if min(self._rows, default=0) < 0 or sum(self._rows) > self._guard.size:
                raise ValueError("its footer announces more rows than it has bytes")

    def _open(self, **options: Any) -> pq.ParquetFile:
        return pq.ParquetFile(
            self._guard,
            pre_buffer=False,
            buffer_size=_BUFFER_BYTES,
            thrift_container_size_limit=_MOST_MEMBERS,
            **options,
        )

    def _texts(self) -> list[str]:
        """Paths of columns of text that are read as they lie, where Arrow can do so."""
        deltas = self._footer.deltas()
        columns = (self.metadata.schema.column(index) for index in range(self.metadata.num_columns))
        texts = [one.path for one in columns if one.logical_type.type == "STRING"]
        return [path for path in texts if path not in deltas]

    def first_row(self, group: int) -> int:
        """Number of a row group's first row in the file.

        Raises:
            ShardError: There is no such row group.
        """
        if group >= len(self._rows):
            raise ShardError(f"{self.name} has fewer row groups than when it was planned.")
        return sum(self._rows[:group])

    def rows(self, group: int) -> int:
        """Rows in a row group, as the footer has it."""
        return self._rows[group]

    def only_text(self, group: int, column: str) -> str | None:
        """The one text that a column has in a row group; None where the footer proves none.

        Raises:
            RowsDamaged: The footer is damaged.
        """
        with self._readable(group):
            return self._footer.only_text(group, column)

    def batches(self, group: int, columns: Sequence[str], most: int) -> Iterator[pa.RecordBatch]:
        """The rows of a row group in order, some at a time; no columns of text.

        Memory follows the size of a page, not of the row group. Only one row group is read at a
        time.

        Args:
            group: From 0.
            columns: Names of columns, or of a member of a struct, such as `img.bytes`.
            most: Most rows at a time.

        Raises:
            RowsDamaged: The row group is damaged in one of those columns.
            StorageError: It cannot be read.
        """
        with self._readable(group):
            self._watch(group, columns)
            yield from self._parquet.iter_batches(most, [group], columns, use_threads=False)

    def values(
        self, group: int, columns: Sequence[str]
    ) -> Iterator[tuple[bytes | None, ...]] | None:
        """The rows of a row group in order, of columns of bytes alone; None where only `batches` can.

        Memory follows the size of a value, and not of a page. Several row groups may be read at a time.

        Args:
            group: From 0.
            columns: As for `batches`.

        Raises:
            RowsDamaged: The row group is damaged in one of those columns.
            StorageError: It cannot be read.
        """
        with self._readable(group):
            found = [self._column(group, name) for name in columns]
        return self._values(group, found) if all(map(readable, found)) else None

    def _values(self, group: int, columns: Sequence[Column]) -> Iterator[tuple[bytes | None, ...]]:
        with self._readable(group):
            yield from zip(*(blobs(self._guard.fetch, one) for one in columns), strict=True)

    def _column(self, group: int, name: str) -> Column:
        """Where a column of bytes lies, and how it is packed."""
        chunks = self._footer.chunks(group, [name], self._guard.size)
        places = range(self.metadata.num_columns)
        known = (self.metadata.schema.column(place) for place in places)
        level = next((one for one in known if one.path == name), None)
        if len(chunks) != 1 or level is None or level.max_repetition_level:
            return Column(0, 0, 0, -1, -1, frozenset(), 0)
        first, (kind, codec, encodings) = chunks[0], self._footer.packing(group, name)
        if first.values != self._rows[group]:
            raise ValueError("its columns differ in length")
        levels = level.max_definition_level
        return Column(first.start, first.end, first.values, kind, codec, encodings, levels)

    def records(self, group: int, columns: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """The rows of a row group in order, as Python has them.

        Args:
            group: From 0.
            columns: Names of columns of texts, lists of texts, or numbers.

        Raises:
            RowsDamaged: The row group is damaged in one of those columns.
            StorageError: It cannot be read.
        """
        with self._readable(group):
            self._watch(group, columns)
            for batch in self._parquet.iter_batches(
                _TEXT_ROWS, [group], columns, use_threads=False
            ):
                yield from _unfolded(batch).to_pylist()

    def _watch(self, group: int, columns: Sequence[str]) -> None:
        self._guard.watch(self._footer.chunks(group, columns, self._guard.size))

    @contextmanager
    def _readable(self, group: int) -> Iterator[None]:
        first = self.first_row(group)
        where = f"row group {group}, rows {first} to {first + self._rows[group] - 1}"
        with _sound(RowsDamaged, f"{self.name} is damaged in {where}"):
            yield


def _unfolded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with plain texts."""
    made = [_plain(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(made, names=batch.schema.names)


def _plain(column: pa.Array) -> pa.Array:
    listed = _LISTS.get(column.type.id)
    texts = column.flatten() if listed else column
    if not pa.types.is_dictionary(texts.type):
        return column
    sizes = pc.take(pc.binary_length(texts.dictionary), texts.indices)
    if (pc.sum(sizes).as_py() or 0) > _MOST_TEXT:
        raise ValueError("its texts unfold to more than texts are")
    return column.cast(listed(pa.string()) if listed else pa.string())


@contextmanager
def _sound(kind: type[ShardError], sentence: str) -> Iterator[None]:
    """Say of what cannot be parsed that it is damaged; a store's own trouble goes through."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        # the store's own trouble has a number, Arrow's finding of damage has none
        if isinstance(error, EditcorpusError) or getattr(error, "errno", None) is not None:
            raise
        found = ShardError if isinstance(error, MemoryError) else kind
        raise found(f"{sentence}: {cause(error)}") from error
