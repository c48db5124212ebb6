"""Batch mode as a flow: the same corpus for half the money, and what a person sees meanwhile."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from flows.omniedit import omniedit
from flows.outcome import Outcome
from flows.parameters import Recipe

pytestmark = pytest.mark.prefect
BATCH = {"regenerate": "batch", "rewrite": "batch"}
TASKS = ("pad", "regenerate-in-bulk", "regenerate-ahead")
AUTO = dict.fromkeys(("regenerate", "rewrite", "align"), "auto")


@dataclass(frozen=True)
class Built:
    """A build that ended: its state, and what the API billed for it."""

    state: State[Any]
    billed: list[dict[str, Any]]

    @property
    def outcome(self) -> Outcome:
        found = self.state.result()
        assert isinstance(found, Outcome)
        return found

    @property
    def usd(self) -> Decimal:
        return sum((Decimal(call["usd"]) for call in self.billed), Decimal(0))

    def verdicts(self) -> dict[str, bytes]:
        """The files that say what was kept and what was not; the card alone tells what it cost."""
        corpus = Path(self.outcome.corpus)
        files = [*sorted((corpus / "data").iterdir()), corpus / "rejects.parquet"]
        return {file.name: file.read_bytes() for file in files}


Build = Callable[..., Built]


@pytest.fixture(scope="module")
def build(few: Path, save_blocks: Any, store_members: Any, one_sandbox: Any) -> Build:
    """Builds a few rows; with another label into another store."""
    stores: dict[str, dict[str, Any]] = {}

    def made(label: str, modes: dict[str, str]) -> Built:
        blocks = save_blocks(label, stores.setdefault(label, store_members()))
        effort = {"retry_delay_s": 0, "gallery": 0, "modes": modes, "batch_look_s": 0.5}
        members = {"run": "few", "input": str(few), "endpoints": blocks, "effort": effort}
        more = {"selection": {"shard_size": 3}, "rewrite": {"share": 1}}
        before = len(one_sandbox.admin("journal?billed=true")["calls"])
        state = omniedit(Recipe.model_validate({**members, **more}), return_state=True)
        return Built(state, one_sandbox.admin("journal?billed=true")["calls"][before:])

    return made


@pytest.fixture(scope="module")
def online(build: Build) -> Built:
    return build("online", {})


@pytest.fixture(scope="module")
def batched(build: Build) -> Built:
    return build("batched", BATCH)


def test_batches_make_the_same_corpus_for_half_the_dollars(online: Built, batched: Built) -> None:
    assert batched.verdicts() == online.verdicts()
    assert {call["tariff"] for call in batched.billed if Decimal(call["usd"])} == {"batch"}
    assert batched.usd * 2 == online.usd
    assert batched.outcome.cost_usd == batched.usd
    assert batched.outcome.calls == {
        "paid": len(batched.billed),
        "cached": 0,
        "possibly_billed": 0,
    }


def test_a_second_start_in_another_mode_pays_nothing(batched: Built, build: Build) -> None:
    again = build("batched", {})
    assert again.billed == []
    assert again.outcome.corpus == batched.outcome.corpus


def test_a_wave_is_a_flow_run_apart_with_a_task_for_each_shard(
    batched: Built, api_of: Callable[..., Any]
) -> None:
    api = api_of(batched.state.state_details.flow_run_id)
    parent = {"flow_runs": {"parent_flow_run_id": {"any_": [api.run]}}}
    waves = {one["name"]: one["id"] for one in api.ask("flow_runs", **parent)}
    assert sorted(waves) == [
        *(f"few-regenerate-in-bulk-{number}" for number in (1, 2)),
        *(f"few-rewrite-in-bulk-{number}" for number in (1, 2)),
    ]
    first = api_of(waves["few-regenerate-in-bulk-1"])

    names = {f"{shard:05d}-{task}" for shard in range(4) for task in TASKS}
    found = states(first.once(lambda api: names <= set(states(api))))
    assert set(found) == names
    for task in TASKS[1:]:
        told = [found[f"{shard:05d}-{task}"].split(maxsplit=1) for shard in range(4)]
        assert sum(int(one[0]) for one in told if one[1] == "wait for a batch") == 6


def states(api: Any) -> dict[str, str]:
    ended = [run for run in api.task_runs() if run["state_type"] == "COMPLETED"]
    return {run["name"]: run["state_name"] for run in ended}


def test_each_change_of_a_batch_is_logged(batched: Built, api_of: Callable[..., Any]) -> None:
    def told(api: Any) -> list[str]:
        return [log["message"] for log in api.logs() if log["message"].startswith("batch ")]

    def ended(api: Any) -> bool:
        return sum(line.endswith("has ended") for line in told(api)) == 2

    api = api_of(batched.state.state_details.flow_run_id).once(ended)
    lines = [line for line in told(api) if " of regenerate: " in line]
    assert lines
    assert all("6 lines of gpt-image-2.5-sunburst, $0." in line for line in lines)


def test_auto_asks_online_what_batches_leave_open(
    online: Built, build: Build, sandbox: Any
) -> None:
    sandbox.admin("config", {"strikes": [{"fault": "server_error", "first": 2, "last": 3}]})
    try:
        built = build("auto", AUTO)
    finally:
        sandbox.admin("config", {"strikes": []})
    edits = [call for call in built.billed if call["endpoint"].endswith("/edits")]
    assert Counter(call["tariff"] for call in edits) == {"batch": 4, "standard": 2}
    assert built.verdicts() == online.verdicts()


def test_an_answer_that_rotted_is_asked_for_again_in_a_batch(batched: Built, build: Build) -> None:
    before, store = batched.verdicts(), Path(batched.outcome.corpus).parents[1]
    picture = next(path for path in sorted((store / "responses").glob("??/*")) if path.is_file())
    data = picture.read_bytes()
    picture.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    for done in ("shards/*/filter.json", "rollups/*.json"):
        for path in store.glob(f"runs/few/{done}"):
            path.unlink()  # so that somebody reads the answer
    again = build("batched", BATCH)
    assert again.outcome.failed == 0
    edits = [call for call in again.billed if call["endpoint"].endswith("/edits")]
    assert [call["tariff"] for call in edits] == ["batch"]
    assert again.verdicts() == before
