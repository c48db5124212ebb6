"""Pairs in folders, written and read back."""

import json
from pathlib import Path

import pytest

from editcorpus.errors import ShardError
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.export import export
from editcorpus.layouts.kontext import LAYOUT, read_kontext
from editcorpus.storage import Store


@pytest.fixture
def target(build, sample, tmp_path: Path) -> Store:
    made = Store.on_disk(tmp_path / "target")
    export(open_corpus(build(), sample.folder), LAYOUT, made, "out")
    return made


def test_records_come_back_as_they_were(target: Store, sample) -> None:
    assert tuple(read_kontext(target, "out")) == sample.records


def test_a_trainer_finds_caption_and_control_by_the_name(target: Store, sample) -> None:
    folder = Path(target.url("out"))
    images = sorted((folder / "images").glob("*.png"))
    assert [file.stem for file in images] == ["00000000", "00000001", "00000002"]
    for file, record in zip(images, sample.records, strict=True):
        assert file.read_bytes() == record.edited_image
        assert file.with_suffix(".txt").read_text("utf-8") == record.instruction
        (control,) = (folder / "control").glob(f"{file.stem}.*")
        assert control.read_bytes() == record.source_image
    controls = sorted(file.suffix for file in (folder / "control").iterdir())
    assert controls == [".jpg", ".jpg", ".webp"]


def test_the_list_of_pairs_is_what_a_trainer_reads(target: Store, sample) -> None:
    lines = target.read("out/pairs.jsonl").decode().splitlines()
    first = json.loads(lines[0])
    assert first["image_path"] == "images/00000000.png"
    assert first["control_path"] == "control/00000000.jpg"
    assert first["image"] == first["image_path"]
    assert first["edit_image"] == first["kontext_images"] == first["control_path"]
    assert first["caption"] == first["prompt"] == sample.records[0].instruction
    assert json.loads(lines[1])["instruction_original"] == "Add."
    assert not [name for name in first if name.startswith("control_path_")]


@pytest.mark.parametrize("damage", ["picture", "caption", "lines", "member", "missing"])
def test_reading_names_what_is_damaged(target: Store, damage: str) -> None:
    pairs = "out/pairs.jsonl"
    if damage == "picture":
        target.remove("out/control/00000001.jpg")
    elif damage == "caption":
        target.write("out/images/00000001.txt", b"Something else.")
    elif damage == "missing":
        target.remove(pairs)
    else:
        data = target.read(pairs)
        target.write(
            pairs, data.replace(b'"license":"MIT",', b"") if damage == "member" else b"{\n"
        )
    with pytest.raises(ShardError):
        list(read_kontext(target, "out"))
