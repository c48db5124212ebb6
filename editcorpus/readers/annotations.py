"""JSON lines in a folder `annotations`, whose pictures lie in a folder `images` beside it, or packed.

    multi_turn_editing/annotations/split_0001.jsonl
    multi_turn_editing/images/multi_turn.tar.gz.part-aa

Archives lie in `images`, beside it, or further up, as far as a folder that bears the name of the dataset.
All values are texts; whatever else stands there is missing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from editcorpus.errors import ConfigError
from editcorpus.inputs import Inputs
from editcorpus.readers.json_array import text_of
from editcorpus.readers.lines import LineRows, line_rows
from editcorpus.readers.paths import PathShelf
from editcorpus.readers.stock import Near, near
from editcorpus.rows import Row, Shelf, Source
from editcorpus.storage import Store

_IMAGES = "images"
_MOST_ABOVE = 3
"""Folders above that of the annotations and pictures in which archives are looked for."""


@dataclass(frozen=True, slots=True)
class AnnotationRows:
    """The rows of a file of annotations (see `Rows`)."""

    lines: LineRows

    @property
    def sizes(self) -> Sequence[int]:
        """Rows in each group."""
        return self.lines.sizes

    def check(self, source: Source) -> None:
        """Refuse a file whose first rows do not have what each row needs.

        Raises:
            ConfigError: They do not.
        """
        seen = self.lines.names()
        wanted = [name for name, kind in source.columns.items() if not kind.endswith("?")]
        missing = [name for name in wanted if name not in seen]
        if missing and self.sizes:
            raise ConfigError(
                f"{self.lines.name} is not in the layout of {source.name}: its lines need "
                f"{', '.join(missing)}; they have {', '.join(seen)[:600] or 'no member'}."
            )

    def first_row(self, group: int) -> int:
        """Number of a group's first row in the file."""
        return self.lines.first_row(group)

    def only_text(self, group: int, column: str) -> str | None:
        """The one text that a column has in a group, if that is known without reading it."""
        return self.lines.only_text(group, column)

    def records(self, group: int, columns: Sequence[str]) -> Iterator[Row]:
        """The rows of a group; why one cannot be read is under `PROBLEM` (see `lines.py`)."""
        for row in self.lines.records(group, columns):
            yield {name: text_of(value) for name, value in row.items()}


@dataclass(frozen=True, slots=True)
class AnnotationReader:
    """Reads `.jsonl` files in folders `annotations`.

    Attributes:
        pictures: The columns that name pictures.
        top: How the name of the folder begins above which no archive is looked for.
    """

    pictures: tuple[str, ...]
    top: str
    endings: tuple[str, ...] = (".jsonl",)

    @contextmanager
    def rows(self, inputs: Inputs, url: str) -> Iterator[AnnotationRows]:
        """Open a file (see `Reader.rows`)."""
        with line_rows(inputs, url) as lines:
            yield AnnotationRows(lines)

    def shelf(self, _source: Source, inputs: Inputs, store: Store | None) -> Shelf:
        """Where this process takes pictures from (see `Reader.shelf`)."""

        def where(url: str) -> Near:
            own = url.rsplit("/", 2)[0]
            return near(f"{own}/{_IMAGES}", self._above(own), inputs)

        def named(url: str) -> Iterator[str]:
            with self.rows(inputs, url) as rows:
                for group in range(len(rows.sizes)):
                    for row in rows.records(group, self.pictures):
                        yield from filter(None, (row[name] for name in self.pictures))

        return PathShelf(where, named, inputs, store)

    def _above(self, folder: str) -> list[str]:
        """The folder, and those above it up to the one that bears the name of the dataset."""
        found = [folder]
        while len(found) <= _MOST_ABOVE:
            if found[-1].rpartition("/")[2].startswith(self.top):
                return found
            found.append(found[-1].rpartition("/")[0])
        return found[:1]
