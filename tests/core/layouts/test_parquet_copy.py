"""A corpus copied as it is."""

from importlib import import_module
from pathlib import Path

import pytest

from editcorpus.errors import ShardError
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.export import export
from editcorpus.layouts.parquet import read_shard
from editcorpus.layouts.parquet_copy import LAYOUT
from editcorpus.storage import Store


@pytest.fixture
def target(build, sample, tmp_path: Path) -> Store:
    made = Store.on_disk(tmp_path / "target")
    export(open_corpus(build(), sample.folder), LAYOUT, made, "out")
    return made


def test_every_file_comes_back_as_it_was(store: Store, target: Store, sample) -> None:
    corpus = open_corpus(store, sample.folder)
    names = [file.path for file in corpus.manifest.files] + ["manifest.json"]
    assert len(names) == 5
    for name in names:
        assert target.read(f"out/{name}") == store.read(f"{sample.folder}/{name}")
    records = [
        one for shard in corpus.shards for one in read_shard(target, f"out/{shard.file.path}")
    ]
    assert tuple(records) == sample.records


def test_a_copy_is_a_corpus_that_can_be_exported(target: Store, tmp_path: Path) -> None:
    export(open_corpus(target, "out"), LAYOUT, target, "again")
    for path in target.list("out/data"):
        assert target.read(path) == target.read(path.replace("out/", "again/"))


@pytest.mark.parametrize("name", ["data/train-00001.parquet", "rejects.parquet"])
def test_a_rotten_file_is_not_copied(
    build, sample, store: Store, tmp_path: Path, name: str
) -> None:
    corpus = open_corpus(build(), sample.folder)
    path = f"{sample.folder}/{name}"
    data = bytearray(store.read(path))
    data[len(data) // 2] ^= 1
    store.write(path, bytes(data))
    made = Store.on_disk(tmp_path / "target")
    with pytest.raises(ShardError, match=f"{name} is not the file that the manifest names"):
        export(corpus, LAYOUT, made, "out")
    assert not made.exists(f"out/{name}")


def test_datasets_loads_the_copy_and_no_rejects(target: Store, sample, tmp_path: Path) -> None:
    datasets = import_module("datasets")
    rows = datasets.load_dataset(
        target.url("out"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert [row["id"] for row in rows] == [record.id for record in sample.records]
    assert rows[0]["edited_image"].size == (24, 16)
