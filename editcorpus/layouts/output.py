"""The folder that an export fills, on disk or on a bucket: many small files, and a few large ones.

On disk a small file appears under its name by a rename and is forced to the disk only by `settle`,
together with all others since the last one and side by side: a sync after each picture would make an
export several times as slow as a copy. On a bucket small files are sent side by side, and `settle` waits
for them.
"""

import fcntl
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from editcorpus.disk import files_below, make_folder, sync
from editcorpus.errors import Taken
from editcorpus.storage import Store

_SIDE_BY_SIDE = 8
"""Requests to a bucket, or syncs on a disk, at a time: each waits longer than it works."""
_HELD = 16
"""Pictures in memory on their way to a bucket, those being sent included."""

_FLUSH_S = 0.1
"""Seconds between two syncs of a file that is being filled."""


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
        self._loose: list[Path] = []
        self._folders: set[Path] = set()
        self._sent: deque[Future[None]] = deque()
        self._pool: ThreadPoolExecutor | None = None
        self._lock = -1
        self._flushing = False

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

    def path(self, name: str) -> str:
        """The path in the store."""
        return f"{self.folder}/{name}"

    def put(self, name: str, data: bytes) -> None:
        """Write a small file; it is there for certain once `settle` has returned.

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
            temporary = file.with_name(f".{file.name}.tmp")
            temporary.write_bytes(data)
            temporary.replace(file)
        self._loose.append(file)

    @contextmanager
    def large(self, name: str) -> Iterator[Path]:
        """Yield a local file to fill; it appears under its name, durable, when the block ends well.

        The disk writes while the block still fills the file, so that the sync at its end finds little to
        do; of several at a time, the first.
        """
        with self.store.upload(self.path(name)) as file:
            if self._flushing:
                yield file
            else:
                with self._flushed(file):
                    yield file

    @contextmanager
    def _flushed(self, file: Path) -> Iterator[None]:
        ended = Event()
        flushing = self._threads().submit(_flush, file, ended)
        self._flushing = True
        try:
            yield
        finally:
            self._flushing = False
            ended.set()
            flushing.result()  # a later sync would not tell of an error that this one has met

    def settle(self) -> None:
        """Return once everything that was put would survive a power cut.

        Raises:
            StorageFull: No space is left.
            StorageError: The store failed.
        """
        while self._sent:
            self._sent.popleft().result()
        with self.store.told(self.folder, writing=True):
            list(self._threads().map(sync, self._loose))
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


def _flush(file: Path, ended: Event) -> None:
    """Have the disk write what there is of a file, again and again until it is ended."""
    while not ended.wait(_FLUSH_S):
        if file.exists():
            sync(file)
