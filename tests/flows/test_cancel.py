"""A run of the deployment by a worker is cancelled through the API in the middle, and goes on later."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from editcorpus.ledger import read_history
from editcorpus.sandbox import Running
from editcorpus.storage import Store

pytestmark = pytest.mark.prefect
ROOT = Path(__file__).parents[2]
IN_FLIGHT = 2
SLOW = {"time_scale": 1.0, "latency_s": 2.0}
PATIENCE_S = 240
"""For a worker to fetch a run and start its process on a loaded machine."""
SAVE = """
import json, sys
from blocks.corpus_store import CorpusStore
from blocks.model_endpoint import ModelEndpoint

for kind, name, members in json.load(sys.stdin):
    {"store": CorpusStore, "model": ModelEndpoint}[kind](**members).save(name)
"""


@dataclass(frozen=True)
class Team:
    """A Prefect server with the deployment and a worker, and the store that it builds in."""

    api: httpx.Client
    store: Path
    few: Path

    def start(self) -> str:
        """Trigger a run through the API; gives its id."""
        recipe = {
            "run": "few",
            "input": str(self.few),
            "selection": {"shard_size": 3},
            "endpoints": {role: f"team-{role}" for role in ("store", "images", "writer", "judge")},
            "effort": {"retry_delay_s": 0, "budget_usd": 50},
        }
        found = self.api.get("/deployments/name/omniedit/omniedit").raise_for_status().json()
        run = self.api.post(
            f"/deployments/{found['id']}/create_flow_run", json={"parameters": {"recipe": recipe}}
        )
        return str(run.raise_for_status().json()["id"])

    def state(self, run: str) -> tuple[str, str]:
        """Type and message of a run's state."""
        state = self.api.get(f"/flow_runs/{run}").raise_for_status().json()["state"]
        return state["type"], state["message"] or ""

    def ends(self, run: str) -> tuple[str, str]:
        """The same, once it is final."""
        final = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
        once(lambda: self.state(run)[0] in final)
        return self.state(run)


def once(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < until, "It did not happen in time."
        time.sleep(0.2)


@pytest.fixture
def team(
    *,
    tmp_path: Path,
    serve_prefect: Any,
    client_of: Callable[[str], httpx.Client],
    free_port: int,
    one_sandbox: Running,
    key: str,
    few: Path,
) -> Iterator[Team]:
    url = f"http://127.0.0.1:{free_port}/api"
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": os.environ["PYTHONWARNINGS"],
        "HOME": str(tmp_path),
        "PREFECT_HOME": str(tmp_path / "worker"),
        "PREFECT_API_URL": url,
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    prefect = str(Path(sys.executable).with_name("prefect"))
    api = {"base_url": one_sandbox.url, "api_key": key, "provider": "sandbox"}
    vllm = {"base_url": one_sandbox.vllm_url, "provider": "sandbox", "tariff": "free"}
    blocks = [
        (
            "store",
            "team-store",
            {"root": str(tmp_path / "store"), "spool": str(tmp_path / "spool")},
        ),
        ("model", "team-images", {**api, "in_flight": IN_FLIGHT}),
        ("model", "team-writer", {**api, "in_flight": IN_FLIGHT}),
        ("model", "team-judge", {**vllm, "in_flight": IN_FLIGHT}),
    ]

    def do(*words: str, told: str | None = None) -> None:
        subprocess.run(words, env=env, cwd=ROOT, input=told, text=True, check=True, timeout=300)

    with serve_prefect(tmp_path / "prefect", free_port):
        do(prefect, "work-pool", "create", "local", "--type", "process")
        do(prefect, "--no-prompt", "deploy", "--all", "--prefect-file", "deployments/prefect.yaml")
        do(sys.executable, "-c", SAVE, told=json.dumps(blocks))
        command = [prefect, "worker", "start", "--pool", "local", "--type", "process"]
        with (tmp_path / "worker.log").open("wb") as log:
            worker = subprocess.Popen(
                command, env=env, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        try:
            with client_of(url) as client:
                yield Team(client, tmp_path / "store", few)
        finally:
            for process in (*psutil.Process(worker.pid).children(recursive=True), worker):
                process.kill()
            worker.wait()


def test_a_cancelled_run_keeps_what_was_paid_and_the_next_goes_on_from_there(
    team: Team, sandbox: Any
) -> None:
    sandbox.admin("config", SLOW)
    run = team.start()
    once(lambda: sandbox.admin("summary")["billed"] >= 2 or team.state(run)[0] == "FAILED")
    assert team.state(run)[0] == "RUNNING", team.state(run)
    state = {"type": "CANCELLING"}
    team.api.post(f"/flow_runs/{run}/set_state", json={"state": state}).raise_for_status()
    assert team.ends(run)[0] == "CANCELLED"

    left = sandbox.admin("summary")
    assert left["in_flight"] == 0
    history = read_history(Store.on_disk(team.store), "few")
    assert not history.open
    settled = {record.request_id for record in history.records if record.outcome == "settled"}
    billed = sandbox.admin("journal?billed=true")["calls"]
    assert {call["request_id"] for call in billed} == settled
    assert not (team.store / "corpora").exists()

    sandbox.admin("config", {"time_scale": 0.001, "latency_s": None})
    again = team.start()
    assert team.ends(again)[0] == "COMPLETED", team.state(again)
    paid = Counter(call["key"] for call in sandbox.admin("journal?billed=true")["calls"])
    assert set(paid.values()) == {1}
    assert len(paid) > len(billed)
