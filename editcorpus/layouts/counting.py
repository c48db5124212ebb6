"""What is counted in the files of a corpus, each file by itself and once: a note says what is known of it."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.errors import ShardError
from editcorpus.layouts.parquet import ShardFile
from editcorpus.storage import Store
from editcorpus.tables import damaged

_SIDE_BY_SIDE = 8
"""Files that are read at a time: on a bucket each waits longer than it works."""
_T = TypeVar("_T")


def by_file(
    store: Store,
    files: Sequence[ShardFile],
    known: Mapping[str, _T],
    read: Callable[[Store, str], _T],
) -> dict[str, _T]:
    """What is counted in each file, by its SHA-256.

    Args:
        store: Where the corpus lies.
        files: Files with records; paths are those in the store.
        known: What was counted before; such files are not read.
        read: Counts the file at a path.

    Raises:
        ShardError: A file is missing or damaged.
    """

    def of(file: ShardFile) -> _T:
        return known[file.sha256] if file.sha256 in known else read(store, file.path)

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        return dict(zip((file.sha256 for file in files), pool.map(of, files), strict=True))


def with_note(
    store: Store,
    note: str,
    decode: Callable[[bytes], dict[str, _T]],
    encode: Callable[[dict[str, _T]], bytes],
    count: Callable[[dict[str, _T]], dict[str, _T]],
) -> dict[str, _T]:
    """What is counted in each file, by its SHA-256, with a note of it that is written where it is new.

    Args:
        store: Where the note lies.
        note: Its path.
        decode: Reads it; nothing where the bytes are none of ours.
        encode: The reverse.
        count: Counts the files, those that are known taken over.
    """
    try:
        before = store.read(note)
    except FileNotFoundError:
        before = b""
    found = count(decode(before))
    if encode(found) != before:
        store.write(note, encode(found))
    return found


def columns_of(store: Store, path: str, choose: Callable[[pa.Schema], Sequence[str]]) -> pa.Table:
    """Some columns of a file with records.

    Raises:
        ShardError: It is missing or damaged.
    """
    url = store.url(path)
    try:
        with damaged(url), store.open(path) as file, pq.ParquetFile(file) as parquet:
            return parquet.read(columns=choose(parquet.schema_arrow), use_threads=False)
    except FileNotFoundError as error:
        raise ShardError(f"{url} is missing.") from error
