"""Files of a corpus, read once from front to back, and proven by the hash that the manifest names."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import FileIO

from editcorpus.errors import ShardError
from editcorpus.layouts.parquet import ShardFile
from editcorpus.storage import Store

STEP = 2**20
"""Bytes read from a disk at once: they are hashed, and written perhaps, while a core's cache holds them."""
REQUEST = 8 * 2**20
"""Bytes fetched from a bucket at once."""


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
        self.step = REQUEST if file is None else STEP
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
