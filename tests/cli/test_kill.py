"""Killed again and again, a run loses nothing, pays next to nothing twice, and names what it may have."""

import os
import signal
from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from editcorpus.disk import files_below
from editcorpus.ledger import History, read_history
from editcorpus.storage import Store

pytestmark = pytest.mark.prefect
IN_FLIGHT = 3
LANES = 3  # images, writer, judge: each has its own limit
STORMY = {
    "time_scale": 1.0,
    "latency_s": 0.3,
    "faults": {"rate_limit": 0.1, "server_error": 0.1, "cut_body": 0.08},
    "defects": {"echo": 0.1},
}


def verdicts(corpus: Path) -> dict[str, bytes]:
    """The files of a corpus that say what was kept and what was not; a kill may leave temporary ones."""
    files = [*sorted(files_below(corpus / "data")), corpus / "rejects.parquet"]
    return {file.name: file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory,
    served: Any,
    one_sandbox: Any,
    few: Path,
) -> Path:
    """The corpus of a run that nobody killed, under the same faults."""
    folder = tmp_path_factory.mktemp("undisturbed")
    one_sandbox.admin("reset", {})
    one_sandbox.admin("config", {**STORMY, "latency_s": 0})
    words = ("build", "omniedit", "--input", few, "--store", folder, "--run", "few")
    more = ("--shard-size", 3, "--retry-delay-s", 0, "--json")
    ended = served.run(*words, *more)
    assert ended.code == 0, ended.err
    return Path(ended.json["corpus"])


@pytest.fixture
def killed(
    shell: Any,
    build: Callable[..., tuple[object, ...]],
    sandbox: Any,
    undisturbed: Path,
    wait_until: Any,
    take_ended: Any,
) -> tuple[Any, History, list[int]]:
    """How a run ended that was killed thrice, its history, and the calls in flight at each kill."""
    sandbox.admin("config", STORMY)
    store = Store.on_disk(shell.folder / "store")
    words = build("--in-flight", IN_FLIGHT)

    def billed(calls: int) -> Callable[[], bool]:
        return lambda: sandbox.admin("summary")["billed"] >= calls

    def published() -> bool:
        return bool(store.list("corpora"))

    left: list[int] = []
    for moment in (billed(2), billed(8), published):
        process = shell.start(*words)
        wait_until(process, moment)
        os.killpg(process.pid, signal.SIGKILL)
        assert take_ended(process).code == -signal.SIGKILL
        left.append(len(read_history(store, "few").open) - sum(left))
    return shell.run(*words), read_history(store, "few"), left


def test_a_run_that_was_killed_ends_as_if_nothing_had_happened(
    killed: tuple[Any, History, list[int]], undisturbed: Path, sandbox: Any, shell: Any
) -> None:
    ended, history, left = killed
    assert ended.code == 0, ended.err
    assert verdicts(Path(ended.json["corpus"])) == verdicts(undisturbed)
    check_books(history, sandbox, left)
    proved = shell.run("audit", "--store", "store", "--run", "few")
    assert proved.code == 0, proved.out
    assert len(history.possibly) == proved.out.count("possibly billed:")
    assert Decimal(ended.json["cost_usd"]) == history.spent


def check_books(history: History, sandbox: Any, left: list[int]) -> None:
    """Hold the ledger against the server's journal."""
    calls = sandbox.admin("journal")["calls"]
    billed = [call for call in calls if call["billed"]]
    settled = {call.request_id: call for call in history.records if call.outcome == "settled"}
    known = {call["request_id"]: call for call in billed}

    assert set(settled) <= set(known)
    for name, record in settled.items():
        assert record.usd == Decimal(known[name]["usd"]), record

    ours = {known[name]["key"]: record.key for name, record in settled.items()}
    open_calls = Counter(call.key for call in history.possibly)
    damaged = {call.request_id for call in history.records if call.outcome == "damaged"}
    lost: dict[str, int] = defaultdict(int)
    for name, call in known.items():
        if name not in settled and name not in damaged:
            lost[ours[call["key"]]] += 1
    assert {key: count for key, count in lost.items() if count > open_calls[key]} == {}

    assert sum(Decimal(call["usd"]) for call in billed) <= history.spent
    assert all(count <= LANES * IN_FLIGHT for count in left)
    cut = Counter(call["key"] for call in billed if call["fault"] == "cut_body")
    paid = Counter(call["key"] for call in billed)
    twice = sum(count - 1 - min(cut[key], count - 1) for key, count in paid.items())
    assert twice <= sum(left)
