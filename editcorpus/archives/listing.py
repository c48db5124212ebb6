"""The one pass over an archive that lists its members (`index` says what it leaves)."""

import io
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256

from editcorpus.archives.blocks import WINDOW
from editcorpus.archives.entries import Found, entries, member_path
from editcorpus.archives.index import (
    VERSION,
    Member,
    PointRow,
    Points,
    Stretch,
    hashed,
    index_folder,
    stretches,
)
from editcorpus.archives.parts import Ahead, BrokenOff, PackedStream, Plain
from editcorpus.archives.unpacked import PIECE, Point, Unpacked
from editcorpus.errors import StorageError
from editcorpus.storage import Store
from editcorpus.tables import write_table

_AHEAD = 8 << 20
"""Bytes of a request in the pass: a bucket answers one in some 30 ms, however small it is."""
_DRAINED = 1 << 20
"""Bytes behind the mark of the end that are still unpacked, so that the checksum is seen."""

Progress = Callable[[int, int, int], None]
"""Told of the packed bytes that are read, of all there are, and of the members found; may raise."""


@dataclass(frozen=True, slots=True)
class Grain:
    """How fine a list is.

    Attributes:
        spacing: Packed bytes between points, at least: a read unpacks half of them, 4 MiB in 15 ms.
        points: Points of one archive at most: it is this that bounds their windows, to 250 MiB.
        stretch_members: A stretch ends behind so many members.
        stretch_points: And behind so many points, which are 8 MiB of windows in memory.
    """

    spacing: int = 4 << 20
    points: int = 8_000
    stretch_members: int = 20_000
    stretch_points: int = 256

    def between(self, size: int) -> int:
        """Packed bytes between points of a stream of this size."""
        return max(self.spacing, size // self.points)


@dataclass(frozen=True, slots=True)
class Listing:
    """How an archive is listed.

    Attributes:
        progress: Told how far the pass is; may raise to stop it: it goes on there next time.
        needed: Paths that are wanted now: the pass pauses as soon as it has found them all, so that
            a small sample of a large archive does not wait for its end. None: all that there are.
        grain: How fine the list is.
    """

    progress: Progress | None = None
    needed: Collection[str] | None = None
    grain: Grain = field(default_factory=Grain)


WHOLE = Listing()


@dataclass(slots=True)
class _Open:
    """A stretch on its way."""

    start: int
    end: int
    members: list[Member] = field(default_factory=list)
    points: list[PointRow] = field(default_factory=list)
    windows: list[bytes] = field(default_factory=list)
    refused: int = 0

    def heard(self, point: Point, window: bytes) -> None:
        self.points.append(PointRow(*point))
        self.windows.append(window.rjust(WINDOW, b"\0"))

    def found(self, one: Found) -> None:
        self.end = one.end
        self.refused += one.refused
        if one.path:
            self.members.append(Member(one.path, *hashed(one.path), one.at, one.size, one.crc))

    def full(self, grain: Grain) -> bool:
        full = len(self.members) >= grain.stretch_members
        return full or len(self.points) >= grain.stretch_points


class _Pass:
    """A pass from behind the stretches that are known."""

    def __init__(
        self,
        store: Store,
        packed: PackedStream,
        known: list[Stretch],
        how: Listing,
    ) -> None:
        self._store = store
        self._grain = how.grain
        self._needed = None if how.needed is None else {member_path(one) for one in how.needed}
        self._packed = packed
        self._folder = index_folder(packed)
        self._progress = how.progress
        self._members = sum(one.members for one in known)
        at = known[-1].end if known else 0
        self._open = _Open(at, at)
        self._stream = self._begun(known) if packed.size else None

    def stretches(self) -> Iterator[Stretch]:
        """What is found; the files of a stretch are in the store when it comes."""
        problem = ""
        try:
            yield from self._full_stretches()
            if self._found_all():
                yield self._kept()
                return
            self._drain()
        except BrokenOff as error:
            problem = f"The archive breaks off at {self._packed.place(self._packed_at)}: {error}."
        yield replace(self._kept(), packed=self._packed.size, over=True, problem=problem)

    @property
    def _packed_at(self) -> int:
        return self._stream.packed_at if self._stream else 0

    def _found_all(self) -> bool:
        return self._needed is not None and not self._needed

    def _full_stretches(self) -> Iterator[Stretch]:
        if self._stream is None:
            raise BrokenOff("it is neither a tar nor a gzip stream")
        _skipped(self._stream, self._open.start)
        for one in entries(self._stream):
            self._open.found(one)
            self._told()
            if self._needed is not None:
                self._needed.discard(one.path)
            if self._found_all():
                return
            if self._open.full(self._grain):
                yield self._kept()
                self._members += len(self._open.members)
                self._open = _Open(one.end, one.end)

    def _drain(self) -> None:
        if self._stream:
            _skipped(self._stream, self._stream.at + _DRAINED)

    def _heard(self, point: Point, window: bytes) -> None:
        self._open.heard(point, window)

    def _told(self) -> None:
        if self._progress and self._stream:
            found = self._members + len(self._open.members)
            self._progress(self._packed_at, self._packed.size, found)

    def _begun(self, known: list[Stretch]) -> "Plain | Unpacked | None":
        packing = self._packed.is_gzip
        if not packing:
            return (
                None
                if packing is None
                else Plain(Ahead(self._packed, _AHEAD), self._open.start, PIECE)
            )
        points = Points(self._store, self._folder, known)
        point = points.before(self._open.start)
        start = (point, points.window(point)) if point else None
        made = Unpacked(Ahead(self._packed, _AHEAD), start)
        made.watch(self._heard, self._grain.between(self._packed.size), points.last)
        return made

    def _kept(self) -> Stretch:
        current = self._open
        data = {
            "members": _table(current.members, Member),
            "points": _table(current.points, PointRow),
            "windows": b"".join(current.windows),
        }
        digest = sha256(b"".join(data.values())).hexdigest()[:16]
        name = f"{current.start:x}-{digest}"
        for kind, content in data.items():
            if kind == "members" or current.points:
                self._store.write(f"{self._folder}/{name}.{kind}", content)
        counts = len(current.members), len(current.points), current.refused
        return Stretch(current.start, current.end, *counts, name, self._packed_at)


def finish_listing(store: Store, packed: PackedStream, how: Listing = WHOLE) -> list[Stretch]:
    """List the members as far as they are not listed yet, or as far as they are needed.

    Raises:
        StorageError: The parts cannot be read, or the store cannot be written; what is listed stays.
        StorageFull: The store takes no more.
        ShardError: A file of the list is damaged.
    """
    folder = index_folder(packed)
    known = stretches(store, folder)
    while not (known and known[-1].over):
        before = len(known)
        for one in _Pass(store, packed, known, how).stretches():
            if not _claimed(store, f"{folder}/{len(known):05}.json", one):
                break
            known.append(one)
        else:
            return known
        known = stretches(store, folder)
        if len(known) <= before:
            raise StorageError(f"The list of {packed.files[0]} cannot be kept in {store.root}.")
    return known


def _claimed(store: Store, place: str, one: Stretch) -> bool:
    """Whether this stretch is the one that counts; a file of another version is replaced."""
    data = json.dumps(asdict(one), indent=1).encode()
    if store.create(place, data):
        return True
    if json.loads(store.read(place)).get("version") == VERSION:
        return False
    store.write(place, data)
    return True


def _table(rows: list[Member] | list[PointRow], cls: type[Member] | type[PointRow]) -> bytes:
    made = io.BytesIO()
    write_table(rows, cls, made)
    return made.getvalue()


def _skipped(stream: "Plain | Unpacked", to: int) -> None:
    while stream.at < to and stream.take(to - stream.at):
        pass
