"""A person's own files: tables, lines and tar files under one face, with columns named as they are.

A column of pictures may also be called as the image folders of Hugging Face `datasets` do: with
`_file_name` behind its name, and the source image's `file_name`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from editcorpus.errors import ConfigError
from editcorpus.inputs import Inputs
from editcorpus.names import safe_name
from editcorpus.readers.lines import HELD, PROBLEM, line_rows
from editcorpus.readers.parquet import PARQUET, ParquetRows
from editcorpus.readers.tars import tar_rows
from editcorpus.rows import Role, Row, Source
from editcorpus.signatures import unsigned

WHERE = "\0where"
"""The column that says in which file of the input a row lies: its path there, without its ending."""
LINES = (".jsonl", ".ndjson", ".csv", ".tsv")
TABLE = ".parquet"
TAR = ".tar"
ARROW = ".arrow"


class _Named(Protocol):
    """Rows as a kind of file has them (see `Rows`), and the names of their columns."""

    name: str

    @property
    def sizes(self) -> Sequence[int]: ...

    def names(self) -> list[str]: ...

    def first_row(self, group: int, /) -> int: ...

    def only_text(self, group: int, column: str, /) -> str | None: ...

    def records(self, group: int, columns: Sequence[str], /) -> Iterator[Row]: ...


Opened = Callable[[Inputs, str], AbstractContextManager[_Named]]


def also(role: Role, column: str) -> tuple[str, ...]:
    """The names under which a column of pictures may stand in a file, best first."""
    return (column, f"{column}_file_name", *(("file_name",) if role == "source" else ()))


class Table:
    """The rows of a parquet file, of which only texts and whole numbers are planned (see `Rows`).

    Args:
        table: Open.
    """

    def __init__(self, table: ParquetRows) -> None:
        self.name = table.name
        self._table = table
        self._kinds = {one.name: _kind(one.type) for one in table.schema}

    @property
    def sizes(self) -> Sequence[int]:
        """Rows in each row group."""
        return self._table.sizes

    def names(self) -> list[str]:
        """The columns with their types."""
        return [f"{one.name} ({one.type})" for one in self._table.schema]

    def columns(self, kind: str) -> list[str]:
        """The columns of `text` or of `image`."""
        return [name for name, found in self._kinds.items() if found == kind]

    def first_row(self, group: int) -> int:
        """Number of a row group's first row in the file."""
        return self._table.first_row(group)

    def only_text(self, group: int, column: str) -> str | None:
        """The one text that a column has in a row group; None where the footer proves none."""
        texts = self.columns("text")
        return self._table.only_text(group, column) if column in texts else None

    def records(self, group: int, columns: Sequence[str]) -> Iterator[Row]:
        """The rows of a row group in order; pictures are `HELD`."""
        told = [name for name in columns if self._kinds.get(name) == "text"]
        images = self.columns("image")
        missing = {name: HELD if name in images else None for name in columns if name not in told}
        if told:
            yield from ({**row, **missing} for row in self._table.records(group, told))
        else:
            yield from (missing for _ in range(self._table.rows(group)))


def _kind(found: pa.DataType) -> str:
    """`text` is what can be planned, `image` what holds a picture; empty is anything else."""
    if pa.types.is_dictionary(found) or pa.types.is_list(found) or pa.types.is_large_list(found):
        return "text" if _kind(found.value_type) == "text" else ""
    if pa.types.is_struct(found):
        inner = {one.name: one.type for one in found}
        return _kind(inner["bytes"]) if "bytes" in inner else ""
    if pa.types.is_binary(found) or pa.types.is_large_binary(found):
        return "image"
    texts = pa.types.is_string(found) or pa.types.is_large_string(found)
    return "text" if texts or pa.types.is_integer(found) else ""


@contextmanager
def table_rows(inputs: Inputs, url: str) -> Iterator[Table]:
    """Open a parquet file."""
    with PARQUET.rows(inputs, url) as table:
        yield Table(table)


class OwnRows:
    """The rows of a file of one's own.

    Args:
        rows: As its kind of file has them.
        where: See `WHERE`.
        settings: How a person says what a column is called, by its name.
    """

    def __init__(self, rows: _Named, where: str, settings: Mapping[str, str]) -> None:
        self._rows = rows
        self._where = where
        self._settings = settings

    @property
    def sizes(self) -> Sequence[int]:
        """Rows in each group."""
        return self._rows.sizes

    def check(self, source: Source) -> None:
        """Refuse a file that lacks a column, naming those that it has.

        Raises:
            ConfigError: A column is missing, or is in no form in which it can be read.
        """
        seen = self._rows.names()
        usable = seen
        if isinstance(self._rows, Table):
            usable = [*self._rows.columns("text"), *self._rows.columns("image")]
        names = {column: also(role, column) for role, column in source.pictures.items()}
        for name, kind in source.columns.items():
            if not kind.endswith("?") and usable and not {*names.get(name, [name])} & {*usable}:
                raise ConfigError(
                    f"{self._rows.name} has no usable column {name!r}; it has "
                    f"{', '.join(seen)[:600]}. Say what yours is called, as in "
                    f"--set {self._settings.get(name, name)}=NAME."
                )

    def first_row(self, group: int) -> int:
        """Number of a group's first row in the file."""
        return self._rows.first_row(group)

    def only_text(self, group: int, column: str) -> str | None:
        """The one text that a column has in a group; None where nothing but reading it tells."""
        return self._rows.only_text(group, column)

    def records(self, group: int, columns: Sequence[str]) -> Iterator[Row]:
        """The rows of a group in order, each with `PROBLEM` and `WHERE`."""
        for row in self._rows.records(group, columns):
            yield {PROBLEM: None, **row, WHERE: self._where}


def ending_of(url: str) -> str:
    """How the name of a file ends, in small letters."""
    return "." + url.rpartition(".")[2].lower()


def opening_of(url: str) -> Opened:
    """What opens a file.

    Raises:
        ConfigError: Its kind is known and cannot be read.
    """
    if ending_of(url) == ARROW:
        raise ConfigError(
            f"{unsigned(url)} is a dataset as `save_to_disk` leaves it: write it with "
            "`Dataset.to_parquet`, and build from that."
        )
    known: dict[str, Opened] = {TABLE: table_rows, TAR: tar_rows}
    return known.get(ending_of(url), line_rows)


def folder_of(url: str) -> str:
    """The folder in which a file lies."""
    return url.rpartition("/")[0]


def root_of(inputs: Inputs, url: str) -> str:
    """The folder that was given as the input, or else the one that all files of rows share."""
    for one in inputs.given:
        base = one.rstrip("/") if "://" in one else str(Path(one).expanduser().absolute())
        if url.startswith(f"{base}/"):
            return base
    levels = zip(*(folder_of(one).split("/") for one in inputs.files), strict=False)
    return "/".join(level[0] for level in takewhile(lambda level: len({*level}) == 1, levels))


def where_of(inputs: Inputs, url: str) -> str:
    """The place of a file in the input, as ids tell it."""
    path = url.removeprefix(root_of(inputs, url)).strip("/")
    return "/".join(map(safe_name, path.removesuffix(ending_of(url)).split("/")))
