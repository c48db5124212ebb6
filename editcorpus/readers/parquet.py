"""Parquet files: rows and pictures in one table, read row group by row group.

Row groups are read a few rows at a time, and only the columns that are needed, so that memory follows
the size of a page. Pages cannot be reached but one after the other: whoever wants the last row of a
row group reads all before it. For a source whose row groups are so large that this counts (`keeps`),
a shelf goes through each of them once, in the order of its shards, and tells what it had to read again.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa

from editcorpus.errors import RowsDamaged, ShardError
from editcorpus.foreign import ForeignTable
from editcorpus.inputs import Inputs
from editcorpus.readers.columns import check_schema
from editcorpus.readers.passes import Group, Pass, Passes, taken
from editcorpus.records import Triplet
from editcorpus.rows import Found, Role, Row, Shelf, Source
from editcorpus.storage import Store

_BATCH_ROWS = 4


class ParquetRows(ForeignTable):
    """The rows of a parquet file; its groups are row groups."""

    @property
    def sizes(self) -> Sequence[int]:
        """Rows in each row group."""
        return [self.rows(group) for group in range(self.metadata.num_row_groups)]

    def check(self, source: Source) -> None:
        """Refuse a file whose columns are not those of the source (see `check_schema`)."""
        check_schema(source, self.schema, self.name)

    def records(self, group: int, columns: Sequence[str]) -> Iterator[Row]:
        """The rows of a row group in order; a column that the file lacks is None in all of them."""
        missing = dict.fromkeys(name for name in columns if name not in self.schema.names)
        known = [name for name in columns if name not in missing]
        if not missing:
            return super().records(group, known)
        return ({**row, **missing} for row in super().records(group, known))


@dataclass(frozen=True, slots=True)
class ParquetReader:
    """Reads `.parquet` files."""

    endings: tuple[str, ...] = (".parquet",)

    @contextmanager
    def rows(self, inputs: Inputs, url: str) -> Iterator[ParquetRows]:
        """Open a file (see `Reader.rows`)."""
        with inputs.explained(url), inputs.open(url) as file:
            yield ParquetRows(file, url)

    def shelf(self, source: Source, inputs: Inputs, _store: Store | None) -> Shelf:
        """Where this process takes pictures from (see `Reader.shelf`)."""
        return ParquetShelf(self, source, inputs)


PARQUET = ParquetReader()


class ParquetShelf:
    """Takes pictures out of row groups.

    Args:
        reader: Opens files.
        source: Says where a row has its pictures, and whether it `keeps` them.
        inputs: The files.

    Attributes:
        passes: Of a source that keeps pictures: those through its row groups.
    """

    def __init__(self, reader: ParquetReader, source: Source, inputs: Inputs) -> None:
        self._reader = reader
        self._source = source
        self._inputs = inputs
        self.passes = Passes(self._begin)

    @property
    def ordered(self) -> bool:
        """Whether row groups are gone through once, in their order."""
        return self._source.keeps

    def reached(self, file: str, group: int) -> int:
        """The place of the pass through a row group; 0 where there is none yet."""
        return self.passes.reached((file, group))

    def read(
        self, triplets: Sequence[Triplet], roles: Sequence[Role]
    ) -> Iterator[tuple[Triplet, Found]]:
        """The pictures of triplets, in the order of files and rows (see `Shelf.read`).

        In a damaged row group, the rows behind the damage come with what is wrong with it.
        """
        ordered = sorted(triplets, key=lambda one: (one.file, one.row_group, one.row))
        for url, of_file in groupby(ordered, key=lambda one: one.file):
            groups = {
                group: {one.row: one for one in members}
                for group, members in groupby(of_file, key=lambda one: one.row_group)
            }
            if self.ordered:
                for group, wanted in groups.items():
                    yield from self.passes.take((url, group), wanted, tuple(roles))
            else:
                yield from self._at_once(url, groups, roles)

    def close(self) -> None:
        """Free what is held open."""
        self.passes.close()

    def _at_once(
        self, url: str, groups: Mapping[int, dict[int, Triplet]], roles: Sequence[Role]
    ) -> Iterator[tuple[Triplet, Found]]:
        with self._reader.rows(self._inputs, url) as table:
            for group, wanted in groups.items():
                try:
                    yield from taken(_pictures(table, self._source, group, roles), wanted, url)
                except RowsDamaged as damage:
                    yield from ((one, damage) for one in wanted.values())

    def _begin(self, where: Group, roles: tuple[Role, ...]) -> Pass:
        url, group = where
        with ExitStack() as stack:
            table = stack.enter_context(self._reader.rows(self._inputs, url))
            first = table.first_row(group)
            rows = _pictures(table, self._source, group, roles)
            return Pass(roles, first, first + table.rows(group), rows, stack.pop_all())


def _pictures(
    table: ParquetRows, source: Source, group: int, roles: Sequence[Role]
) -> Iterator[tuple[int, Found]]:
    """Each row's number in the file and its pictures."""
    number = table.first_row(group)
    columns = {role: source.pictures[role] for role in roles if role in source.pictures}
    leaves = {role: leaf for role, name in columns.items() if (leaf := _leaf(table, source, name))}
    if not leaves:
        nothing = dict.fromkeys(columns)
        yield from ((number + row, nothing) for row in range(table.rows(group)))
        return
    paths = list(leaves.values())
    values = table.values(group, paths) if source.keeps else None
    for found in values or _few_at_once(table, group, paths):
        yield number, {**dict.fromkeys(columns), **dict(zip(leaves, found, strict=True))}
        number += 1


def _few_at_once(
    table: ParquetRows, group: int, paths: list[str]
) -> Iterator[tuple[bytes | None, ...]]:
    for batch in table.batches(group, paths, _BATCH_ROWS):
        columns = [batch.column(path.removesuffix(".bytes")) for path in paths]
        for offset in range(batch.num_rows):
            yield tuple(_bytes(column[offset].as_py()) for column in columns)


def _leaf(table: ParquetRows, source: Source, column: str) -> str:
    """The path of a column of pictures; empty where the file need not have it and does not."""
    if column not in table.schema.names:
        if source.columns[column].endswith("?"):
            return ""
        raise ShardError(f"{table.name} no longer has the column {column!r}.")
    kind = table.schema.field(column).type
    if pa.types.is_null(kind):
        return ""
    return f"{column}.bytes" if pa.types.is_struct(kind) else column


def _bytes(value: Mapping[str, Any] | bytes | None) -> bytes | None:
    return value.get("bytes") if isinstance(value, Mapping) else value
