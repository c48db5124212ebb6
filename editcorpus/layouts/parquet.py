"""The corpus as parquet shards that Hugging Face `datasets` opens with decoded pictures.

One shard is `data/train-00017.parquet`; the two picture columns are structs of bytes and a file
name, and the schema says under `huggingface` what each column is, so that nothing has to be
configured. Verdicts without a picture lie in `rejects.parquet` and `failed.parquet`.

Equal records give equal bytes under the same pyarrow: every option of the writer is fixed here.
"""

import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.errors import ShardError, StorageError
from editcorpus.layouts.schema import (
    GROUP_BYTES,
    GROUP_ROWS,
    OPTIONAL,
    PICTURES,
    shard_options,
    shard_schema,
)
from editcorpus.layouts.unify import NEEDED, completed
from editcorpus.names import safe_name
from editcorpus.records import Failed, Published, Reason, Rejected
from editcorpus.storage import Store
from editcorpus.tables import schema_of, write_table

_NAME_CHARACTERS = 180
_READ_ROWS = 4
_READ_BUFFER = 2**20
_EXTENSIONS = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
)
_HASH = re.compile("[0-9a-f]{64}")
_Outcome = TypeVar("_Outcome", Rejected, Failed)


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A file as it was written.

    Attributes:
        path: Where it lies in the store.
        records: Number of its rows.
        bytes: Its length.
        sha256: Of its content, in hex.
    """

    path: str
    records: int
    bytes: int
    sha256: str


def write_shard(store: Store, path: str, records: Iterable[Published]) -> ShardFile:
    """Write records as one parquet file, whole or not at all.

    No more than one row group is held in memory: pass a generator.

    Raises:
        ShardError: A record holds a value that its column cannot, such as None for text.
    """
    schema = shard_schema()
    with store.upload(path) as file:
        count = 0
        with pq.ParquetWriter(str(file), schema, **shard_options(schema)) as writer:
            for group in _groups(records):
                writer.write_table(_table(group, schema), row_group_size=len(group))
                count += len(group)
        return written(path, count, file)


def read_shard(store: Store, path: str) -> Iterator[Published]:
    """The records of a shard, a few in memory at a time.

    Raises:
        ShardError: The file is missing, damaged, lacks a column or holds null.
    """
    for row in shard_rows(store, path):
        missing = [name for name, value in row.items() if value is None and name not in OPTIONAL]
        if missing:
            raise ShardError(f"{store.url(path)}: {row['id']!r} has null in {missing[0]}.")
        yield Published(**row)


def shard_rows(store: Store, path: str) -> Iterator[dict[str, Any]]:
    """The rows of a shard as they are, null included; pictures as bytes, or None.

    Raises:
        ShardError: The file is missing, damaged or lacks a column.
    """
    for row in _rows(store, path, shard_schema()):
        for name in PICTURES:
            row[name] = row[name] and row[name]["bytes"]
        yield row


def shard_answers(store: Store, path: str) -> Iterator[tuple[str, str]]:
    """Id of every record of a shard and hash of its paid answer; what is no hash is left out.

    Raises:
        ShardError: The file is missing, damaged or lacks a column.
    """
    wanted = pa.schema([("id", pa.string()), ("response", pa.string())])
    for row in _rows(store, path, wanted):
        if _HASH.fullmatch(row["response"] or ""):
            yield str(row["id"]), row["response"]


def write_outcomes(
    store: Store, path: str, rows: Iterable[Rejected] | Iterable[Failed]
) -> ShardFile:
    """Write verdicts (or missing verdicts) as parquet, unless the very same lie there."""
    made = io.BytesIO()
    count = write_table(rows, Rejected, made)
    data = made.getvalue()
    if not _lies(store, path, data):
        store.write(path, data)
    return ShardFile(path, count, len(data), hashlib.sha256(data).hexdigest())


def _lies(store: Store, path: str, data: bytes) -> bool:
    try:
        return store.read(path) == data
    except FileNotFoundError:
        return False


def read_outcomes(store: Store, path: str, cls: type[_Outcome]) -> Iterator[_Outcome]:
    """The rows of `rejects.parquet` (as `Rejected`) or `failed.parquet` (as `Failed`).

    Raises:
        ShardError: The file is missing, damaged, lacks a column, or names an unknown reason.
    """
    for row in outcome_rows(store, path):
        try:
            yield cls(row["id"], row["step"], Reason(row["reason"]), row["detail"])
        except ValueError as error:
            raise ShardError(f"{store.url(path)}: {row['id']!r} has {error}.") from error


def outcome_rows(store: Store, path: str) -> Iterator[dict[str, Any]]:
    """The rows of an outcome file as they are, null included.

    Raises:
        ShardError: The file is missing, damaged or lacks a column.
    """
    return _rows(store, path, schema_of(Rejected))


def extension(picture: bytes) -> str:
    """The file extension that the first bytes of a picture call for; `bin` where none is known."""
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "webp"
    return next((name for magic, name in _EXTENSIONS if picture.startswith(magic)), "bin")


def _groups(records: Iterable[Published]) -> Iterator[list[Published]]:
    group: list[Published] = []
    held = 0
    for record in records:
        size = len(record.source_image or b"") + len(record.edited_image or b"")
        if group and (held + size > GROUP_BYTES or len(group) == GROUP_ROWS):
            yield group
            group, held = [], 0
        group.append(record)
        held += size
    if group:
        yield group


def _table(group: list[Published], schema: pa.Schema) -> pa.Table:
    arrays = [_array(group, column) for column in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(group: list[Published], column: pa.Field) -> pa.Array:
    values = [getattr(record, column.name) for record in group]
    if None in values and column.name not in OPTIONAL:
        raise ShardError(f"{group[values.index(None)].id!r} has no value for {column.name}.")
    if column.name in PICTURES:
        values = [
            {"bytes": picture, "path": _picture_name(record.id, column.name, picture)}
            for record, picture in zip(group, values, strict=True)
        ]
    try:
        return pa.array(values, type=column.type)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise ShardError(f"The column {column.name} cannot hold a value: {error}") from error


def _picture_name(record_id: str, column: str, picture: bytes) -> str:
    """A file name that is safe everywhere, even where the id is a path or very long."""
    name = safe_name(record_id)
    if len(name) > _NAME_CHARACTERS:
        name = f"{name[:_NAME_CHARACTERS]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return f"{name}-{column.removesuffix('_image')}.{extension(picture)}"


def _rows(store: Store, path: str, wanted: pa.Schema) -> Iterator[dict[str, Any]]:
    with parsing(store.url(path)), store.open(path) as file:
        parquet = pq.ParquetFile(file, buffer_size=_READ_BUFFER, pre_buffer=False)
        columns = _present(parquet.schema_arrow, wanted)
        for batch in parquet.iter_batches(_READ_ROWS, columns=columns, use_threads=False):
            whole = len(columns) == len(wanted)
            table = batch if whole else completed(pa.Table.from_batches([batch]), wanted)
            yield from table.to_pylist()


def _present(found: pa.Schema, wanted: pa.Schema) -> list[str]:
    """The columns of a file that are wanted; one that earlier versions did not have may be missing."""
    known = set(shard_schema().names)
    for column in wanted:
        if column.name not in found.names:
            if column.name in NEEDED or column.name not in known:
                raise ShardError(f"It has no column {column.name}.")
            continue
        kind = found.field(column.name).type
        if kind != column.type:
            raise ShardError(f"Its column {column.name} is {kind}, not {column.type}.")
    return [name for name in wanted.names if name in found.names]


@contextmanager
def parsing(url: str) -> Iterator[None]:
    """Say of a file that cannot be parsed that it is damaged; a store's own errors go through.

    Raises:
        ShardError: It is damaged or missing.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise ShardError(f"{url} is missing.") from error
    except ShardError as error:
        raise ShardError(f"{url}: {error}") from error
    except StorageError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise ShardError(f"{url} is not a whole parquet file: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def written(path: str, records: int, file: Path) -> ShardFile:
    """A file on this machine as it is to be known in its store."""
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return ShardFile(path, records, file.stat().st_size, digest)
