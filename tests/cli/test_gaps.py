"""A kill in each gap between intent, call, answer, settlement, columns and manifest (ADR 0006)."""

import signal
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from editcorpus.failpoints import DEATH, VARIABLE
from editcorpus.ledger import History, read_history
from editcorpus.storage import Store

pytestmark = pytest.mark.prefect
GAPS = {
    "before the first intent": "before:journal/*:1",
    "between intent and call": "after:journal/*:1",
    "between call and answer": "before:responses/*:1",
    "within an answer": "during:responses/*:1",
    "between answer and settlement": "after:responses/*:1",
    "within a line of the journal": "during:journal/*:1",
    "between columns and manifest": "before:runs/*/regenerate.json:1",
    "within a manifest": "during:runs/*/align.json:1",
    "after a manifest": "after:runs/*/publish.json:1",
    "within the corpus": "during:corpora/*/data/*:1",
    "before the corpus' manifest": "before:corpora/*/manifest.json:1",
    "after the corpus' manifest": "after:corpora/*/manifest.json:1",
}


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory,
    served: Any,
    one_sandbox: Any,
    few: Path,
) -> dict[str, bytes]:
    """The tables of the corpus of a run that nobody killed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    words = ("build", "omniedit", "--input", few, "--store", folder, "--run", "few")
    ended = served.run(*words, "--shard-size", 3, "--retry-delay-s", 0, "--json")
    assert ended.code == 0, ended.err
    return _corpora(Store.on_disk(folder))


def test_kills_in_every_gap_lose_nothing_and_name_what_may_be_billed(
    shell: Any,
    build: Callable[..., tuple[object, ...]],
    undisturbed: dict[str, bytes],
    sandbox: Any,
) -> None:
    """One run, of which each life ends in the next gap: it has all that a run can have behind it."""
    store = Store.on_disk(shell.folder / "store")
    for gap, failpoint in GAPS.items():
        died = shell.having(**{VARIABLE: failpoint}).run(*build())
        assert died.code == -signal.SIGKILL, (gap, died.err)
        assert DEATH.decode().strip() in died.err, gap
        calls, history = sandbox.admin("journal")["calls"], read_history(store, "few")
        if gap == "before the first intent":
            assert ([call for call in calls if call["billed"]], history.possibly) == ([], ())
        if gap == "between intent and call":
            assert history.possibly
        assert _problems(history, calls) == [], gap

    again = shell.run(*build())
    assert again.code == 0, again.err
    calls, ended = sandbox.admin("journal")["calls"], read_history(store, "few")
    assert _problems(ended, calls) == []
    assert ended.open == history.open
    paid = Counter(call["key"] for call in calls if call["billed"])
    assert sum(count - 1 for count in paid.values()) <= len(history.open)
    assert _corpora(store) == undisturbed


def _corpora(store: Store) -> dict[str, bytes]:
    """The tables of all corpora in a store, by path."""
    return {path: store.read(path) for path in store.list("corpora") if path.endswith(".parquet")}


def _problems(history: History, calls: list[dict[str, Any]]) -> list[str]:
    """What the ledger says otherwise than the server's journal."""
    billed = {call["request_id"]: call for call in calls if call["billed"]}
    settled = {call.request_id: call for call in history.records if call.outcome == "settled"}
    wrong = [
        f"{name} is booked at ${call.usd}"
        for name, call in settled.items()
        if name not in billed or Decimal(billed[name]["usd"]) != call.usd
    ]
    lost = len(billed.keys() - settled.keys())
    if lost > len(history.possibly):
        wrong.append(f"{lost} billed calls have no answer, {len(history.possibly)} are named")
    if sum(Decimal(call["usd"]) for call in billed.values()) > history.spent:
        wrong.append("more was billed than is booked")
    return wrong
