"""The pages of parquet files from outside, looked at before Arrow believes what they announce.

Arrow sets aside what the header of a page announces, 2 GB for a page of a few bytes, before it looks
at the page. So what it reads of a row group goes through a `Guard`, which walks along the headers as
they come by: that costs neither a request nor a byte more than the reading itself.

Source: Apache Parquet format 2.12 (`parquet.thrift`: `PageHeader`, `DataPageHeader`,
`DictionaryPageHeader`, `DataPageHeaderV2`, `Encoding`).
"""

import io
from collections.abc import Iterable
from itertools import pairwise
from typing import IO

from editcorpus.errors import StorageError
from editcorpus.footers import Chunk
from editcorpus.thrift import CutShort, Struct, read_struct

_PLAIN_BYTES = 64 * 1024 * 1024
"""Bytes that the pages of a column in a row group may unfold to, whatever they were packed into."""
_MOST_UNFOLDED = 16
"""Beyond that, bytes unfolded from a packed one: published pictures hardly pack at all."""
_LONGEST_HEADER = 16 * 1024 * 1024
"""Arrow's own limit; headers hold the least and the largest value, in old files whole pictures."""
_MOST_MEMBERS = 200
"""Fields of a header in all; the format has fewer than 30."""
_MOST_REPEATED = 512 * 1024 * 1024
"""Bytes that values may take where they repeat each other and Arrow unfolds them."""
_TAIL_BYTES = 64 * 1024
"""What Arrow reads first: the end of the file, usually with the whole footer."""
_LONGEST_FOOTER = 16 * 1024 * 1024
_UNPACKED, _PACKED = 2, 3
_DATA, _DICTIONARY, _DATA_V2 = 5, 7, 8
_VALUES = 1
_ENCODING = {_DATA: 2, _DATA_V2: 4}
_DELTA = 7
"""An encoding whose values may repeat the start of those before them, and so take more than a page."""


class Pages:
    """The pages of one column in one row group, as they come by.

    Args:
        chunk: Where they lie.
    """

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self._seen = self._next = chunk.start
        self._begun = b""
        self._packed = self._unfolded = 0

    def see(self, at: int, data: bytes) -> None:
        """Check the headers in bytes that are about to be handed on.

        Args:
            at: Where in the file they begin.
            data: They follow on those before.

        Raises:
            ValueError: A header announces what cannot be.
        """
        if at != self._seen:
            raise ValueError("its pages are not read in order")
        self._seen += len(data)
        while self._next < self._seen:
            view = memoryview(data)[max(0, self._next + len(self._begun) - at) :]
            window = self._begun + view if self._begun else view
            try:
                members, length = read_struct(window, _MOST_MEMBERS)
            except CutShort:
                if len(window) > _LONGEST_HEADER:
                    raise
                self._begun = bytes(window)
                return
            self._begun = b""
            self._next += length
            self._next += self._checked(members)

    def _checked(self, members: Struct) -> int:
        """Bytes of a page behind its header, once they can be believed."""
        unpacked, packed = _number(members, _UNPACKED), _number(members, _PACKED)
        if self._next + packed > self.chunk.end:
            raise ValueError(f"a page of {packed} bytes goes beyond the end of its column")
        self._packed += packed
        self._unfolded += unpacked
        if self._unfolded > _PLAIN_BYTES + _MOST_UNFOLDED * self._packed:
            raise ValueError(f"a page of {packed} bytes announces {unpacked}")
        for kind in (_DATA, _DATA_V2, _DICTIONARY):
            header = members.get(kind)
            if isinstance(header, dict) and self._values(kind, header, unpacked) > _MOST_REPEATED:
                raise ValueError(
                    f"a page of {packed} bytes announces values that repeat each other"
                )
        return packed

    def _values(self, kind: int, header: Struct, unpacked: int) -> int:
        """Bytes that the values of a page may take beyond those of the page."""
        values = _number(header, _VALUES)
        most = unpacked if kind == _DICTIONARY else self.chunk.values
        if values > most:
            raise ValueError(f"a page of {unpacked} bytes announces {values} values")
        if kind == _DICTIONARY:
            return unpacked * self.chunk.values if self.chunk.delta else 0
        return unpacked * values if header.get(_ENCODING[kind]) == _DELTA else 0


def _number(members: Struct, field: int) -> int:
    """A member that must be there and counts something."""
    found = members.get(field)
    if not isinstance(found, int) or found < 0:
        raise ValueError("the header of a page lacks a size")
    return found


class Guard(io.RawIOBase):
    """A file for reading, of which pages are checked before they are handed on.

    Args:
        file: Seekable.

    Attributes:
        size: Of the file, in bytes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self.size = file.seek(0, io.SEEK_END)
        self._at = 0
        self._watched: list[Pages] | None = None
        self._tail_at = max(0, self.size - _TAIL_BYTES)
        self._tail = self.fetch(self._tail_at, self.size - self._tail_at)

    def watch(self, chunks: Iterable[Chunk]) -> None:
        """Hand on these from now on, each from its start, and nothing else.

        Raises:
            ValueError: They lie within each other.
        """
        self._watched = [Pages(one) for one in sorted(chunks)]
        for one, after in pairwise(self._watched):
            if after.chunk.start < one.chunk.end:
                raise ValueError("its columns overlap")

    def footer(self) -> bytes:
        """The footer as it lies in the file, which must have been opened; empty if it is very long."""
        length = int.from_bytes(self._tail[-8:-4], "little")
        if length > _LONGEST_FOOTER:
            return b""
        if length + 8 <= len(self._tail):
            return self._tail[-8 - length : -8]
        return self.fetch(self.size - 8 - length, length)

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place."""
        self._at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence] + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes, or all that are left.

        Raises:
            ValueError: What they announce cannot be.
            StorageError: They end before the file does.
        """
        pages = self._pages()
        left = max(0, (pages.chunk.end if pages else self.size) - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted and self._at >= self._tail_at:
            data = self._tail[self._at - self._tail_at :][:wanted]
        else:
            data = self.fetch(self._at, wanted)
        if pages:
            pages.see(self._at, data)
        self._at += wanted
        return data

    def _pages(self) -> Pages | None:
        """Whose bytes come next; None as long as nothing is watched."""
        if self._watched is None:
            return None
        for one in self._watched:
            if one.chunk.start <= self._at < one.chunk.end:
                return one
        raise ValueError("a page goes beyond the end of its column")

    def fetch(self, at: int, wanted: int) -> bytes:
        """Bytes of the file, unchecked.

        Raises:
            StorageError: The file ends before them.
        """
        self._file.seek(at)
        data = self._file.read(wanted) if wanted else b""
        if len(data) < wanted:
            raise StorageError(f"Of {wanted} bytes asked for at {at}, {len(data)} came.")
        return data
