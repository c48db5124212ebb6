"""The members of a tar archive by path, in one part or many, packed with gzip or not."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock

import numpy as np
import pyarrow as pa

from editcorpus.archives.entries import Stream, member_path
from editcorpus.archives.index import (
    Member,
    Points,
    Stretch,
    hashed,
    index_folder,
    stretches,
)
from editcorpus.archives.listing import WHOLE, Listing, finish_listing
from editcorpus.archives.members import missing, too_large
from editcorpus.archives.parts import BrokenOff, PackedStream, Parts, Plain
from editcorpus.archives.unpacked import Unpacked
from editcorpus.errors import StorageError
from editcorpus.inputs import Inputs
from editcorpus.signatures import unsigned
from editcorpus.storage import Store
from editcorpus.tables import read_columns

_PIECE = 1 << 18
"""Packed bytes that are read at a time for one picture: what lies behind it is read in vain."""
_IDLE = 8
"""Readers of an archive that are kept where they are, for pictures that lie a little further on."""


class Archive:
    """The members of a tar archive, packed with gzip or not, in one part or many."""

    def __init__(
        self, parts: Parts, packed: PackedStream, store: Store, known: list[Stretch]
    ) -> None:
        """An archive that is listed already; `opened` lists it.

        Raises:
            ShardError: A file of the list is damaged.
            StorageError: The store cannot be read.
        """
        folder = index_folder(packed)
        self._packed = packed
        self._table = _Table(store, folder, known)
        self._points = Points(store, folder, known) if packed.size and packed.is_gzip else None
        self._idle: list[Unpacked] = []
        self._lock = Lock()
        self.name = parts.name
        self.refused = sum(one.refused for one in known)
        self.problem = parts.problem or _problem(parts.name, known)

    @classmethod
    def opened(cls, parts: Parts, inputs: Inputs, store: Store, how: Listing = WHOLE) -> "Archive":
        """An archive, listed now as far as the store has no list of these parts yet.

        Args:
            parts: As `archives_among` gives them.
            inputs: Opens them.
            store: Keeps the list below `inputs/`.
            how: Who is told, and whether the pass pauses before the end.

        Raises:
            StorageError: The parts or the store cannot be read or written.
            StorageFull: The store takes no more.
            ShardError: A file of the list is damaged.
        """
        packed = PackedStream(parts, inputs)
        known = stretches(store, index_folder(packed)) if parts.files else []
        made = cls(parts, packed, store, known)
        if not parts.files or (known and known[-1].over):
            return made
        if how.needed is not None:
            how = replace(how, needed=[*missing(made, how.needed)])
            if not how.needed:
                return made
        return cls(parts, packed, store, finish_listing(store, packed, how))

    @property
    def complete(self) -> bool:
        """Whether all is listed, up to the mark of the end."""
        return not self.problem

    def __len__(self) -> int:
        """How many members there are; of two with one path both count."""
        return len(self._table)

    def __contains__(self, path: str) -> bool:
        return self._table.find(path) is not None

    def read(self, path: str, most_bytes: int) -> bytes | None:
        """The bytes of a member, as `Members.read`; of two with one path the last, as `tar` does."""
        found = self._table.find(path)
        if found is None:
            return None
        at, size, crc = found
        if size > most_bytes:
            raise too_large(path, size, most_bytes)
        packing = self._points is not None
        data = b"".join(self.chunks(path)) if packing else self._packed.read(at, size)
        if zlib.crc32(data) != crc:
            raise self._changed(path)
        return data

    def in_order(self, paths: Iterable[str]) -> list[str]:
        """The paths as their members lie in the archive."""
        last = 1 << 63
        return sorted(paths, key=lambda path: (self._table.find(path) or (last,))[0])

    def paths(self) -> Iterator[str]:
        """The paths of all members as they lie, read from the list as they are wanted."""
        return self._table.paths()

    def chunks(self, path: str) -> Iterator[bytes]:
        """A member of any size, such as a file of records, a piece at a time; none where it is not there.

        Raises:
            StorageError: As `read`; that it is not what it was is told behind its last piece.
        """
        found = self._table.find(path)
        if found is None:
            return
        at, size, crc = found
        seen = 0
        with self._reading(at) as stream:
            while size and (taken := bytes(stream.take(size))):
                seen, size = zlib.crc32(taken, seen), size - len(taken)
                yield taken
        if size or seen != crc:
            raise self._changed(path)

    def close(self) -> None:
        """Close the files of the parts."""
        with self._lock:
            self._idle.clear()
        self._packed.close()

    @contextmanager
    def _reading(self, at: int) -> Iterator[Stream]:
        """The stream from a place on."""
        if self._points is None:
            yield Plain(self._packed, at, _PIECE)
            return
        reader = self._reader(self._points, at)
        try:
            while reader.at < at and reader.take(at - reader.at):
                pass
            yield reader
        except BrokenOff as error:
            told = f"{unsigned(self.name)} is not what it was when it was listed: {error}."
            raise StorageError(told) from None
        with self._lock:
            self._idle = [*self._idle, reader][-_IDLE:]

    def _changed(self, path: str) -> StorageError:
        return StorageError(
            f"{path} of {unsigned(self.name)} is not what it was when it was listed."
        )

    def _reader(self, points: Points, at: int) -> Unpacked:
        """One that is kept between the nearest point and the place, or else one from that point on."""
        point = points.before(at)
        with self._lock:
            least = point.unpacked if point else 0
            kept = [one for one in self._idle if least <= one.at <= at]
            if kept:
                nearest = max(kept, key=lambda one: one.at)
                self._idle.remove(nearest)
                return nearest
        start = (point, points.window(point)) if point else None
        return Unpacked(self._packed, start, _PIECE)


class _Table:
    """Where the members lie, 36 bytes each and no path: paths are compared by 128 bits of hash."""

    def __init__(self, store: Store, folder: str, known: Sequence[Stretch]) -> None:
        names = ["high", "low", "at", "size", "crc"]
        tables = []
        for one in known:
            with store.open(f"{folder}/{one.name}.members") as file:
                tables.append(read_columns(file, Member, names))
        whole = pa.concat_tables(tables) if tables else None
        columns = [whole[name].to_numpy() if whole else np.zeros(0, np.int64) for name in names]
        order = np.lexsort((np.arange(len(columns[0])), columns[1], columns[0]))
        self._high, self._low, self._at, self._size = (one[order] for one in columns[:4])
        self._crc = columns[4].astype(np.uint32)[order]

        self._store = store
        self._files = [f"{folder}/{one.name}.members" for one in known]

    def __len__(self) -> int:
        return len(self._at)

    def paths(self) -> Iterator[str]:
        """All paths, of one stretch in memory at a time."""
        for path in self._files:
            with self._store.open(path) as file:
                yield from read_columns(file, Member, ["path"]).column(0).to_pylist()

    def find(self, path: str) -> tuple[int, int, int] | None:
        """Place, size and CRC-32 of the last member of this path."""
        known = member_path(path)
        if not known:
            return None
        high, low = hashed(known)
        first = int(np.searchsorted(self._high, high, "left"))
        place = int(np.searchsorted(self._high, high, "right")) - 1
        while place >= first and int(self._low[place]) != low:
            place -= 1
        if place < first:
            return None
        return int(self._at[place]), int(self._size[place]), int(self._crc[place])


def _problem(name: str, known: Sequence[Stretch]) -> str:
    if known and known[-1].over:
        return known[-1].problem
    done = known[-1].packed if known else 0
    return f"The first {done:,} bytes of {unsigned(name)} are listed so far."
