"""Files of lines: JSON Lines, and tables of texts with commas or tabs between them.

Rows come in groups of `GROUP_ROWS`. Where groups begin is found by one pass over the file; no more
than a line is in memory. What is no row (a line that is no JSON, a field that does not end) is one that
says so, under `PROBLEM`, and the rows behind it are read.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from itertools import islice
from typing import IO, Any

from editcorpus.errors import ShardError
from editcorpus.inputs import Inputs
from editcorpus.readers.scroll import Scroll
from editcorpus.rows import Row
from editcorpus.signatures import unsigned

GROUP_ROWS = 4096
PROBLEM = "\0problem"
"""The column under which a reader says why a row cannot be read; None where it can."""
HELD = b""
"""What stands for a picture that a row holds itself: planning does not read it."""
MOST_LINE = 1 << 20
"""Bytes of a line at most: an instruction of 2,000 characters and some paths have a few thousand."""
SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""What stands between fields, by how the name of a file ends; all others are JSON Lines."""
_LOOKED_AT = 100
"""Rows whose names are looked at before a run starts."""
_BOM = b"\xef\xbb\xbf"

Values = Mapping[str, Any] | str
"""A row by its names, or a sentence about why it is none."""
Unparsed = Callable[[], Values]


class Lines:
    """Lines of a file from a place on.

    Attributes:
        cut: Whether one of those given was too long; whoever looks sets it back.
    """

    def __init__(self, scroll: Scroll, at: int) -> None:
        scroll.at = at
        self._scroll = scroll
        self.cut = False

    @property
    def at(self) -> int:
        """Bytes before the next line."""
        return self._scroll.at

    def __iter__(self) -> Iterator[bytes]:
        while True:
            first = self.at == 0
            line = self._scroll.line(MOST_LINE + 1)
            if not line:
                return
            self.cut = self.cut or len(line) > MOST_LINE
            yield line.removeprefix(_BOM) if first else line

    def was_cut(self) -> bool:
        """Whether one was too long since this was asked last."""
        cut, self.cut = self.cut, False
        return cut


def json_lines(lines: Lines) -> Iterator[Unparsed]:
    """Rows of JSON Lines: one object a line; blank lines are none."""
    for line in lines:
        cut = lines.was_cut()
        if line.strip():
            yield partial(_from_json, line, cut=cut)


def _from_json(line: bytes, *, cut: bool) -> Values:
    if cut:
        return f"The line has more than {MOST_LINE:,} bytes."
    try:
        found = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        return f"The line is no JSON: {error!s:.200}."
    return found if isinstance(found, dict) else "The line is JSON, but no object."


def separated(head: Sequence[str], separator: str, lines: Lines) -> Iterator[Unparsed]:
    """Rows of a table of texts behind its first row, which names the columns."""
    for found in _fields(lines, separator):
        yield partial(_named, head, found)


def _fields(lines: Lines, separator: str) -> Iterator[list[str] | str]:
    """The fields of each row, or why it has none; blank rows are left out."""
    texts = (line.decode("utf-8", "surrogateescape") for line in lines)
    reader = csv.reader(texts, delimiter=separator)
    while True:
        try:
            found: list[str] | str | None = next(reader, None)
        except csv.Error as error:
            found = f"The row cannot be read: {error}."
        if found is None:
            return
        if lines.was_cut():
            found = f"A line of the row has more than {MOST_LINE:,} bytes."
        if found:
            yield found


def _named(head: Sequence[str], found: list[str] | str) -> Values:
    if isinstance(found, str):
        return found
    if len(found) != len(head):
        return f"The row has {len(found)} fields, where the first one names {len(head)}."
    if not all(map(_is_text, found)):
        return "The row is not UTF-8."
    return dict(zip(head, found, strict=True))


def _is_text(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


class LineRows:
    """The rows of a file of lines, in groups of `GROUP_ROWS`.

    Attributes:
        name: For messages.
    """

    def __init__(self, file: IO[bytes], url: str) -> None:
        """Look at the first row of a table; of other files nothing is read.

        Args:
            file: Seekable; closed by whoever opened it.
            url: Where it lies; its ending says what kind of file it is.

        Raises:
            ShardError: It is a table of texts whose first row cannot be read.
        """
        self.name = unsigned(url)
        self._scroll = Scroll(file)
        self._start = 0
        self._rows: Callable[[Lines], Iterator[Unparsed]] = json_lines
        separator = SEPARATORS.get(self.name[-4:].lower())
        if separator is not None:
            lines = Lines(self._scroll, 0)
            head = next(_fields(lines, separator), [])
            if isinstance(head, str) or not all(map(_is_text, head)):
                raise ShardError(
                    f"{self.name} is not a whole table of texts: its first row is none."
                )
            self._start, self._rows = lines.at, partial(separated, head, separator)

    @property
    def sizes(self) -> Sequence[int]:
        """Rows in each group; the whole file is gone through when it is asked first."""
        starts, total = self._index
        full = [GROUP_ROWS] * len(starts)
        return [*full[:-1], total - GROUP_ROWS * (len(starts) - 1)] if starts else []

    def names(self) -> list[str]:
        """The names of columns in the first rows, in their order."""
        rows = (unparsed() for unparsed in islice(self._from(self._start), _LOOKED_AT))
        named = (name for row in rows if not isinstance(row, str) for name in row)
        return list(dict.fromkeys(named))

    def first_row(self, group: int) -> int:
        """Number of a group's first row in the file."""
        return group * GROUP_ROWS

    def only_text(self, _group: int, _column: str) -> str | None:
        """Nothing but reading a group tells what is in it."""
        return None

    def records(self, group: int, columns: Sequence[str]) -> Iterator[Row]:
        """The rows of a group in order; what a row lacks is None, and `PROBLEM` is always there.

        Raises:
            ShardError: There is no such group.
        """
        starts, _ = self._index
        if group >= len(starts):
            raise ShardError(f"{self.name} has fewer rows than when it was planned.")
        for unparsed in islice(self._from(starts[group]), GROUP_ROWS):
            yield row_of(unparsed(), columns)

    def _from(self, start: int) -> Iterator[Unparsed]:
        return self._rows(Lines(self._scroll, start))

    @cached_property
    def _index(self) -> tuple[list[int], int]:
        """Where each group begins, and how many rows there are."""
        lines = Lines(self._scroll, self._start)
        starts, total, at = [], 0, self._start
        for _ in self._rows(lines):
            if total % GROUP_ROWS == 0:
                starts.append(at)
            total += 1
            at = lines.at
        return starts, total


def row_of(values: Values, columns: Iterable[str]) -> Row:
    """A row with these columns, None where it has none, and with `PROBLEM`."""
    if isinstance(values, str):
        return {**dict.fromkeys(columns), PROBLEM: values}
    return {**{name: values.get(name) for name in columns}, PROBLEM: None}


@contextmanager
def line_rows(inputs: Inputs, url: str) -> Iterator[LineRows]:
    """Open a file of lines.

    Raises:
        StorageError: It cannot be opened or read, also while the block runs.
        ShardError: It is a table of texts whose first row cannot be read.
    """
    with inputs.explained(url), inputs.open(url) as file:
        yield LineRows(file, url)
