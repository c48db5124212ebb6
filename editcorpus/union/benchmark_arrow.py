"""Tables as `datasets` saves them to disk: Arrow's streams, from outside.

Each message is bounded before it is read, and each batch is checked in full before a value of it is
looked at. What is packed is refused: it may unfold to anything, and `datasets` packs nothing.
"""

import io
import struct
from collections.abc import Iterator
from typing import IO

import pyarrow as pa

from editcorpus.buckets import cause
from editcorpus.errors import EditcorpusError, ShardError

ARROW = (".arrow",)
_MOST_MESSAGE = 2**31
"""Bytes of one message: `datasets` writes up to 1,000 rows into one, pictures included."""
_MOST_ROWS = 1_000_000
_HEADER, _COMPRESSION = 2, 3
"""Numbers of the members in `Message` and `RecordBatch` (Arrow's Message.fbs)."""


class ForeignStream:
    """A stream of record batches from outside.

    Args:
        file: Open for reading; closed by whoever opened it.
        name: For messages.

    Attributes:
        schema: Its columns.

    Raises:
        ShardError: It is no such stream.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._name = name
        try:
            self._reader = pa.ipc.MessageReader.open_stream(_Careful(file))
            self.schema: pa.Schema = pa.ipc.read_schema(self._reader.read_next_message())
        except (pa.ArrowException, OSError, ValueError, StopIteration) as error:
            raise self._damaged(error) from error

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Its batches in order.

        Raises:
            ShardError: One is damaged, packed or too large.
        """
        while True:
            try:
                batch = self._next()
            except (pa.ArrowException, OSError, ValueError, struct.error) as error:
                raise self._damaged(error) from error
            if batch is None:
                return
            yield batch

    def _next(self) -> pa.RecordBatch | None:
        try:
            message = self._reader.read_next_message()
        except StopIteration:
            return None
        if message.type != "record batch" or _is_packed(message.metadata.to_pybytes()):
            raise ValueError("it is packed, or encoded by dictionaries; write it as parquet")
        batch = pa.ipc.read_record_batch(message, self.schema)
        if batch.num_rows > _MOST_ROWS:
            raise ValueError("a batch announces too many rows")
        batch.validate(full=True)
        return batch

    def _damaged(self, error: BaseException) -> ShardError:
        if isinstance(error, EditcorpusError) or getattr(error, "errno", None) is not None:
            raise error
        told = cause(error) if str(error) else "it ends at once"
        return ShardError(f"{self._name} is not a whole Arrow stream: {told}")


class _Careful(io.RawIOBase):
    """A file of which no more is read at once than a message may have."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _MOST_MESSAGE:
            raise ValueError(f"a message announces more than {_MOST_MESSAGE:,} bytes")
        return self._file.read(size)


def _is_packed(metadata: bytes) -> bool:
    """Whether the buffers of a record batch are compressed, by the message that announces it."""
    message = _number("<I", metadata, 0)
    header = _member(metadata, message, _HEADER)
    batch = header + _number("<I", metadata, header)
    return _member(metadata, batch, _COMPRESSION) != 0


def _member(data: bytes, table: int, member: int) -> int:
    """Where a member of a table lies (FlatBuffers' layout); 0 where it has none."""
    layout = table - _number("<i", data, table)
    place = 4 + 2 * member
    if place >= _number("<H", data, layout):
        return 0
    offset = _number("<H", data, layout + place)
    return table + offset if offset else 0


def _number(kind: str, data: bytes, at: int) -> int:
    if at < 0:
        raise ValueError("its metadata lead out of it")
    (made,) = struct.unpack_from(kind, data, at)
    return int(made)
