"""The journal: lines that must be durable before something else may happen.

One process writes one journal. Lines are JSON objects whose first two members are the kind and the
64 hex digits of the request hash, so that a reader can pick lines without parsing them:

    {"t":"intent","k":"<hash>", ...}    a call is about to go out, at this worst case
    {"t":"end","k":"<hash>", ...}       what became of it
    {"t":"answer","k":"<hash>", ...}    the same, with the text that was answered
    {"t":"refusal","k":"<hash>", ...}   the same, with the verdict that the API will never answer
    {"t":"revoked","k":"<hash>", ...}   that verdict counts no more; no call, and no money

The last member, `"crc":"<8 hex digits>"`, is the CRC-32 of all bytes before its comma, so that no
changed byte goes unseen; lines of the first versions have none.

Many callers wait for one write (group commit); `sinks.py` says how it is made durable. A kill
leaves at most a torn last line locally, which readers skip; nobody was told it was durable.
"""

import asyncio
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from editcorpus.ahead import ahead
from editcorpus.errors import StorageError
from editcorpus.sinks import BucketSink, LocalSink, Place
from editcorpus.storage import Store

DAMAGED = "damaged"
"""The kind of a line that is none of ours: its bytes were changed after they were written."""
_HEAD = re.compile(rb'\{"t":"([a-z]+)","k":"([0-9a-f]{64})"')
_TAIL = re.compile(rb',"crc":"([0-9a-f]{8})"\}\n?\Z')
_TAIL_BYTES = 20
"""At most: comma, name, eight digits, brace, end of the line."""
_AHEAD = 16
"""Files of a bucket that are fetched at once, and held: half a megabyte each."""
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Line(NamedTuple):
    """One line as it lies in the store: where it is, its kind, its request hash, its bytes."""

    path: str
    offset: int
    kind: str
    key: str
    data: bytes

    def fields(self) -> dict[str, Any]:
        """The members of the line.

        Raises:
            StorageError: The line is damaged.
        """
        try:
            made = json.loads(self.data)
        except (ValueError, RecursionError):
            made = None
        if self.kind == DAMAGED or not isinstance(made, dict) or _sealed(self.data) is False:
            raise StorageError(
                f"{self.path} is damaged at byte {self.offset}: that is no line of ours."
            )
        made.pop("crc", None)
        return made


def encode(kind: str, key: str, **fields: object) -> bytes:
    """One line, with its end."""
    text = _encoder.encode({"t": kind, "k": key, **fields})
    data = text[:-1].encode("utf-8", "surrogatepass")
    return b'%b,"crc":"%08x"}\n' % (data, zlib.crc32(data))


def told_key(data: bytes) -> str:
    """The request hash that a damaged line of an answer still tells; empty where it tells none."""
    head = _HEAD.match(data)
    return head[2].decode() if head and head[1] == b"answer" else ""


def _sealed(data: bytes) -> bool | None:
    """Whether a line is as it was written; None where it bears no checksum."""
    tail = _TAIL.search(data, max(0, len(data) - _TAIL_BYTES))
    return None if tail is None else zlib.crc32(data[: tail.start()]) == int(tail[1], 16)


_Batch = list[tuple[bytes, asyncio.Future[Place] | None]]


class Journal:
    """The writing end, used from one event loop.

    Args:
        store: Where it lies.
        folder: `journal/<run>`.
        process: Name of this process, unique over all that ever write to the store.
        gather_s: How long a write waits for others to join it, in seconds.
        digest: Called in a thread of its own whenever so much was written that a digest can be kept.
        digest_bytes: How much that is, in bytes.
    """

    def __init__(
        self,
        store: Store,
        folder: str,
        process: str,
        gather_s: float,
        digest: Callable[[], None] | None = None,
        digest_bytes: int = 2**20,
    ) -> None:
        self._gather_s = gather_s
        self._digest = digest
        self._digest_bytes = digest_bytes
        self._digester = ThreadPoolExecutor(1, "editcorpus-digests")
        self._written = 0
        self._waiting: _Batch = []
        self._kept: _Batch = []
        self._writer = ThreadPoolExecutor(1, "editcorpus-journal")
        name = f"{folder}/{process}"
        self._sink: LocalSink | BucketSink = (
            LocalSink(store, name) if store.local else BucketSink(store, name)
        )
        self._task: asyncio.Task[None] | None = None
        self._broken: OSError | None = None

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
        """Write a line along with the next ones; a kill may lose it, a write that fails does not."""
        self._add(line, None)

    async def flush(self) -> None:
        """Return when all lines so far are durable, or raise what hinders it; tries once more."""
        if self._kept and self._task is None:
            self._start()
        while self._task is not None:
            await asyncio.shield(self._task)
        if self._broken is not None:
            raise self._broken

    def close(self) -> None:
        """Free the threads; call `flush` before."""
        self._digester.shutdown(cancel_futures=True)
        self._writer.shutdown()
        self._sink.close()

    def _add(self, line: bytes, future: asyncio.Future[Place] | None) -> None:
        self._waiting.append((line, future))
        if self._task is None:
            self._start()

    def _start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        batch: _Batch = []
        try:
            while self._waiting or (self._kept and not batch):
                await asyncio.sleep(self._gather_s)
                batch = self._kept + self._waiting
                self._waiting, self._kept = [], []
                await self._commit(batch)
        except BaseException as error:  # a bug, or the end of the loop: nobody may wait for ever
            _fail(batch + self._waiting, error)
            self._waiting = []
            raise
        finally:
            self._task = None

    async def _commit(self, batch: _Batch) -> None:
        lines = [line for line, _ in batch]
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._writer, self._sink.append, lines)
        except OSError as error:
            self._broken = error
            self._kept = [(line, future) for line, future in batch if future is None]
            _fail(batch, error)
            return
        self._broken = None
        self._written += sum(map(len, lines))
        if self._digest is not None and self._written >= self._digest_bytes:
            self._written = 0
            self._digester.submit(self._digest)
        for place, (_, future) in zip(found, batch, strict=True):
            if future is not None and not future.done():
                future.set_result(place)


def _fail(batch: _Batch, error: BaseException) -> None:
    for _, future in batch:
        if future is None or future.done():
            continue
        if isinstance(error, Exception):
            future.set_exception(error)
        else:
            future.cancel()


class File(NamedTuple):
    """A journal file: where it lies, and its lines as `read_lines` gives them, each time anew."""

    path: str
    lines: Callable[[], Iterator[Line]]


def read_file(store: Store, path: str) -> File:
    """A journal file that will be read; that of a bucket, where files are small, is fetched now."""
    if store.local_file(path) is not None:
        return File(path, partial(read_lines, store, path))
    data = store.read(path)
    return File(path, lambda: _lines(path, io.BytesIO(data)))


def read_journals(store: Store, paths: Iterable[str]) -> Iterator[tuple[str, Iterator[Line]]]:
    """Journal files in their order, with the lines of each as `read_lines` gives them.

    Take each file's lines before the next file. In a bucket the next ones are fetched meanwhile: a
    gigabyte is two thousand objects, of which each takes as long to come as a bucket is away.
    """
    if store.local is not None:
        yield from ((path, read_lines(store, path)) for path in paths)
        return
    with ThreadPoolExecutor(_AHEAD, "editcorpus-journals") as pool:
        for file in ahead(pool, partial(read_file, store), paths, _AHEAD):
            yield file.path, file.lines()


def read_lines(store: Store, path: str) -> Iterator[Line]:
    """The whole lines of one journal file; a torn last line is left out.

    A line inside the file that is none of ours comes with the kind `DAMAGED` and without a key.
    """
    return _lines(path, _raw_lines(store, path))


def _lines(path: str, raw: Iterable[bytes]) -> Iterator[Line]:
    offset = 0
    for data in raw:
        head = _HEAD.match(data)
        if head and data.endswith(b"}\n") and _sealed(data) is not False:
            yield Line(path, offset, head[1].decode(), head[2].decode(), data)
        elif data.endswith(b"\n") or _sealed(data[:-1]):  # or the end itself was changed
            yield Line(path, offset, DAMAGED, "", data)
        offset += len(data)


def _raw_lines(store: Store, path: str) -> Iterator[bytes]:
    if store.local_file(path) is None:
        yield from io.BytesIO(store.read(path))  # a segment is small
        return
    with store.open(path) as file:
        yield from file
