"""JSON arrays of records, as files or as members of archives, read record by record.

A file of 300,000 records is never in memory: it is read a piece at a time, and a record is decoded as
soon as it is whole. What lies behind damage cannot be told apart: it stands as one row that cannot be
read. Pictures are named by paths: beside a file, from the folder above its own on; in an archive, from its
root on, and the column `folder` says in which folder of the archive a record's array lies.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, islice
from typing import IO, Any, NamedTuple

from editcorpus.archives.archive import Archive
from editcorpus.archives.listing import Listing
from editcorpus.archives.parts import PackedStream, Parts, archives_among
from editcorpus.errors import ConfigError, RowsDamaged, ShardError
from editcorpus.inputs import Inputs
from editcorpus.readers.json_array import decoded, text_of
from editcorpus.readers.paths import PathShelf
from editcorpus.readers.stock import Near, entries_of
from editcorpus.rows import Row, Shelf, Source
from editcorpus.storage import Store

FOLDER = "folder"
"""Column that says in which folder of an archive a record's array lies, with a slash; else empty."""
GROUP_ROWS = 1_000
"""Records that are planned together."""
_PIECE = 1 << 20
"""Bytes that are read at a time."""
_JSON = ".json"
_ARCHIVES = (
    *(".tar", ".tgz", ".tar.gz"),
    *(f".{part}{first}" for part in ("part", "part-", "") for first in ("000", "001", "aa")),
)
"""How the names of whole archives end, and those of first parts (of 000 and 001 the former)."""
_ARRAY = re.compile(r"(?P<folder>(?:.*/)?)metadata/[^/]+\.json")
"""Path of an array in an archive."""


class _Document(NamedTuple):
    """A JSON array: its name, its folder in an archive, and its bytes."""

    name: str
    folder: str
    pieces: Callable[[], Iterator[bytes]]

    def records(self) -> Iterator[Any]:
        return decoded(self.pieces(), self.name)


class _Group(NamedTuple):
    """Records that are planned together; one that cannot be read stands for all behind it."""

    document: int
    first: int
    size: int
    damage: str = ""


@dataclass(slots=True)
class ArrayRows:
    """The rows of some arrays (see `Rows`).

    Attributes:
        documents: Finds the arrays, which may mean a pass through an archive.
        looked: Looks at the file before a run starts: its sentence says what is wrong with it.
    """

    name: str
    documents: Callable[[], Sequence[_Document]]
    looked: Callable[[Source], str]
    _documents: Sequence[_Document] | None = None
    _groups: list[_Group] = field(default_factory=list)
    _open: tuple[int, int, Iterator[Any]] | None = None

    @property
    def sizes(self) -> Sequence[int]:
        """Records in each group; finding out goes through all of them once."""
        return [group.size for group in self._all()]

    def check(self, source: Source) -> None:
        """Refuse a file that holds something else.

        Raises:
            ConfigError: It does.
        """
        if told := self.looked(source):
            raise ConfigError(f"{self.name} is not in the layout of {source.name}: {told}.")

    def first_row(self, group: int) -> int:
        """Number of a group's first record, over all arrays of the file."""
        return [0, *accumulate(self.sizes)][group]

    def only_text(self, _group: int, _column: str) -> str | None:
        """Nothing but reading the records would tell."""
        return None

    def records(self, group: int, columns: Sequence[str]) -> Iterator[Row]:
        """The records of a group; what is no text, or is missing, is None."""
        found = self._all()[group]
        if found.damage:
            raise RowsDamaged(found.damage)
        folder = self._found()[found.document].folder
        for record in self._read(found):
            texts = record if isinstance(record, Mapping) else {}
            yield {name: folder if name == FOLDER else text_of(texts.get(name)) for name in columns}

    def _found(self) -> Sequence[_Document]:
        if self._documents is None:
            self._documents = self.documents()
        return self._documents

    def _all(self) -> list[_Group]:
        if not self._groups:
            for number, document in enumerate(self._found()):
                self._groups += _groups(number, document)
        return self._groups

    def _read(self, group: _Group) -> Iterator[Any]:
        """The records of a group; where it comes next, the array is read on, else from its beginning."""
        document, at, records = self._open or (-1, 0, iter(()))
        if document != group.document or at > group.first:
            at, records = 0, self._found()[group.document].records()
        self._open = None
        yield from islice(records, group.first - at, group.first - at + group.size)
        self._open = group.document, group.first + group.size, records


def _groups(number: int, document: _Document) -> Iterator[_Group]:
    count, damage = 0, ""
    try:
        for _ in document.records():
            count += 1
    except RowsDamaged as error:
        damage = str(error)
    for first in range(0, count, GROUP_ROWS):
        yield _Group(number, first, min(GROUP_ROWS, count - first))
    if damage:
        yield _Group(number, count, 1, damage)


@dataclass(frozen=True, slots=True)
class ArrayReader:
    """Reads `metadata/*.json`, in folders or in archives."""

    endings: tuple[str, ...] = (_JSON, *_ARCHIVES)

    @contextmanager
    def rows(self, inputs: Inputs, url: str) -> Iterator[ArrayRows]:
        """Open a file, or an archive by its first part (see `Reader.rows`)."""
        if not url.endswith(_JSON):
            with _archived(inputs, url) as rows:
                yield rows
            return
        with inputs.explained(url), inputs.open(url) as file:
            documents = [_Document(url, "", lambda: _pieces(file))]
            yield ArrayRows(url, lambda: documents, lambda source: _wrong(documents[0], source))

    def shelf(self, source: Source, inputs: Inputs, store: Store | None) -> Shelf:
        """Where this process takes pictures from (see `Reader.shelf`)."""

        def where(url: str) -> Near:
            return Near(_above(url)) if url.endswith(_JSON) else Near("", (_parts(inputs, url),))

        def named(url: str) -> Iterator[str]:
            paths = [*source.pictures.values()]
            with self.rows(inputs, url) as rows:
                for document in rows.documents():
                    for record in _whole(document):
                        yield from (f"{document.folder}{record.get(name)}" for name in paths)

        return PathShelf(where, named, inputs, store)


ARRAYS = ArrayReader()


def _whole(document: _Document) -> Iterator[Mapping[str, Any]]:
    """The objects of an array, up to its end or its damage."""
    records = document.records()
    while True:
        try:
            record = next(records)
        except (StopIteration, RowsDamaged):
            return
        if isinstance(record, Mapping):
            yield record


def _wrong(document: _Document, source: Source) -> str:
    """What is wrong with the first record of an array; empty where nothing is, or there is none."""
    try:
        first = next(document.records(), None)
    except RowsDamaged as error:
        return str(error).removesuffix(".")
    if first is None:
        return ""
    seen = list(first) if isinstance(first, Mapping) else []
    wanted = [name for name, kind in source.columns.items() if not kind.endswith("?")]
    missing = [name for name in wanted if name not in seen]
    if not missing:
        return ""
    shown = ", ".join(map(str, seen))[:600] or "no member"
    return f"its records need {', '.join(missing)}; the first has {shown}"


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    place = 0
    while True:
        file.seek(place)
        piece = file.read(_PIECE)
        if not piece:
            return
        place += len(piece)
        yield piece


def _above(url: str) -> str:
    """The folder above a file's own."""
    return url.rsplit("/", 2)[0]


def _parts(inputs: Inputs, url: str) -> Parts:
    """The archive of which a file is a part.

    Raises:
        ShardError: It is none.
    """
    found = archives_among(entries_of(url.rpartition("/")[0], inputs))
    parts = next((one for one in found if url in one.files), None)
    if parts is None:
        raise ShardError(f"{url} is no part of an archive.")
    return parts


@contextmanager
def _archived(inputs: Inputs, url: str) -> Iterator[ArrayRows]:
    parts = _parts(inputs, url)
    with closing(PackedStream(parts, inputs)) as packed:
        opened: list[Archive] = []

        def documents() -> Sequence[_Document]:
            if url != parts.files[0]:
                return []
            if not opened:
                opened.append(_listed(parts, inputs))
            return list(_arrays(opened[0]))

        def looked(_: Source) -> str:
            known = url != parts.files[0] or packed.is_gzip is not None
            return "" if known else "it is no tar archive, nor a gzip stream"

        try:
            yield ArrayRows(url, documents, looked)
        finally:
            for archive in opened:
                archive.close()


def _listed(parts: Parts, inputs: Inputs) -> Archive:
    if inputs.store is None:
        raise ConfigError("An archive needs a store that keeps the list of its members.")
    return Archive.opened(parts, inputs, inputs.store, Listing())


def _arrays(archive: Archive) -> Iterator[_Document]:
    for path in sorted({one for one in archive.paths() if _ARRAY.fullmatch(one)}):
        match = _ARRAY.fullmatch(path)
        folder = match["folder"] if match else ""
        yield _Document(f"{archive.name}/{path}", folder, partial(archive.chunks, path))
