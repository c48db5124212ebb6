"""Records as parquet columns, and back: one frozen dataclass is one schema.

A field of type `str`, `int`, `float`, `bool` or `bytes` becomes a column of string, int64, float64,
bool or binary; `X | None` may hold null, anything else may not; a `StrEnum` is stored as its text. A
last field with a default, whose metadata says `column=False`, has none.
The same records give the same bytes under the same pyarrow (the lock file pins it): every option of
the writer is fixed here. Text is compressed; pictures are compressed already, so `bytes` columns
are stored as they are (see `pictures.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from enum import StrEnum
from functools import cache
from itertools import islice
from pathlib import Path
from types import NoneType, UnionType
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.errors import ShardError, StorageError, StorageFull

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

TEXT_ROWS = 10_000
"""Rows in a row group, and so in memory while a table is written."""

Source = str | Path | IO[bytes]
"""What is read: a local path, or a seekable file open for reading bytes."""

_TYPES: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
}
_Row = TypeVar("_Row", bound="DataclassInstance")


class _Column(NamedTuple):
    name: str
    kind: type
    nullable: bool


@cache
def schema_of(cls: type["DataclassInstance"]) -> pa.Schema:
    """The columns of a dataclass, in the order of its fields.

    Raises:
        TypeError: A field has a type that no column stands for.
    """
    return pa.schema([_field(column) for column in _columns(cls)])


def to_table(rows: Sequence[_Row], cls: type[_Row]) -> pa.Table:
    """Records as a table; an empty sequence gives an empty table with the same columns.

    Raises:
        pyarrow.ArrowInvalid: A value does not fit the type of its field.
    """
    schema = schema_of(cls)
    arrays = [
        pa.array([getattr(row, field.name) for row in rows], type=field.type) for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def from_table(table: pa.Table, cls: type[_Row]) -> list[_Row]:
    """The records in a table; columns that `cls` does not have are ignored.

    Raises:
        ShardError: A column is missing, or has another type than its field.
    """
    _check(table.schema, cls, None)
    columns = [_values(table, column) for column in _columns(cls)]
    return [cls(*values) for values in zip(*columns, strict=True)]


def write_table(rows: Iterable[_Row], cls: type[_Row], sink: Source) -> int:
    """Write records as parquet and return how many; equal records give equal bytes.

    Args:
        rows: Records of `cls`; read once.
        cls: The dataclass, which decides the columns even where there are no rows.
        sink: A local path, or a file open for writing bytes; it is not closed.
    """
    remaining, count = iter(rows), 0
    with table_writer(schema_of(cls), sink) as writer:
        while batch := list(islice(remaining, TEXT_ROWS)):
            writer.write_table(to_table(batch, cls), row_group_size=TEXT_ROWS)
            count += len(batch)
    return count


def table_writer(schema: pa.Schema, sink: Source) -> pq.ParquetWriter:
    """A writer with every option fixed, for tables of this schema."""
    text = [field.name for field in schema if field.type != pa.binary()]
    return pq.ParquetWriter(opened_source(sink), schema, **_options(schema, text))


def read_columns(
    file: Source, cls: type["DataclassInstance"], columns: Sequence[str] | None = None
) -> pa.Table:
    """Some columns of a class as a table, or all; others are not read from the file.

    Raises:
        ShardError: The file is damaged, a column is missing or has another type than its field.
        FileNotFoundError: There is no such file.
    """
    wanted = [column.name for column in _columns(cls) if columns is None or column.name in columns]
    with damaged(_name(file)), pq.ParquetFile(opened_source(file)) as parquet:
        _check(parquet.schema_arrow, cls, wanted)
        return parquet.read(columns=wanted, use_threads=False)


def read_rows(file: Source, cls: type[_Row]) -> list[_Row]:
    """All records of a file, for a class without pictures; errors as `read_columns`."""
    return from_table(read_columns(file, cls), cls)


@cache
def _columns(cls: type["DataclassInstance"]) -> tuple[_Column, ...]:
    hints = get_type_hints(cls)
    told = [field.name for field in fields(cls) if field.metadata.get("column", True)]
    return tuple(_column(cls, name, hints[name]) for name in told)


def _column(cls: type, name: str, hint: Any) -> _Column:
    parts = set(get_args(hint)) if isinstance(hint, UnionType) else {hint}
    kinds = parts - {NoneType}
    kind = kinds.pop() if len(kinds) == 1 else None
    if not isinstance(kind, type) or not (kind in _TYPES or issubclass(kind, StrEnum)):
        raise TypeError(f"No column stands for {cls.__name__}.{name}, which is {hint}.")
    return _Column(name, kind, NoneType in parts)


def _field(column: _Column) -> pa.Field:
    return pa.field(column.name, _TYPES.get(column.kind, pa.string()), nullable=column.nullable)


def _values(table: pa.Table, column: _Column) -> list[Any]:
    values: list[Any] = table.column(column.name).to_pylist()
    if not issubclass(column.kind, StrEnum):
        return values
    return [None if value is None else column.kind(value) for value in values]


def _options(schema: pa.Schema, text: Sequence[str]) -> dict[str, Any]:
    codecs = {field.name: "ZSTD" if field.name in text else "NONE" for field in schema}
    return {
        "compression": codecs,
        "compression_level": dict.fromkeys(text, 3),
        "use_dictionary": [field.name for field in schema if field.type == pa.string()],
        "write_statistics": list(text),
        "version": "2.6",
        "data_page_version": "1.0",
        "store_schema": True,
    }


def _check(schema: pa.Schema, cls: type["DataclassInstance"], names: Sequence[str] | None) -> None:
    for field in schema_of(cls):
        if names is not None and field.name not in names:
            continue
        if field.name not in schema.names:
            raise ShardError(
                f"A table of {cls.__name__} needs the column {field.name!r}; "
                f"it has {', '.join(schema.names) or 'none'}."
            )
        found = schema.field(field.name).type
        if found != field.type:
            raise ShardError(
                f"The column {field.name!r} of {cls.__name__} is {found}, not {field.type}."
            )


def opened_source(file: Source) -> str | IO[bytes]:
    """A source as pyarrow takes it."""
    return str(file) if isinstance(file, Path) else file


def _name(file: Source) -> str:
    return str(file) if isinstance(file, str | Path) else str(getattr(file, "name", "The table"))


@contextmanager
def damaged(name: str = "It") -> Iterator[None]:
    """Say of a file that cannot be parsed that it is damaged; storage errors go through.

    Args:
        name: What the sentence begins with.

    Raises:
        ShardError: It is.
    """
    try:
        yield
    except (FileNotFoundError, StorageError, StorageFull, ShardError):
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, IndexError) as error:
        raise ShardError(f"{name} is not a whole parquet file: {error}") from error
