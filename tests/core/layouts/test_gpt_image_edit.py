"""The layout of GPT-IMAGE-EDIT-1.5M, written and read back."""

import io
import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editcorpus.errors import ShardError
from editcorpus.layouts import gpt_image_edit
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.export import export
from editcorpus.layouts.gpt_image_edit import LAYOUT, read_gpt_image_edit
from editcorpus.storage import Store

PUBLISHED = {
    *("id", "dataset_source", "task", "input", "output"),
    *("instruction", "instruction_type", "input_description", "instruction_original"),
}
OURS = {"corpus_id", "license", "family"}


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def exported(build, sample, tmp_path: Path, *records) -> Store:
    shards = (records[:1], records[1:]) if records else (sample.records[:2], sample.records[2:])
    target = Store.on_disk(tmp_path / "target")
    export(open_corpus(build(shards=shards), sample.folder), LAYOUT, target, "out")
    return target


def test_records_come_back_as_they_were(build, sample, tmp_path: Path) -> None:
    found = list(read_gpt_image_edit(exported(build, sample, tmp_path), "out"))
    assert len(found) == len(sample.records)
    for (line, source, edited), record in zip(found, sample.records, strict=True):
        assert line["corpus_id"] == record.id
        assert line["instruction"] == record.instruction
        assert line["instruction_type"] == record.instruction_type
        assert line["license"] == record.license
        assert line["instruction_original"] == record.instruction_original
        assert edited == record.edited_image  # a PNG is copied
        assert source.startswith(b"\x89PNG")
        assert np.array_equal(pixels(source), pixels(record.source_image))


def test_metadata_has_the_published_keys_all_texts(build, sample, tmp_path: Path) -> None:
    store = exported(build, sample, tmp_path)
    folder = "out/gpt-edit/omniedit/addition"
    lines = json.loads(store.read(f"{folder}/metadata/omniedit_addition.json"))
    assert all(set(line) == PUBLISHED | OURS for line in lines)
    assert [line["instruction_original"] for line in lines] == ["", "Add.", ""]
    assert all(isinstance(value, str) for line in lines for value in line.values())
    assert lines[2] | {"instruction": ""} == {
        "id": "omniedit_addition_00000002",
        "dataset_source": "omniedit",
        "task": "addition",
        "input": "input/00000002.png",
        "output": "output/00000002.png",
        "instruction": "",
        "instruction_type": "original",
        "input_description": "",
        "instruction_original": "",
        "corpus_id": "omniedit/task_obj_add_2",
        "license": "MIT",
        "family": "object_addition",
    }
    assert all(
        store.exists(f"{folder}/{line[way]}") for line in lines for way in ("input", "output")
    )


def test_training_files_name_pictures_from_their_roots(build, sample, tmp_path: Path) -> None:
    records = (
        sample.published(0),
        sample.published(1, instruction_type="rewrite", instruction_original="Add."),
        sample.published(2, instruction_type="complex"),
        sample.published(3, dataset_source="hqedit", task="edit"),
        sample.published(4, dataset_source="hqedit", task="generate"),
        sample.published(5, dataset_source="ultraedit", task="turn"),
        sample.published(6, dataset_source="mine", task=""),
        sample.published(7, dataset_source="mine", task="", instruction_type="complex"),
    )
    store = exported(build, sample, tmp_path, *records)
    rows = [line.split(",") for line in store.read("out/data.txt").decode().splitlines()]
    assert [(root, name.removeprefix("training_json/")) for root, name, _ in rows] == [
        ("gpt-edit/omniedit/complex-edit", "complexedit_gpt.json"),
        ("gpt-edit/hqedit/edit", "hqedit_gpt_edit.json"),
        ("gpt-edit/hqedit/generate", "hqedit_gpt_generate.json"),
        ("gpt-edit/mine", "mine_gpt.json"),
        ("gpt-edit/mine/complex-edit", "mine_gpt_complex.json"),
        ("gpt-edit/omniedit", "omniedit_gpt.json"),
        ("gpt-edit/omniedit", "omniedit_gpt_rewrite.json"),
        ("gpt-edit/ultraedit", "ultraedit_gpt.json"),
    ]
    assert {weight for _, _, weight in rows} == {"false"}
    for root, name, _ in rows:
        (row,) = json.loads(store.read(f"out/{name}"))
        assert all(store.exists(f"out/{root}/{path}") for path in row["image"])
        assert "output/" in row["image"][-1]
        assert [part["from"] for part in row["conversations"]] == ["human", "gpt"]


def test_a_text_never_counts_as_a_picture(build, sample, tmp_path: Path) -> None:
    text = "Swap <image> and <gen_image>, <im<image>age> too."
    store = exported(build, sample, tmp_path, sample.published(0, instruction=text))
    (row,) = json.loads(store.read("out/training_json/omniedit_gpt.json"))
    said = "".join(part["value"] for part in row["conversations"])
    assert said.count("<image>") + said.count("<gen_image>") == len(row["image"]) == 2
    ((line, *_),) = read_gpt_image_edit(store, "out")
    assert line["instruction"] == text


def test_more_tasks_than_files_can_be_open_is_one_sentence(
    build, sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpt_image_edit, "_MOST_FILES", 3)
    records = [sample.published(number, task=f"task{number}") for number in range(4)]
    with pytest.raises(ShardError, match=r"more tasks than this layout takes \(3\)"):
        exported(build, sample, tmp_path, *records)


@pytest.mark.parametrize("damage", ["picture", "json", "shape"])
def test_reading_names_what_is_damaged(build, sample, tmp_path: Path, damage: str) -> None:
    store = exported(build, sample, tmp_path)
    folder = "out/gpt-edit/omniedit/addition"
    if damage == "picture":
        store.remove(f"{folder}/output/00000001.png")
    else:
        data = b"[{" if damage == "json" else b"[7]"
        store.write(f"{folder}/metadata/omniedit_addition.json", data)
    with pytest.raises(ShardError, match=r"omniedit_addition\.json is damaged"):
        list(read_gpt_image_edit(store, "out"))


def test_datasets_loads_the_metadata_of_all_tasks(build, sample, tmp_path: Path) -> None:
    datasets = import_module("datasets")
    records = (*sample.records, sample.published(3, dataset_source="hqedit", task="edit"))
    store = exported(build, sample, tmp_path, *records)
    rows = datasets.load_dataset(
        "json",
        data_files=f"{store.url('out')}/gpt-edit/*/*/metadata/*.json",
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert sorted(rows["corpus_id"]) == [record.id for record in records]


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ('{"input_description": "A dog."}', "A dog."),
        ('{"input_description": 1}', ""),
        ("", ""),
        ("{", ""),
    ],
)
def test_the_caption_that_a_source_gives_stays(
    build, sample, tmp_path: Path, facts: str, told: str
) -> None:
    corpus = open_corpus(build(shards=((sample.published(0, source_facts=facts),),)), sample.folder)
    target = Store.on_disk(tmp_path / "target")
    export(corpus, LAYOUT, target, "out")
    ((line, _, _),) = read_gpt_image_edit(target, "out")
    assert line["input_description"] == told
