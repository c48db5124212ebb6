"""WebDataset: tar files in which a row is the members of one key, one behind the other.

The key of `00017.source.jpg` is `00017`, and `source` the name of a picture; of `00017.jpg` the name is
`jpg`. Texts are the members of `00017.json`, an object, and `00017.<name>.txt`. Names and sizes come from
the headers of the members: what a picture holds is passed over until somebody asks for it.

Source: the documentation of WebDataset, "The WebDataset Format".
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from typing import IO, Any, NamedTuple

from editcorpus.archives.entries import entries
from editcorpus.archives.parts import BrokenOff
from editcorpus.errors import ShardError, SourceError
from editcorpus.inputs import Inputs
from editcorpus.readers.lines import GROUP_ROWS, HELD, PROBLEM, Values, row_of
from editcorpus.readers.scroll import Scroll
from editcorpus.reasons import Reason
from editcorpus.rows import Row
from editcorpus.signatures import unsigned

_TEXTS = frozenset({"json", "txt"})
KEY = "__key__"
"""The column of the keys, as WebDataset calls it."""
MOST_TEXT = 1 << 20
"""Bytes of a text of a row at most."""
_MOST_SAMPLES = 200_000
"""Rows of a file at most, about a kilobyte of memory each: files of this kind have some thousands."""
_PIECE = 1 << 16
"""Bytes of a request for a header: texts that lie behind it come along."""
_LOOKED_AT = 20
"""Rows whose names are looked at before a run starts."""


class Sample(NamedTuple):
    """Where a row lies.

    Attributes:
        key: What its members have in common.
        members: Place and size of each, by what stands behind the key and a dot.
    """

    key: str
    members: Mapping[str, tuple[int, int]]

    def picture(self, name: str) -> tuple[int, int] | None:
        """Place and size of a picture; None where the row has none of this name."""
        for ending, where in self.members.items():
            inner, _, last = ending.rpartition(".")
            if (inner or last) == name and last not in _TEXTS:
                return where
        return None


class TarRows:
    """The rows of a tar file, in groups of `GROUP_ROWS`.

    What lies before a damage is read; the damage itself is the last row, which says so.

    Attributes:
        name: For messages.
    """

    def __init__(self, file: IO[bytes], url: str) -> None:
        """Nothing is read yet.

        Args:
            file: Seekable; closed by whoever opened it.
            url: Where it lies.
        """
        self.name = unsigned(url)
        self._scroll = Scroll(file, _PIECE)

    @property
    def sizes(self) -> Sequence[int]:
        """Rows in each group; all headers are read when it is asked first."""
        samples, problem = self.samples
        total = len(samples) + bool(problem)
        full, rest = divmod(total, GROUP_ROWS)
        return [GROUP_ROWS] * full + [rest] * bool(rest)

    def names(self) -> list[str]:
        """The names of texts and pictures in the first rows, in their order.

        Raises:
            ShardError: It is no tar file.
        """
        found: dict[str, None] = {KEY: None}
        try:
            for sample in islice(_grouped(self._scroll), _LOOKED_AT):
                found |= dict.fromkeys(self._names(sample))
        except BrokenOff as error:
            if len(found) == 1:
                raise ShardError(f"{self.name} is not a whole tar file: {error}.") from None
        return list(found)

    def first_row(self, group: int) -> int:
        """Number of a group's first row in the file."""
        return group * GROUP_ROWS

    def only_text(self, _group: int, _column: str) -> str | None:
        """Nothing but reading a group tells what is in it."""
        return None

    def records(self, group: int, columns: Sequence[str]) -> Iterator[Row]:
        """The rows of a group in order; what a row lacks is None, and a picture that it has `HELD`.

        Raises:
            ShardError: There is no such group.
        """
        samples, problem = self.samples
        first = group * GROUP_ROWS
        if first >= len(samples) + bool(problem):
            raise ShardError(f"{self.name} has fewer rows than when it was planned.")
        for sample in samples[first : first + GROUP_ROWS]:
            held = dict.fromkeys((name for name in columns if sample.picture(name)), HELD)
            yield {**row_of(self._texts(sample), columns), **held}
        if problem and first + GROUP_ROWS > len(samples):
            yield {**dict.fromkeys(columns), PROBLEM: problem}

    def picture(self, row: int, name: str, most: int) -> bytes | None:
        """The bytes of a picture of a row; None where it has none of this name.

        Raises:
            ShardError: There is no such row any more.
            SourceError: It has more than `most` bytes.
        """
        samples, _ = self.samples
        if row >= len(samples):
            raise ShardError(f"{self.name} has fewer rows than when it was planned.")
        where = samples[row].picture(name)
        if where is None:
            return None
        if where[1] > most:
            told = f"{name} of {samples[row].key!r:.80} has {where[1]:,} bytes, more than {most:,}."
            raise SourceError(Reason.IMAGE_TOO_LARGE, told)
        return self._scroll.exactly(*where)

    @cached_property
    def samples(self) -> tuple[list[Sample], str]:
        """Where all rows lie, and why there are no more, if the file breaks off."""
        found: list[Sample] = []
        try:
            for sample in _grouped(self._scroll):
                found.append(sample)
                if len(found) > _MOST_SAMPLES:
                    raise ShardError(f"{self.name} has more than {_MOST_SAMPLES:,} rows.")
        except BrokenOff as error:
            return found, f"The file breaks off behind row {len(found)}: {error}."
        return found, ""

    def _names(self, sample: Sample) -> Iterator[str]:
        texts = self._texts(sample)
        yield from () if isinstance(texts, str) else (name for name in texts if name != KEY)
        for ending in sample.members:
            inner, _, last = ending.rpartition(".")
            if last not in _TEXTS:
                yield inner or last

    def _texts(self, sample: Sample) -> Values:
        found: dict[str, Any] = {}
        for ending, (at, size) in sample.members.items():
            if ending.rpartition(".")[2] not in _TEXTS:
                continue
            if size > MOST_TEXT:
                return f"{sample.key}.{ending} has more than {MOST_TEXT:,} bytes."
            told = _told(ending, self._scroll.exactly(at, size))
            if isinstance(told, str):
                return f"{sample.key}.{ending} cannot be read: {told}."
            found |= told
        return {**found, KEY: sample.key}


def _told(ending: str, data: bytes) -> Values:
    """What a text says by its names, or why it cannot be read."""
    try:
        if ending == "json":
            found = json.loads(data.decode())
            return found if isinstance(found, dict) else "it is no JSON object"
        inner, _, last = ending.rpartition(".")
        return {inner or last: data.decode()}
    except (ValueError, RecursionError) as error:
        return f"{error!s:.200}"


def _grouped(scroll: Scroll) -> Iterator[Sample]:
    """The rows of a tar file, from its beginning on; reading elsewhere meanwhile is allowed.

    Raises:
        BrokenOff: It is no tar file, or is cut short.
    """
    scroll.at = 0
    key, members = "", dict[str, tuple[int, int]]()
    at = 0
    found = entries(scroll, _passed)
    while True:
        scroll.at = at
        try:
            one = next(found, None)
        except BrokenOff:
            if members:
                yield Sample(key, members)
            raise
        if one is None:
            break
        at = one.end
        name, ending = _split(one.path)
        if not ending:
            continue
        if name != key and members:
            yield Sample(key, members)
            members = {}
        key = name
        members.setdefault(ending, (one.at, one.size))
    if members:
        yield Sample(key, members)


def _split(path: str) -> tuple[str, str]:
    """A member's key, folders included, and what stands behind the first dot of its name."""
    folder, slash, last = path.rpartition("/")
    stem, _, ending = last.partition(".")
    return (f"{folder}{slash}{stem}", ending) if stem else ("", "")


def _passed(scroll: Scroll, length: int) -> int:
    """Go on by so many bytes without reading them."""
    if scroll.at + length > scroll.size:
        raise BrokenOff("it ends within a member")
    scroll.at += length
    return 0


@contextmanager
def tar_rows(inputs: Inputs, url: str) -> Iterator[TarRows]:
    """Open a tar file.

    Raises:
        StorageError: It cannot be opened or read, also while the block runs.
    """
    with inputs.explained(url), inputs.open(url) as file:
        yield TarRows(file, url)
