"""A gzip stream read forwards, from its beginning or from a point at which it can be begun.

Memory is bounded by `PIECE` and `_STEP`, whatever the stream unpacks to.
"""

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from editcorpus.archives.blocks import WINDOW, find_block, opened, primed
from editcorpus.archives.parts import BrokenOff, Packed

PIECE = 1 << 20
"""Packed bytes that are read at a time."""
_STEP = 1 << 20
"""Unpacked bytes that are made at a time."""
_MOST_TIMES = 100
"""An honest archive of pictures unpacks to little more than its size; deflate reaches 1,032 times."""
_ALLOWANCE = 1 << 28
"""Unpacked bytes that are read however few packed ones they come from."""
_TRAILER = 8
"""Checksum and length behind the last block: RFC 1952, section 2.3.1."""
_GZIP = b"\x1f\x8b\x08"


class Point(NamedTuple):
    """Where unpacking can begin.

    Attributes:
        unpacked: Place in the unpacked stream.
        packed: The same place in the packed one.
        bit: `Block.bit` there.
    """

    unpacked: int
    packed: int
    bit: int


Heard = Callable[[Point, bytes], None]
"""Told of a new point and of the bytes that were unpacked before it."""


class Unpacked:
    """What a gzip stream unpacks to, from some point on; for one thread.

    Attributes:
        at: Unpacked bytes before the next one that is taken.
    """

    def __init__(
        self, packed: Packed, start: tuple[Point, bytes] | None = None, piece: int = PIECE
    ) -> None:
        """Begin at the beginning, or at a point with the bytes before it; nothing is read."""
        point, window = start or (Point(0, 0, 0), b"")
        self._packed = packed
        self._piece = piece
        self._next = point.packed
        self._bit = point.bit
        self._tail = b""
        self._raw = start is not None
        self._inflater: Any = opened(window) if self._raw else None
        self._primed = not self._raw
        self._made = point.unpacked
        self._out = memoryview(b"")
        self._history = window
        self._spacing = 0
        self._last = 0
        self._heard: Heard | None = None
        self._broken: BrokenOff | None = None
        self.at = point.unpacked

    def watch(self, heard: Heard, spacing: int, last: int) -> None:
        """Look for points while reading.

        Args:
            heard: Told of each point.
            spacing: Packed bytes between points, at least.
            last: Packed bytes before the last point that is known.
        """
        self._heard, self._spacing, self._last = heard, spacing, last

    @property
    def packed_at(self) -> int:
        """Packed bytes before those that wait to be unpacked."""
        return self._next - len(self._tail)

    def take(self, most: int) -> memoryview:
        """The next bytes, at least one and at most so many; none at the end of the stream.

        Raises:
            BrokenOff: The stream is damaged, cut short, or unpacks to far too much.
        """
        while not self._out:
            if not self._goes_on():
                return self._out
        taken, self._out = self._out[:most], self._out[most:]
        self.at += len(taken)
        return taken

    def _goes_on(self) -> bool:
        """Unpack a step; false at the end of the last of the streams that lie behind each other."""
        if self._broken is not None:
            raise self._broken
        if self._inflater is None and not self._begin():
            return False
        if not self._tail:
            self._tail = self._fetch()
            self._look()
        ended = not self._tail
        before = self._inflater.copy()
        try:
            made = self._inflater.decompress(self._tail, _STEP)
        except zlib.error as error:
            self._broken = BrokenOff(f"it is damaged ({error})")
            made, self._tail = _before_damage(before, self._tail)
            self._keep(made)
            return True
        self._tail = self._inflater.unconsumed_tail
        self._keep(made)
        if self._inflater.eof:
            self._end()
        elif ended and not made:
            raise BrokenOff("it is cut short")
        return True

    def _fetch(self) -> bytes:
        data = self._packed.read(self._next, self._piece)
        self._next += len(data)
        if self._primed or not data:
            return data
        self._primed = True
        return primed(data, self._bit)

    def _keep(self, made: bytes) -> None:
        self._made += len(made)
        self._out = memoryview(made)
        if self._made > _MOST_TIMES * self._next + _ALLOWANCE:
            raise BrokenOff(f"it unpacks to more than {_MOST_TIMES} times its size")
        if self._heard is not None and made:
            self._history = (self._history + made[-WINDOW:])[-WINDOW:]

    def _begin(self) -> bool:
        """Begin the next stream; zeros behind the last one are padding, anything else is left alone."""
        head = self._tail or self._fetch()
        while head and not head.lstrip(b"\0"):
            head = self._fetch()
        head = head.lstrip(b"\0") if self._made else head
        while len(head) < len(_GZIP) and (more := self._fetch()):
            head += more
        self._tail = head
        if not head.startswith(_GZIP):
            return False
        self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
        return True

    def _end(self) -> None:
        rest = self._inflater.unused_data
        while self._raw and len(rest) < _TRAILER and (more := self._fetch()):
            rest += more
        if self._raw and len(rest) < _TRAILER:
            raise BrokenOff("it is cut short")
        self._tail = rest[_TRAILER:] if self._raw else rest
        self._raw = False
        self._inflater = None
        self._history = b""

    def _look(self) -> None:
        """Look for a point in the piece that comes next, where one is due."""
        begin = self._next - len(self._tail)
        if self._heard is None or begin < self._last + self._spacing or begin == 0:
            return
        block = find_block(self._inflater, self._history, self._tail)
        if block is not None:
            self._last = begin + block.byte
            point = Point(self._made + block.ahead, self._last, block.bit)
            self._heard(point, block.window)


def _before_damage(state: Any, data: bytes) -> tuple[bytes, bytes]:
    """What packed bytes unpack to before the byte at which zlib gives up, and the bytes from there on."""
    made = []
    for step in (4_096, 64, 1):
        while data:
            tried = state.copy()
            try:
                made.append(tried.decompress(data[:step]))
            except zlib.error:
                break
            state, data = tried, data[step:]
    return b"".join(made), data
