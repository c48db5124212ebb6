"""SEED-Data-Edit: its sequences turn by turn, its split archives, and what is wrong with its release."""

import json
import logging
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from editcorpus.demo.seed_data_edit import write_seed_data_edit
from editcorpus.errors import ConfigError
from editcorpus.geometry import FIXED_SIZES
from editcorpus.inputs import Inputs
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.export import export
from editcorpus.layouts.multi_turn import LAYOUT, read_multi_turn
from editcorpus.planning import Selection, check_columns, plan
from editcorpus.records import Rejected, Triplet
from editcorpus.rows import Found, Role, Source
from editcorpus.sources.seed_data_edit import RECIPES, TURNS
from editcorpus.storage import Store
from flows.sources import source_named

Build = Callable[..., Any]
SEQUENCES = RECIPES["multi-turn"]
AT = "seed-data-edit/multi-turn/split_0001"
FOLDER = "SEED-Data-Edit-Part2-3/multi_turn_editing"


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_seed_data_edit(tmp_path_factory.mktemp("seed"))


@pytest.fixture
def own(seed: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(seed, tmp_path / "own"))


def found(source: Source, where: Path, store: Path) -> Inputs:
    return replace(Inputs.find(str(where), {}, source.kind), store=Store.on_disk(store))


def planned(source: Source, inputs: Inputs) -> list[Triplet | Rejected]:
    shards = plan(source, inputs, Selection())
    return [one for shard in shards for one in (*shard.triplets, *shard.rejected)]


def pictures(
    source: Source, where: Path, store: Path, roles: tuple[Role, ...] = ("source", "edited")
) -> dict[str, Found]:
    inputs = found(source, where, store)
    triplets = [one for one in planned(source, inputs) if isinstance(one, Triplet)]
    shelf = source.reader.shelf(source, inputs, inputs.store)
    try:
        return {one.id: got for one, got in shelf.read(triplets, roles)}
    finally:
        shelf.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = [one for one in caplog.records if one.name.startswith("editcorpus.")]
    return [one.getMessage() for one in ours if one.levelno >= logging.WARNING]


def test_a_turn_starts_from_what_became_of_the_turn_before(seed: Path, build_rows: Build) -> None:
    built = build_rows(SEQUENCES, seed)
    assert not built.failed
    first, second, third = (built.kept[f"{AT}/0#{turn}"] for turn in (1, 2, 3))
    assert second.source_image == first.edited_image
    assert third.source_image == second.edited_image
    assert (first.previous, second.previous, third.previous) == ("", first.id, second.id)
    assert first.source_image != second.source_image
    assert {record.license for record in built.kept.values()} == {"CC-BY-NC-4.0"}
    # the damaged picture of sequence 4 is one that nobody looks at here
    assert built.kept[f"{AT}/4#2"].source_image == built.kept[f"{AT}/4#1"].edited_image
    assert built.rejected == {
        f"{AT}/3#2": "empty_instruction",
        f"{AT}/3#3": "earlier_turn",
        f"{AT}/5#1": "image_missing",
        f"{AT}/5#2": "earlier_turn",
    }


def test_of_a_pair_the_first_turn_is_made_anew_and_the_later_ones_follow(
    seed: Path, build_rows: Build
) -> None:
    source = source_named("seed-data-edit", "multi-turn", variant="pair")
    built = build_rows(source, seed, "pair")
    first, second = (built.kept[f"{AT}/0#{turn}"] for turn in (1, 2))
    assert "input_description" in json.loads(first.source_facts)
    assert "input_description" not in json.loads(second.source_facts or "{}")
    assert (first.width, first.height) in FIXED_SIZES
    for key, record in built.kept.items():
        if record.previous:
            assert record.source_image == built.kept[record.previous].edited_image, key


def test_a_base_pair_is_as_published_whatever_became_of_the_turn_before(
    seed: Path, build_rows: Build, tmp_path: Path
) -> None:
    built = build_rows(SEQUENCES, seed, "base")
    given = pictures(SEQUENCES, seed, tmp_path / "lists")
    for key, record in built.kept.items():
        assert given[key] == {"source": record.source_image, "edited": record.edited_image}
    assert built.rejected == {
        f"{AT}/3#2": "empty_instruction",
        f"{AT}/4#1": "edited_unreadable",
        f"{AT}/4#2": "image_unreadable",
        f"{AT}/5#1": "image_missing",
    }
    assert built.kept[f"{AT}/3#3"].previous == f"{AT}/3#2"


def test_the_corpus_is_exported_as_conversations(
    seed: Path, build_rows: Build, tmp_path: Path
) -> None:
    build_rows(SEQUENCES, seed)
    corpus = open_corpus(Store.on_disk(tmp_path / "store-output"), "corpora/r")
    target = Store.on_disk(tmp_path / "exports")
    export(corpus, LAYOUT, target, "out")
    lines = [line for line, _ in read_multi_turn(target, "out")]
    assert {line["id_1"]: line["turns"] for line in lines} == {
        f"{AT}/0#1": 3,
        f"{AT}/1#1": 1,
        f"{AT}/2#1": 2,
        f"{AT}/3#1": 1,
        f"{AT}/4#1": 2,
    }


def test_how_many_pictures_are_not_there_is_told_once(
    seed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = RECIPES["openimages"]
    inputs = found(source, seed, tmp_path)
    triplets = [one for one in planned(source, inputs) if isinstance(one, Triplet)]
    shelf = source.reader.shelf(source, inputs, inputs.store)
    for _ in range(2):
        got = {one.id: pair for one, pair in shelf.read(triplets, ("source", "edited"))}
    shelf.close()
    last = got["seed-data-edit/openimages/split_0000/2"]
    assert isinstance(last, dict)
    assert (last["source"], last["edited"] is None) == (None, False)
    [told] = warnings(caplog)
    assert told.startswith("1 of 6 pictures that ")
    assert "split_0000.jsonl names are not there; their rows are rejected." in told


def test_what_lies_before_a_missing_part_is_read(
    own: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (own / FOLDER / "images/multi_turn.tar.gz.part-ab").unlink()
    got = pictures(SEQUENCES, own, tmp_path)
    assert isinstance(got[f"{AT}/0#1"], dict)
    assert None not in got[f"{AT}/0#1"].values()
    assert got[f"{AT}/4#2"] == {"source": None, "edited": None}
    [told] = warnings(caplog)
    assert "of 19 pictures" in told
    assert "multi_turn.tar.gz" in told.rpartition("rejected.")[2]


def test_a_picture_is_the_same_in_a_folder_as_in_the_archive(own: Path, tmp_path: Path) -> None:
    packed = pictures(SEQUENCES, own, tmp_path / "one")
    images = own / FOLDER / "images"
    parts = sorted(images.iterdir())
    (images / "whole.tar.gz").write_bytes(b"".join(part.read_bytes() for part in parts))
    with tarfile.open(images / "whole.tar.gz") as archive:
        archive.extractall(images, filter="data")
    for part in (*parts, images / "whole.tar.gz"):
        part.unlink()
    assert pictures(SEQUENCES, own, tmp_path / "other") == packed


@pytest.mark.parametrize("ahead", ["images", "multi_turn"])
def test_an_archive_may_be_packed_from_outside_the_folder_of_its_pictures(
    own: Path, tmp_path: Path, ahead: str
) -> None:
    packed = pictures(SEQUENCES, own, tmp_path / "one")
    images = own / FOLDER / "images"
    parts = sorted(images.iterdir())
    whole, inner = tmp_path / "whole.tar.gz", tmp_path / ahead
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))
    with tarfile.open(whole) as archive:
        archive.extractall(inner, filter="data")
    for part in parts:
        part.unlink()
    with tarfile.open(images / "multi_turn.tar.gz", "w:gz") as archive:
        archive.add(inner, ahead)
    assert pictures(SEQUENCES, own, tmp_path / "other") == packed


def test_a_picture_outside_the_folder_is_not_there(own: Path, tmp_path: Path) -> None:
    (own / "secret.jpg").write_bytes(b"x")
    (own / FOLDER / "images/plain").mkdir()
    line = {"source_image": "../../../secret.jpg", "instruction_1": "Add a hat."}
    paths = {"edit_image_1": str(own / "secret.jpg")}
    file = own / FOLDER / "annotations/split_0001.jsonl"
    file.write_text(json.dumps({**line, **paths}) + "\n")
    assert pictures(SEQUENCES, own, tmp_path) == {f"{AT}/0#1": {"source": None, "edited": None}}


def test_a_picture_of_no_honest_size_is_rejected_alone(
    own: Path, build_rows: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("editcorpus.readers.stock._MOST_BYTES", 45_000)
    built = build_rows(SEQUENCES, own)
    assert built.rejected[f"{AT}/4#1"] == "image_too_large"
    assert built.rejected[f"{AT}/4#2"] == "earlier_turn"
    assert f"{AT}/0#3" in built.kept


def test_lines_that_are_no_sequence_are_rejected_one_by_one(own: Path, tmp_path: Path) -> None:
    whole = {"source_image": "a", "instruction_1": "Add a hat.", "edit_image_1": "b"}
    lines = [
        json.dumps(whole),
        '{"source_image": ',
        "[]",
        json.dumps({"source_image": "a"}),
        json.dumps({**whole, "instruction_1": 7}),
        json.dumps({**whole, "instruction_2": "!" * 512, "edit_image_2": "c"}),
        json.dumps({**whole, "instruction_1": "Add \ud800 a star.", "source_image": "\udc80"}),
    ]
    (own / FOLDER / "annotations/split_0001.jsonl").write_text("".join(f"{x}\n" for x in lines))
    told = {
        one.id.removeprefix(AT): str(one.reason) if isinstance(one, Rejected) else one.instruction
        for one in planned(SEQUENCES, found(SEQUENCES, own, tmp_path))
    }
    assert told == {
        "/0#1": "Add a hat.",
        "/1": "row_unreadable",
        "/2": "row_unreadable",
        "/3#1": "empty_instruction",
        "/4#1": "empty_instruction",
        "/5#1": "Add a hat.",
        "/5#2": "degenerate_instruction",
        "/6#1": "Add ? a star.",
    }


def test_five_turns_are_five_shards_one_after_the_other(own: Path, tmp_path: Path) -> None:
    line = {"source_image": "0.jpg"}
    for turn in range(1, TURNS + 1):
        line |= {f"instruction_{turn}": f"Add star {turn}.", f"edit_image_{turn}": f"{turn}.jpg"}
    file = own / FOLDER / "annotations/split_0001.jsonl"
    file.write_text((json.dumps(line) + "\n") * 5)
    shards = list(plan(SEQUENCES, found(SEQUENCES, own, tmp_path), Selection(shard_size=3)))
    assert [len(shard.triplets) for shard in shards] == [2] * 5 + [3] * 5
    assert [{one.turn for one in shard.triplets} for shard in shards] == [
        {1 + number % TURNS} for number in range(10)
    ]


def test_a_file_of_another_layout_is_refused_with_what_it_has(own: Path, tmp_path: Path) -> None:
    file = own / FOLDER / "annotations/split_0001.jsonl"
    file.write_text('{"image": "a", "text": "b"}\n')
    inputs = found(SEQUENCES, own, tmp_path)
    with pytest.raises(ConfigError, match=r"need source_image, .*they have image, text\."):
        check_columns(SEQUENCES, inputs, inputs.files[0])
    file.write_text("")
    check_columns(SEQUENCES, inputs, inputs.files[0])


def test_an_input_without_the_part_names_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="multi_turn_editing"):
        Inputs.find(str(tmp_path), {}, SEQUENCES.kind)
