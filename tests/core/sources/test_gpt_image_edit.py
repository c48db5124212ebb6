"""GPT-IMAGE-EDIT-1.5M: judged anew as it is, what is missing of it, and our own exports in its layout."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from editcorpus.demo.gpt_image_edit import write_gpt_image_edit
from editcorpus.errors import ConfigError
from editcorpus.inputs import Inputs
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.export import export
from editcorpus.layouts.gpt_image_edit import LAYOUT
from editcorpus.planning import Selection, check_columns, plan
from editcorpus.records import Published, Rejected, Triplet
from editcorpus.sandbox import Running
from editcorpus.sources.gpt_image_edit import SOURCE
from editcorpus.storage import Store
from editcorpus.taxonomy import family_of

Build = Callable[..., Any]
GENERATE = "hqedit/generate/metadata/hqedit_generate.json"
SAME = (
    *("task", "instruction", "instruction_type", "instruction_original", "source_image"),
    *("edited_image", "license", "family", "source_facts", "dataset_source"),
)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return write_gpt_image_edit(tmp_path / "input")


def found(where: Path, tmp_path: Path) -> Inputs:
    inputs = Inputs.find(str(where), {}, SOURCE.kind)
    return replace(inputs, store=Store.on_disk(tmp_path / "lists"))


def planned(where: Path, tmp_path: Path, **selection: int) -> list[Triplet | Rejected]:
    shards = plan(SOURCE, found(where, tmp_path), Selection(**selection))
    return [one for shard in shards for one in (*shard.triplets, *shard.rejected)]


def test_the_published_pairs_are_judged_anew_without_an_image_call(
    top: Path, build_rows: Build, source_server: Running
) -> None:
    source_server.admin("reset", {})
    built = build_rows(SOURCE, top, "base")
    asked = {call["endpoint"] for call in source_server.admin("journal")["calls"]}
    assert not any("images" in name for name in asked)
    assert len(built.kept) == 6
    assert built.rejected == {
        "gpt-image-edit/hqedit_generate_00070860": "image_missing",
        "gpt-image-edit/ultraedit_add_00070859": "edited_missing",
    }
    for key, record in built.kept.items():
        source, task, number = key.removeprefix("gpt-image-edit/").split("_")
        if source != "ultraedit":
            file = top / source / task / "{}" / f"{number}.png"
            assert record.source_image == Path(str(file).format("input")).read_bytes()
            assert record.edited_image == Path(str(file).format("output")).read_bytes()
        assert 0 < record.score <= 1


@pytest.mark.parametrize("variant", ["base", "output"])
def test_the_kind_of_an_instruction_and_its_first_wording_stay(
    top: Path, build_rows: Build, variant: str
) -> None:
    kept = build_rows(SOURCE, top, variant).kept
    told = {
        key.removeprefix("gpt-image-edit/"): (one.instruction_type, one.instruction_original)
        for key, one in kept.items()
    }
    assert told["omniedit_addition_00070858"] == ("original", "")
    assert told["omniedit_addition_00070859"] == ("rewrite", "Add a bee.")
    assert told["omniedit_complex-edit_00070858"] == ("complex", "")
    complex_ = kept["gpt-image-edit/omniedit_complex-edit_00070858"]
    assert complex_.family == "compositional_editing"
    licences = {key.split("/")[1].split("_")[0]: one.license for key, one in kept.items()}
    assert licences == {"hqedit": "CC-BY-NC-4.0", "omniedit": "MIT", "ultraedit": "CC-BY-4.0"}


def test_an_export_in_this_layout_is_read_back_as_it_was(
    top: Path, build_rows: Build, tmp_path: Path
) -> None:
    first = build_rows(SOURCE, top, "base", run="first").kept
    target = Store.on_disk(tmp_path / "exports")
    corpus = open_corpus(Store.on_disk(tmp_path / "store-base"), "corpora/first")
    export(corpus, LAYOUT, target, "out")
    where = tmp_path / "exports/out/gpt-edit"
    assert {path.name for path in where.iterdir()} == {"hqedit", "omniedit", "ultraedit"}
    again = build_rows(SOURCE, where, "base", selection={"shard_size": 2}).kept

    def told(records: dict[str, Published]) -> list[list[Any]]:
        rows = [[getattr(one, name) for name in SAME] for one in records.values()]
        return sorted(rows, key=lambda row: (row[1], row[0]))

    assert told(again) == told(first)


def test_the_family_and_the_licence_that_an_export_of_ours_names_count(
    top: Path, tmp_path: Path
) -> None:
    file = top / GENERATE
    record = json.loads(file.read_text())[0]
    ours = {"dataset_source": "folder", "task": "mine", "license": "CC0-1.0"}
    named = [
        {**record, "family": "background_replacement"},
        {**record, **ours, "id": "x", "family": "style_transfer"},
        {**record, **ours, "id": "y", "license": ""},
    ]
    file.write_text(json.dumps(named))
    told = [
        (one.license, family_of(one.dataset_source, one.task, one.subtask))
        for one in planned(top, tmp_path)
        if isinstance(one, Triplet) and one.file.endswith(GENERATE)
    ]
    assert told == [
        ("CC-BY-NC-4.0", "background_replacement"),
        ("CC0-1.0", "style_transfer"),
        ("unknown", None),
    ]


def test_how_many_pictures_are_not_there_is_told_once_for_a_file(
    top: Path, build_rows: Build, caplog: pytest.LogCaptureFixture
) -> None:
    build_rows(SOURCE, top, "base")
    ours = [one for one in caplog.records if one.name.startswith("editcorpus.")]
    told = [one.getMessage() for one in ours if one.levelno == logging.WARNING]
    assert [text.partition(" names ")[0].rpartition("/")[2] for text in told] == [
        "hqedit_generate.json",
        "ultraedit.tar.gz.part001",
    ]
    assert [text[:18] for text in told] == ["2 of 6 pictures th", "1 of 4 pictures th"]


def test_the_first_part_of_an_archive_gives_what_is_in_it(top: Path, tmp_path: Path) -> None:
    (top / "ultraedit.tar.gz.part002").unlink()
    ids = {one.id for one in planned(top, tmp_path)}
    assert "gpt-image-edit/hqedit_generate_00070858" in ids
    assert not any("ultraedit" in one for one in ids)  # its records lie behind its pictures


@pytest.mark.parametrize("ending", ["part-aa", "part000", "000", "part-001"])
def test_archives_are_known_by_their_first_part_whatever_it_is_called(
    top: Path, tmp_path: Path, ending: str
) -> None:
    width = len(ending.removeprefix("part-").removeprefix("part"))
    start = ending[: len(ending) - width]
    names = [ending, "part-ab" if "aa" in ending else f"{start}{int(ending[-width:]) + 1:0{width}}"]
    for number, name in enumerate(names, start=1):
        (top / f"ultraedit.tar.gz.part{number:03}").rename(top / f"ultraedit.tar.gz.{name}")
    ids = [one.id for one in planned(top, tmp_path)]
    assert len(ids) == len(set(ids)) == 8


def test_what_lies_before_damage_is_read_and_what_is_behind_it_is_accounted_for(
    top: Path, tmp_path: Path
) -> None:
    file = top / GENERATE
    file.write_bytes(file.read_bytes()[:-100])
    found = [one for one in planned(top, tmp_path) if "hqedit" in one.id]
    assert [type(one) for one in found] == [Triplet, Triplet, Rejected]
    bad = found[2]
    assert isinstance(bad, Rejected)
    assert (bad.id, str(bad.reason)) == ("gpt-image-edit/hqedit_generate/2", "row_unreadable")
    assert bad.detail.endswith("is damaged behind its record 2: it is no whole JSON.")


def test_records_that_are_none_are_rejected_one_by_one(top: Path, tmp_path: Path) -> None:
    file = top / GENERATE
    [one, two, three] = json.loads(file.read_text())
    odd = [one, 7, None, {**two, "id": 5}, {**two, "instruction": None}, {**three, "task": "../x"}]
    file.write_text(json.dumps(odd))
    told = [
        str(one.reason) if isinstance(one, Rejected) else one.task
        for one in planned(top, tmp_path)
        if "hqedit" in one.id
    ]
    assert sorted(told) == sorted(
        ["generate", "malformed_id", "malformed_id", "malformed_id", "empty_instruction", ""]
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"id": "x"}', "it holds no JSON array"),
        (
            '[{"id": "x"}]',
            "need dataset_source, task, input, output, instruction; the first has id",
        ),
        ("[7]", "the first has no member"),
        ("\x00", "it holds no JSON array"),
    ],
)
def test_a_file_of_another_layout_is_refused(
    top: Path, tmp_path: Path, text: str, told: str
) -> None:
    (top / GENERATE).write_text(text)
    inputs = found(top, tmp_path)
    with pytest.raises(ConfigError, match=told):
        check_columns(SOURCE, inputs, inputs.files[0])


def test_something_else_under_the_name_of_an_archive_is_refused(top: Path, tmp_path: Path) -> None:
    (top / "omniedit.tar").write_bytes(b"no archive" * 99)
    inputs = found(top, tmp_path)
    [file] = [one for one in inputs.files if one.endswith("omniedit.tar")]
    with pytest.raises(ConfigError, match="it is no tar archive, nor a gzip stream"):
        check_columns(SOURCE, inputs, file)


def test_the_hub_gives_what_the_same_folder_gives(top: Path, tmp_path: Path, hub: Any) -> None:
    files = [one for one in top.rglob("*") if one.is_file()]
    hub.dataset("team/gpt").commit(
        {f"gpt-edit/{path.relative_to(top)}": path.read_bytes() for path in files}
    )
    options = {"hub": {"endpoint": hub.url}}
    inputs = Inputs.find("hf://datasets/team/gpt/gpt-edit", options, SOURCE.kind)
    inputs = replace(inputs, store=Store.on_disk(tmp_path / "far"))
    far = [one for shard in plan(SOURCE, inputs, Selection()) for one in shard.triplets]
    assert {one.id for one in far} == {one.id for one in planned(top, tmp_path)}
    shelf = SOURCE.reader.shelf(SOURCE, inputs, inputs.store)
    got = {one.id: pair for one, pair in shelf.read(far, ("source", "edited"))}
    shelf.close()
    for number in (70_858, 70_859):
        pair = got[f"gpt-image-edit/omniedit_addition_{number:08d}"]
        names = {"source": "input", "edited": "output"}
        assert pair == {
            role: (top / f"omniedit/addition/{name}/{number:08d}.png").read_bytes()
            for role, name in names.items()
        }


def test_a_sample_is_drawn_from_every_task(top: Path, tmp_path: Path) -> None:
    tasks = {one.task for one in planned(top, tmp_path, limit=4) if isinstance(one, Triplet)}
    assert tasks == {"generate", "addition", "complex-edit", "add"}


def test_training_files_and_others_are_no_input(top: Path, tmp_path: Path) -> None:
    before = found(top, tmp_path).files
    (top / "training_json").mkdir()
    (top / "training_json/hqedit_gpt_edit.json").write_text("[]")
    (top / "notes.json").write_text("[]")
    assert found(top, tmp_path).files == before
