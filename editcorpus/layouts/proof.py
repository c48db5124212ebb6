"""Files of a corpus, read once from front to back, and proven by the hash that the manifest names."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import FileIO

import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.errors import ShardError
from editcorpus.layouts.parquet import ShardFile, parsing
from editcorpus.layouts.unify import present, unified
from editcorpus.storage import Store

_STEP = 2**20
"""Bytes read from a disk at once: they are hashed, and written perhaps, while a core's cache holds them."""
_REQUEST = 8 * 2**20
"""Bytes fetched from a bucket at once."""
_FOOTER_END = 8
"""Bytes of a parquet file behind its footer: the footer's length, and a mark (`parquet.thrift`)."""
_MARK = b"PAR1"


class Reader:
    """Gives the bytes of a file in their order, and hashes what it gives; see `proven`."""

    def __init__(self, store: Store, path: str, told: ShardFile, file: FileIO | None) -> None:
        """Nothing is read yet.

        Args:
            store: Where the file lies.
            path: Its path there.
            told: What it is to be.
            file: The file, open without a buffer; None on a bucket.
        """
        self.at = 0
        self.step = _REQUEST if file is None else _STEP
        self._store = store
        self._path = path
        self._told = told
        self._file = file
        self._digest = hashlib.sha256()

    def fill(self, buffer: memoryview) -> int:
        """Fill a buffer with the next bytes, and say how many; fewer only at the end of the file.

        Raises:
            ShardError: The file is missing.
            StorageError: The store failed.
        """
        filled = 0
        while length := self._some(buffer[filled : filled + self.step]):
            filled += length
        return filled

    def _some(self, room: memoryview) -> int:
        room = room[: self._told.bytes - self.at]
        if not room:
            return 0
        with _there(self._store, self._path):
            if self._file is not None:
                length = self._file.readinto(room)
            else:
                data = self._store.read_range(self._path, self.at, len(room))
                length = len(data)
                room[:length] = data
        self._digest.update(room[:length])
        self.at += length
        return length

    def check(self) -> None:
        """See `proven`."""
        if self.at < self._told.bytes or self._digest.hexdigest() != self._told.sha256:
            url = self._store.url(self._path)
            raise ShardError(f"{url} is not the file that the manifest names; `editcorpus audit`.")


@contextmanager
def proven(store: Store, path: str, told: ShardFile) -> Iterator[Reader]:
    """Open a file for a block that reads it to its end; it is proven when the block ends well.

    Until then nothing that was read may be trusted: write under a temporary name. A file that changes
    meanwhile cannot slip through, since the very bytes are hashed that the block was given.

    Args:
        store: Where the file lies.
        path: Its path there.
        told: Length and hash that it must have.

    Raises:
        ShardError: It is missing, or another one than told.
    """
    local = store.local_file(path)
    with _there(store, path):
        opened = None if local is None else FileIO(local)
    with opened or nullcontext():
        reader = Reader(store, path, told, opened)
        yield reader
    reader.check()


@contextmanager
def _there(store: Store, path: str) -> Iterator[None]:
    try:
        with store.told(path):
            yield
    except FileNotFoundError as error:
        raise ShardError(f"{store.url(path)} is missing.") from error


def proven_tables(store: Store, path: str, told: ShardFile) -> Iterator[pa.Table]:
    """The row groups of a shard with all columns of `Published`; the last one is followed by the proof.

    One row group is in memory as it lies in the file, and at most two as tables. Only the footer is read
    twice, and from a bucket each row group by few requests, whatever its number of columns.

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
            columns = present(parquet.schema_arrow)
            for group, end in enumerate(_ends(metadata, window.end)):
                window.slide(reader, end)
                yield unified(parquet.read_row_group(group, columns=columns, use_threads=False))
        window.finish(reader)


def _footer(store: Store, path: str, size: int) -> bytes:
    """The end of a file from its footer on."""
    start = max(0, size - _REQUEST // 16)
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

    What it gives refers to memory that is used again for the next row group: Arrow copies the values of
    a column while it reads them.
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
            self._buffer = bytearray(length + _STEP)
        self._start, self._held = reader.at, memoryview(self._buffer)[:length]
        reader.fill(self._held)

    def finish(self, reader: Reader) -> None:
        """Read the rest, and see that the footer is the known one."""
        self.slide(reader, self._size)
        if self._held[-len(self.footer) :] != self.footer:
            raise ValueError("it changed while it was read")

    def read(self, size: int) -> memoryview:
        """Bytes from where it is."""
        first = self._at - self._start
        if first < 0 or first + size > len(self._held):
            raise ValueError("a column lies outside of its row group")
        self._at += size
        return self._held[first : first + size]

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a place."""
        self._at = place + (self._size if whence else 0)
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def close(self) -> None:
        """Nothing is held open."""
