"""`editcorpus redrive` as a person meets it: whom the API refused is done again, nobody else."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from editcorpus.ledger import read_history
from editcorpus.lookups.redrivable import choose
from editcorpus.records import Reason
from editcorpus.stages.redriving import read_redrives, record_redrive
from editcorpus.storage import Store

pytestmark = pytest.mark.prefect
Words = Callable[..., tuple[object, ...]]
Files = Callable[[Path], dict[str, bytes]]
REDRIVE = ("redrive", "--store", "store", "--run", "few", "--retry-delay-s", 0, "--json")


def moderated(sandbox: Any, shell: Any, words: tuple[object, ...]) -> Any:
    """A build in which the API refuses some edits."""
    sandbox.admin("config", {"faults": {"moderation_input": 0.4}})
    ended = shell.run(*words)
    sandbox.admin("config", {"faults": {}})
    assert ended.code == 0, ended.err
    return ended


def test_refused_triplets_are_done_again_and_no_others(
    shell: Any, build: Words, sandbox: Any, files_below: Files
) -> None:
    store = Path(shell.folder / "store")
    before = moderated(sandbox, shell, build()).json
    refused = before["rejected"]["moderation_input"]
    assert 1 <= refused < 6
    seen = len(sandbox.admin("journal")["calls"])
    ended = shell.run(*REDRIVE, "--reason", "moderation_input")
    assert ended.code == 0, ended.err
    assert f"few: {refused} are done again: {refused} moderation_input." in ended.err
    told = ended.json
    assert "moderation_input" not in told["rejected"]
    assert told["kept"] + sum(told["rejected"].values()) == told["entered"] == 8
    calls = sandbox.admin("journal")["calls"][seen:]
    assert sum(call["endpoint"].endswith("/images/edits") for call in calls) == refused
    assert [one.done for one in read_redrives(Store.on_disk(store), "few")] == [True]
    assert shell.run("audit", "--store", "store", "--run", "few").code == 0
    after = files_below(store / "corpora")
    seen = len(sandbox.admin("journal")["calls"])
    assert shell.run(*build()).code == 0
    assert len(sandbox.admin("journal")["calls"]) == seen
    assert files_below(store / "corpora") == after


def test_what_was_measured_takes_another_edit_and_says_so(
    shell: Any, build: Words, sandbox: Any
) -> None:
    ended = shell.run(*REDRIVE)
    assert ended.code == 1 and "has no run 'few'" in ended.err
    sandbox.admin("config", {"defects": {"echo": 1.0}})
    before = shell.run(*build("--set", "rewrite.share=0"))
    sandbox.admin("config", {"defects": {}})
    unchanged = before.json["rejected"]["no_edit"]
    seen = len(sandbox.admin("journal")["calls"])
    ended = shell.run(*REDRIVE, "--reason", "no_edit", "image_unreadable")
    assert ended.code == 1 and ended.json["kept"] == 0
    assert f"Not done again: {unchanged} no_edit, 1 image_unreadable." in ended.err
    assert "--sample" in ended.err
    ended = shell.run(*REDRIVE, "--reason", "moderation_input")
    assert ended.code == 1 and "has given up nobody for these reasons" in ended.err
    assert len(sandbox.admin("journal")["calls"]) == seen
    store = Store.on_disk(shell.folder / "store")
    assert read_redrives(store, "few") == []
    chosen = choose(
        store, "few", [Reason.NO_EDIT], another=True
    )  # as `redrive --sample`, and killed
    at = "2026-11-20T00:00:00.000+00:00"
    record_redrive(store, "few", at, ["no_edit"], chosen.items)
    ended = shell.run(*REDRIVE, "--reason", "unavailable")
    assert (
        ended.code == 1
        and "waits to be carried out; start it again (--reason no_edit)" in ended.err
    )
    ended = shell.run(*REDRIVE, "--reason", "no_edit")
    assert ended.code == 0, ended.err
    assert f"few: the redrive of {at} goes on." in ended.err
    assert "no_edit" not in ended.json["rejected"] and ended.json["kept"] > before.json["kept"]
    calls = sandbox.admin("journal")["calls"][seen:]
    assert sum(call["endpoint"].endswith("/images/edits") for call in calls) == unchanged


def test_two_processes_redrive_whom_the_api_refused_and_nobody_else(
    shell: Any, build: Words, sandbox: Any
) -> None:
    store = Store.on_disk(shell.folder / "store")
    before = moderated(sandbox, shell, build("--set", "effort.gallery=0")).json
    refused = before["rejected"]["moderation_input"]
    known = {record.attempt for record in read_history(store, "few").records}
    seen = len(sandbox.admin("journal")["calls"])
    ended = shell.run(*REDRIVE, "--reason", "moderation_input", "--processes", 2)
    assert ended.code == 0, ended.err
    told = ended.json
    assert "moderation_input" not in told["rejected"]
    assert told["kept"] + sum(told["rejected"].values()) == told["entered"] == 8
    calls = sandbox.admin("journal")["calls"][seen:]
    assert sum(call["endpoint"].endswith("/images/edits") for call in calls) == refused
    history = read_history(store, "few")
    fresh = {record.attempt.rpartition("-")[0] for record in history.records} - {
        attempt.rpartition("-")[0] for attempt in known
    }
    assert len(fresh) == 2, "each process writes its own journal"
    assert history.spent == Decimal(sandbox.admin("summary")["usd"]) == Decimal(told["cost_usd"])
    assert not history.possibly
    assert [one.done for one in read_redrives(store, "few")] == [True]
    assert shell.run("audit", "--store", "store", "--run", "few").code == 0
