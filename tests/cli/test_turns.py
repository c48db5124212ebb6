"""Conversations turn by turn: killed, refused and redriven, and shared by two processes."""

import math
import signal
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from editcorpus.demo.seed_data_edit import write_seed_data_edit
from editcorpus.failpoints import VARIABLE
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.parquet import read_outcomes
from editcorpus.ledger import read_history
from editcorpus.records import Published, Reason, Rejected
from editcorpus.storage import Store
from flows.cli import main

pytestmark = pytest.mark.prefect
AT = "seed-data-edit/multi-turn/split_0001"
ENTERED = 13
LENIENT = ("min_done", "min_preserved", "min_clean")
LIVES = ("during:responses/*:3", "after:runs/*/shards/00001/fetch.json:1", "before:corpora/*:2")
REDRIVE = ("redrive", "--store", "store", "--run", "talk", "--retry-delay-s", 0, "--json")


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_seed_data_edit(tmp_path_factory.mktemp("seed"))


@pytest.fixture(scope="module")
def words(seed: Path) -> tuple[object, ...]:
    fixed = ("build", "seed-data-edit", "--input", seed, "--store", "store", "--run", "talk")
    sets = [word for name in LENIENT for word in ("--set", f"publish.{name}=0")]
    return (*fixed, "--shard-size", 3, "--retry-delay-s", 0, "--json", *sets)


@pytest.fixture(scope="module")
def quiet(
    words: tuple[object, ...],
    tmp_path_factory: pytest.TempPathFactory,
    served: Any,
    one_sandbox: Any,
) -> Path:
    """The store of a build where nothing happens; its run is not to be changed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    one_sandbox.admin("reset", {})
    ended = served.run(*words, "--store", folder)
    assert ended.code == 0, ended.err
    return folder


@pytest.fixture(scope="module")
def undisturbed(quiet: Path) -> dict[str, Published]:
    """What comes of it where nothing happens."""
    made = records(quiet)
    assert {f"{AT}/0#1", f"{AT}/0#2", f"{AT}/2#2", f"{AT}/4#2"} <= set(made)
    return made


def records(store: Path, name: str = "talk") -> dict[str, Published]:
    corpus = open_corpus(Store.on_disk(store), f"corpora/{name}")
    return {one.id: one for shard in corpus.shards for _, one in shard.records()}


def chained(made: dict[str, Published]) -> Iterator[bool]:
    """Whether each later turn starts from what became of the one before it."""
    for one in made.values():
        if one.previous:
            yield made[one.previous].edited_image == one.source_image


def billed(sandbox: Any) -> list[dict[str, Any]]:
    return [call for call in sandbox.admin("journal")["calls"] if call["billed"]]


def test_a_run_that_is_killed_between_turns_goes_on_where_it_was(
    shell: Any, sandbox: Any, words: tuple[object, ...], undisturbed: dict[str, Published]
) -> None:
    for failpoint in LIVES:
        died = shell.having(**{VARIABLE: failpoint}).run(*words, "--in-flight", 2)
        assert died.code == -signal.SIGKILL, (failpoint, died.err)
    ended = shell.run(*words)
    assert ended.code == 0, ended.err
    made = records(shell.folder / "store")
    assert made == undisturbed
    assert all(chained(made))
    told = ended.json
    assert told["kept"] + sum(told["rejected"].values()) == told["entered"] == ENTERED
    assert told["rejected"]["earlier_turn"] >= 2

    history, calls = read_history(Store.on_disk(shell.folder / "store"), "talk"), billed(sandbox)
    settled = {one.request_id: one.usd for one in history.records if one.outcome == "settled"}
    known = {call["request_id"]: Decimal(call["usd"]) for call in calls}
    assert settled.items() <= known.items()
    assert sum(known.values()) <= history.spent == Decimal(told["cost_usd"])
    edits = Counter(call["key"] for call in calls if call["endpoint"].endswith("/edits"))
    assert sum(edits.values()) - len(edits) <= len(history.possibly)
    assert shell.run("audit", "--store", "store", "--run", "talk").code == 0
    seen = len(billed(sandbox))
    assert shell.run(*words).code == 0
    assert len(billed(sandbox)) == seen


def test_a_turn_goes_with_the_one_before_it_when_thresholds_rise(
    quiet: Path, undisturbed: dict[str, Published]
) -> None:
    first = min(
        undisturbed[one.previous].score_done for one in undisturbed.values() if one.previous
    )
    least = math.nextafter(first, 1)
    gone: set[str] = set()
    for one in sorted(undisturbed.values(), key=lambda one: one.id):
        if one.score_done < least or one.previous in gone:
            gone.add(one.id)

    words = ("refilter", "talk", "--store", quiet, "--set", f"publish.min_done={least!r}", "--yes")
    assert main([*map(str, words)]) == 0

    assert set(records(quiet, "talk-refiltered")) == set(undisturbed) - gone
    store = Store.on_disk(quiet)
    rejects = read_outcomes(store, "corpora/talk-refiltered/rejects.parquet", Rejected)
    reasons = {one.id: one.reason for one in rejects}
    followed = {key for key in gone if undisturbed[key].previous in gone}
    assert followed
    assert {reasons[key] for key in followed} == {Reason.EARLIER_TURN}


def test_a_refused_turn_ends_its_sequence_until_it_is_done_again(
    shell: Any, sandbox: Any, words: tuple[object, ...], undisturbed: dict[str, Published]
) -> None:
    sandbox.admin("config", {"faults": {"moderation_input": 1.0}})
    before = shell.run(*words).json
    sandbox.admin("config", {"faults": {}})
    refused = before["rejected"]["moderation_input"]
    assert (before["kept"], refused) == (0, 5)
    assert before["rejected"]["earlier_turn"] == 6
    ended = shell.run(*REDRIVE, "--reason", "moderation_input")
    assert ended.code == 0, ended.err
    assert f"talk: {refused} are done again: {refused} moderation_input." in ended.err
    assert records(shell.folder / "store") == undisturbed
    assert shell.run("audit", "--store", "store", "--run", "talk").code == 0


def test_turns_after_one_without_an_answer_wait_for_the_next_run(
    shell: Any, sandbox: Any, words: tuple[object, ...], undisturbed: dict[str, Published]
) -> None:
    sandbox.admin("config", {"faults": {"server_error": 1.0}})
    ended = shell.run(*words, "--call-attempts", 1)
    sandbox.admin("config", {"faults": {}})
    assert ended.code != 0
    told = ended.json
    assert (told["kept"], told["failed"]) == (0, {"not_reached": 4, "unavailable": 5})
    assert shell.run(*words).code == 0
    assert records(shell.folder / "store") == undisturbed


def test_another_first_edit_gives_another_second_one(
    shell: Any, sandbox: Any, words: tuple[object, ...], undisturbed: dict[str, Published]
) -> None:
    sandbox.admin("config", {"defects": {"echo": 1.0}})
    before = shell.run(*words).json
    sandbox.admin("config", {"defects": {}})
    assert before["rejected"]["no_edit"] == 5
    ended = shell.run(*REDRIVE, "--reason", "no_edit", "--sample")
    assert ended.code == 0, ended.err
    made = records(shell.folder / "store")
    assert set(made) == set(undisturbed)
    assert all(chained(made))
    assert shell.run("audit", "--store", "store", "--run", "talk").code == 0


def test_two_processes_share_sequences_and_never_a_sequence(
    shell: Any, sandbox: Any, words: tuple[object, ...], undisturbed: dict[str, Published]
) -> None:
    sandbox.admin("config", {"faults": {"server_error": 0.1, "rate_limit": 0.1}})
    ended = shell.run(*words, "--processes", 2)
    assert ended.code == 0, ended.err
    assert records(shell.folder / "store") == undisturbed
    history = read_history(Store.on_disk(shell.folder / "store"), "talk")
    owners = {one.attempt.rpartition("-")[0] for one in history.records}
    assert len(owners) == 2, "each process writes its own journal"
    assert (
        history.spent == Decimal(ended.json["cost_usd"]) == Decimal(sandbox.admin("summary")["usd"])
    )


def test_turns_are_not_asked_for_in_batches(shell: Any, words: tuple[object, ...]) -> None:
    ended = shell.run(*words, "--mode", "batch")
    assert ended.code == 1
    assert "Turns of a conversation wait for each other" in ended.err
