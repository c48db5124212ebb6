"""The rows of a benchmark as it is published: pictures, and what is to be done with them.

They lie in parquet files or Arrow streams, as datasets on the Hub do, or as files in folders and
archives, with an index that says their instructions (`benchmark_index`), or none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from editcorpus.errors import ConfigError, SourceError
from editcorpus.foreign import ForeignTable
from editcorpus.inputs import PARQUET_FILES, Inputs, Kind
from editcorpus.union.benchmark_arrow import ARROW, ForeignStream
from editcorpus.union.benchmark_files import TARS, ZIPS, Files, opened
from editcorpus.union.benchmark_index import (
    IDS,
    INDEXES,
    INSTRUCTIONS,
    PICTURES,
    Columns,
    Entry,
    common_folder,
    identity,
    instructions,
    is_picture,
    read_indexes,
)

_LOOSE = (*PICTURES, *INDEXES, *ZIPS, *TARS)
_FILES = Kind((*PARQUET_FILES.endings, *ARROW, *_LOOSE, *(end.upper() for end in _LOOSE)))
_MOST_PICTURE = 256 * 2**20
_ROWS = 4

Pictures = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class BenchmarkRow:
    """A row of a benchmark.

    Attributes:
        id: As the benchmark names it.
        instructions: What is asked of its pictures: mostly one.
        pictures: By what they are called.
        broken: A sentence for each that cannot be read.
    """

    id: str
    instructions: tuple[str, ...]
    pictures: Pictures
    broken: tuple[str, ...] = ()


def find_benchmark(where: str | Sequence[str], options: Mapping[str, Any]) -> Inputs:
    """The files of a benchmark: tables where there are any, else pictures, indexes and archives of them.

    Args:
        where: A file, a folder, a glob, a URL such as `hf://datasets/owner/name`, or several of them.
        options: For URLs, as `Inputs.find` takes them.

    Raises:
        ConfigError: There is none.
    """
    return Inputs.find(where, options, _FILES)


def benchmark_rows(inputs: Inputs, columns: Columns) -> Iterator[BenchmarkRow]:
    """The rows of a benchmark, file by file.

    Raises:
        ConfigError: There is no picture, a column that is named is not there, or an index does not fit.
        ShardError: A file is damaged.
        StorageError: A file cannot be read.
    """
    tables = [url for url in inputs.files if url.endswith(PARQUET_FILES.endings)]
    streams = [url for url in inputs.files if url.endswith(ARROW)]
    for url in tables or streams:
        with inputs.explained(url), inputs.open(url) as file:
            if tables:
                yield from _tabled(ForeignTable(file, url), columns)
            else:
                yield from _streamed(ForeignStream(file, url), url, columns)
    if not tables and not streams:
        with opened(inputs) as files:
            yield from _loose(files, columns)


def _tabled(table: ForeignTable, columns: Columns) -> Iterator[BenchmarkRow]:
    pictures = _shown_in(table.name, table.schema, columns)
    wanted = [one for one in _told_in(table.schema, columns) if _is_plain(table.schema, one)]
    for group in range(table.metadata.num_row_groups):
        said = table.records(group, wanted) if wanted else iter([{}] * table.rows(group))
        shown = _shown(table, group, pictures)
        for number, (row, told) in enumerate(zip(shown, said, strict=True)):
            yield _row(told, columns, row, f"{table.name}#{table.first_row(group) + number}")


def _streamed(stream: ForeignStream, name: str, columns: Columns) -> Iterator[BenchmarkRow]:
    pictures = _shown_in(name, stream.schema, columns)
    wanted = [*pictures, *_told_in(stream.schema, columns)]
    number = 0
    for batch in stream.batches():
        kept = batch.select(wanted)
        for place in range(kept.num_rows):
            (told,) = kept.slice(place, 1).to_pylist()
            yield _row(told, columns, _named(told, pictures), f"{name}#{number}")
            number += 1


def _row(told: Mapping[str, Any], columns: Columns, pictures: Pictures, place: str) -> BenchmarkRow:
    name = identity(told, columns) or place.rpartition("/")[2]
    return BenchmarkRow(name, tuple(instructions(told, columns)), pictures)


def _shown_in(name: str, schema: pa.Schema, columns: Columns) -> tuple[str, ...]:
    """The columns of pictures of a table."""
    pictures = columns.pictures or tuple(one.name for one in schema if _shows(one.type))
    named = [one for one in (*pictures, columns.id, columns.instruction) if one]
    missing = [one for one in named if one not in schema.names]
    if missing or not pictures:
        wanted = f"column {missing[0]!r:.100}" if missing else "column of pictures"
        raise ConfigError(
            f"{name} has no {wanted}; its columns are {', '.join(schema.names):.300}."
        )
    return pictures


def _told_in(schema: pa.Schema, columns: Columns) -> list[str]:
    """The columns that may say what a row is called, and what is to be done."""
    ids = [columns.id] if columns.id else IDS
    texts = [columns.instruction] if columns.instruction else INSTRUCTIONS
    return [one for one in dict.fromkeys((*ids, *texts)) if one in schema.names]


def _is_plain(schema: pa.Schema, name: str) -> bool:
    """Whether a column holds texts or numbers, and no structure of them."""
    return not pa.types.is_nested(schema.field(name).type)


def _shows(kind: pa.DataType) -> bool:
    """Whether a column holds pictures as `datasets` writes them, or lists of such."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _shows(kind.value_type)
    return pa.types.is_struct(kind) and {"bytes", "path"} >= {one.name for one in kind} >= {"bytes"}


def _shown(table: ForeignTable, group: int, names: Sequence[str]) -> Iterator[Pictures]:
    """The pictures of each row of a row group."""
    paths = [_path(name, table.schema.field(name).type) for name in names]
    for batch in table.batches(group, paths, _ROWS):
        for row in range(batch.num_rows):
            yield _named(batch.slice(row, 1).to_pylist()[0], names)


def _named(found: Mapping[str, Any], names: Sequence[str]) -> Pictures:
    """The pictures of a row, each by its column where there are several columns."""
    return tuple(
        (name if len(names) > 1 else "", data) for name in names for data in _pictures(found[name])
    )


def _path(name: str, kind: pa.DataType) -> str:
    """The column of bytes inside a column of pictures."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"{name}.list.element.bytes" if pa.types.is_struct(kind.value_type) else name
    return f"{name}.bytes" if pa.types.is_struct(kind) else name


def _pictures(value: Any) -> Iterator[bytes]:
    if isinstance(value, list):
        for one in value:
            yield from _pictures(one)
    elif isinstance(value, dict):
        yield from _pictures(value.get("bytes"))
    elif isinstance(value, bytes) and value:
        yield value


def _loose(files: Files, columns: Columns) -> Iterator[BenchmarkRow]:
    """What an index tells of, then the other pictures, by their paths below what all of them share."""
    entries = read_indexes(files, columns)
    told = {address for entry in entries for _, address in entry.pictures}
    pictures = [name for name in files.places if is_picture(name)]
    shared = common_folder(pictures)
    left = [Entry("", (), (("", name),), ()) for name in pictures if name not in told]
    for entry in (*entries, *left):
        place = entry.pictures[0][1].removeprefix(shared) if entry.pictures else ""
        yield _entered(files, entry, entry.id or place)


def _entered(files: Files, entry: Entry, name: str) -> BenchmarkRow:
    several = len(entry.pictures) > 1
    pictures: list[tuple[str, bytes]] = []
    broken = [*entry.missing]
    for member, address in entry.pictures:
        try:
            data = files.read(address, _MOST_PICTURE)
        except SourceError as error:
            broken.append(str(error))
        else:
            pictures.append((member if several else "", data))
    return BenchmarkRow(name, entry.instructions, tuple(pictures), tuple(broken))
