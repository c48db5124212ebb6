"""Tar shards, written and read back: by our reader and by `datasets`."""

import io
import json
import tarfile
from importlib import import_module
from pathlib import Path

import pytest

from editcorpus.errors import ShardError
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.export import export
from editcorpus.layouts.webdataset import LAYOUT, read_webdataset
from editcorpus.storage import Store


@pytest.fixture
def target(build, sample, tmp_path: Path) -> Store:
    made = Store.on_disk(tmp_path / "target")
    export(open_corpus(build(), sample.folder), LAYOUT, made, "out")
    return made


def members(store: Store, path: str) -> dict[str, bytes]:
    with tarfile.open(store.local_file(path)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def test_records_come_back_as_they_were(target: Store, sample) -> None:
    assert tuple(read_webdataset(target, "out")) == sample.records


def test_a_record_is_three_members_of_one_key(target: Store, sample) -> None:
    found = members(target, "out/data/train-00000.tar")
    assert list(found) == [
        *("00000000.json", "00000000.source.jpg", "00000000.edited.png"),
        *("00000001.json", "00000001.source.jpg", "00000001.edited.png"),
    ]
    assert found["00000001.edited.png"] == sample.records[1].edited_image
    told = json.loads(found["00000001.json"])
    assert None not in told.values()
    assert (told["instruction_original"], told["family"]) == ("Add.", "object_addition")


def test_fields_are_called_alike_whatever_the_pictures_are(target: Store, sample) -> None:
    found = members(target, "out/data/train-00001.tar")
    assert found["00000002.source.jpg"] == sample.records[2].source_image
    told = json.loads(found["00000002.json"])
    assert (told["source_format"], told["edited_format"]) == ("webp", "png")


def test_datasets_streams_it_without_configuration(target: Store, sample, tmp_path: Path) -> None:
    datasets = import_module("datasets")
    loaded = datasets.load_dataset(
        target.url("out"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded.features["source.jpg"] == loaded.features["edited.png"] == datasets.Image()
    rows = list(loaded)
    assert [row["json"]["id"] for row in rows] == [record.id for record in sample.records]
    assert [row["json"]["instruction_original"] for row in rows] == ["", "Add.", ""]
    assert {row["edited.png"].size for row in rows} == {(24, 16)}


LIBRARY = """
import json, sys, webdataset
rows = webdataset.WebDataset(sys.argv[1:], shardshuffle=False).decode("pil")
print(json.dumps([[row["json"]["id"], row["source.jpg"].size, row["edited.png"].size] for row in rows]))
"""


def test_the_webdataset_library_reads_it(target: Store, sample, start) -> None:
    import_module("webdataset")
    child = start(LIBRARY, *(str(target.local_file(path)) for path in target.list("out/data")))
    read = json.loads(child.stdout.read())
    assert read == [[record.id, [24, 16], [24, 16]] for record in sample.records]


def test_a_picture_that_is_no_jpeg_is_a_png_by_name(build, sample, tmp_path: Path) -> None:
    first = sample.published(0, source_image=sample.draw(3, kind="WEBP"))
    made = Store.on_disk(tmp_path / "target")
    export(open_corpus(build(shards=((first,),)), sample.folder), LAYOUT, made, "out")
    assert "00000000.source.png" in members(made, "out/data/train-00000.tar")
    assert list(read_webdataset(made, "out")) == [first]


@pytest.mark.parametrize("damage", ["cut", "text", "half"])
def test_reading_names_what_is_damaged(target: Store, damage: str) -> None:
    path = "out/data/train-00000.tar"
    data = target.read(path)
    if damage == "half":
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("00000000.json"))
        target.write(path, made.getvalue())
    else:
        target.write(path, data[:3_000] if damage == "cut" else b"no tar at all" * 100)
    with pytest.raises(ShardError, match=r"train-00000\.tar is damaged|The record 0+ is not whole"):
        list(read_webdataset(target, "out"))
