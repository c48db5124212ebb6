"""Planted against found, from what became of each triplet."""

import pytest

from editcorpus.lookups.planted import (
    CLEAN,
    Fate,
    Planting,
    asked_ids,
    fates,
    read_plantings,
    table,
)
from editcorpus.lookups.planted_section import planted_section, write_section
from editcorpus.lookups.verdicts import run_verdicts
from editcorpus.storage import Store


def told(fates, plantings=(), left_out=None):
    return {one.name: one for one in table(fates, plantings, left_out or {})}


def test_what_was_planted_is_found_by_its_reason_or_missed():
    found = told(
        [
            Fate("a", "echo", "no_edit"),
            Fate("b", "echo", "kept"),
            Fate("c", "shift", "kept", corrected=True),
            Fate("d", "blank", "undecided"),
        ]
    )
    assert (found["echo"].planted, dict(found["echo"].found)) == (2, {"no_edit": 1})
    assert found["echo"].missed == ["b"]
    assert dict(found["shift"].found) == {"corrected": 1}
    assert (found["blank"].planted, found["blank"].of) == (1, 0)


def test_what_the_union_leaves_out_is_found_too():
    plantings = [Planting("a", "benchmark source"), Planting("b", "benchmark source")]
    fates = [Fate("a", "", "kept"), Fate("b", "", "kept"), Fate("c", "", "kept")]
    found = told(fates, plantings, {"a": "contaminated"})
    assert dict(found["benchmark source"].found) == {"contaminated": 1}
    assert found["benchmark source"].missed == ["b"]
    assert found[CLEAN].planted == 1


def test_of_two_copies_either_may_go():
    plantings = [Planting("copy 1", "near copy", "one"), Planting("copy 2", "near copy", "two")]
    fates = [Fate(key, "", "kept") for key in ("one", "copy 1", "two", "copy 2")]
    found = told(fates, plantings, {"one": "near_duplicate", "copy 2": "near_duplicate"})
    assert dict(found["near copy"].found) == {"near_duplicate": 2}
    assert (found[CLEAN].planted, found[CLEAN].missed) == (1, ["two"])


def test_a_clean_one_that_is_given_up_is_a_false_reject():
    found = told([Fate("a", "", "not_done"), Fate("b", "", "kept", corrected=True)])
    assert dict(found[CLEAN].found) == {"not_done": 1}
    assert found[CLEAN].missed == ["b"]
    assert found[CLEAN].as_json()["share"] == 0.5


@pytest.mark.parametrize(("copy", "first"), [("kept", "no_edit"), ("artefacts", "kept")])
def test_a_row_or_what_it_copies_may_be_gone_before_anybody_looks_for_copies(copy, first):
    fates = [Fate("a", "echo", first), Fate("b", "", copy)]
    found = told(fates, [Planting("b", "near copy", "a")])
    assert (found["near copy"].planted, found["near copy"].gone, found["near copy"].of) == (1, 1, 0)
    assert found[CLEAN].planted == 0


def test_a_correction_finds_no_copy():
    fates = [Fate("b", "shift", "kept", corrected=True), Fate("a", "", "kept")]
    found = told(fates, [Planting("b", "near copy", "a")])
    assert found["near copy"].missed == ["b"]
    assert dict(found["shift"].found) == {"corrected": 1}


def test_what_became_of_each_is_read_from_the_run_itself(built, one_sandbox):
    calls = one_sandbox.admin("journal")["calls"]
    drawn = {one["request_id"]: one["defect"] for one in calls if "images" in one["endpoint"]}
    told = {one.id: one for one in fates(built, "strict", drawn)}
    gone = {
        one.id: one.reason.value for shard in run_verdicts(built, "strict") for one in shard.gone
    }
    assert len(told) == 6
    assert all(one.end == gone[one.id] for one in told.values())
    assert {one.end for one in fates(built, "spring", drawn)} >= {"kept"}
    assert asked_ids(built, "spring") == (8, 2)
    first = {next(iter(drawn)): "echo"}
    assert [one.defect for one in fates(built, "spring", first)] in (["echo"], [])


def test_the_list_of_plantings_is_read(tmp_path):
    path = tmp_path / "planted.jsonl"
    path.write_text('{"id": "a", "kind": "near copy", "of": "b"}\n')
    assert read_plantings(path) == [Planting("a", "near copy", "b")]


def test_a_card_has_the_table_once_however_often_it_is_written(tmp_path):
    store = Store.on_disk(tmp_path)
    store.write("corpora/all/README.md", b"---\nx: y\n---\n# all\n\n## How to repeat it\n\nSo.\n")
    kinds = table([Fate("a", "echo", "no_edit"), Fate("b", "echo", "kept")], [], {})
    for entered in (3, 2):
        write_section(store, "corpora/all", planted_section("run-1", kinds, entered, 1))
    card = store.read("corpora/all/README.md").decode()
    assert card.count("## Planted against found") == 1
    assert card.startswith("---\nx: y\n---\n# all\n\n## How to repeat it\n\nSo.\n\n## Planted")
    assert "2 triplets entered" in card
    assert "| `echo` | 2 | 0 | 1 | 1 | 50% (9% to 91%) | 1 `no_edit` |" in card
    assert "| `clean` | 0 | 0 | 0 | 0 |  |  |" in card
    with pytest.raises(FileNotFoundError):
        write_section(store, "corpora/none", "")
