"""The folder that an export fills, on disk or on a bucket: many small files, and a few large ones.

On disk a small file is forced to the disk and given its name only by `settle`, together with all others
since the last one and side by side: a sync after each picture would make an export several times as slow
as a copy, and so what turns out to be damaged never has a name. On a bucket small files are sent side by
side, and `settle` waits for them.
"""

import fcntl
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from io import BufferedWriter, FileIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

from editcorpus.disk import files_below, make_folder, sync
from editcorpus.errors import Taken
from editcorpus.layouts.direct import Direct
from editcorpus.storage import Store

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_SIDE_BY_SIDE = 8
"""Requests to a bucket, or syncs on a disk, at a time: each waits longer than it works."""
_HELD = 16
"""Pictures in memory on their way to a bucket, those being sent included."""

_EAGER = 16 * 2**20
"""Bytes by which a file grows before the disk is told to write them."""


class Output:
    """Writes below one folder of a store; for one thread, and only inside a `with` block."""

    def __init__(self, store: Store, folder: str) -> None:
        """Nothing is touched yet.

        Args:
            store: Where to write.
            folder: Path in the store; every other path here is relative to it.
        """
        self.store = store
        self.folder = folder
        self._loose: dict[Path, Path] = {}
        self._folders: set[Path] = set()
        self._sent: deque[Future[None]] = deque()
        self._pool: ThreadPoolExecutor | None = None
        self._lock = -1

    def __enter__(self) -> "Output":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        if self._lock >= 0:
            os.close(self._lock)

    def own(self) -> None:
        """Keep other processes of this machine out of the folder, as long as this one lives.

        Raises:
            Taken: One is at work there.
        """
        folder = self.store.local_file(self.folder)
        if folder is None:
            return
        with self.store.told(self.folder, writing=True):
            make_folder(folder)
            self._lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Taken(f"Another process is at work in {folder}.") from None

    def beside(self) -> "Output":
        """Another one for the same folder, for another thread while this one lives."""
        return Output(self.store, self.folder)

    def path(self, name: str) -> str:
        """The path in the store."""
        return f"{self.folder}/{name}"

    def put(self, name: str, data: bytes) -> None:
        """Write a small file; it has its name, for certain, once `settle` has returned.

        Raises:
            StorageFull: No space is left.
            StorageError: The store failed, perhaps over an earlier file.
        """
        file = self.store.local_file(self.path(name))
        if file is None:
            self._send(self.path(name), data)
            return
        with self.store.told(self.path(name), writing=True):
            self._enter(file.parent)
            self._loose[file] = file.with_name(f".{file.name}.tmp")
            self._loose[file].write_bytes(data)

    @contextmanager
    def large(self, name: str) -> Iterator[IO[bytes]]:
        """Yield a file to fill; it appears under its name, durable, when the block ends well.

        It lies on this machine until then, at the file's `name`.
        """
        with (
            self.store.upload(self.path(name)) as place,
            BufferedWriter(_Eager(place, "wb")) as file,
        ):
            yield file

    @contextmanager
    def shard(self, name: str) -> Iterator[Direct]:
        """As `large`, for the one or two files in work that hold pictures: past the page cache.

        At most 24 MiB of each are in memory. To a bucket it goes from the page cache, as any other.
        """
        with (
            self.store.upload(self.path(name)) as place,
            Direct(place, self._threads(), self.store.local is not None) as file,
        ):
            yield file

    def settle(self) -> None:
        """Return once everything that was put would survive a power cut.

        Raises:
            StorageFull: No space is left.
            StorageError: The store failed.
        """
        while self._sent:
            self._sent.popleft().result()
        with self.store.told(self.folder, writing=True):
            list(self._threads().map(sync, self._loose.values()))
            for file, temporary in self._loose.items():
                temporary.replace(file)
            for folder in {file.parent for file in self._loose}:
                sync(folder)
        self._loose.clear()

    def sweep(self) -> None:
        """Remove what a process that died has left half-written on this disk."""
        folder = self.store.local_file(self.folder)
        if folder is not None:
            with self.store.told(self.folder, writing=True):
                for file in files_below(folder, hidden=True):
                    file.unlink(missing_ok=True)

    def _enter(self, folder: Path) -> None:
        if folder not in self._folders:
            make_folder(folder)
            self._folders.add(folder)

    def _send(self, path: str, data: bytes) -> None:
        while len(self._sent) >= _HELD:
            self._sent.popleft().result()
        self._sent.append(self._threads().submit(self.store.write, path, data))

    def _threads(self) -> ThreadPoolExecutor:
        self._pool = self._pool or ThreadPoolExecutor(_SIDE_BY_SIDE)
        return self._pool


class _Eager(FileIO):
    """A file that the disk writes while it is still being filled, so that its sync finds little to do.

    `POSIX_FADV_DONTNEED` over bytes that are not written yet begins to write them, and waits for nothing
    (Linux, `mm/fadvise.c`). An error is left for the sync that ends the file.
    """

    _end = _told = 0

    def write(self, data: "ReadableBuffer", /) -> int:
        """As any file; all writes follow each other."""
        length = super().write(data)
        self._end += length
        if self._end - self._told >= _EAGER:
            os.posix_fadvise(
                self.fileno(), self._told, self._end - self._told, os.POSIX_FADV_DONTNEED
            )
            self._told = self._end
        return length
