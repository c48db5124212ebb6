"""What uniting must know of each record, read once: hashes in place of pictures, and a few texts.

A digest is a file of its own under `unions/digests/`, named by the hash of the files that it tells of,
so that each corpus is read for it once, however often it is united.

Two triplets are the same if the encoded bytes of both their pictures are equal, and so are their
instructions after Unicode normalisation (NFC), without regard to case and to white space.
"""

import hashlib
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

import pyarrow as pa

from editcorpus.errors import ShardError
from editcorpus.storage import Store
from editcorpus.tables import table_writer
from editcorpus.union import looks
from editcorpus.union.batches import Batch
from editcorpus.union.reading import Alive, opened, tables

VERSION = 1
"""Raised when a digest says something else."""
FOLDER = "unions/digests"

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("id_key", pa.binary(16)),
        ("content", pa.binary(16)),
        ("image", pa.uint64()),
        ("previous", pa.binary(16)),
        ("thread", pa.uint64()),
        ("bytes", pa.int64()),
        ("source", pa.string()),
        ("task", pa.string()),
        ("family", pa.string()),
        ("type", pa.string()),
        ("licence", pa.string()),
        ("score", pa.float64()),
    ]
)
"""A row for each record: hashes of id, of content, of the source image and of the id of the turn before
(all zero where there is none), of the conversation; bytes of both pictures; what is counted."""

_TEXTS = {
    "source": "dataset_source",
    "task": "task",
    "family": "family",
    "type": "instruction_type",
    "licence": "license",
    "score": "score",
}
_READ = frozenset(
    {"id", "instruction", "source_image", "edited_image", "previous", "subtask", *_TEXTS.values()}
)
_NONE = bytes(16)


class Hashed(NamedTuple):
    """The hashes of one record."""

    id_key: bytes
    content: bytes
    image: int
    previous: bytes
    thread: int
    bytes: int


def digest_path(batch: Batch) -> str:
    """Where the digest of a batch lies."""
    return f"{FOLDER}/{batch.key}-{VERSION}.parquet"


def missing_parts(store: Store, batch: Batch, *, looks_too: bool) -> list["Part"]:
    """What is not known of a batch yet.

    Args:
        store: Where digests lie.
        batch: Of a corpus, perhaps in another store.
        looks_too: Whether hashes of how its pictures look are wanted.
    """
    parts = [Part(digest_path(batch), SCHEMA, _rows)]
    if looks_too:
        parts.append(Part(looks.looks_path(FOLDER, batch), looks.SCHEMA, looks.look_rows))
    return [part for part in parts if not store.exists(part.path)]


class Part(NamedTuple):
    """A file that tells of a batch.

    Attributes:
        path: Where it lies.
        schema: Its columns.
        rows: Gives its rows for some records.
    """

    path: str
    schema: pa.Schema
    rows: Callable[[pa.Table], pa.Table]


def make_digest(store: Store, batch: Batch, alive: Alive, *, looks_too: bool = False) -> int:
    """Write what is to be known of a batch, unless it is there; how many records it tells of.

    Every picture is read once, hashed and let go.

    Args:
        store: Where digests lie.
        batch: Of a corpus, perhaps in another store.
        alive: See `reading.Alive`.
        looks_too: Whether hashes of how its pictures look are wanted.

    Raises:
        ShardError: A file is missing, damaged, or not the one that its manifest names.
    """
    parts = missing_parts(store, batch, looks_too=looks_too)
    made: dict[str, list[pa.Table]] = {part.path: [part.schema.empty_table()] for part in parts}
    for shard in batch.shards if parts else ():
        for _, table in tables(shard, alive, _READ):
            for part in parts:
                made[part.path].append(part.rows(table))
    for part in parts:
        with store.upload(part.path) as file, table_writer(part.schema, file) as writer:
            writer.write_table(pa.concat_tables(made[part.path]))
    return batch.records


def read_digest(store: Store, batch: Batch, columns: list[str]) -> pa.Table:
    """Some columns of a digest.

    Raises:
        ShardError: It is missing or damaged.
    """
    return _read(store, digest_path(batch), batch, columns)


def read_looks(store: Store, batch: Batch, columns: list[str]) -> pa.Table:
    """Some columns of how a batch looks; errors as `read_digest`."""
    return _read(store, looks.looks_path(FOLDER, batch), batch, columns)


def _read(store: Store, path: str, batch: Batch, columns: list[str]) -> pa.Table:
    with opened(store, path) as parquet:
        made = parquet.read(columns=columns, use_threads=False)
    if made.num_rows != batch.records:
        raise ShardError(f"{store.url(path)} is damaged; remove it, and run the same again.")
    return made


def _rows(table: pa.Table) -> pa.Table:
    pictures = [table.column(name) for name in ("source_image", "edited_image")]
    texts = [table.column(name).to_pylist() for name in ("id", "instruction", "previous")]
    hashed = [
        _hashed(texts, _bytes(source), _bytes(edited))
        for *texts, source, edited in zip(*texts, *pictures, strict=True)
    ]
    members: dict[str, Any] = {
        name: [getattr(one, name) for one in hashed] for name in Hashed._fields
    }
    members["id"] = table.column("id")
    members |= {name: table.column(column) for name, column in _TEXTS.items()}
    return pa.Table.from_pydict({field.name: members[field.name] for field in SCHEMA}, SCHEMA)


def _bytes(picture: Any) -> memoryview:
    """The bytes of a picture where they lie, without a copy."""
    return memoryview(picture["bytes"].as_buffer())


def _hashed(texts: list[str], source: memoryview, edited: memoryview) -> Hashed:
    record_id, instruction, previous = texts
    image = hashlib.sha256(source).digest()
    content = hashlib.sha256(image)
    content.update(hashlib.sha256(edited).digest())
    content.update(plain_instruction(instruction).encode("utf-8", "surrogatepass"))
    return Hashed(
        short(record_id),
        content.digest()[:16],
        int.from_bytes(image[:8], "little"),
        short(previous) if previous else _NONE,
        int.from_bytes(short(_conversation(record_id))[:8], "little"),
        len(source) + len(edited),
    )


def short(text: str) -> bytes:
    """128 bits in place of an id."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def plain_instruction(text: str) -> str:
    """The instruction by which triplets are compared."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _conversation(record_id: str) -> str:
    """The id without the number of its turn."""
    name, mark, turn = record_id.rpartition("#")
    return name if mark and turn.isdecimal() else record_id
