"""What `scripts/test-containers` has done inside a worker's container.

    python inside.py prepare            the demo's rows, blocks, and the deployment `omniedit`
    python inside.py build RUN QUALITY  start a run and wait for its end; prints what it came to
    python inside.py begin RUN QUALITY  start a run of slow calls and wait until some are in flight
    python inside.py order RUN QUALITY  start a run of slow calls, and print its flow run's id
    python inside.py busy               wait until calls are in flight
    python inside.py wait RUN           wait until a run that was started is completed
    python inside.py end RUN            wait until it has ended, and print how
    python inside.py cancel RUN         cancel it, and print how it ended
    python inside.py retry RUN          have its flow run scheduled again, as Retry on the page does
    python inside.py state RUN          print how its flow run stands
    python inside.py books RUN ...      hold what the sandbox has billed against what runs have booked
    python inside.py twice RUN ...      print how many calls were billed again, and hold it against the books

Everything goes the way of a person: the API with its password, the deployment, a worker that fetches it.
What the job of a flow run is to have beside that is in `JOB_VARIABLES`.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import run_deployment
from prefect.states import AwaitingRetry, Cancelling
from pydantic import SecretStr

from blocks.corpus_store import CorpusStore
from blocks.model_endpoint import ModelEndpoint
from editcorpus.demo.rows import write_demo_input
from editcorpus.ledger import read_history
from editcorpus.storage import Store

DATA = Path("/data")
SANDBOX = os.environ.get("SANDBOX_URL", "http://127.0.0.1:8100")
PATIENCE_S = 900
QUICK = {"latency_s": 0.0, "time_scale": 0.01}
SLOW = {"latency_s": 8.0, "time_scale": 1.0}
DEPLOYMENT = "omniedit/omniedit"


def prepare() -> None:
    """Write rows, save blocks, and have the deployment made out of the file in the image."""
    write_demo_input(DATA / "rows")
    CorpusStore(root=str(DATA / "store")).save("editcorpus", overwrite=True)
    api = {"base_url": f"{SANDBOX}/v1", "api_key": SecretStr("sk-container"), "provider": "sandbox"}
    judge = {"base_url": f"{SANDBOX}/vllm/v1", "provider": "sandbox", "tariff": "free"}
    roles: dict[str, dict[str, Any]] = {"images": api, "writer": api, "judge": judge}
    for role, members in roles.items():
        ModelEndpoint(**members, in_flight=8).save(role, overwrite=True)
    words = ["prefect", "--no-prompt", "deploy", "--name", "omniedit"]
    subprocess.run([*words, "--prefect-file", "/app/deployments/prefect.yaml"], check=True)


def started(run: str, quality: str) -> UUID:
    """The id of a new flow run, which a worker is yet to fetch; a file keeps it.

    Runs of another quality ask for other answers: none is served what an earlier one paid for.
    """
    recipe = {
        "run": run,
        "input": str(DATA / "rows"),
        "preset": "custom",
        "regenerate": {"quality": quality},
        "selection": {"limit": 24, "shard_size": 8},
        "effort": {"gallery": 0, "budget_usd": 50},
    }
    job = json.loads(os.environ.get("JOB_VARIABLES", "{}"))
    made = run_deployment(DEPLOYMENT, parameters={"recipe": recipe}, timeout=0, job_variables=job)
    assert isinstance(made, FlowRun)
    (DATA / f"{run}.id").write_text(str(made.id))
    return made.id


def kept_id(run: str) -> UUID:
    """Of the flow run that was started last under a name."""
    return UUID((DATA / f"{run}.id").read_text())


def state_of(run: UUID) -> State[Any]:
    """How a flow run stands."""
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run).state
    assert state is not None
    return state


def build(run: str, quality: str) -> None:
    """Start it and wait for its end."""
    asked(config=QUICK)
    started(run, quality)
    wait(run)


def wait(run: str) -> None:
    """Wait until one that was started is completed, whatever becomes of it on the way."""
    asked(config=QUICK)
    end(run)
    assert state_of(kept_id(run)).is_completed()


def end(run: str) -> None:
    """Wait until it has ended."""
    flow_run, until = kept_id(run), time.monotonic() + PATIENCE_S
    while not (state := state_of(flow_run)).is_final():
        assert time.monotonic() < until, f"{run} did not end: {state.name}"
        time.sleep(1)
    say(f"{state.type.value} {state.name}: {state.message}")


def cancel(run: str) -> None:
    """Cancel it and wait for its end."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(kept_id(run), Cancelling())
    end(run)


def retry(run: str) -> None:
    """Have it scheduled again; its calls will be slow."""
    asked(config=SLOW)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(kept_id(run), AwaitingRetry())


def begin(run: str, quality: str) -> None:
    """Start it and wait until calls are in flight."""
    order(run, quality)
    busy()


def order(run: str, quality: str) -> None:
    """Start it; its calls will be slow."""
    asked(config=SLOW)
    say(str(started(run, quality)))


def busy() -> None:
    """Wait until calls are in flight."""
    until = time.monotonic() + PATIENCE_S
    while asked()["in_flight"] < 4:
        assert time.monotonic() < until, "Nobody asks for anything."
        time.sleep(0.2)


def asked(page: str = "summary", config: dict[str, Any] | None = None) -> dict[str, Any]:
    """A page of the sandbox's books, or its answer to new settings."""
    body = None if config is None else json.dumps(config).encode()
    page = page if config is None else "config"
    with urllib.request.urlopen(f"{SANDBOX}/__admin/{page}", body, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def state(run: str) -> None:
    """Print how it stands."""
    standing = state_of(kept_id(run))
    say(f"{standing.type.value} {standing.name}")


def books(*runs: str) -> None:
    """Print what was billed, and whether it is what was booked."""
    store = Store.on_disk(DATA / "store")
    booked = sum((read_history(store, run).spent for run in runs), Decimal(0))
    summary = asked()
    billed = Decimal(summary["usd"])
    told = "all of it" if booked == billed else f"${booked}"
    say(f"{summary['billed']} calls for ${billed}, of which is booked {told}")


def twice(*runs: str) -> None:
    """Print how many calls were billed again; only what the books name as possibly billed may be."""
    store = Store.on_disk(DATA / "store")
    histories = [read_history(store, run) for run in runs]
    booked = sum((one.spent for one in histories), Decimal(0))
    possibly = sum(len(one.possibly) for one in histories)
    billed = [call for call in asked("journal")["calls"] if call["billed"]]
    again = len(billed) - len({call["key"] for call in billed})
    charged = sum(Decimal(call["usd"]) for call in billed)
    assert again <= possibly, f"{again} were billed again, {possibly} are named"
    assert charged <= booked, f"${charged} was billed, ${booked} is booked"
    say(f"{again} of {possibly} that are booked as possibly billed")


def say(line: str) -> None:
    """To the script that reads it."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    commands: dict[str, Callable[..., None]] = {
        "prepare": prepare,
        "build": build,
        "wait": wait,
        "end": end,
        "cancel": cancel,
        "retry": retry,
        "begin": begin,
        "order": order,
        "busy": busy,
        "state": state,
        "books": books,
        "twice": twice,
    }
    commands[command](*words)
