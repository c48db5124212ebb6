"""Pictures are given from the pages where they lie, and by Arrow where pages are of another kind."""

import hashlib
import io
import random
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.errors import ShardError
from editcorpus.layouts import row_groups
from editcorpus.layouts.corpus import Corpus, Shard, open_corpus
from editcorpus.layouts.parquet import ShardFile
from editcorpus.layouts.plain_pages import leaves, views
from editcorpus.layouts.schema import PICTURE, shard_options

PATH = "data/train-00000.parquet"
KINDS: dict[str, tuple[bool, dict[str, Any]]] = {
    "as written": (True, {}),
    "small pages": (True, {"data_page_size": 1, "write_batch_size": 1}),
    "packed": (False, {"compression": "SNAPPY", "compression_level": None}),
    "dictionaries": (False, {"use_dictionary": True}),
    "another version": (False, {"data_page_version": "2.0"}),
}


@pytest.fixture
def corpus(build, sample) -> Corpus:
    return open_corpus(build(shards=(sample.records,)), sample.folder)


def rewritten(corpus: Corpus, table: pa.Table, **options: Any) -> Shard:
    """The only shard of a corpus with other content, of which the manifest knows."""
    (shard,) = corpus.shards
    made = io.BytesIO()
    pq.write_table(table, made, **(shard_options(table.schema) | options))
    data = made.getvalue()
    corpus.store.write(shard.path, data)
    told = ShardFile(PATH, shard.file.records, len(data), hashlib.sha256(data).hexdigest())
    return replace(shard, file=told)


def table_of(corpus: Corpus) -> pa.Table:
    return pq.read_table(corpus.store.local_file(corpus.shards[0].path))


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_the_pages_are_the_records_are_the_same(corpus: Corpus, sample, kind: str) -> None:
    lying, options = KINDS[kind]
    shard = rewritten(corpus, table_of(corpus), **options)
    assert [record for _, record in shard.records()] == list(sample.records)
    file = corpus.store.local_file(shard.path)
    data = memoryview(file.read_bytes())
    with pq.ParquetFile(file) as parquet:
        group, (leaf, _) = parquet.metadata.row_group(0), leaves(parquet) or ()
        found = views(group, leaf, lambda at, size: data[at : at + size])
    assert found == ([record.source_image for record in sample.records] if lying else None)


def test_pictures_of_another_type_are_read_by_arrow(corpus: Corpus, sample) -> None:
    wide = pa.struct([("bytes", pa.large_binary()), ("path", pa.string())])
    table = table_of(corpus)
    columns = [one.cast(wide) if one.type == PICTURE else one for one in table.columns]
    shard = rewritten(corpus, pa.table(columns, names=table.column_names))
    assert [record for _, record in shard.records()] == list(sample.records)


@pytest.mark.parametrize("missing", ["bytes", "picture"])
def test_a_picture_that_is_null_is_one_sentence(corpus: Corpus, missing: str) -> None:
    table = table_of(corpus)
    place = table.column_names.index("edited_image")
    pictures = table.column(place).to_pylist()
    pictures[1] = None if missing == "picture" else pictures[1] | {"bytes": None}
    made = table.set_column(place, table.schema.field(place), pa.array(pictures, PICTURE))
    with pytest.raises(ShardError, match="Its column edited_image holds null"):
        list(rewritten(corpus, made).records())


def test_columns_of_different_length_are_one_sentence(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = row_groups._lying
    monkeypatch.setattr(row_groups, "_lying", lambda *told: (seen(*told)[0][:-1], seen(*told)[1]))
    (shard,) = corpus.shards
    with pytest.raises(ShardError, match="its columns differ in length"):
        list(shard.records())


@pytest.mark.parametrize("page_size", [1, 2**20])
def test_damaged_pages_give_no_view_beyond_their_column(corpus: Corpus, page_size: int) -> None:
    rewritten(corpus, table_of(corpus), data_page_size=page_size, write_batch_size=1)
    file = corpus.store.local_file(corpus.shards[0].path)
    data, metadata = file.read_bytes(), pq.read_metadata(file)
    with pq.ParquetFile(file) as parquet:
        (_, leaf) = leaves(parquet) or ()
    group, draw, ends = metadata.row_group(0), random.Random(0), set()
    start = group.column(leaf.number).data_page_offset
    size = group.column(leaf.number).total_compressed_size
    for _ in range(3_000):
        part = bytearray(data[start : start + size])
        for _ in range(draw.choice((1, 1, 4))):
            part[draw.randrange(100)] = draw.choice((0, 1, 2, 127, 128, 255, draw.randrange(256)))
        cut = memoryview(part)[: draw.choice((size, size, draw.randrange(size)))]
        try:
            found = views(group, leaf, lambda at, length, cut=cut: cut)
        except ValueError:
            ends.add("damaged")
            continue
        ends.add("another kind" if found is None else "views")
        assert all(one.obj is part and len(one) <= len(part) for one in found or ())
        assert sum(map(len, found or ())) <= len(cut)
    assert ends == {"damaged", "another kind", "views"}
