"""An archive cut into parts: which files are its parts, in which order, and their bytes as one stream.

Names as published corpora have them: `x.tar.gz.part-aa`, `x.tar.gz.part001`, `x.tar.split.000`,
`x.tar.gz.000`, and whole ones, `x.tar`, `x.tar.gz`, `x.tgz`.
"""

import io
import re
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate, groupby, pairwise, takewhile
from threading import Lock
from typing import IO, NamedTuple, Protocol

from editcorpus.errors import StorageError
from editcorpus.inputs import Inputs
from editcorpus.signatures import unsigned

_NAME = re.compile(
    r"(?P<stem>.+\.(?:tar\.gz|tgz|tar))(?:\.(?:part[-_]?|split[-._]?)?(?P<suffix>[a-z]{2,}|[0-9]+))?"
)
"""The whole name of an archive or of a part of one."""


_GZIP = b"\x1f\x8b"


class BrokenOff(Exception):
    """The stream of an archive cannot be read on; the text is the end of a sentence."""


class Parts(NamedTuple):
    """The parts of one archive, in order, as far as none is missing.

    Attributes:
        name: Of the archive: where it lies, without what names a part.
        files: Paths or URLs; none where the first part is missing.
        problem: A sentence about a missing part, or empty.
    """

    name: str
    files: tuple[str, ...]
    problem: str = ""


def archives_among(files: Iterable[str]) -> tuple[Parts, ...]:
    """The archives that files belong to, sorted by name; files of other kinds are left out.

    Parts are ordered as `split` names them: `aa`, `ab`, ... and behind `yz` `zaaa`; or by number, from 0
    or 1. That parts are missing at the end is not to be seen in names: the stream breaks off.
    """
    found = [(*named, file) for file in files if (named := _named(file))]
    found.sort(key=lambda one: (one[0], _order(one[1])))
    grouped = groupby(found, key=lambda one: one[0])
    return tuple(_joined(name, [one[1:] for one in group]) for name, group in grouped)


def _named(file: str) -> tuple[str, str] | None:
    folder, slash, last = file.rpartition("/")
    match = _NAME.fullmatch(last)
    return (folder + slash + match["stem"], match["suffix"] or "") if match else None


def _order(suffix: str) -> tuple[int, str]:
    return (int(suffix), suffix) if suffix.isdecimal() else (0, suffix)


def _joined(name: str, parts: Sequence[tuple[str, str]]) -> Parts:
    """The parts up to the first that is missing; a whole file goes before parts of the same name."""
    suffixes = [suffix for suffix, _ in parts]
    if not suffixes[0]:
        return Parts(name, (parts[0][1],))
    if not _is_first(suffixes[0]):
        return Parts(
            name, (), f"The first part of {name} is missing: {parts[0][1]} is the first found."
        )
    pairs = pairwise(suffixes)
    whole = 1 + len(list(takewhile(lambda pair: _follows(*pair), pairs)))
    files = tuple(file for _, file in parts[:whole])
    if whole == len(parts):
        return Parts(name, files)
    told = f"A part of {name} is missing between {files[-1]} and {parts[whole][1]}."
    return Parts(name, files, told)


def _is_first(suffix: str) -> bool:
    return int(suffix) in (0, 1) if suffix.isdecimal() else set(suffix) == {"a"}


def _follows(one: str, other: str) -> bool:
    if one.isdecimal() or other.isdecimal():
        return one.isdecimal() and other.isdecimal() and int(other) == int(one) + 1
    if len(one) == len(other):
        return _count(other) == _count(one) + 1
    longer = len(other) == len(one) + 2
    # GNU split: one letter more behind one more `z`; coreutils manual, "split invocation"
    return longer and bool(re.fullmatch("z*yz+", one)) and bool(re.fullmatch("z+a+", other))


def _count(letters: str) -> int:
    made = 0
    for letter in letters:
        made = 26 * made + ord(letter) - ord("a")
    return made


class Packed(Protocol):
    """Packed bytes by range."""

    size: int

    def read(self, start: int, length: int) -> bytes:
        """The bytes from a place on, fewer only behind the end."""


class PackedStream:
    """The bytes of all parts behind each other; any thread may read any range of them.

    Files stay open between reads, one for each thread that reads a part at the same time.
    """

    def __init__(self, parts: Parts, inputs: Inputs) -> None:
        """Ask for the sizes of the parts.

        Raises:
            StorageError: A part cannot be opened.
        """
        self._inputs = inputs
        self._idle: dict[str, list[IO[bytes]]] = {}
        self._lock = Lock()
        self.files = parts.files
        self.sizes = tuple(self._size(file) for file in parts.files)
        self._starts = tuple(accumulate(self.sizes, initial=0))
        self.size = self._starts[-1]

    @cached_property
    def is_gzip(self) -> bool | None:
        """Whether this is a gzip stream or, false, a tar as it is; None: neither."""
        head = self.read(0, tarfile.BLOCKSIZE)
        if head.startswith(_GZIP):
            return True
        try:
            tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            return None if head.strip(b"\0") or not head else False
        return False

    def close(self) -> None:
        """Close all files; what reads later opens them again."""
        with self._lock:
            handles = [one for idle in self._idle.values() for one in idle]
            self._idle.clear()
        for one in handles:
            one.close()

    def read(self, start: int, length: int) -> bytes:
        """The bytes from a place on, fewer only behind the end.

        Raises:
            StorageError: A part cannot be read, or is shorter than it was.
        """
        pieces = []
        for number, first in enumerate(self._starts[:-1]):
            begin, end = max(start, first), min(start + length, self._starts[number + 1])
            if begin < end:
                pieces.append(self._piece(self.files[number], begin - first, end - begin))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def place(self, at: int) -> str:
        """Where a byte of the stream lies, for a sentence: its part, and its number there."""
        for number, first in enumerate(self._starts[:-1]):
            if at < self._starts[number + 1]:
                return f"byte {at - first:,} of {unsigned(self.files[number])}"
        last = unsigned(self.files[-1]) if self.files else "nothing"
        return f"the end of {last}"

    def _size(self, file: str) -> int:
        with self._handle(file) as opened, self._inputs.explained(file):
            return opened.seek(0, io.SEEK_END)

    def _piece(self, file: str, start: int, length: int) -> bytes:
        with self._handle(file) as opened, self._inputs.explained(file):
            opened.seek(start)
            data = opened.read(length)
            while len(data) < length and (more := opened.read(length - len(data))):
                data += more
        if len(data) != length:
            raise StorageError(f"{unsigned(file)} is shorter than when its archive was listed.")
        return data

    @contextmanager
    def _handle(self, file: str) -> Iterator[IO[bytes]]:
        """A file of its own for whoever reads; after an error it is not used again."""
        with self._lock:
            idle = self._idle.setdefault(file, [])
            opened = idle.pop() if idle else None
        opened = opened or self._inputs.open(file)
        try:
            yield opened
        except BaseException:
            opened.close()
            raise
        with self._lock:
            self._idle.setdefault(file, []).append(opened)


class Ahead:
    """Packed bytes that are read forwards in small pieces and fetched in large ones."""

    def __init__(self, packed: Packed, most: int) -> None:
        """Fetch so many bytes at once; nothing is read yet."""
        self._packed = packed
        self._most = most
        self._start = 0
        self._data = b""
        self.size = packed.size

    def read(self, start: int, length: int) -> bytes:
        """The bytes from a place on, at most so many; none only behind the end."""
        if not self._start <= start < self._start + len(self._data):
            self._start, self._data = start, self._packed.read(start, max(length, self._most))
        first = start - self._start
        return self._data[first : first + length]


class Plain:
    """A stream that is not packed, read forwards; for one thread."""

    def __init__(self, packed: Packed, at: int, piece: int) -> None:
        """Begin at a place; nothing is read."""
        self._packed = packed
        self._piece = piece
        self._out = memoryview(b"")
        self.at = at

    @property
    def packed_at(self) -> int:
        """The same as `at`."""
        return self.at

    def take(self, most: int) -> memoryview:
        """The next bytes, at least one and at most so many; none at the end."""
        if not self._out:
            self._out = memoryview(self._packed.read(self.at, self._piece))
        taken, self._out = self._out[:most], self._out[most:]
        self.at += len(taken)
        return taken
