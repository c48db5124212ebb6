"""Where a source's files lie, and how they are opened: any place that fsspec reaches.

What is wrong with them is one sentence. Before the run starts that is a `ConfigError`; while
pictures are read, an unreachable file is a `StorageError` and a damaged one a `ShardError`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import IO, Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.buckets import cause, client_options, hurry, refuse_password, without_secrets
from editcorpus.errors import ConfigError, EditcorpusError, ShardError, StorageError
from editcorpus.records import Triplet

_CLIENTS = {"botocore", "aiobotocore", "aiohttp", "huggingface_hub"}
_BUFFER_BYTES = 4 * 1024 * 1024
_BATCH_ROWS = 4


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files of a source, sorted, and the options to open them with.

    Attributes:
        files: Absolute paths or URLs.
        options: What fsspec's filesystem takes; secrets in it appear in no message.
        first_look: Whether a bucket that does not answer is given up within seconds (`hasty`).
    """

    files: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    first_look: bool = False

    @classmethod
    def find(cls, where: str | Sequence[str], options: Mapping[str, Any] | None = None) -> "Inputs":
        """Find parquet files; none is opened.

        Args:
            where: A file, a folder (searched at any depth), a glob, a URL such as
                `s3://bucket/folder`, or several of them.
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
        found = {url for one in wanted for url in _found(one, chosen)}
        return cls(tuple(sorted(found)), chosen)

    def hasty(self) -> "Inputs":
        """The same files for a first look, before a run starts."""
        return replace(self, first_look=True)

    def open(self, url: str) -> IO[bytes]:
        """A seekable file for reading; on a bucket each read is one range request.

        Raises:
            StorageError: It cannot be opened.
        """
        with self.explained(url):
            system, path = _system(url, self.options, hasty=self.first_look)
            opened: IO[bytes] = system.open(path, "rb", cache_type="none")
            return opened

    @contextmanager
    def parquet(self, url: str) -> Iterator[pq.ParquetFile]:
        """Open a parquet file whose pages are read as they are needed.

        Raises:
            StorageError: It cannot be opened or read, also while the block runs.
            ShardError: It is no parquet file, or a damaged one, also while the block runs.
        """
        with self.explained(url), self.open(url) as file:
            try:
                with pq.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER_BYTES) as parquet:
                    yield parquet
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                if _is_ours(error) or getattr(error, "errno", None) is not None:
                    raise  # the store's own trouble has a number, Arrow's finding of damage has none
                raise ShardError(f"{url} is not a whole parquet file: {cause(error)}") from error

    @contextmanager
    def explained(self, url: str) -> Iterator[None]:
        """Turn what a storage client raises into one sentence without secrets."""
        with _explained(url, self.options):
            yield


def read_pictures(
    column: str, triplets: Sequence[Triplet], inputs: Inputs
) -> Iterator[tuple[Triplet, bytes | None]]:
    """The source pictures of triplets, in the order of files and rows; None where a row has none.

    Only the row groups and the one column that are needed are read, `_BATCH_ROWS` rows at a time,
    so that memory follows the size of a page, not of a row group or file.

    Args:
        column: Holds the bytes, or a struct with a member `bytes`.
        triplets: Whose rows are wanted, usually those of one shard.
        inputs: Opens the files that the triplets name.

    Raises:
        StorageError: A file cannot be opened or read.
        ShardError: A file is damaged, or no longer has the rows that were planned.
    """
    ordered = sorted(triplets, key=lambda one: (one.file, one.row_group, one.row))
    for url, of_file in groupby(ordered, key=lambda one: one.file):
        with inputs.parquet(url) as parquet:
            for group, members in groupby(of_file, key=lambda one: one.row_group):
                yield from _read_group(parquet, column, group, list(members))


def _read_group(
    parquet: pq.ParquetFile, column: str, group: int, members: list[Triplet]
) -> Iterator[tuple[Triplet, bytes | None]]:
    start = first_row(parquet, group)
    wanted = {one.row - start: one for one in members}
    number = 0
    for batch in parquet.iter_batches(
        _BATCH_ROWS, [group], [_leaf(parquet, column)], use_threads=False
    ):
        values = batch.column(0)
        for offset in range(batch.num_rows):
            if one := wanted.pop(number + offset, None):
                yield one, _bytes(values[offset].as_py())
        number += batch.num_rows
        if not wanted:
            return
    raise ShardError(f"{members[0].file} has fewer rows than when it was planned.")


def first_row(parquet: pq.ParquetFile, group: int) -> int:
    """Number of a row group's first row in its file.

    Raises:
        ShardError: There is no such row group.
    """
    meta = parquet.metadata
    if group >= meta.num_row_groups:
        raise ShardError("A file has fewer row groups than when it was planned.")
    sizes = (meta.row_group(earlier).num_rows for earlier in range(group))
    before: int = sum(sizes)
    return before


def _leaf(parquet: pq.ParquetFile, column: str) -> str:
    schema = parquet.schema_arrow
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
            raise ConfigError(f"No parquet file is found at {where!r}.")
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
        raise ConfigError(f"No input can be read at {url!r}: {cause(error)}") from error
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
        text = without_secrets(cause(error), options)
        raise kind(f"The input {url} cannot be read: {text}") from None


def _is_ours(error: BaseException) -> bool:
    return isinstance(error, EditcorpusError)


def _is_storage(error: BaseException) -> bool:
    return isinstance(error, OSError) or type(error).__module__.split(".")[0] in _CLIENTS
