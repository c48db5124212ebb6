"""How lines of a journal become durable: in files of a folder, or in objects of a bucket.

In a folder each write is appended and fsynced; after `FILE_BYTES` the next file begins. In a bucket
the open segment is put again, whole, until it holds `SEGMENT_BYTES`; then the next one begins: so a
journal of a gigabyte is two thousand objects, and a line is durable within one PUT.

A write that fails promises nothing, and the next one never goes where that write may still arrive:
half a line is cut off, a file whose fsync failed and a segment whose PUT failed are left as they
are. Names that are taken are passed over, so that no journal is ever written over.
"""

import os
from contextlib import suppress
from typing import NamedTuple

from editcorpus.storage import Store

SEGMENT_BYTES = 512 * 1024
FILE_BYTES = 64 * 1024 * 1024


class Place(NamedTuple):
    """Where a line was written: enough to read it again."""

    path: str
    offset: int
    length: int


class LocalSink:
    """Files `<name>/000000.jsonl`, ... of a local store; used by one thread.

    Args:
        store: Where they lie.
        name: Of the journal.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._number = 0
        self._path = ""
        self._handle: int | None = None
        self._end = 0

    def append(self, lines: list[bytes]) -> list[Place]:
        """Write lines, in this order, and give their places once they are durable.

        Raises:
            StorageFull: There is no space; none of the lines is promised.
            StorageError: The store failed; none of the lines is promised.
        """
        try:
            return self._append(lines)
        except OSError:
            self._give_up()
            raise

    def _append(self, lines: list[bytes]) -> list[Place]:
        handle = self._open() if self._handle is None else self._handle
        self._store.append(self._path, handle, b"".join(lines))
        made = places(self._path, self._end, lines)
        self._end = made[-1].offset + made[-1].length
        if self._end >= FILE_BYTES:
            self.close()
        return made

    def _open(self) -> int:
        self._path = _path(self._name, self._number)
        while not self._store.create(self._path, b""):
            self._number += 1
            self._path = _path(self._name, self._number)
        self._number += 1
        self._handle = self._store.open_end(self._path)
        self._end = 0
        return self._handle

    def _give_up(self) -> None:
        """Leave the file with its whole lines; after a failed fsync nobody knows what it holds."""
        if self._handle is None:
            return
        whole = False
        with suppress(OSError):
            os.ftruncate(self._handle, self._end)
            whole = True
        if self._end or not whole:
            self.close()

    def close(self) -> None:
        """Close the file; the next write begins another one."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            os.close(handle)


class BucketSink:
    """Objects `<name>/000000.jsonl`, ... of a bucket; used by one thread.

    Args:
        store: Where they lie.
        name: Of the journal.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._number = 0
        self._path = ""
        self._open = b""

    def append(self, lines: list[bytes]) -> list[Place]:
        """Write lines, in this order, and give their places once they are durable.

        Raises:
            StorageFull: There is no space; none of the lines is promised.
            StorageError: The store failed; none of the lines is promised.
        """
        if not self._open:
            self._begin()
        grown = self._open + b"".join(lines)
        made = places(self._path, len(self._open), lines)
        try:
            self._store.write(self._path, grown)
        except OSError:
            self._open = b""  # the PUT may still arrive, after a later one: never write here again
            raise
        self._open = grown if len(grown) < SEGMENT_BYTES else b""
        return made

    def _begin(self) -> None:
        self._path = _path(self._name, self._number)
        while self._store.exists(self._path):
            self._number += 1
            self._path = _path(self._name, self._number)
        self._number += 1

    def close(self) -> None:
        """Nothing is held open."""


def _path(name: str, number: int) -> str:
    return f"{name}/{number:06d}.jsonl"


def places(path: str, offset: int, lines: list[bytes]) -> list[Place]:
    """Where lines lie that were written one after the other from `offset`."""
    made = []
    for line in lines:
        made.append(Place(path, offset, len(line)))
        offset += len(line)
    return made
