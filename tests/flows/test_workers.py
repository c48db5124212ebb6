"""Runs of a deployment by a real worker of a real server: cancelled, spread over more of them, orphaned."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.ledger import read_history
from editcorpus.permits import read_permits
from editcorpus.sandbox import Running
from editcorpus.stages.finish import finish
from editcorpus.stages.mending import healed
from editcorpus.stages.opening import opened
from editcorpus.stages.order import STAGES
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.storage import Store
from flows.parameters import Recipe
from flows.settling import settled
from flows.sources import source_named
from flows.starting import Connected, job_over

pytestmark = pytest.mark.prefect
ROOT = Path(__file__).parents[2]
ROLES = ("store", "images", "writer", "judge")
IN_FLIGHT = 2
PATIENCE_S = 600
"""For a worker to fetch a run and start its process on a loaded machine."""
SPREAD = {"workers": "omniedit-partition", "processes": 2}
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
SAVE = """
import json, sys
from blocks.corpus_store import CorpusStore
from blocks.model_endpoint import ModelEndpoint

for role, members in json.load(sys.stdin).items():
    (CorpusStore if role == "store" else ModelEndpoint)(**members).save(f"team-{role}")
"""


@dataclass(frozen=True)
class Team:
    """A Prefect server with both deployments and a worker, and the store that it builds in."""

    api: httpx.Client
    store: Store
    input: Path
    blocks: dict[str, dict[str, Any]]

    def recipe(self, run: str, quality: str, **effort: Any) -> dict[str, Any]:
        return {
            "run": run,
            "input": str(self.input),
            "preset": "custom",
            "regenerate": {"quality": quality},
            "selection": {"shard_size": 2},
            "endpoints": {role: f"team-{role}" for role in ROLES},
            "effort": {"retry_delay_s": 0, "budget_usd": 20, "gallery": 0, **effort},
        }

    def ask(self, path: str, members: Any = None) -> Any:
        """What the API answers; asked again where its database is locked."""
        until = time.monotonic() + PATIENCE_S
        while True:
            answer = self.api.get(path) if members is None else self.api.post(path, json=members)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > until:
                return answer.raise_for_status().json()
            time.sleep(0.5)

    def start(self, run: str, quality: str = "high", **effort: Any) -> str:
        """Trigger a run through the API, which spreads it unless told otherwise; gives its id."""
        found = self.ask("/deployments/name/omniedit/omniedit")
        parameters = {"parameters": {"recipe": self.recipe(run, quality, **(effort or SPREAD))}}
        return str(self.ask(f"/deployments/{found['id']}/create_flow_run", parameters)["id"])

    def state(self, run: str) -> dict[str, Any]:
        return dict(self.ask(f"/flow_runs/{run}")["state"])

    def ends(self, run: str) -> dict[str, Any]:
        """A run's state, once it is final."""
        once(lambda: self.state(run)["type"] in FINAL)
        return self.state(run)

    def parts(self, run: str) -> list[dict[str, Any]]:
        """The flow runs of a run's partitions."""
        named = {"deployments": {"name": {"any_": ["omniedit-partition"]}}}
        found = self.ask("/flow_runs/filter", named)
        return [one for one in found if one["parameters"]["recipe"]["run"] == run]

    def logged(self, run: str, text: str) -> int:
        """How many lines of a flow run's log hold a text."""
        lines = self.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}})
        return sum(text in line["message"] for line in lines)

    def kill(self, run: str) -> None:
        """Kill the process of a flow run."""
        pid = str(self.ask(f"/flow_runs/{run}")["infrastructure_pid"]).rpartition(":")[2]
        os.kill(int(pid), signal.SIGKILL)

    def build_alone(self, run: str) -> None:
        """Build the same corpus in this process, without Prefect, out of what is stored."""
        source, recipe = source_named("omniedit"), Recipe.model_validate(self.recipe(run, "high"))
        roles = {"regenerate": "images", "rewrite": "writer", "align": "judge"}
        asked = {step: endpoint_from(role, self.blocks[role]) for step, role in roles.items()}
        job = job_over(source, settled(recipe, source), Connected(self.store, {}, asked))
        with opened(job) as shop:
            plan = make_plan(self.store, run, source, job.inputs, recipe.selection)
            for shard in range(plan.shards):
                stages = [partial(run_stage, shop, shard, stage) for stage in STAGES]
                assert not any(ref.failed for ref in healed(shop.mending, stages))
            finish(shop, plan.shards, job.identity, emulated=True)

    def corpus(self, run: str) -> dict[str, bytes]:
        found = self.store.list(f"corpora/{run}")
        paths = [path for path in found if path.endswith((".parquet", "manifest.json"))]
        return {
            path.removeprefix(f"corpora/{run}"): self.store.read(path).replace(
                f'"run": "{run}"'.encode(), b""
            )
            for path in paths
        }


def once(happened: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < until, "It did not happen in time."
        time.sleep(0.2)


@pytest.fixture(scope="module")
def team(
    *,
    tmp_path_factory: pytest.TempPathFactory,
    serve_prefect: Any,
    unused_port: Callable[[], int],
    client_of: Callable[[str], httpx.Client],
    one_sandbox: Running,
    key: str,
    few: Path,
) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    port = unused_port()
    url = f"http://127.0.0.1:{port}/api"
    kept = ("OPENBLAS_", "PYTHONPYCACHE")
    env = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    env |= {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": os.environ["PYTHONWARNINGS"],
        "SSL_CERT_FILE": os.environ["SSL_CERT_FILE"],
        "HOME": str(folder),
        "PREFECT_HOME": str(folder / "worker"),
        "PREFECT_API_URL": url,
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.5",
    }
    prefect = str(Path(sys.executable).with_name("prefect"))
    pace = {"provider": "sandbox", "in_flight": IN_FLIGHT}
    api = {"base_url": one_sandbox.url, "api_key": key, **pace}
    vllm = {"base_url": one_sandbox.vllm_url, "tariff": "free", **pace}
    blocks: dict[str, dict[str, Any]] = {
        "store": {"root": str(folder / "store"), "spool": str(folder / "spool")},
        "images": api,
        "writer": api,
        "judge": vllm,
    }

    def do(*words: str, told: str | None = None) -> None:
        subprocess.run(words, env=env, cwd=ROOT, input=told, text=True, check=True, timeout=900)

    with serve_prefect(folder / "prefect", port):
        do(prefect, "work-pool", "create", "local", "--type", "process")
        do(prefect, "--no-prompt", "deploy", "--all", "--prefect-file", "deployments/prefect.yaml")
        do(sys.executable, "-c", SAVE, told=json.dumps(blocks))
        command = [prefect, "worker", "start", "--pool", "local", "--type", "process"]
        with (folder / "worker.log").open("wb") as log:
            worker = subprocess.Popen(
                command, env=env, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        try:
            with client_of(url) as client:
                yield Team(client, Store.on_disk(folder / "store"), few, blocks)
        finally:
            for process in (*psutil.Process(worker.pid).children(recursive=True), worker):
                process.kill()
            worker.wait()


def test_a_cancelled_run_keeps_what_was_paid_and_the_next_goes_on_from_there(
    team: Team, sandbox: Any
) -> None:
    sandbox.admin("config", {"time_scale": 1.0, "latency_s": 2.0})
    run = team.start("cancelled", "medium", processes=1)
    once(lambda: sandbox.admin("summary")["billed"] >= 2 or team.state(run)["type"] in FINAL)
    assert team.state(run)["type"] == "RUNNING", team.state(run)
    team.ask(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    assert team.ends(run)["type"] == "CANCELLED"

    assert sandbox.admin("summary")["in_flight"] == 0
    history = read_history(team.store, "cancelled")
    assert not history.open
    settled = {record.request_id for record in history.records if record.outcome == "settled"}
    billed = sandbox.admin("journal?billed=true")["calls"]
    assert {call["request_id"] for call in billed} == settled
    assert team.store.list("corpora/cancelled") == []

    sandbox.admin("config", {"time_scale": 0.001, "latency_s": None})
    again = team.start("cancelled", "medium", processes=1)
    assert team.ends(again)["type"] == "COMPLETED", team.state(again)
    paid = Counter(call["key"] for call in sandbox.admin("journal?billed=true")["calls"])
    assert set(paid.values()) == {1}
    assert len(paid) > len(billed)


def test_workers_make_what_one_process_makes_though_one_is_killed(team: Team, sandbox: Any) -> None:
    sandbox.admin("config", {"time_scale": 1.0, "latency_s": 1.0})
    run = team.start("spread")
    once(lambda: sandbox.admin("summary")["billed"] or team.state(run)["type"] in FINAL)
    assert team.state(run)["type"] == "RUNNING", team.state(run)
    victim = next(part for part in team.parts("spread") if part["state_type"] == "RUNNING")
    team.kill(victim["id"])
    end = team.ends(run)
    assert end["name"] == "Completed", end

    parts = team.parts("spread")
    assert len(parts) == 3
    assert sorted(part["state_type"] for part in parts) == ["COMPLETED", "COMPLETED", "CRASHED"]
    history = read_history(team.store, "spread")
    calls = sandbox.admin("journal?billed=true")["calls"]
    again = sum(count - 1 for count in Counter(call["key"] for call in calls).values())
    assert again <= len(history.possibly) <= IN_FLIGHT
    settled = {record.request_id for record in history.records if record.outcome == "settled"}
    assert len([call for call in calls if call["request_id"] not in settled]) <= len(
        history.possibly
    )
    assert read_permits(team.store, "spread") == []
    assert team.store.list("leases") == team.store.list("runs/spread/seats") == []

    billed = sandbox.admin("summary")["billed"]
    team.build_alone("alone")
    assert sandbox.admin("summary")["billed"] == billed
    assert team.corpus("spread") == team.corpus("alone")


def test_a_new_parent_finds_its_partitions_again_and_its_cancel_reaches_them(
    team: Team, sandbox: Any
) -> None:
    sandbox.admin(
        "config", {"time_scale": 1.0, "latency_s": 900.0}
    )  # no call has an answer meanwhile
    first = team.start("orphans", "low")
    once(lambda: [part["state_type"] for part in team.parts("orphans")] == ["RUNNING"] * 2)
    once(lambda: sandbox.admin("summary")["in_flight"] == IN_FLIGHT)
    team.kill(first)
    assert team.ends(first)["type"] == "CRASHED"
    second = team.start("orphans", "low")
    once(lambda: team.logged(second, "goes on as it was handed out before") == 2)
    before = [part["id"] for part in team.parts("orphans")]
    assert len(before) == 2

    state = {"type": "CANCELLING"}
    team.ask(f"/flow_runs/{second}/set_state", {"state": state})
    assert team.ends(second)["type"] == "CANCELLED"
    assert {team.ends(part)["type"] for part in before} == {"CANCELLED"}
    assert [part["id"] for part in team.parts("orphans")] == before
    history = read_history(team.store, "orphans")
    calls = sandbox.admin("journal?billed=true")["calls"]
    settled = {record.request_id for record in history.records if record.outcome == "settled"}
    assert all(count == 1 for count in Counter(call["key"] for call in calls).values())
    lost = [call for call in calls if call["request_id"] not in settled]
    assert len(lost) <= len(history.possibly) <= IN_FLIGHT
