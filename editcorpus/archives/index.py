"""The list of an archive's members as it lies in a store, and how it is found there again.

| file below `inputs/<hash of the parts' names and sizes>/` | holds |
|---|---|
| `<n>-<hash>.members` | parquet: path, its hash, place, size and CRC-32 of each member |
| `<n>-<hash>.points` | parquet: where unpacking can begin; none for an archive that is not packed |
| `<n>-<hash>.windows` | `WINDOW` bytes for each point, filled up with zeros at their beginning |
| `<n>.json` | names the three, where the pass was then, and whether it was over: written last |

A pass that is killed goes on behind the last of these stretches. Of two processes that make the same
list at once, the later one at a stretch takes what the other wrote and goes on behind it.
"""

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from itertools import count

from editcorpus.archives.blocks import WINDOW
from editcorpus.archives.parts import PackedStream
from editcorpus.archives.unpacked import Point
from editcorpus.storage import Store
from editcorpus.tables import read_rows

VERSION = 1
"""Of the files; raised when an index that is there must be made anew."""


@dataclass(frozen=True, slots=True)
class Member:
    """A row of the list; `high` and `low` are `hashed` of the path."""

    path: str
    high: int
    low: int
    at: int
    size: int
    crc: int


@dataclass(frozen=True, slots=True)
class PointRow:
    """A row of the points."""

    unpacked: int
    packed: int
    bit: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a part of the pass found.

    Attributes:
        start: Place of the first header in the unpacked stream.
        end: Place of the header that comes next.
        members: How many.
        points: How many.
        refused: Entries that are no members although they would be files.
        name: Of the files beside.
        packed: Packed bytes that were read.
        over: Whether the pass ended here.
        problem: Why it did not end at the mark of the end; else empty.
    """

    start: int
    end: int
    members: int
    points: int
    refused: int
    name: str
    packed: int
    over: bool = False
    problem: str = ""
    version: int = VERSION


def hashed(path: str) -> tuple[int, int]:
    """128 bits of a path as two signed numbers: of millions of paths no two are alike."""
    made = blake2b(path.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return (
        int.from_bytes(made[:8], "big", signed=True),
        int.from_bytes(made[8:], "big", signed=True),
    )


def index_folder(packed: PackedStream) -> str:
    """Where the list of these parts lies in a store."""
    facts = json.dumps([list(packed.files), list(packed.sizes)])
    return f"inputs/{sha256(facts.encode()).hexdigest()[:32]}"


def stretches(store: Store, folder: str) -> list[Stretch]:
    """What is known of an archive, in order; a stretch that does not fit the one before ends it.

    Raises:
        StorageError: The store cannot be read.
    """
    made: list[Stretch] = []
    for number in count():
        try:
            facts = json.loads(store.read(f"{folder}/{number:05}.json"))
        except FileNotFoundError:
            return made
        if facts.get("version") != VERSION or facts["start"] != (made[-1].end if made else 0):
            return made
        made.append(Stretch(**facts))
        if made[-1].over:
            return made
    return made


class Points:
    """Where unpacking can begin; the windows stay in the store."""

    def __init__(self, store: Store, folder: str, known: Sequence[Stretch]) -> None:
        """Read the places of all points.

        Raises:
            ShardError: A file is damaged.
            StorageError: The store cannot be read.
        """
        self._store = store
        self._rows: list[tuple[PointRow, str, int]] = []
        for one in (one for one in known if one.points):
            stem = f"{folder}/{one.name}"
            with store.open(f"{stem}.points") as file:
                rows = read_rows(file, PointRow)
            self._rows += [(row, f"{stem}.windows", n) for n, row in enumerate(rows)]
        self._places = [row.unpacked for row, _, _ in self._rows]

    @property
    def last(self) -> int:
        """Packed bytes before the last point."""
        return self._rows[-1][0].packed if self._rows else 0

    def before(self, at: int) -> Point | None:
        """The last point at or before a place of the unpacked stream; None: its beginning."""
        number = bisect_right(self._places, at) - 1
        if number < 0:
            return None
        row = self._rows[number][0]
        return Point(row.unpacked, row.packed, row.bit)

    def window(self, point: Point) -> bytes:
        """The bytes before a point, `WINDOW` of them or all there are."""
        _, path, number = self._rows[bisect_right(self._places, point.unpacked) - 1]
        data = self._store.read_range(path, number * WINDOW, WINDOW)
        return data[-min(WINDOW, point.unpacked) :]
