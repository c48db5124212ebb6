"""The journal: lines that must be durable before something else may happen.

One process writes one journal. Lines are JSON objects whose first two members are the kind and the
64 hex digits of the request hash, so that a reader can pick lines without parsing them:

    {"t":"intent","k":"<hash>", ...}    a call is about to go out, at this worst case
    {"t":"end","k":"<hash>", ...}       what became of it
    {"t":"answer","k":"<hash>", ...}    the same, with the text that was answered

Many callers wait for one write (group commit). On a local store each write is appended and fsynced;
after `FILE_BYTES` the next file begins. On a bucket the open segment is put again, whole, until it
holds `SEGMENT_BYTES`; then the next one begins: so a journal of a gigabyte is two thousand objects,
and a line is durable within one PUT. A kill leaves at most a torn last line locally, which readers
skip; nobody was told it was durable.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from editcorpus.errors import StorageFull
from editcorpus.storage import Store

SEGMENT_BYTES = 512 * 1024
FILE_BYTES = 64 * 1024 * 1024
_PREFIX = len('{"t":"')


class Line(NamedTuple):
    """One line as it lies in the store: where it is, its kind, its request hash, its bytes."""

    path: str
    offset: int
    kind: str
    key: str
    data: bytes

    def fields(self) -> dict[str, Any]:
        """The members of the line."""
        made: dict[str, Any] = json.loads(self.data)
        return made


class Place(NamedTuple):
    """Where a line was written: enough to read it again."""

    path: str
    offset: int
    length: int


def encode(kind: str, key: str, **fields: object) -> bytes:
    """One line, with its end."""
    members = {"t": kind, "k": key, **fields}
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class Journal:
    """The writing end, used from one event loop.

    Args:
        store: Where it lies.
        folder: `journal/<run>`.
        process: Name of this process, unique over all that ever write to the store.
        gather_s: How long a write waits for others to join it, in seconds.
    """

    def __init__(self, store: Store, folder: str, process: str, gather_s: float) -> None:
        self._store = store
        self._name = f"{folder}/{process}"
        self._gather_s = gather_s
        self._waiting: list[tuple[bytes, asyncio.Future[Place] | None]] = []
        self._writer = ThreadPoolExecutor(1, "editcorpus-journal")
        self._sink: _File | _Segments = (
            _File(store, self._name) if store.local else _Segments(store, self._name)
        )
        self._task: asyncio.Task[None] | None = None
        self._broken: BaseException | None = None

    async def durable(self, line: bytes) -> Place:
        """Write a line; return once it would survive a kill of this machine.

        Raises:
            StorageFull: There is no space; the line is not promised.
            StorageError: The store failed; the line is not promised.
        """
        future: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._add(line, future)
        return await future

    def note(self, line: bytes) -> None:
        """Write a line along with the next ones; a kill may lose it."""
        self._add(line, None)

    async def flush(self) -> None:
        """Return when all lines so far are durable, or raise what hinders it."""
        while self._task is not None:
            await asyncio.shield(self._task)
        if self._broken is not None:
            raise self._broken

    def close(self) -> None:
        """Free the writer thread; call `flush` before."""
        self._writer.shutdown()
        self._sink.close()

    def _add(self, line: bytes, future: asyncio.Future[Place] | None) -> None:
        self._waiting.append((line, future))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            await asyncio.sleep(self._gather_s)
            batch, self._waiting = self._waiting, []
            try:
                places = await loop.run_in_executor(
                    self._writer, self._sink.append, [line for line, _ in batch]
                )
            except OSError as error:
                self._broken = error
                _fail(batch, error)
                continue
            for place, (_, future) in zip(places, batch, strict=True):
                if future is not None and not future.done():
                    future.set_result(place)
        self._task = None


class _File:
    """A local journal: appended and fsynced, one file after the other."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._number = 0
        self._path = ""
        self._handle: int | None = None
        self._end = 0

    def append(self, lines: list[bytes]) -> list[Place]:
        try:
            return self._append(lines)
        except OSError as error:
            if error.errno in _NO_SPACE:
                raise StorageFull(f"No space is left for {self._store.url(self._path)}.") from error
            raise

    def _append(self, lines: list[bytes]) -> list[Place]:
        handle = self._open() if self._handle is None else self._handle
        data = memoryview(b"".join(lines))
        os.ftruncate(handle, self._end)  # a write that failed half way must not stay
        while data:
            data = data[os.write(handle, data) :]
        os.fdatasync(handle)
        made = places(self._path, self._end, lines)
        self._end = made[-1].offset + made[-1].length
        if self._end >= FILE_BYTES:
            self.close()
        return made

    def _open(self) -> int:
        self._path = f"{self._name}/{self._number:06d}.jsonl"
        self._store.write(self._path, b"")
        self._handle = os.open(str(self._store.local_file(self._path)), os.O_WRONLY | os.O_APPEND)
        self._number, self._end = self._number + 1, 0
        return self._handle

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


class _Segments:
    """A journal on a bucket: the open segment is put whole, again and again, until it is full."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._number = 0
        self._open = b""

    def append(self, lines: list[bytes]) -> list[Place]:
        path = f"{self._name}/{self._number:06d}.jsonl"
        grown = self._open + b"".join(lines)
        self._store.write(path, grown)
        made = places(path, len(self._open), lines)
        self._open = grown
        if len(grown) >= SEGMENT_BYTES:
            self._number, self._open = self._number + 1, b""
        return made

    def close(self) -> None:
        """Nothing is held open."""


def places(path: str, offset: int, lines: list[bytes]) -> list[Place]:
    """Where lines lie that were written one after the other from `offset`."""
    made = []
    for line in lines:
        made.append(Place(path, offset, len(line)))
        offset += len(line)
    return made


def read_lines(store: Store, path: str) -> Iterator[Line]:
    """The whole lines of one journal file; a torn last line is left out."""
    offset = 0
    for data in store.read(path).splitlines(keepends=True):
        if data.endswith(b"}\n") and data.startswith(b'{"t":"'):
            kind = data[_PREFIX : data.index(b'"', _PREFIX)].decode()
            start = _PREFIX + len(kind) + len('","k":"')
            yield Line(path, offset, kind, data[start : start + 64].decode(), data)
        offset += len(data)


_NO_SPACE = {28, 122}  # ENOSPC, EDQUOT


def _fail(batch: list[tuple[bytes, asyncio.Future[Place] | None]], error: OSError) -> None:
    for _, future in batch:
        if future is not None and not future.done():
            future.set_exception(error)
