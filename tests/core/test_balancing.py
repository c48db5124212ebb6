"""A sample that is even over kinds of edit that somebody has to tell."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.balancing import Draw, Kinds, balanced
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection, plan
from editcorpus.records import Triplet
from editcorpus.rows import Place, Row, Source
from editcorpus.sources.omniedit import SOURCE

NAMES = ("add", "turn", "others")
PARTS = {"add": 70, "turn": 30, "others": 5}


def to_triplet(row: Row, place: Place, _seed: int) -> Triplet:
    return Triplet(f"toy/{row['key']}", "toy", "", "", row["text"], 0, "CC0-1.0", *place)


TOY: Source = replace(
    SOURCE,
    name="toy",
    columns={"key": "text", "text": "text"},
    task_column="",
    pictures={},
    triplet=to_triplet,
    classes=True,
)


class Asked:
    """Tells a kind by the first word of an instruction, and counts what it was asked."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def __call__(self, triplets: Sequence[Triplet]) -> Mapping[str, str]:
        self.ids += [one.id for one in triplets]
        return {one.id: one.instruction.split()[0] for one in triplets}


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    words = [kind for kind, count in PARTS.items() for _ in range(count)]
    for file in range(2):
        rows = [
            {"key": f"{file}-{number}", "text": f"{word} {file} {number}"}
            for number, word in enumerate(words)
        ]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{file}.parquet", row_group_size=20)
    return Inputs.find(str(tmp_path))


def test_each_kind_has_its_part_of_the_limit(inputs: Inputs) -> None:
    drawn = balanced(TOY, inputs, Draw(20, 0, 8), Kinds(NAMES, Asked()))
    assert Counter(one.task for one in drawn) == {"add": 7, "turn": 7, "others": 6}
    places = [(one.file, one.row_group, one.row) for one in drawn]
    assert places == sorted(places)


def test_a_kind_that_is_too_rare_has_fewer_and_the_log_says_so(
    inputs: Inputs, caplog: pytest.LogCaptureFixture
) -> None:
    asked = Asked()
    with caplog.at_level(logging.WARNING):
        drawn = balanced(TOY, inputs, Draw(90, 0, 8), Kinds(NAMES, asked))
    assert Counter(one.task for one in drawn) == {"add": 30, "turn": 30, "others": 10}
    assert "All 210 rows were classified, and there are too few: others 20 short." in caplog.text
    assert sorted(set(asked.ids)) == sorted(asked.ids), "nobody is asked about twice"


def test_a_larger_sample_holds_the_smaller_one(inputs: Inputs) -> None:
    few, many = (
        {one.id for one in balanced(TOY, inputs, Draw(limit, 3, 8), Kinds(NAMES, Asked()))}
        for limit in (9, 21)
    )
    assert few < many


def test_no_more_is_asked_than_is_needed(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("editcorpus.balancing.WINDOW", 16)
    asked = Asked()
    balanced(TOY, inputs, Draw(6, 0, 8), Kinds(("add", "turn"), asked))
    assert len(asked.ids) < 80


def test_a_plan_is_even_with_a_limit_and_whole_without(inputs: Inputs) -> None:
    kinds = Kinds(NAMES, Asked())
    some = [
        one for shard in plan(TOY, inputs, Selection(limit=12), kinds) for one in shard.triplets
    ]
    assert Counter(one.task for one in some) == dict.fromkeys(NAMES, 4)
    every = [one for shard in plan(TOY, inputs, Selection(), kinds) for one in shard.triplets]
    assert Counter(one.task for one in every) == {kind: 2 * count for kind, count in PARTS.items()}
