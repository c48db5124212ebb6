"""A run begins on its first partition while the rest of it is still being planned."""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import flows.alone
import flows.recipe
import tasks.plan
from editcorpus.errors import ConfigError
from editcorpus.ledger import read_history
from editcorpus.partitions import cut, full
from editcorpus.sandbox import Running
from editcorpus.stages.plan import Plan, planning, read_plan
from editcorpus.stages.workshop import Workshop
from editcorpus.storage import Store
from flows.listening import LISTENERS
from flows.omniedit import omniedit
from flows.outcome import Outcome
from flows.parameters import Recipe

pytestmark = pytest.mark.prefect
FIRST = ("task_obj_add_42250", "task_attr_mod_color_11750", "task_attr_mod_facial_2391")
LAST = ("task_env_weather_113010", "task_obj_remove_380744")
PATIENCE_S = 300


@dataclass
class Told:
    """A listener that notes what it hears, and lets the planning go on from a moment on.

    Attributes:
        until: What is waited for after the third shard, unless the run stops: a word that is heard,
            such as `0` for the end of that shard.
    """

    until: str
    words: list[str] = field(default_factory=list)
    gate: Event = field(default_factory=Event)
    shop: Workshop | None = None

    def opened(self, shop: Workshop) -> None:
        self.shop = shop

    def begun(self, shards: int) -> None:
        self._hear(f"begun {shards}")

    def planned(self, plan: Plan) -> None:
        self._hear(f"planned {plan.shards}")

    def shard_ended(self, number: int) -> None:
        self._hear(str(number))

    def ended(self, _outcome: Outcome) -> None:
        self._hear("ended")

    def _hear(self, word: str) -> None:
        self.words.append(word)
        if word.split(maxsplit=1)[0] == self.until:
            self.gate.set()

    def wait(self) -> None:
        assert self.shop is not None
        until = time.monotonic() + PATIENCE_S
        while not (self.gate.wait(0.05) or self.shop.stopping.is_set()):
            assert time.monotonic() < until, "It did not happen in time."

    def held_up(self, *given: Any) -> Generator[int, None, Plan]:
        """The planning, which waits once three shards are written."""
        steps = planning(*given)
        for number in range(1000):
            try:
                rows = next(steps)
            except StopIteration as end:
                whole: Plan = end.value
                return whole
            if number == 2:
                yield rows
                self.wait()
            else:
                yield rows
        raise AssertionError("The plan is endless.")


@pytest.fixture
def source(tmp_path: Path, write_rows: Callable[..., Path]) -> Path:
    folder = tmp_path / "input"
    folder.mkdir()
    write_rows(folder / "a.parquet", FIRST, 1)
    write_rows(folder / "b.parquet", LAST, 1)
    return folder


@pytest.fixture
def build(
    source: Path,
    tmp_path: Path,
    save_blocks: Callable[..., dict[str, str]],
    sandbox: Running,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Any]]:
    """Builds in partitions of two shards, with a listener; gives the state."""
    blocks = save_blocks("early", {"root": str(tmp_path / "store")})
    monkeypatch.setattr(flows.alone, "full", partial(full, most=2))
    monkeypatch.setattr(flows.recipe, "cut", partial(cut, most=2))

    def made(run: str, told: Told | None = None, steps: Any = None, **effort: Any) -> Any:
        recipe = {
            "run": run,
            "input": str(source),
            "selection": {"shard_size": 1},
            "endpoints": blocks,
            "effort": {"retry_delay_s": 0, "gallery": 0, **effort},
        }
        if told is not None:
            monkeypatch.setattr(tasks.plan, "planning", steps or told.held_up)
        token = LISTENERS.set((told,) if told else ())
        try:
            return omniedit(Recipe.model_validate(recipe), return_state=True)
        finally:
            LISTENERS.reset(token)
            monkeypatch.setattr(tasks.plan, "planning", planning)

    yield made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.on_disk(tmp_path / "store")


def corpus(store: Store, run: str) -> dict[str, bytes]:
    paths = [path for path in store.list(f"corpora/{run}") if path.endswith(".parquet")]
    return {path.rpartition("/")[2]: store.read(path) for path in paths}


def test_the_first_triplets_are_done_before_the_plan_is_and_the_corpus_is_the_same(
    build: Callable[..., Any], store: Store
) -> None:
    told = Told("0")
    early = build("early", told)
    assert early.name == "Completed", early
    words = told.words
    assert words[0] == "begun 2"
    assert words.index("0") < words.index("planned 5") < words.index("4")
    assert {word for word in words if word.isdigit()} == {"0", "1", "2", "3", "4"}
    whole = build("whole", processes=2)
    assert whole.name == "Completed", whole
    assert corpus(store, "early") == corpus(store, "whole") != {}
    assert early.result().standing.kept == whole.result().standing.kept == 5
    again = Told("never")
    assert build("early", again).name == "Completed"
    assert "begun 2" not in again.words, "the plan is known"


def test_a_file_that_cannot_be_planned_stops_the_run_and_what_was_paid_for_stays(
    build: Callable[..., Any], store: Store, sandbox: Running
) -> None:
    told = Told("0")

    def broken(*given: Any) -> Generator[int, None, Plan]:
        steps = planning(*given)
        for _ in range(3):
            yield next(steps)
        told.wait()
        steps.close()
        raise ConfigError("b.parquet is not a whole parquet file.")

    state = build("torn", told, broken)
    assert state.name == "Stopped: input", state
    assert "b.parquet is not a whole parquet file. Only the 3 shards" in state.message
    assert read_plan(store, "torn") is None
    outcome = state.result(raise_on_failure=False)
    assert outcome.standing.entered == 3
    charged = Decimal(sandbox.admin("summary")["usd"])
    assert read_history(store, "torn").spent == charged > 0
    done = build("torn")
    assert done.name == "Completed", done
    billed = [call["key"] for call in sandbox.admin("journal")["calls"] if call["billed"]]
    assert len(billed) == len(set(billed))
    assert done.result().standing.kept == 5


def test_a_run_that_is_stopped_ends_its_planning_and_goes_on_later(
    build: Callable[..., Any], store: Store, sandbox: Running
) -> None:
    state = build("poor", Told("never"), budget_usd=Decimal("0.01"))
    assert state.name == "Stopped: budget", state
    assert read_plan(store, "poor") is None
    done = build("poor", budget_usd=5)
    assert done.name == "Completed", done
    assert done.result().standing.kept == 5
    billed = [call["key"] for call in sandbox.admin("journal")["calls"] if call["billed"]]
    assert len(billed) == len(set(billed))
    assert read_history(store, "poor").spent == Decimal(sandbox.admin("summary")["usd"])


def test_nothing_is_begun_where_the_first_partition_cannot_be_planned(
    build: Callable[..., Any], store: Store, source: Path
) -> None:
    (source / "0.parquet").write_bytes(b"PAR1")
    state = build("none")
    assert state.name == "Could not start"
    assert "0.parquet is not a whole parquet file" in state.message
