"""The ledger as files: one row a call, with fixed columns, as CSV and as Parquet."""

import csv
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.errors import ConfigError, EditcorpusError
from editcorpus.lookups.spending import Row

USD = pa.decimal128(38, 18)
"""Dollars in Parquet: exact, since no price of a token has more than 18 places."""
_GROUP = 10_000
"""Rows in a row group: so many are held."""
_TYPES: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    Decimal: USD,
}
_NAMES = [item.name for item in fields(Row)]
SCHEMA = pa.schema([pa.field(item.name, _TYPES[item.type], nullable=False) for item in fields(Row)])
"""The columns in Parquet; CSV has the same ones, in this order."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Writer(Protocol):
    """Takes rows."""

    def add(self, row: Row) -> None:
        """Write a row."""


@contextmanager
def csv_writer(path: Path) -> Iterator[Writer]:
    """A CSV file in UTF-8 with a header, there as a whole when the block ends well.

    Text that a spreadsheet would take for a formula begins with an apostrophe.

    Raises:
        ConfigError: The file cannot be written.
    """
    with _fresh(path) as file, file.open("w", encoding="utf-8", newline="") as opened:
        yield _Csv(opened)


@contextmanager
def parquet_writer(path: Path) -> Iterator[Writer]:
    """A Parquet file in the columns of `SCHEMA`, there as a whole when the block ends well.

    Raises:
        ConfigError: The file cannot be written.
    """
    with _fresh(path) as file, _Parquet(file) as made:
        yield made


class _Csv:
    def __init__(self, file: IO[str]) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(_NAMES)

    def add(self, row: Row) -> None:
        self._writer.writerow([_cell(getattr(row, name)) for name in _NAMES])


class _Parquet:
    def __init__(self, file: Path) -> None:
        self._writer = pq.ParquetWriter(str(file), SCHEMA, compression="ZSTD")
        self._rows: list[Row] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._flush()
        self._writer.close()

    def add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) == _GROUP:
            self._flush()

    def _flush(self) -> None:
        columns = [
            pa.array([getattr(row, column.name) for row in self._rows], column.type)
            for column in SCHEMA
        ]
        self._rows = []
        self._writer.write_table(pa.Table.from_arrays(columns, schema=SCHEMA))


def _cell(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


@contextmanager
def _fresh(path: Path) -> Iterator[Path]:
    """A file beside the wanted one, which takes its name at the end, or goes."""
    spare = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        yield spare
        spare.replace(path)
    except EditcorpusError:  # some are an OSError, too
        raise
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        spare.unlink(missing_ok=True)
