"""A shard of a corpus that is filled table by table, with equal rows giving equal bytes.

What `parquet.write_shard` is for records, this is for columns that are only passed on: pictures are
never decoded, and no row becomes an object.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from editcorpus.layouts.parquet import ShardFile, written
from editcorpus.layouts.schema import (
    GROUP_BYTES,
    GROUP_ROWS,
    PICTURES,
    shard_options,
    shard_schema,
)
from editcorpus.storage import Store


@contextmanager
def shard_sink(store: Store, path: str) -> Iterator["ShardSink"]:
    """A sink for a block that fills it; the file appears whole when the block ends well.

    Args:
        store: Where the shard is to lie.
        path: Its path there.

    Raises:
        StorageFull: No space is left.
        StorageError: The store failed.
    """
    with store.upload(path) as file:
        sink = ShardSink(path, file)
        try:
            yield sink
            sink.finish()
        finally:
            sink.close()


class ShardSink:
    """Takes tables, and writes them as a shard.

    At most one row group is held in memory, and what the tables hold: hand over copies, not slices of
    larger ones.
    """

    def __init__(self, path: str, file: Path) -> None:
        """Open the file; see `shard_sink`.

        Args:
            path: Of the shard in its store.
            file: Where it is written meanwhile, on this machine.
        """
        self.path = path
        self.written: ShardFile | None = None
        self._file = file
        self._schema = shard_schema()
        self._writer = pq.ParquetWriter(str(file), self._schema, **shard_options(self._schema))
        self._group: list[pa.Table] = []
        self._rows = self._held = self._records = 0

    def add(self, table: pa.Table) -> None:
        """Add rows with the columns of `schema.shard_schema`."""
        start = 0
        for row, size in enumerate(_sizes(table)):
            if self._rows and (self._held + size > GROUP_BYTES or self._rows == GROUP_ROWS):
                self._group.append(table.slice(start, row - start))
                self._flush()
                start = row
            self._rows += 1
            self._held += size
        self._group.append(table.slice(start))

    def _flush(self) -> None:
        if self._rows:
            group = pa.concat_tables(self._group).combine_chunks().cast(self._schema)
            self._writer.write_table(group, row_group_size=self._rows)
            self._records += self._rows
        self._group = []
        self._rows = self._held = 0

    def finish(self) -> None:
        """Write what is left, and know what was written."""
        self._flush()
        self._writer.close()
        self.written = written(self.path, self._records, self._file)

    def close(self) -> None:
        """Let go of the file, whatever is in it."""
        self._writer.close()


def _sizes(table: pa.Table) -> list[int]:
    """Bytes of both pictures of each row."""
    lengths = [pc.binary_length(pc.struct_field(table.column(name), "bytes")) for name in PICTURES]
    made: list[int] = pc.add(*(pc.cast(one, pa.int64()) for one in lengths)).to_pylist()
    return made
