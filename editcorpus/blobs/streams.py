"""Bytes of pages, fetched and unpacked as they are asked for."""

from collections.abc import Callable
from typing import Protocol

Fetch = Callable[[int, int], bytes]
"""Gives bytes of the file: from where, and how many; all of them, or it raises."""
LARGEST = 256 * 2**20
"""Bytes of the largest value that is read: published pictures have some megabytes."""
SNAPPY, PLAIN = 1, 0
"""How pages are packed (`parquet.thrift`, CompressionCodec): by snappy, or not at all."""
_BLOCK = 4 * 2**20
"""Bytes that are read at once."""
_WINDOW = 2**17
"""Bytes behind them that parts of a packed page may repeat: snappy packs 64 KiB at a time."""
_TRIMMED = 2**20
_COPY_1, _COPY_2 = 1, 2


class Bytes(Protocol):
    """Bytes that come one after the other."""

    def take(self, size: int) -> bytes:
        """So many of them.

        Raises:
            ValueError: There are fewer.
        """


class Cursor:
    """Bytes of a file from a place on, read a block at a time."""

    def __init__(self, fetch: Fetch, start: int, end: int) -> None:
        self._fetch = fetch
        self._end = end
        self._fetched = start
        self._held = memoryview(b"")

    @property
    def at(self) -> int:
        """Where the next byte lies."""
        return self._fetched - len(self._held)

    def take(self, size: int) -> bytes:
        """So many bytes (see `Bytes.take`)."""
        if size <= len(self._held):
            found, self._held = self._held[:size], self._held[size:]
            return bytes(found)
        if size > self._end - self.at:
            raise ValueError("a page goes beyond the end of its column")
        parts, missing = [self._held], size - len(self._held)
        while missing > 0:
            self._held = self._block()
            parts.append(self._held[:missing])
            missing -= len(parts[-1])
        self._held = self._held[len(parts[-1]) :]
        return b"".join(parts)

    def ahead(self, size: int) -> memoryview:
        """At most so many bytes, which are not taken yet."""
        while len(self._held) < size and self._fetched < self._end:
            self._held = memoryview(b"".join((self._held, self._block())))
        return self._held[:size]

    def part(self, size: int) -> "Part":
        """The next bytes, as many as a page has."""
        if size > self._end - self.at:
            raise ValueError("a page goes beyond the end of its column")
        return Part(self, size)

    def fork(self, size: int) -> "Cursor":
        """A cursor over the next bytes; this one goes on behind them.

        Raises:
            ValueError: There are fewer.
        """
        if size > self._end - self.at:
            raise ValueError("a page goes beyond the end of its column")
        made = Cursor(self._fetch, self.at, self.at + size)
        made._held = self._held[:size]
        made._fetched += len(made._held)
        if size > len(self._held):
            self._fetched = self.at + size
        self._held = self._held[size:]
        return made

    def again(self) -> "Cursor":
        """Another cursor at the same place, which fetches anew."""
        return Cursor(self._fetch, self.at, self._end)

    def _block(self) -> memoryview:
        size = min(_BLOCK, self._end - self._fetched)
        found = memoryview(self._fetch(self._fetched, size))
        self._fetched += size
        return found


class Part:
    """Some bytes of a cursor."""

    def __init__(self, cursor: Cursor, size: int) -> None:
        self._cursor = cursor
        self.left = size

    def take(self, size: int) -> bytes:
        """So many bytes (see `Bytes.take`)."""
        if size > self.left:
            raise ValueError("a value goes beyond the end of its page")
        self.left -= size
        return self._cursor.take(size)

    def skip(self) -> None:
        """Pass over what is left."""
        while self.left:
            self.take(min(self.left, _BLOCK))


class Snappy:
    """What bytes unpack to, as far as it is asked for.

    Args:
        packed: The packed bytes.
        size: Bytes that they are announced to unpack to.

    Raises:
        ValueError: They say otherwise.
    """

    def __init__(self, packed: Part, size: int) -> None:
        self._packed = packed
        self._made = bytearray()
        self._at = 0
        self._left = size
        if self._announced() != size:
            raise ValueError("a page announces two sizes")

    def take(self, size: int) -> bytes:
        """So many bytes (see `Bytes.take`)."""
        if size > self._left + len(self._made) - self._at:
            raise ValueError("a value goes beyond the end of its page")
        while len(self._made) - self._at < size:
            before = len(self._made)
            self._element()
            self._left -= len(self._made) - before
            if self._left < 0:
                raise ValueError("a page unpacks to more than it announces")
        found = bytes(memoryview(self._made)[self._at : self._at + size])
        self._at += size
        if self._at > _TRIMMED:
            keep = min(self._at, len(self._made) - _WINDOW)
            del self._made[: max(0, keep)]
            self._at -= max(0, keep)
        return found

    def _announced(self) -> int:
        found = shift = 0
        while shift < 35:
            byte = self._packed.take(1)[0]
            found |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return found
        raise ValueError("a page is not packed by snappy")

    def _element(self) -> None:
        tag = self._packed.take(1)[0]
        kind, length = tag & 3, tag >> 2
        if kind == 0:
            if length >= 60:
                length = int.from_bytes(self._packed.take(length - 59), "little")
            if length + 1 > self._left:
                raise ValueError("a page unpacks to more than it announces")
            self._made += self._packed.take(length + 1)
        elif kind == _COPY_1:
            self._copy((tag >> 5) << 8 | self._packed.take(1)[0], (length & 7) + 4)
        else:
            wide = 2 if kind == _COPY_2 else 4
            self._copy(int.from_bytes(self._packed.take(wide), "little"), length + 1)

    def _copy(self, back: int, length: int) -> None:
        start = len(self._made) - back
        if back == 0 or start < 0:
            raise ValueError("a page repeats what it does not have")
        found = self._made[start : start + length]
        if len(found) < length:
            found = (found * (length // len(found) + 1))[:length]
        self._made += found


def unpacked(part: Part, size: int, codec: int) -> Bytes:
    """The bytes of a page, of so many bytes in all."""
    return Snappy(part, size) if codec == SNAPPY and size else part


def plain(inside: Bytes) -> bytes:
    """The next value, behind its length.

    Raises:
        ValueError: It is cut short, or larger than any picture.
    """
    length = int.from_bytes(inside.take(4), "little")
    if length > LARGEST:
        raise ValueError(f"a value of {length} bytes is larger than any picture")
    return inside.take(length)
