"""A run in several processes of one machine: the same corpus, one budget, one set of limits."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psutil
import pytest
from otlp_receiver import Exported, listening

from editcorpus.ledger import History, read_history
from editcorpus.storage import Store
from flows.omniedit import omniedit
from flows.parameters import Recipe

pytestmark = pytest.mark.prefect
ROWS = (
    "task_obj_add_42250",
    "task_attr_mod_color_11750",
    "task_attr_mod_facial_2391",
    "task_env_weather_113010",
    "task_obj_remove_380744",
    "task_obj_add_45556",
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, write_rows: Callable[..., Path]) -> Path:
    return write_rows(tmp_path_factory.mktemp("input") / "rows.parquet", ROWS, 1)


@pytest.fixture
def build(
    source: Path, tmp_path: Path, save_blocks: Callable[..., dict[str, str]], sandbox: Any
) -> Callable[..., Any]:
    """Builds the same rows under a run's name; gives the state."""
    blocks = save_blocks("parts", {"root": str(tmp_path / "store")})

    def made(run: str, **effort: Any) -> Any:
        recipe = {
            "run": run,
            "input": str(source),
            "selection": {"shard_size": 1},
            "endpoints": blocks,
            "effort": {"retry_delay_s": 0, "gallery": 0, **effort},
        }
        return omniedit(Recipe.model_validate(recipe), return_state=True)

    return made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.on_disk(tmp_path / "store")


def corpus(store: Store, run: str) -> dict[str, bytes]:
    paths = [path for path in store.list(f"corpora/{run}") if path.endswith(".parquet")]
    return {path.rpartition("/")[2]: store.read(path) for path in paths}


def charged(sandbox: Any) -> Decimal:
    return Decimal(sandbox.admin("summary")["usd"])


def test_processes_make_what_one_makes_and_books_and_metrics_agree(
    build: Callable[..., Any], store: Store, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = build("alone")
    assert alone.name == "Completed", alone
    for path in store.list("responses"):
        store.remove(path)  # so that the others have to pay for it again
    for path in store.list("journal"):
        store.remove(path)
    sandbox.admin("reset", {})
    with listening() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        together = build("together", processes=3)
    assert together.name == "Completed", together
    assert corpus(store, "together") == corpus(store, "alone")
    outcome, history = together.result(), read_history(store, "together")
    assert history.spent == charged(sandbox) == outcome.cost_usd > 0
    assert outcome.calls["paid"] == len(history.records)
    assert len({record.attempt.rpartition("-")[0] for record in history.records}) == 3
    assert store.list("leases") == []
    _prove_metrics(receiver.lasts, history, len(outcome.standing.rejected))


def _prove_metrics(told: list[Exported], history: History, rejected: int) -> None:
    """What all processes sent about a run of six triplets, beside its books."""
    (owner,) = (one for one in told if "editcorpus.partition" not in one.resource)
    parts = [one for one in told if one is not owner]
    numbers = {one.resource["editcorpus.partition"] for one in parts}
    assert numbers == {*range(len(parts))} and len(parts) >= 3
    assert {one.resource["editcorpus.run"] for one in told} == {"together"}
    assert len({one.resource["prefect.flow-run.id"] for one in told}) == len(told)
    calls = Counter(record.step for record in history.records)
    found: Counter[str] = Counter()
    for one in told:
        of = one.values("editcorpus.calls", "editcorpus.step", "editcorpus.outcome")
        found.update({step: int(count) for (step, _), count in of.items()})
        assert one.values("editcorpus.calls.in_flight") == {(): 0}
        assert min(one.values("editcorpus.store.io", "editcorpus.direction").values()) > 0
    assert found == calls
    usd = sum(sum(one.values("editcorpus.cost.booked").values()) for one in told)
    assert usd == pytest.approx(float(history.spent))
    assert owner.values("editcorpus.run.spent")[()] == pytest.approx(float(history.spent))
    triplets = owner.values("editcorpus.triplets", "editcorpus.outcome")
    assert sum(triplets.values()) == 6 and triplets.get(("rejected",), 0) == rejected
    assert owner.values("editcorpus.shards.finished") == {(): 6}


def test_a_budget_holds_over_all_processes_and_is_used(
    build: Callable[..., Any], store: Store, sandbox: Any
) -> None:
    budget = Decimal("0.30")
    stopped = build("poor", processes=2, budget_usd=budget)
    assert stopped.name == "Stopped: budget", stopped
    assert "higher budget" in stopped.message
    spent = read_history(store, "poor").spent
    assert charged(sandbox) == spent <= budget
    assert budget - spent < Decimal("0.2")  # the worst case of one call and a cent for each process
    done = build("poor", budget_usd=3)
    assert done.name == "Completed", done
    assert charged(sandbox) == read_history(store, "poor").spent


def test_a_process_that_is_killed_is_replaced(
    build: Callable[..., Any], store: Store, sandbox: Any
) -> None:
    sandbox.admin("config", {"latency_s": 1.0, "time_scale": 1.0})
    killed: list[int] = []
    killer = threading.Thread(target=_kill_one, args=(sandbox, killed))
    killer.start()
    state = build("hurt", processes=2)
    killer.join()
    assert killed
    assert state.name == "Completed", state
    history = read_history(store, "hurt")
    assert charged(sandbox) <= history.spent == state.result().cost_usd
    assert state.result().calls["possibly_billed"] == len(history.possibly)


def _kill_one(sandbox: Any, killed: list[int]) -> None:
    """Kill a process of a partition once a call is out."""
    until = time.monotonic() + 540
    while not killed and time.monotonic() < until:
        if _in_flight(sandbox):
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):  # it has just ended
                    if "flows.partition" in process.cmdline():
                        process.kill()
                        killed.append(process.pid)
                        return
        time.sleep(0.05)


def _in_flight(sandbox: Any) -> int:
    """Calls that are out; none where a busy sandbox does not say so in time."""
    try:
        return int(sandbox.admin("summary")["in_flight"])
    except (OSError, HTTPException, ValueError):
        return 0
