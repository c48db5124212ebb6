"""Hashes in a file, to be shared without the pictures: what a benchmark holds, by one who has it.

A parquet file with a row for each view of each picture (`views.hash_views`), and the schema `SCHEMA`:

- `id`: of the benchmark's item, as the benchmark names it; rows of the same item follow each other.
- `view`: which part of the picture the hash is of.
- `picture`: the hash, 96 bytes: twelve numbers of 64 bits, little-endian (`hashes`).
- `instruction`: the signature of the instruction, 128 bytes (`minhash`); zeros where there is none.

A file may have a column `thumbnail` behind these: a small JPEG of the item on the first of its rows. Who
may not share the pictures leaves it out.

The metadata of the schema has the keys `editcorpus.benchmark`, its name, `editcorpus.pictures` and
`editcorpus.instructions`, the versions of hash and signature. Files of other versions are refused: their
hashes mean something else.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import pyarrow as pa

from editcorpus.errors import ConfigError, ShardError
from editcorpus.foreign import ForeignTable
from editcorpus.similar import hashes, minhash
from editcorpus.similar.bars import Array
from editcorpus.tables import Source, table_writer

MOST_ROWS = 300_000
"""Rows that are read, some 300 MB while they are; a benchmark of 1,000 pictures has up to 14,000."""
MOST_NAME = 1_000
"""Characters of an id, a view, or the name of a benchmark."""
MOST_THUMBNAIL = 32_768
"""Bytes of a small picture of an item."""
PICTURE_BYTES, INSTRUCTION_BYTES = 8 * hashes.WORDS, 8 * minhash.BANDS

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("view", pa.string(), nullable=False),
        pa.field("picture", pa.binary(PICTURE_BYTES), nullable=False),
        pa.field("instruction", pa.binary(INSTRUCTION_BYTES), nullable=False),
    ]
)
WITH_THUMBNAILS = SCHEMA.append(pa.field("thumbnail", pa.binary()))
_NAME = b"editcorpus.benchmark"
_VERSIONS = {
    b"editcorpus.pictures": hashes.VERSION,
    b"editcorpus.instructions": minhash.VERSION,
}


@dataclass(frozen=True, slots=True)
class Known:
    """The pictures and instructions of a benchmark, as hashes.

    Attributes:
        benchmark: Its name.
        ids: Of its items.
        items: Which item each picture hash is of, ascending.
        views: Which view each picture hash is of.
        pictures: Picture hashes, shape (N, 12).
        instructions: Signatures of the items, shape (M, 16).
        thumbnails: Small JPEGs by number of the item, as they came: perhaps from anybody.
    """

    benchmark: str
    ids: tuple[str, ...]
    items: Array
    views: tuple[str, ...]
    pictures: Array
    instructions: Array
    thumbnails: Mapping[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a benchmark.

    Attributes:
        id: As the benchmark names it.
        views: Names of the views of its picture.
        pictures: Their hashes, shape (N, 12).
        instruction: Empty where it has none.
        thumbnail: A small JPEG of it; empty where none is to be shared.
    """

    id: str
    views: tuple[str, ...]
    pictures: Array
    instruction: str
    thumbnail: bytes = b""


def known(benchmark: str, items: Iterable[Item]) -> Known:
    """The hashes of a benchmark's items, in their order.

    Raises:
        ConfigError: There is none.
    """
    listed = list(items)
    if not listed:
        raise ConfigError(f"The benchmark {benchmark!r:.100} has no pictures; name its folder.")
    counts = [len(item.views) for item in listed]
    return Known(
        benchmark,
        tuple(item.id for item in listed),
        np.repeat(np.arange(len(listed), dtype="u4"), counts),
        tuple(view for item in listed for view in item.views),
        np.concatenate([item.pictures for item in listed]),
        minhash.signatures([item.instruction for item in listed]),
        {number: item.thumbnail for number, item in enumerate(listed) if item.thumbnail},
    )


def write_known(made: Known, sink: Source) -> None:
    """Write the hashes of a benchmark; the same hashes give the same bytes."""
    told = {_NAME: made.benchmark.encode()}
    told |= {key: str(version).encode() for key, version in _VERSIONS.items()}
    ids = pa.array(made.ids, pa.string()).take(pa.array(made.items))
    signatures = made.instructions[made.items]
    columns = [
        ids,
        pa.array(made.views, pa.string()),
        _fixed(made.pictures, PICTURE_BYTES),
        _fixed(signatures, INSTRUCTION_BYTES),
    ]
    if made.thumbnails:
        columns.append(_thumbnails(made))
    schema = (WITH_THUMBNAILS if made.thumbnails else SCHEMA).with_metadata(told)
    with table_writer(schema, sink) as writer:
        writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def read_known(file: IO[bytes], name: str) -> Known:
    """The hashes in a file, which may come from anybody.

    Args:
        file: Seekable, open for reading.
        name: For messages.

    Raises:
        ShardError: It is damaged, no file of hashes, or too long.
        ConfigError: Its hashes are of another version.
    """
    table = ForeignTable(file, name)
    benchmark = _checked(table)
    rows = list(_rows(table))
    items: list[int] = []
    ids: list[str] = []
    signatures: list[bytes] = []
    thumbnails: dict[int, bytes] = {}
    for row in rows:
        if not ids or row["id"] != ids[-1]:
            if row.get("thumbnail"):
                thumbnails[len(ids)] = row["thumbnail"]
            ids.append(row["id"])
            signatures.append(row["instruction"])
        items.append(len(ids) - 1)
    return Known(
        benchmark,
        tuple(ids),
        np.array(items, "u4"),
        tuple(row["view"] for row in rows),
        _numbers([row["picture"] for row in rows], hashes.WORDS),
        _numbers(signatures, minhash.BANDS),
        thumbnails,
    )


def _checked(table: ForeignTable) -> str:
    """The name of the benchmark, of a file that can be read."""
    told: dict[bytes, bytes] = table.schema.metadata or {}
    known_forms = table.schema.equals(SCHEMA) or table.schema.equals(WITH_THUMBNAILS)
    if not known_forms or _NAME not in told:
        raise ShardError(
            f"{table.name} is no file of hashes; it needs the columns {', '.join(SCHEMA.names)}."
        )
    for key, version in _VERSIONS.items():
        found = told.get(key, b"none").decode("ascii", "replace")
        if found != str(version):
            raise ConfigError(
                f"{table.name} has {key.decode().rpartition('.')[2]} of version {found:.20}, not "
                f"{version}: hash the benchmark's pictures anew."
            )
    if table.metadata.num_rows > MOST_ROWS:
        raise ShardError(
            f"{table.name} has {table.metadata.num_rows} rows; {MOST_ROWS} are read at most."
        )
    return _name(table, told[_NAME].decode("utf-8", "replace"))


def _rows(table: ForeignTable) -> Iterator[dict[str, Any]]:
    for group in range(table.metadata.num_row_groups):
        for row in table.records(group, table.schema.names):
            if any(row[name] is None for name in SCHEMA.names):
                raise ShardError(f"{table.name} is damaged: a value is missing.")
            if len(row.get("thumbnail") or b"") > MOST_THUMBNAIL:
                raise ShardError(f"{table.name} is damaged: a thumbnail is too large.")
            yield {**row, "id": _name(table, row["id"]), "view": _name(table, row["view"])}


def _name(table: ForeignTable, text: str) -> str:
    if len(text) > MOST_NAME:
        raise ShardError(f"{table.name} is damaged: a name has {len(text)} characters.")
    return text


def _thumbnails(made: Known) -> pa.Array:
    """A thumbnail on the first row of each item that has one."""
    first = np.ones(len(made.items), bool)
    first[1:] = made.items[1:] != made.items[:-1]
    shown = zip(made.items.tolist(), first.tolist(), strict=True)
    return pa.array(
        [made.thumbnails.get(item) if is_first else None for item, is_first in shown], pa.binary()
    )


def _fixed(values: Array, width: int) -> pa.Array:
    data = pa.py_buffer(np.ascontiguousarray(values, "<u8").tobytes())
    return pa.Array.from_buffers(pa.binary(width), len(values), [None, data])


def _numbers(rows: list[bytes], width: int) -> Array:
    return np.frombuffer(b"".join(rows), "<u8").reshape(-1, width)
