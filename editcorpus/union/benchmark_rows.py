"""The rows of a benchmark as it is published: pictures, and what is to be done with them.

They lie in parquet files, as datasets on the Hub do, or in a folder of pictures, with their instructions in a
`metadata.jsonl` or none.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import dirname, join, normpath
from typing import IO, Any

import pyarrow as pa

from editcorpus.errors import ConfigError, ShardError
from editcorpus.foreign import ForeignTable
from editcorpus.inputs import PARQUET_FILES, Inputs, Kind

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
INSTRUCTIONS = ("instruction", "prompt", "edit_prompt", "text")
"""Columns that are looked for, the first that is there."""
IDS = ("key", "id", "image_id")
_METADATA = "metadata.jsonl"
_FILES = Kind((*PARQUET_FILES.endings, *PICTURES, *(end.upper() for end in PICTURES), _METADATA))
_MOST_METADATA = 64 * 2**20
_MOST_PICTURE = 256 * 2**20
_ROWS = 4


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold what; empty: found by their names and types.

    Attributes:
        pictures: Columns of pictures, or of lists of pictures.
        instruction: Of texts.
        id: Of texts or numbers.
    """

    pictures: tuple[str, ...] = ()
    instruction: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class BenchmarkRow:
    """A row of a benchmark: its id, its instruction, and its pictures by what they are called."""

    id: str
    instruction: str
    pictures: tuple[tuple[str, bytes], ...]


def find_benchmark(where: str, options: Mapping[str, Any]) -> Inputs:
    """The files of a benchmark: parquet where there is any, else pictures.

    Args:
        where: A file, a folder, a glob, or a URL such as `hf://datasets/owner/name`.
        options: For URLs, as `Inputs.find` takes them.

    Raises:
        ConfigError: There is none.
    """
    return Inputs.find(where, options, _FILES)


def benchmark_rows(inputs: Inputs, columns: Columns) -> Iterator[BenchmarkRow]:
    """The rows of a benchmark, file by file.

    Raises:
        ConfigError: There is no picture, or a column that is named is not there.
        ShardError: A file is damaged.
        StorageError: A file cannot be read.
    """
    tables = [url for url in inputs.files if url.endswith(PARQUET_FILES.endings)]
    if not tables:
        yield from _loose(inputs, columns)
    for url in tables:
        with inputs.explained(url), inputs.open(url) as file:
            yield from _tabled(ForeignTable(file, url), columns)


def _tabled(table: ForeignTable, columns: Columns) -> Iterator[BenchmarkRow]:
    pictures = columns.pictures or tuple(one.name for one in table.schema if _shows(one.type))
    texts = [_first(table, columns.id, IDS), _first(table, columns.instruction, INSTRUCTIONS)]
    missing = [name for name in pictures if name not in table.schema.names]
    if missing or not pictures:
        raise ConfigError(
            f"{table.name} has no column of pictures {', '.join(missing)}; "
            f"its columns are {', '.join(table.schema.names):.300}."
        )
    wanted = [one for one in texts if one]
    for group in range(table.metadata.num_row_groups):
        said = table.records(group, wanted) if wanted else iter([{}] * table.rows(group))
        for number, (row, told) in enumerate(
            zip(_shown(table, group, pictures), said, strict=True)
        ):
            name, instruction = (str(told.get(one) or "") if one else "" for one in texts)
            place = f"{table.name.rpartition('/')[2]}#{table.first_row(group) + number}"
            yield BenchmarkRow(name or place, instruction, row)


def _first(table: ForeignTable, named: str, usual: Sequence[str]) -> str:
    """The column that is named, or the first usual one; empty where there is none."""
    if named and named not in table.schema.names:
        raise ConfigError(
            f"{table.name} has no column {named!r:.100}; "
            f"its columns are {', '.join(table.schema.names):.300}."
        )
    return named or next((one for one in usual if one in table.schema.names), "")


def _shows(kind: pa.DataType) -> bool:
    """Whether a column holds pictures as `datasets` writes them, or lists of such."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _shows(kind.value_type)
    return pa.types.is_struct(kind) and {"bytes", "path"} >= {one.name for one in kind} >= {"bytes"}


def _shown(
    table: ForeignTable, group: int, names: Sequence[str]
) -> Iterator[tuple[tuple[str, bytes], ...]]:
    """The pictures of each row, each by its column, and by its place where a row has several."""
    paths = [_path(name, table.schema.field(name).type) for name in names]
    for batch in table.batches(group, paths, _ROWS):
        for row in range(batch.num_rows):
            found = batch.slice(row, 1).to_pylist()[0]
            yield tuple(
                (name if len(names) > 1 else "", data)
                for name in names
                for data in _pictures(found[name])
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


def _loose(inputs: Inputs, columns: Columns) -> Iterator[BenchmarkRow]:
    """Pictures that lie in a folder, by their paths below what all of them share."""
    lists = [url for url in inputs.files if url.endswith(f"/{_METADATA}")]
    said = {path: text for url in lists for path, text in _metadata(inputs, url, columns)}
    files = [url for url in inputs.files if url not in lists]
    shared = _shared(files)
    for url in files:
        with inputs.explained(url), inputs.open(url) as file:
            data = _bounded(file, _MOST_PICTURE)
        yield BenchmarkRow(url.removeprefix(shared), said.get(url, ""), (("", data),))


def _metadata(inputs: Inputs, url: str, columns: Columns) -> Iterator[tuple[str, str]]:
    """The instruction of each picture that a list names, by its address."""
    with inputs.explained(url), inputs.open(url) as file:
        data = _bounded(file, _MOST_METADATA)
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        try:
            told = json.loads(line) if line.strip() else {}
            names = (columns.instruction,) if columns.instruction else INSTRUCTIONS
            text = next((told[name] for name in names if told.get(name)), "")
            path = told.get("file_name", "")
        except (ValueError, AttributeError, RecursionError) as error:
            raise ShardError(f"{url} is damaged in line {number}: it is no JSON object.") from error
        if isinstance(path, str) and path and isinstance(text, str):
            yield _normal(dirname(url), path), text


def _normal(folder: str, path: str) -> str:
    """The address of a file by its path from a folder."""
    scheme, mark, rest = folder.rpartition("://")
    return f"{scheme}{mark}{normpath(join(rest, path))}"


def _bounded(file: IO[bytes], most: int) -> bytes:
    """A file, read no further than one byte beyond what it may hold; a picture cut short is broken."""
    return file.read(most + 1)[:most]


def _shared(files: Sequence[str]) -> str:
    """The folder that all files lie in."""
    folders = [dirname(one).split("/") for one in files]
    made: list[str] = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        made.append(parts[0])
    return "/".join(made) + "/"
