"""The demo's planted input says of itself what is in it."""

import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from editcorpus.demo.planted import Counts, write_planted
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection, plan
from editcorpus.sandbox.others import Others
from editcorpus.sources.omniedit import SOURCE

COUNTS = Counts(plain=24, exact=3, near=3, known=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_planted(tmp_path_factory.mktemp("planted") / "input", COUNTS)


@pytest.fixture(scope="module")
def rows(folder):
    table = pq.read_table(folder / "rows.parquet").to_pylist()
    return {f"omniedit/{row['omni_edit_id']}": row for row in table}


def listed(folder):
    return [json.loads(line) for line in (folder / "planted.jsonl").read_text().splitlines()]


def test_every_row_is_fit_and_has_an_id_of_its_own(folder, rows):
    shards = list(plan(SOURCE, Inputs.find(str(folder)), Selection(shard_size=27)))
    planned = [one.id for shard in shards for one in shard.triplets]
    assert planned == list(rows)
    assert [len(shard.triplets) for shard in shards] == [27, 5]
    assert len(planned) == sum(COUNTS)


def test_the_list_names_rows_and_copies_are_what_they_are_called(folder, rows):
    told = listed(folder)
    kinds = Counter(one["kind"] for one in told)
    assert kinds == {"exact copy": 3, "near copy": 3, "benchmark source": 2}
    for one in told:
        own, first = rows[one["id"]], rows.get(one["of"])
        if first is not None:
            assert own["edited_prompt_list"] == first["edited_prompt_list"]
            same = own["src_img"]["bytes"] == first["src_img"]["bytes"]
            assert same == (one["kind"] == "exact copy")
    copied = [one["of"] for one in told if one["of"]]
    assert len(set(copied)) == len(copied)


def test_no_two_rows_but_copies_ask_for_the_same_of_the_same(folder, rows):
    copies = {one["id"] for one in listed(folder)}
    asked = [
        (row["edited_prompt_list"][0], row["src_img"]["bytes"])
        for key, row in rows.items()
        if key not in copies
    ]
    assert len(set(asked)) == len(asked)


def test_the_sandbox_can_exchange_answers_within_each_shard(folder):
    others = Others(folder / "requests", folder / "benchmark")
    groups = sorted((folder / "requests").iterdir())
    assert [len(list(group.glob("*.jpg"))) for group in groups] == [27, 5]
    found = 0
    for path in groups[0].glob("*.jpg"):
        partner = others.partner(Image.open(path))
        if partner is not None:
            assert partner.path.parent == path.parent
            assert partner.path != path
            found += 1
    assert found >= 20
    assert len(others.benchmark) == 8
