"""A corpus copied as it is."""

import hashlib
import json
from importlib import import_module
from pathlib import Path

import pyarrow.parquet as pq
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


def test_a_corpus_of_an_earlier_version_is_copied_and_its_families_are_looked_up(
    build, sample, tmp_path: Path
) -> None:
    store, path = build(shards=(sample.records,)), f"{sample.folder}/data/train-00000.parquet"
    table = pq.read_table(store.local_file(path))
    pq.write_table(table.drop_columns(["family", "variant"]), store.local_file(path))
    data = store.read(path)
    manifest = json.loads(store.read(f"{sample.folder}/manifest.json"))
    told = next(one for one in manifest["files"] if one["path"].startswith("data/"))
    told |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    store.write(f"{sample.folder}/manifest.json", json.dumps(manifest).encode())
    target = Store.on_disk(tmp_path / "target")
    export(open_corpus(store, sample.folder), LAYOUT, target, "out")
    assert target.read("out/data/train-00000.parquet") == data
    assert b"| `object_addition` | `omniedit` | `MIT` | 3 |" in target.read("out/README.md")
