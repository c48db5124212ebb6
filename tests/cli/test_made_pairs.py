"""Two paid calls a row, or three, each about the one before: killed between them and within the second."""

import json
import signal
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from editcorpus.demo.complex_edit import write_complex_edit
from editcorpus.demo.hqedit import write_hqedit
from editcorpus.failpoints import VARIABLE
from editcorpus.layouts.parquet import read_shard
from editcorpus.ledger import read_history
from editcorpus.storage import Store

pytestmark = pytest.mark.prefect
ROWS = 6  # with an instruction and a caption
LIVES = ("after:runs/*/synthesize.json:1", "during:responses/*:2")


def billed(sandbox: Any, what: str = "") -> list[dict[str, Any]]:
    calls = sandbox.admin("journal")["calls"]
    return [call for call in calls if call["billed"] and call["endpoint"].endswith(what)]


def test_kills_between_and_within_the_two_calls_of_a_pair_pay_for_no_picture_twice(
    shell: Any, sandbox: Any, tmp_path: Path
) -> None:
    rows, store = write_hqedit(tmp_path / "input"), Store.on_disk(shell.folder / "store")
    words = ("build", "hqedit", "--recipe", "generate", "--input", rows, "--store", "store")
    words = (*words, "--run", "pairs", "--retry-delay-s", 0, "--in-flight", 2, "--json")
    for failpoint in LIVES:
        died = shell.having(**{VARIABLE: failpoint}).run(*words)
        assert died.code == -signal.SIGKILL, died.err
        assert len(billed(sandbox, "/generations")) == ROWS
    ended = shell.run(*words)
    assert ended.code == 0, ended.err
    assert ended.json["rejected"]["caption_missing"] == 1

    history, calls = read_history(store, "pairs"), billed(sandbox)
    settled = {one.request_id: one.usd for one in history.records if one.outcome == "settled"}
    known = {call["request_id"]: Decimal(call["usd"]) for call in calls}
    assert settled.items() <= known.items()  # to the cent
    assert len(known) - len(settled) <= len(history.possibly) <= ROWS  # in flight at the kill
    assert sum(known.values()) <= history.spent == Decimal(ended.json["cost_usd"])
    made = Counter(call["key"] for call in billed(sandbox, "/generations"))
    assert set(made.values()) == {1}
    edits = Counter(call["key"] for call in billed(sandbox, "/edits"))
    assert len(edits) == ROWS
    assert sum(edits.values()) - ROWS <= len(history.possibly)

    (path,) = [path for path in store.list("corpora/pairs/data") if path.endswith(".parquet")]
    records = list(read_shard(store, path))
    assert len(records) == ended.json["kept"] > 0
    assert {(one.variant, one.license) for one in records} == {("pair", "CC-BY-NC-4.0")}
    proved = shell.run("audit", "--store", "store", "--run", "pairs")
    assert proved.code == 0, proved.out


def test_a_kill_after_the_captions_of_a_source_that_has_none_pays_for_none_of_them_twice(
    shell: Any, sandbox: Any, tmp_path: Path
) -> None:
    rows, store = write_complex_edit(tmp_path / "input"), Store.on_disk(shell.folder / "store")
    before = len(billed(sandbox))
    words = ("omniedit", "--variant", "pair", "--input", rows, "--store", "store")
    priced = shell.run("estimate", *words, "--json").json["presets"]["standard"]["steps"]
    assert {*priced} == {"caption", "synthesize", "regenerate", "rewrite", "align"}
    words = ("build", *words, "--run", "described", "--retry-delay-s", 0, "--json")
    died = shell.having(**{VARIABLE: "after:runs/*/caption.json:1"}).run(*words)
    assert died.code == -signal.SIGKILL, died.err
    asked = {call["key"] for call in billed(sandbox)[before:]}
    ended = shell.run(*words)
    assert ended.code == 0, ended.err

    calls = billed(sandbox)[before:]
    assert max(Counter(call["key"] for call in calls if call["key"] in asked).values()) == 1
    history = read_history(store, "described")
    assert sum(Decimal(call["usd"]) for call in calls) == history.spent
    assert history.spent == Decimal(ended.json["cost_usd"])
    captions = {one.key for one in history.records if one.step == "caption"}
    made = [one for one in history.records if one.step == "synthesize"]
    assert 0 < len(made) <= len(captions)

    (path,) = [path for path in store.list("corpora/described/data") if path.endswith(".parquet")]
    records = list(read_shard(store, path))
    assert len(records) == ended.json["kept"] > 0
    for one in records:
        told = json.loads(one.source_facts)
        assert told["input_description"].endswith(".")
        assert told["caption_response"] in captions
        assert one.variant == "pair"
    assert shell.run("audit", "--store", "store", "--run", "described").code == 0
