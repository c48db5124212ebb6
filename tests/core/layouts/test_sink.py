"""A shard filled by tables is the one that records would give."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.errors import StorageFull
from editcorpus.layouts import sink as sink_module
from editcorpus.layouts.parquet import read_shard, write_shard
from editcorpus.layouts.sink import shard_sink
from editcorpus.storage import Store

PATH = "corpora/x/data/train-00000.parquet"


def tables(store: Store, sample: Any, size: int) -> list[pa.Table]:
    records = [sample.published(number) for number in range(9)]
    write_shard(store, "all.parquet", records)
    whole = pq.read_table(store.local_file("all.parquet"))
    return [whole.slice(start, size) for start in range(0, 9, size)]


@pytest.mark.parametrize("size", [1, 4, 9])
def test_equal_rows_give_equal_bytes_however_they_come(
    store: Store, sample: Any, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_module, "GROUP_ROWS", 4)
    made = []
    for name, parts in ((PATH, tables(store, sample, size)), ("b", tables(store, sample, 3))):
        with shard_sink(store, name) as sink:
            for part in parts:
                sink.add(part)
        assert sink.written is not None
        made.append((sink.written.records, sink.written.bytes, sink.written.sha256))
    assert made[0] == made[1]
    assert made[0][0] == 9
    assert pq.ParquetFile(store.local_file(PATH)).num_row_groups == 3
    assert list(read_shard(store, PATH)) == [sample.published(number) for number in range(9)]


def test_row_groups_are_closed_by_the_bytes_of_their_pictures(
    store: Store, sample: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_module, "GROUP_BYTES", 4_000)
    with shard_sink(store, PATH) as sink:
        for part in tables(store, sample, 9):
            sink.add(part)
    assert pq.ParquetFile(store.local_file(PATH)).num_row_groups > 2


def test_a_block_that_ends_badly_leaves_nothing(store: Store, sample: Any) -> None:
    with pytest.raises(ZeroDivisionError), shard_sink(store, PATH) as sink:
        sink.add(tables(store, sample, 9)[0])
        raise ZeroDivisionError
    assert store.list("corpora") == []


def test_a_full_disk_is_told_with_the_place(store: Store, sample: Any) -> None:
    class Full(Store):
        @contextmanager
        def _temporary(self, path: str) -> Iterator[Path]:
            with super()._temporary(path) as file:
                yield file
                raise OSError(errno.ENOSPC, "No space left on device")

    parts = tables(store, sample, 9)
    with (
        pytest.raises(StorageFull, match="train-00000"),
        shard_sink(Full(store.root), PATH) as sink,
    ):
        sink.add(parts[0])
