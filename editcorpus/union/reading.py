"""Files of corpora as tables of one schema, a few megabytes at a time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.errors import ShardError
from editcorpus.layouts.corpus import Shard
from editcorpus.layouts.schema import GROUP_BYTES, GROUP_ROWS
from editcorpus.layouts.unify import present, unified
from editcorpus.storage import Store
from editcorpus.tables import damaged

_BUFFER = 2**20

Alive = Callable[[], None]
"""Is called between two tables; raises where the work is to end."""
Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]


def tables(
    shard: Shard, alive: Alive, names: frozenset[str] | None = None, rows: Numbers | None = None
) -> Iterator[tuple[int, pa.Table]]:
    """The records of a file, in their order: tables of at most some 16 MiB, where records are not larger.

    Args:
        shard: The file.
        alive: See `Alive`.
        names: Columns that are wanted; all where None.
        rows: Numbers of rows in the file, rising; row groups without any of them are not read.

    Yields:
        The number of the first row in the file, and the table (see `unify.unified`).

    Raises:
        ShardError: The file is missing, damaged, not the one that its manifest names, or lacks what
            no record can lack.
    """
    store = shard.corpus.store
    with opened(store, shard.path, shard.file.bytes) as parquet:
        _check(parquet, shard)
        columns = present(parquet.schema_arrow, names)
        first = 0
        for group in range(parquet.num_row_groups):
            facts = parquet.metadata.row_group(group)
            if rows is None or _meet(rows, first, first + facts.num_rows):
                at = first
                for batch in parquet.iter_batches(
                    _step(facts), [group], columns=columns, use_threads=False
                ):
                    alive()
                    yield at, unified(pa.Table.from_batches([batch]), names)
                    at += batch.num_rows
            first += facts.num_rows


@contextmanager
def opened(store: Store, path: str, size: int | None = None) -> Iterator[pq.ParquetFile]:
    """A parquet file of a store, while what is wrong with it is told as a sentence that names it.

    Raises:
        ShardError: It is missing or damaged.
    """
    url = store.url(path)
    local = store.local_file(path)  # which pyarrow reads without asking Python for each column
    try:
        with (
            damaged(url),
            nullcontext(local) if local else store.open(path, size) as file,
            pq.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False) as parquet,
        ):
            yield parquet
    except FileNotFoundError as error:
        raise ShardError(f"{url} is missing.") from error
    except ShardError as error:
        raise error if url in str(error) else ShardError(f"{url}: {error}") from error


def _check(parquet: pq.ParquetFile, shard: Shard) -> None:
    found = parquet.metadata.num_rows
    if found != shard.file.records or shard.corpus.store.size(shard.path) != shard.file.bytes:
        raise ShardError(
            f"It is not the file that the manifest names: it holds {found} records where "
            f"{shard.file.records} are told, or has another length. Ask `editcorpus audit`."
        )


def _meet(rows: Numbers, first: int, end: int) -> bool:
    at = int(np.searchsorted(rows, first))
    return at < len(rows) and int(rows[at]) < end


def _step(facts: pq.RowGroupMetaData) -> int:
    """Rows of a row group that are read at a time."""
    each = max(1, facts.total_byte_size // max(1, facts.num_rows))
    return int(max(1, min(GROUP_ROWS, GROUP_BYTES // each)))
