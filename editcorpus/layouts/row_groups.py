"""Row groups of a shard, one after the other, each hashed while it is read."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.layouts.parquet import ShardFile, parsing
from editcorpus.layouts.plain_pages import Leaf, Views, leaves, views
from editcorpus.layouts.proof import Reader, proven
from editcorpus.layouts.schema import PICTURES, shard_schema
from editcorpus.layouts.unify import present, unified
from editcorpus.storage import Store

_TEXTS = frozenset(shard_schema().names) - set(PICTURES)
_TAIL = 2**19
"""Bytes fetched first: the end of the file, usually with the whole footer."""
_SPARE = 2**20
"""Bytes that the next row group may be longer before memory is set aside anew."""
_FOOTER_END = 8
"""Bytes of a parquet file behind its footer: the footer's length, and a mark (`parquet.thrift`)."""
_MARK = b"PAR1"


class Group(NamedTuple):
    """A row group.

    Attributes:
        texts: The columns of `Published` but its pictures.
        sources: Source image of each row.
        edited: Edited image of each row. Both last until the next row group is asked for.
    """

    texts: pa.Table
    sources: Views
    edited: Views


def proven_groups(store: Store, path: str, told: ShardFile) -> Iterator[Group]:
    """The row groups of a shard with all columns of `Published`; the last one is followed by the proof.

    One row group is in memory, as it lies in the file; where its pictures are packed, or refer to a
    dictionary, another as a table. Only the footer is read twice, and from a bucket each row group by
    few requests, whatever its number of columns.

    Args:
        store: Where the shard lies.
        path: Its path there.
        told: Length and hash that it must have.

    Raises:
        ShardError: The file is missing, damaged, lacks a column, holds null, or is another one than told;
            of that, some may be given before.
    """
    with proven(store, path, told) as reader, parsing(store.url(path)):
        window = _Window(_footer(store, path, told.bytes), told.bytes)
        metadata = pq.read_metadata(pa.BufferReader(_MARK + window.footer))
        source = pa.PythonFile(window, mode="r")
        with pq.ParquetFile(source, metadata=metadata, pre_buffer=False) as parquet:
            columns, pictures = present(parquet.schema_arrow), leaves(parquet)
            for number, end in enumerate(_ends(metadata, window.end)):
                window.slide(reader, end)
                found = _lying(metadata.row_group(number), pictures, window)
                yield _group(parquet, number, columns, found)
        window.finish(reader)


def _lying(
    group: pq.RowGroupMetaData, pictures: list[Leaf] | None, window: "_Window"
) -> tuple[Views, Views] | None:
    """Both pictures of each row where they lie; None where they cannot be given so."""
    if pictures is None:
        return None
    sources, edited = (views(group, leaf, window.part) for leaf in pictures)
    return None if sources is None or edited is None else (sources, edited)


def _group(
    parquet: pq.ParquetFile, number: int, columns: list[str], found: tuple[Views, Views] | None
) -> Group:
    read = columns if found is None else [name for name in columns if name in _TEXTS]
    table = parquet.read_row_group(number, columns=read, use_threads=False)
    if found is None:
        table = unified(table)
        sources, edited = (_copied(table.column(name)) for name in PICTURES)
        return Group(table.drop_columns(list(PICTURES)), sources, edited)
    if any(len(pictures) != table.num_rows for pictures in found):
        raise ValueError("its columns differ in length")
    return Group(unified(table, _TEXTS), *found)


def _copied(column: pa.ChunkedArray) -> Views:
    """Each picture where it lies in a column that Arrow made; a scalar would be a copy."""
    made = Views()
    for chunk in column.chunks:
        data = chunk.field("bytes")
        _, offsets, values = data.buffers()
        places = memoryview(offsets).cast("i")[data.offset : data.offset + len(data) + 1]
        held = memoryview(values or b"").cast("B")
        made += (held[start:end] for start, end in pairwise(places))
    return made


def _footer(store: Store, path: str, size: int) -> bytes:
    """The end of a file from its footer on."""
    start = max(0, size - _TAIL)
    data = store.read_range(path, start, size - start)
    length = int.from_bytes(data[-_FOOTER_END:-4], "little") + _FOOTER_END
    if not data.endswith(_MARK) or length > size:
        raise ValueError("its end is no footer")
    if length > len(data):
        data = store.read_range(path, size - length, length)
    return data[-length:]


def _ends(metadata: pq.FileMetaData, footer: int) -> list[int]:
    """Where each row group ends: where the next begins."""
    starts = [_start(metadata.row_group(number)) for number in range(metadata.num_row_groups)]
    return [*starts, footer][1:]


def _start(group: pq.RowGroupMetaData) -> int:
    columns = [group.column(number) for number in range(group.num_columns)]
    return min(int(one.dictionary_page_offset or one.data_page_offset) for one in columns)


class _Window:
    """A file to Arrow, which knows its footer: one row group at a time is in memory.

    What it gives refers to memory that is used again for the next row group.
    """

    closed = False

    def __init__(self, footer: bytes, size: int) -> None:
        self.footer = footer
        self.end = size - len(footer)
        self._size = size
        self._buffer = bytearray()
        self._start, self._held = 0, memoryview(b"")
        self._at = 0

    def slide(self, reader: Reader, end: int) -> None:
        """Hold the bytes from where the reader is up to a place."""
        if not reader.at <= end <= self._size:
            raise ValueError("its row groups are not in their order, or not in it")
        length = end - reader.at
        if length > len(self._buffer):
            self._buffer = bytearray(length + _SPARE)
        self._start, self._held = reader.at, memoryview(self._buffer)[:length]
        reader.fill(self._held)

    def finish(self, reader: Reader) -> None:
        """Read the rest, and see that the footer is the known one."""
        self.slide(reader, self._size)
        if self._held[-len(self.footer) :] != self.footer:
            raise ValueError("it changed while it was read")

    def part(self, place: int, size: int) -> memoryview:
        """Bytes of the row group, from a place in the file on."""
        first = place - self._start
        if min(first, size) < 0 or first + size > len(self._held):
            raise ValueError("a column lies outside of its row group")
        return self._held[first : first + size]

    def read(self, size: int) -> memoryview:
        """Bytes from where it is."""
        found = self.part(self._at, size)
        self._at += size
        return found

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a place."""
        self._at = place + (self._size if whence else 0)
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def close(self) -> None:
        """Nothing is held open."""
