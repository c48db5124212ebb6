"""Sequences of edits, written and read back."""

from dataclasses import replace
from pathlib import Path

import pytest

from editcorpus.errors import ShardError
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.export import export
from editcorpus.layouts.multi_turn import LAYOUT, read_multi_turn
from editcorpus.storage import Store


def written(build, sample, tmp_path: Path, *records) -> Store:
    target = Store.on_disk(tmp_path / "target")
    corpus = open_corpus(build(shards=(records,) if records else ()), sample.folder)
    export(corpus, LAYOUT, target, "out")
    return target


def sequence(sample, name: str, turns: int, start: int = 0):
    pictures = [sample.draw(start + number) for number in range(turns + 1)]
    return [
        sample.published(
            start + turn,
            id=f"seed/{name}#{turn + 1}",
            source_image=pictures[turn],
            edited_image=pictures[turn + 1],
        )
        for turn in range(turns)
    ]


def test_turns_of_a_sequence_are_one_line(build, sample, tmp_path: Path) -> None:
    records = [*sequence(sample, "a", 3), *sequence(sample, "b", 5, 10), sample.published(20)]
    found = list(read_multi_turn(written(build, sample, tmp_path, *records), "out"))
    assert [line["turns"] for line, _ in found] == [1, 3, 5]
    line, pictures = found[1]
    assert pictures == [records[0].source_image, *(record.edited_image for record in records[:3])]
    for number, record in enumerate(records[:3], start=1):
        assert line[f"instruction_{number}"] == record.instruction
        assert line[f"id_{number}"] == record.id
    assert "instruction_4" not in line
    assert (line["license"], line["dataset_source"]) == ("MIT", "omniedit")


def test_pictures_between_two_turns_are_written_once(build, sample, tmp_path: Path) -> None:
    store = written(build, sample, tmp_path, *sequence(sample, "a", 3))
    assert store.list("out/images") == [
        *("out/images/00000000-source.png", "out/images/00000000.png"),
        *("out/images/00000001.png", "out/images/00000002.png"),
    ]


def test_turns_are_found_in_whatever_file_they_lie(build, sample, tmp_path: Path) -> None:
    one, other = sequence(sample, "a", 3), sequence(sample, "b", 2, 10)
    shards = [(one[0], other[0]), (one[1], other[1]), (one[2],)]
    target = Store.on_disk(tmp_path / "target")
    export(open_corpus(build(shards=shards), sample.folder), LAYOUT, target, "out")
    found = list(read_multi_turn(target, "out"))
    assert [(line["id_1"], line["turns"]) for line, _ in found] == [
        ("seed/a#1", 3),
        ("seed/b#1", 2),
    ]
    assert found[0][1] == [one[0].source_image, *(record.edited_image for record in one)]
    assert len(target.list("out/images")) == 7


def test_a_turn_is_known_by_the_id_before_it_too(build, sample, tmp_path: Path) -> None:
    first, second = sequence(sample, "a", 2)
    records = replace(first, id="x#1"), replace(second, id="y", previous="x#1")
    [(line, _)] = read_multi_turn(written(build, sample, tmp_path, *records), "out")
    assert (line["id_1"], line["id_2"]) == ("x#1", "y")


@pytest.mark.parametrize(
    "change",
    [{"id": "seed/a#3"}, {"id": "seed/b#2"}, {"id": "seed/a"}, {"id": "seed/a#²"}, "picture"],
    ids=str,
)
def test_what_does_not_follow_begins_a_sequence(build, sample, tmp_path: Path, change) -> None:
    first, second = sequence(sample, "a", 2)
    changed = {"source_image": sample.draw(77)} if change == "picture" else change
    after = sample.published(9, **{"id": second.id, "source_image": second.source_image} | changed)
    found = list(read_multi_turn(written(build, sample, tmp_path, first, after), "out"))
    assert [line["turns"] for line, _ in found] == [1, 1]
    assert [after.source_image, after.edited_image] in [pictures for _, pictures in found]


@pytest.mark.parametrize("damage", ["picture", "line", "missing"])
def test_reading_names_what_is_damaged(build, sample, tmp_path: Path, damage: str) -> None:
    store = written(build, sample, tmp_path, *sequence(sample, "a", 2))
    if damage == "line":
        store.write("out/sequences.jsonl", b'{"turns": 2}\n')
    else:
        store.remove("out/images/00000001.png" if damage == "picture" else "out/sequences.jsonl")
    with pytest.raises(ShardError, match="no whole export of turns"):
        list(read_multi_turn(store, "out"))
