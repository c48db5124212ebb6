"""Where a source's files lie, and how they are opened: any place that fsspec reaches.

What is wrong with them is one sentence. Before the run starts that is a `ConfigError`; while
pictures are read, an unreachable file is a `StorageError` and a damaged one a `ShardError`. Of a file
that is damaged in one row group, the others are read.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import IO, Any

import fsspec
import pyarrow as pa

from editcorpus.buckets import cause, client_options, hurry, refuse_password, without_secrets
from editcorpus.errors import (
    ConfigError,
    EditcorpusError,
    RowsDamaged,
    ShardError,
    StorageError,
)
from editcorpus.foreign import ForeignTable
from editcorpus.records import Triplet
from editcorpus.signatures import unsigned, without_signatures

_CLIENTS = {"botocore", "aiobotocore", "aiohttp", "huggingface_hub"}
_BATCH_ROWS = 4


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files of a source, sorted, and the options to open them with.

    Attributes:
        files: Absolute paths or URLs, without what signs a URL: they may be written down.
        options: What fsspec's filesystem takes; secrets in it appear in no message.
        first_look: Whether a bucket that does not answer is given up within seconds (`hasty`).
        signed: The whole URL of each file that has a signed one; only for opening it.
    """

    files: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    first_look: bool = False
    signed: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def find(cls, where: str | Sequence[str], options: Mapping[str, Any] | None = None) -> "Inputs":
        """Find parquet files; none is opened.

        Args:
            where: A file, a folder (searched at any depth), a glob, a URL such as
                `s3://bucket/folder`, or several of them. A URL may be presigned.
            options: For URLs only: `key`, `secret`, `endpoint_url`, `anon`.

        Raises:
            ConfigError: Nothing is found, the place cannot be reached, the key is refused, or a URL
                holds a password.
        """
        wanted = [where] if isinstance(where, str) else list(where)
        if not wanted:
            raise ConfigError("No input is given: name a file, a folder, a glob or a URL.")
        for one in wanted:
            refuse_password(one)
        chosen = dict(options or {})
        found = {unsigned(url): url for one in wanted for url in _found(one, chosen)}
        signed = {name: url for name, url in found.items() if name != url}
        return cls(tuple(sorted(found)), chosen, signed=signed)

    def hasty(self) -> "Inputs":
        """The same files for a first look, before a run starts."""
        return replace(self, first_look=True)

    def open(self, url: str) -> IO[bytes]:
        """A seekable file for reading; on a bucket each read is one range request.

        Raises:
            StorageError: It cannot be opened.
        """
        with self.explained(url):
            whole = self.signed.get(url, url)
            system, path = _system(whole, self.options, hasty=self.first_look)
            opened: IO[bytes] = system.open(path, "rb", cache_type="none")
            return opened

    @contextmanager
    def parquet(self, url: str) -> Iterator[ForeignTable]:
        """Open a parquet file whose pages are read as they are needed.

        Raises:
            StorageError: It cannot be opened or read, also while the block runs.
            ShardError: It is no parquet file, or a damaged one, also while the block runs.
        """
        with self.explained(url), self.open(url) as file:
            yield ForeignTable(file, url)

    @contextmanager
    def explained(self, url: str) -> Iterator[None]:
        """Turn what a storage client raises into one sentence without secrets."""
        with _explained(url, self.options):
            yield


def read_pictures(
    column: str, triplets: Sequence[Triplet], inputs: Inputs
) -> Iterator[tuple[Triplet, bytes | RowsDamaged | None]]:
    """The source pictures of triplets, in the order of files and rows; None where a row has none.

    Only the row groups and the one column that are needed are read, `_BATCH_ROWS` rows at a time,
    so that memory follows the size of a page, not of a row group or file. In a damaged row group,
    the rows behind the damage come with what is wrong with it.

    Args:
        column: Holds the bytes, or a struct with a member `bytes`.
        triplets: Whose rows are wanted, usually those of one shard.
        inputs: Opens the files that the triplets name.

    Raises:
        StorageError: A file cannot be opened or read.
        ShardError: A file is no whole parquet file, or no longer has the rows that were planned.
    """
    ordered = sorted(triplets, key=lambda one: (one.file, one.row_group, one.row))
    for url, of_file in groupby(ordered, key=lambda one: one.file):
        with inputs.parquet(url) as table:
            leaf = _leaf(table, column)
            for group, members in groupby(of_file, key=lambda one: one.row_group):
                start = table.first_row(group)
                wanted = {one.row - start: one for one in members}
                try:
                    yield from _read_group(table, leaf, group, wanted)
                except RowsDamaged as damage:
                    yield from ((one, damage) for one in wanted.values())


def _read_group(
    table: ForeignTable, leaf: str, group: int, wanted: dict[int, Triplet]
) -> Iterator[tuple[Triplet, bytes | None]]:
    """Take the wanted rows, by their place in the row group, out of the mapping as they are read."""
    number = 0
    for batch in table.batches(group, [leaf], _BATCH_ROWS):
        values = batch.column(0)
        for offset in range(batch.num_rows):
            if one := wanted.pop(number + offset, None):
                yield one, _bytes(values[offset].as_py())
        number += batch.num_rows
        if not wanted:
            return
    file = next(iter(wanted.values())).file
    raise ShardError(f"{file} has fewer rows than when it was planned.")


def _leaf(table: ForeignTable, column: str) -> str:
    schema = table.schema
    if column not in schema.names:
        raise ShardError(f"A file no longer has the column {column!r}.")
    return f"{column}.bytes" if pa.types.is_struct(schema.field(column).type) else column


def _bytes(value: dict[str, bytes | None] | bytes | None) -> bytes | None:
    return value.get("bytes") if isinstance(value, dict) else value


def _found(where: str, options: Mapping[str, Any]) -> list[str]:
    with _explained(where, options, ConfigError):
        system, path = _system(where, options, hasty=True)
        names = _names(system, path)
        names = [name for name in names if name == path or _is_data(name)]
        if not names:
            raise ConfigError(f"No parquet file is found at {unsigned(where)!r}.")
        return [name if _is_local(where) else str(system.unstrip_protocol(name)) for name in names]


def _names(system: Any, path: str) -> list[str]:
    try:
        kind = system.info(path)["type"]
    except FileNotFoundError:
        found: list[str] = system.glob(path) if any(sign in path for sign in "*?[") else []
        return found
    return [path] if kind == "file" else list(system.find(path))


def _is_data(name: str) -> bool:
    """Whether a found file is meant: parquet, and neither hidden nor put aside."""
    last = name.rsplit("/", 1)[-1]
    return last.endswith(".parquet") and not last.startswith((".", "_"))


def _is_local(url: str) -> bool:
    return "://" not in url


def _system(url: str, options: Mapping[str, Any], *, hasty: bool) -> tuple[Any, str]:
    chosen = client_options(url.partition("://")[0], options, hasty=hasty)
    try:
        if _is_local(url):
            return fsspec.filesystem("file"), str(Path(url).expanduser().absolute())
        system, path = fsspec.core.url_to_fs(url, use_listings_cache=False, **chosen)
    except (ValueError, ImportError) as error:
        text = without_signatures(cause(error))
        raise ConfigError(f"No input can be read at {unsigned(url)!r}: {text}") from None
    if hasty:
        hurry(system)
    return system, path


@contextmanager
def _explained(
    url: str, options: Mapping[str, Any], kind: type[EditcorpusError] = StorageError
) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if _is_ours(error) or not _is_storage(error):
            raise
        text = without_signatures(without_secrets(cause(error), options))
        raise kind(f"The input {unsigned(url)} cannot be read: {text}") from None


def _is_ours(error: BaseException) -> bool:
    return isinstance(error, EditcorpusError)


def _is_storage(error: BaseException) -> bool:
    return isinstance(error, OSError) or type(error).__module__.split(".")[0] in _CLIENTS
