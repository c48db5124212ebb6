"""The manifest of a corpus."""

import json
from dataclasses import replace

import pytest

from editcorpus.errors import ShardError
from editcorpus.layouts.manifest import CorpusManifest, commit_manifest, read_manifest, sums
from editcorpus.layouts.parquet import ShardFile
from editcorpus.storage import Store

FOLDER = "corpora/spring"


def manifest(**changes: object) -> CorpusManifest:
    made = CorpusManifest(
        run="spring",
        entered=6,
        kept=3,
        rejected={"no_edit": 1, "image_blank": 1},
        failed={"unavailable": 1},
        files=(
            ShardFile(f"{FOLDER}/rejects.parquet", 2, 10, "ab"),
            ShardFile(f"{FOLDER}/data/train-00001.parquet", 1, 10, "cd"),
            ShardFile(f"{FOLDER}/data/train-00000.parquet", 2, 10, "ef"),
            ShardFile(f"{FOLDER}/failed.parquet", 1, 10, "01"),
        ),
        tasks={"addition": 3},
        licences={"MIT": 3},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_it_comes_back_with_paths_inside_the_corpus_in_order(store: Store) -> None:
    commit_manifest(store, FOLDER, manifest())
    found = read_manifest(store, FOLDER)
    assert found is not None
    paths = [file.path for file in found.files]
    assert paths == [
        "data/train-00000.parquet",
        "data/train-00001.parquet",
        "failed.parquet",
        "rejects.parquet",
    ]
    assert found.rejected == {"image_blank": 1, "no_edit": 1}
    assert sums(found) == []


def test_it_is_not_written_again_where_it_is_the_same(store: Store) -> None:
    commit_manifest(store, FOLDER, manifest())
    before = store.local_file(f"{FOLDER}/manifest.json").stat().st_ino
    commit_manifest(store, FOLDER, manifest(rejected={"image_blank": 1, "no_edit": 1}))
    assert store.local_file(f"{FOLDER}/manifest.json").stat().st_ino == before


def test_there_is_none_before_the_corpus_is_finished(store: Store) -> None:
    assert read_manifest(store, FOLDER) is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"entered": 7}, "7 ids entered, but 3 were kept, 2 rejected and 1 failed"),
        ({"rejected": {"no_edit": 1}, "entered": 5}, "rejects.parquet holds 2 records"),
        ({"failed": {}, "entered": 5}, "failed.parquet holds 1 records"),
        ({"kept": 4, "entered": 7}, "data/ holds 3 records, but the manifest counts 4"),
        ({"tasks": {"addition": 2}}, "The tasks sum up to 2 records"),
        ({"licences": {"MIT": 9}}, "The licences sum up to 9 records"),
        ({"files": (ShardFile("corpora/autumn/x.parquet", 1, 1, ""),)}, "does not lie in"),
    ],
)
def test_sums_that_contradict_each_other_write_nothing(
    store: Store, change: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ShardError, match=sentence):
        commit_manifest(store, FOLDER, manifest(**change))
    assert store.list("corpora") == []


@pytest.mark.parametrize(
    "change",
    [
        {"entered": "6"},
        {"entered": -6},
        {"entered": True},
        {"files": 3},
        {"files": [{"path": 3, "records": 1, "bytes": 1, "sha256": ""}]},
        {"files": [{"path": "a", "records": None, "bytes": 1, "sha256": ""}]},
        {"rejected": {"no_edit": 1.5}},
        {"failed": ["x"]},
        {"version": 2},
        {"run": None},
        {"more": 1},
    ],
)
def test_a_damaged_manifest_says_so(store: Store, change: dict[str, object]) -> None:
    commit_manifest(store, FOLDER, manifest())
    members = {**json.loads(store.read(f"{FOLDER}/manifest.json")), **change}
    store.write(f"{FOLDER}/manifest.json", json.dumps(members).encode())
    with pytest.raises(ShardError, match="The manifest of the corpus is damaged"):
        read_manifest(store, FOLDER)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"null", b"[" * 100_000])
def test_anything_else_is_damage_too(store: Store, data: bytes) -> None:
    store.write(f"{FOLDER}/manifest.json", data)
    with pytest.raises(ShardError, match="damaged"):
        read_manifest(store, FOLDER)
