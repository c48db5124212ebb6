"""Pictures of a person's own files: in tables and tar files, or by their paths.

Which reader a file has is told by how its name ends. A picture is bytes in a column, a struct of `bytes`
and `path`, a member of a tar file, or a path: from the folder of the file of rows on, or, where the first
of them are not there, from the folder that was given as the input on. No path leads out of that.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice

from editcorpus.archives.folder import Folder
from editcorpus.errors import RowsDamaged, SourceError
from editcorpus.inputs import Inputs
from editcorpus.readers.own_rows import (
    ARROW,
    LINES,
    TABLE,
    TAR,
    OwnRows,
    ending_of,
    folder_of,
    opening_of,
    root_of,
    table_rows,
    where_of,
)
from editcorpus.readers.parquet import PARQUET, ParquetShelf
from editcorpus.readers.paths import PathShelf
from editcorpus.readers.stock import Near
from editcorpus.readers.tars import TarRows, tar_rows
from editcorpus.records import Triplet
from editcorpus.rows import Found, Place, Role, Shelf, Source
from editcorpus.storage import Store

_MOST_BYTES = 256 << 20
"""Of one picture: above what any honest one has."""
_LOOKED_AT = 8
"""Paths that are tried to find out from where on they lead."""


@dataclass(frozen=True, slots=True)
class OwnReader:
    """Reads files of one's own.

    Attributes:
        settings: How a person says what a column is called, by its name.
        pictures: Folder that paths of pictures lead on from; empty: where the rows lie.
    """

    settings: Mapping[str, str]
    pictures: str = ""
    endings: tuple[str, ...] = (*LINES, TABLE, TAR, ARROW)

    @contextmanager
    def rows(self, inputs: Inputs, url: str) -> Iterator[OwnRows]:
        """Open a file (see `Reader.rows`)."""
        with opening_of(url)(inputs, url) as found:
            yield OwnRows(found, where_of(inputs, url), self.settings)

    def shelf(self, source: Source, inputs: Inputs, store: Store | None) -> Shelf:
        """Where this process takes pictures from (see `Reader.shelf`)."""
        return OwnShelf(self, source, inputs, store)


class OwnShelf:
    """Takes pictures out of tables, tar files and folders.

    Args:
        reader: Opens files.
        source: Says what columns are called.
        inputs: The files.
        store: For the lists of archives.
    """

    ordered = False

    def __init__(
        self, reader: OwnReader, source: Source, inputs: Inputs, store: Store | None
    ) -> None:
        self._reader = reader
        self._source = source
        self._inputs = inputs
        self._tables = ParquetShelf(PARQUET, source, inputs)
        self._paths = PathShelf(self._near, lambda _: (), inputs, store)

    def reached(self, _file: str, _group: int) -> int:
        """Rows have no order here."""
        return 0

    def read(
        self, triplets: Sequence[Triplet], roles: Sequence[Role]
    ) -> Iterator[tuple[Triplet, Found]]:
        """The pictures of triplets, file by file (see `Shelf.read`)."""
        for url, of_file in groupby(sorted(triplets, key=_place), key=lambda one: one.file):
            kind = ending_of(url)
            if kind == TAR:
                yield from self._from_tar(url, of_file, roles)
            elif kind == TABLE:
                yield from self._from_table(url, list(of_file), roles)
            else:
                yield from self._paths.read(list(of_file), roles)

    def close(self) -> None:
        """Free what is held open."""
        self._tables.close()
        self._paths.close()

    def _from_tar(
        self, url: str, triplets: Iterable[Triplet], roles: Sequence[Role]
    ) -> Iterator[tuple[Triplet, Found]]:
        with tar_rows(self._inputs, url) as tar:
            for one in triplets:
                yield one, self._members(tar, one.row, roles)

    def _members(self, tar: TarRows, row: int, roles: Sequence[Role]) -> Found:
        names = self._source.pictures
        try:
            return {role: tar.picture(row, names[role], _MOST_BYTES) for role in roles}
        except SourceError as error:
            return error

    def _from_table(
        self, url: str, triplets: Sequence[Triplet], roles: Sequence[Role]
    ) -> Iterator[tuple[Triplet, Found]]:
        """From columns of the table, and where a column holds paths, from those."""
        with table_rows(self._inputs, url) as table:
            images = table.columns("image")
        inside = [role for role in roles if self._source.pictures[role] in images]
        if not inside:
            yield from self._paths.read(triplets, roles)
            return
        outside = [role for role in roles if role not in inside]
        for one, found in self._tables.read(triplets, inside):
            if isinstance(found, RowsDamaged | SourceError) or not outside:
                yield one, found
                continue
            for _, others in self._paths.read([one], outside):
                yield one, others if not isinstance(others, Mapping) else {**found, **others}

    def _near(self, url: str) -> Near:
        """What paths of pictures in a file of rows lead on from."""
        if self._reader.pictures:
            return Near(self._reader.pictures, ())
        tried = list(dict.fromkeys((folder_of(url), root_of(self._inputs, url))))
        if len(tried) == 1:
            return Near(tried[0], ())
        paths = self._first_paths(url)
        fitting = (
            folder
            for folder in tried
            for known in [Folder(folder, self._inputs)]
            if any(path in known for path in paths)
        )
        return Near(next(fitting, tried[0]), ())

    def _first_paths(self, url: str) -> list[str]:
        with self._reader.rows(self._inputs, url) as rows:
            if not rows.sizes:
                return []
            first = islice(rows.records(0, self._source.plan_columns), _LOOKED_AT)
            made = [self._source.triplet(row, Place(url, 0, 0), 0) for row in first]
        named = (json.loads(one.paths) for one in made if isinstance(one, Triplet) and one.paths)
        return [told["source"] for told in named if "source" in told]


def _place(triplet: Triplet) -> tuple[str, int]:
    return triplet.file, triplet.row
