"""Large files that go past the page cache, block by block, while the next block is being made.

A file of which nobody reads a byte soon gains nothing from the page cache: there each page is set aside,
filled by a core, and handed to the disk by the sync that ends the file, which costs the cores more than to
read a shard and to hash it. Here the disk takes whole blocks from a few buffers that are used again and
again, and what other programs have in the cache stays there.

What the last block leaves over goes the usual way, as does everything where a file system takes no direct
writes. Either way the file is as safe as any other once it is synced, and not before.

Source: Linux man-pages 6.9, open(2), `O_DIRECT`; posix_fadvise(2).
"""

import errno
import fcntl
import mmap
import os
from collections import deque
from concurrent.futures import Executor, Future, wait
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

BLOCK = 4 * 2**20
"""Bytes written at once: a multiple of what any file system asks for."""
_BUFFERS = 6
"""Most blocks of a file in memory: what is made of a row group at once, while the disk is still busy."""


class Direct(FileIO):
    """A file that is made from front to back; for one thread, which must close it.

    Every error of a write is raised by a later call, at the latest by `flush` or `close`.
    """

    def __init__(self, place: Path, threads: Executor, stays: bool = True) -> None:
        """Make the file empty.

        Args:
            place: Where on this machine.
            threads: Do the writing; not shut down before the file is closed.
            stays: Whether it stays on this disk; else it will be read soon, and goes the usual way.

        Raises:
            OSError: It cannot be made there.
        """
        super().__init__(place, "wb", opener=_opened if stays else None)
        self._stays = stays
        self._threads = threads
        self._under_way: deque[tuple[Future[None], memoryview]] = deque()
        self._made = 1
        self._buffer = _aligned()
        self._start = self._filled = 0

    def room(self) -> memoryview:
        """Memory for the next bytes, never empty: fill it from its start, and say so by `grow`."""
        return self._buffer[self._filled :]

    def grow(self, length: int) -> None:
        """Take so many bytes that now stand in `room`.

        Raises:
            OSError: An earlier block could not be written.
        """
        self._filled += length
        if self._filled == BLOCK:
            written = self._threads.submit(self._put, self._buffer, self._start)
            self._under_way.append((written, self._buffer))
            self._start, self._filled = self._start + BLOCK, 0
            self._buffer = self._next()

    def write(self, data: "ReadableBuffer", /) -> int:
        """Take all of some bytes; they may change afterwards.

        Raises:
            OSError: An earlier block could not be written.
        """
        left = memoryview(data).cast("B")
        size = len(left)
        while left:
            room = self.room()
            part = left[: len(room)]
            room[: len(part)] = part
            self.grow(len(part))
            left = left[len(part) :]
        return size

    def tell(self) -> int:
        """Bytes that were taken."""
        return self._start + self._filled

    def seekable(self) -> bool:
        """No: it only grows."""
        return False

    def flush(self) -> None:
        """Return once everything that was taken can be read under the file's name.

        Raises:
            OSError: Something could not be written.
        """
        if self.closed:
            return
        while self._under_way:
            self._under_way.popleft()[0].result()
        if self._filled:
            self._go_through_cache()
            self._put(self._buffer[: self._filled], self._start)

    def close(self) -> None:
        """Flush, and let go of the file, also where that fails."""
        if self.closed:
            return
        try:
            self.flush()
        finally:
            wait([written for written, _ in self._under_way])
            super().close()

    def _next(self) -> memoryview:
        if self._made < _BUFFERS and not self._under_way[0][0].done():
            self._made += 1
            return _aligned()
        written, buffer = self._under_way.popleft()
        written.result()
        return buffer

    def _put(self, data: memoryview, at: int) -> None:
        refused = False
        first, size = at, len(data)
        while data:
            try:
                length = os.pwrite(self.fileno(), data, at)
            except OSError as error:
                if error.errno != errno.EINVAL or refused:
                    raise
                refused = True
                self._go_through_cache()
                continue
            data, at = data[length:], at + length
        if self._stays and not self._flags() & os.O_DIRECT:  # begins to write, and does not wait
            os.posix_fadvise(self.fileno(), first, size, os.POSIX_FADV_DONTNEED)

    def _go_through_cache(self) -> None:
        fcntl.fcntl(self.fileno(), fcntl.F_SETFL, self._flags() & ~os.O_DIRECT)

    def _flags(self) -> int:
        return fcntl.fcntl(self.fileno(), fcntl.F_GETFL)


def _opened(place: str, flags: int) -> int:
    try:
        return os.open(place, flags | os.O_DIRECT, 0o666)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return os.open(place, flags, 0o666)


def _aligned() -> memoryview:
    """A block that begins at a page, as direct writes demand."""
    return memoryview(mmap.mmap(-1, BLOCK))
