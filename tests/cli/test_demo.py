"""The demo plants defects, and tells what of them was found; a second time it pays for nothing."""

import json
from collections import Counter

import pytest

from editcorpus.demo.planted import Counts, write_planted

pytestmark = pytest.mark.prefect


def test_the_table_of_what_was_planted_closes_and_stays_as_it_is(shell, tmp_path):
    folder = tmp_path / "demo"
    write_planted(folder / "input-planted", Counts(plain=6, exact=1, near=1, known=1))
    words = ("demo", "--folder", folder, "--only", "demo-planted", "--json")
    first, again = shell.run(*words), shell.run(*words)
    assert (first.code, again.code) == (0, 0), first.err + again.err
    told = json.loads(first.out.splitlines()[-1])
    assert told == json.loads(again.out.splitlines()[-1])
    assert json.loads(again.out.splitlines()[-2])["calls"]["paid"] == 0

    kinds = {one["kind"]: one for one in told["planted"]}
    journal = [
        json.loads(line) for line in (folder / "sandbox-planted.jsonl").read_text().splitlines()
    ]
    made = {one["key"]: one["defect"] for one in journal if "images" in one["endpoint"]}
    rows = {"exact copy", "near copy", "benchmark source"}
    drawn = {name: one["planted"] for name, one in kinds.items() if name not in {*rows, "clean"}}
    assert set(drawn) == set(made.values()) - {""}
    assert drawn.keys() == {name for name in drawn if drawn[name] >= Counter(made.values())[name]}
    assert all(kinds[name]["planted"] == 1 for name in rows)
    assert (told["entered"], told["unasked"]) == (9, 0)
    for one in kinds.values():
        assert one["planted"] == one["gone"] + one["found"] + one["missed"]
        assert one["found"] == sum(one["by"].values())
    assert "Planted against found" in first.err
