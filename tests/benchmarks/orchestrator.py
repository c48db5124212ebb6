"""What Prefect takes of a run: CPU of server and client, database, and how fast the page's requests are.

    python tests/benchmarks/orchestrator.py [SHARDS [DATABASE_URL]]

The project's own tasks go through so many shards (300), in flow runs of 100 as partitions have them, with
stages that do nothing. All figures are for a shard or a task run, and grow evenly with their number: 6,000
shards take twenty times those of 300. Once with Prefect's own batch sizes, once with those of
docker/compose.yaml, each on a server of its own: on SQLite, or in an empty PostgreSQL database, which is
used for both. CPU, not time, is told where it can be, since machines are busy; what an idle server takes
is taken off. The page's requests are its tables of flow runs and task runs, and the graph of a run.
"""

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import httpx
import psutil
import yaml

ROOT = Path(__file__).resolve().parents[2]
PARTITION = 100
_STAGES = ("pad", "regenerate", "filter", "rewrite", "align", "publish")
_IDLE_S = 10.0
_SETTLED_S = 20.0
_READY_S = 300.0
_RECORDED_S = 600.0
_BATCHES = ("_BATCH_SIZE", "_FLUSH_INTERVAL")


def child(shards: int) -> None:
    """Take shards through stages that do nothing, and print what it took as JSON."""
    from importlib import import_module
    from threading import Event

    from prefect import flow
    from prefect.task_runners import ThreadPoolTaskRunner

    from editcorpus.shards import ShardRef
    from editcorpus.stages.mending import Mending
    from editcorpus.stages.order import STAGES
    from flows.through import Window, twice_if_needed
    from tasks.workshop import WORKSHOP

    def nothing(_shop: object, number: int, stage: Any) -> ShardRef:
        return ShardRef("bench", number, stage.name, 256, 256, 0, 0, "", skipped=False)

    for name in _STAGES:
        import_module(f"tasks.{name}").run_stage = nothing
    stages = {stage.name: stage for stage in STAGES}
    shop: Any = SimpleNamespace(stages=STAGES, stage=stages.__getitem__, mending=Mending())
    shop.store, shop.modes, shop.stopping = SimpleNamespace(root="store"), {}, Event()
    WORKSHOP.set(shop)

    @flow(name="partition", task_runner=ThreadPoolTaskRunner(max_workers=64))  # type: ignore[arg-type]
    def part(first: int, stop: int) -> None:
        twice_if_needed(range(first, stop), Window(6, 0), lambda _: None)

    began, cpu = time.monotonic(), time.process_time()
    for first in range(0, shards, PARTITION):
        part(first, min(shards, first + PARTITION))
    told = {"seconds": time.monotonic() - began, "cpu_s": time.process_time() - cpu}
    told["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(told))


def batches() -> dict[str, str]:
    """The batch sizes of docker/compose.yaml."""
    compose = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text("utf-8"))
    found = compose["services"]["services"]["environment"].items()
    return {name: str(value) for name, value in found if name.endswith(_BATCHES)}


class Server:
    """A Prefect server of this machine.

    Args:
        process: Its process.
        url: Of its API.
    """

    def __init__(self, process: psutil.Process, url: str) -> None:
        self._process = process
        self._api = httpx.Client(base_url=url, timeout=60)
        self.url = url

    def cpu_s(self) -> float:
        """Seconds of CPU of the server and of all that it has started."""
        family = [self._process, *self._process.children(recursive=True)]
        return sum(sum(one.cpu_times()[:4]) for one in family)

    def post(self, path: str, members: Mapping[str, Any]) -> Any:
        """The answer to a request."""
        answer = self._api.post(path, json=dict(members))
        answer.raise_for_status()
        return answer.json()

    def wait(self) -> None:
        """Return once it takes requests."""
        until = time.monotonic() + _READY_S
        while time.monotonic() < until:
            try:
                if self._api.get("/ready").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(1)
        raise RuntimeError(f"The server is not ready after {_READY_S:g} s.")

    def records(self) -> int:
        """Task runs that are on record as completed."""
        done = {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
        return int(self.post("/task_runs/count", done))

    def wait_for_records(self, count: int) -> float:
        """Seconds until so many task runs are on record as completed."""
        began = time.monotonic()
        while time.monotonic() - began < _RECORDED_S:
            if self.records() >= count:
                return time.monotonic() - began
            time.sleep(2)
        raise RuntimeError(f"Not all of {count} task runs are recorded after {_RECORDED_S:g} s.")

    def page_ms(self) -> dict[str, float]:
        """Milliseconds of the requests of the page: the median of five, after a first one."""
        runs = self.post("/flow_runs/filter", {"limit": 1})
        one = runs[0]["id"]
        mine = {"limit": 200, "flow_runs": {"id": {"any_": [one]}}}
        asked = {
            "flow runs": lambda: self.post("/flow_runs/filter", {"limit": 200}),
            "task runs": lambda: self.post("/task_runs/filter", mine),
            "graph": lambda: self._api.get(f"/flow_runs/{one}/graph-v2").raise_for_status(),
        }
        found = {}
        for name, ask in asked.items():
            ask()
            found[name] = median(_ms(ask) for _ in range(5))
        return found


def _ms(ask: Callable[[], Any]) -> float:
    began = time.monotonic()
    ask()
    return (time.monotonic() - began) * 1000


@contextmanager
def serving(home: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """A server that runs while the block lasts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [str(Path(sys.executable).with_name("prefect")), "server", "start", "--port", port]
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        **settings,
    }
    home.mkdir()
    log = (home / "log").open("wb")
    with log, subprocess.Popen(command, env=env, stdout=log, stderr=log) as started:
        server = Server(psutil.Process(started.pid), f"http://127.0.0.1:{port}/api")
        try:
            server.wait()
            yield server
        finally:
            started.terminate()


async def _postgres_bytes(url: str) -> int:
    import asyncpg

    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return int(await connection.fetchval("SELECT pg_database_size(current_database())"))
    finally:
        await connection.close()


def database_bytes(home: Path, url: str) -> int:
    """Of the database as it is now, on disk."""
    if url:
        return asyncio.run(_postgres_bytes(url))
    return sum(path.stat().st_size for path in home.glob("prefect.db*"))


def measured(name: str, settings: Mapping[str, str], shards: int, url: str) -> None:
    """Run once, and print two lines."""
    tasks = shards * (1 + len(_STAGES))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "server"
        with serving(home, settings) as server:
            idle = -server.cpu_s()
            time.sleep(_IDLE_S)
            idle = (idle + server.cpu_s()) / _IDLE_S
            before = server.records()
            size, cpu, began = database_bytes(home, url), server.cpu_s(), time.monotonic()
            env = {**os.environ, "PREFECT_API_URL": server.url, "PREFECT_HOME": f"{folder}/client"}
            command = [sys.executable, __file__, "--child", str(shards)]
            env |= {"PREFECT_LOGGING_LEVEL": "WARNING", "PYTHONPATH": str(ROOT)}
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
            client = json.loads(done.stdout.splitlines()[-1])
            late = server.wait_for_records(before + tasks)
            time.sleep(_SETTLED_S)  # events are kept after the runs that they tell of
            spent = server.cpu_s() - cpu - idle * (time.monotonic() - began)
            kept, pages = database_bytes(home, url) - size, server.page_ms()
    print(
        f"{name}: {shards} shards, {tasks} task runs in {client['seconds']:.0f} s, recorded {late:.0f} s "
        f"later; load {os.getloadavg()[0]:.1f}\n"
        f"  of a task run: server {spent / tasks * 1000:.1f} ms CPU, client "
        f"{client['cpu_s'] / tasks * 1000:.1f} ms, database {kept / tasks / 1000:.1f} kB; idle server "
        f"{idle * 100:.1f}% of a core; client {client['peak_mib']:.0f} MiB\n"
        f"  6,000 shards: server {spent / shards * 6000 / 3600:.2f} h CPU, database "
        f"{kept / shards * 6000 / 1e6:,.0f} MB; page: "
        + ", ".join(f"{what} {taken:.0f} ms" for what, taken in pages.items()),
        flush=True,
    )


def main(shards: int, url: str) -> None:
    """Measure with both settings."""
    database = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url} if url else {}
    kind = "PostgreSQL" if url else "SQLite"
    measured(f"{kind}, batch sizes of compose", {**database, **batches()}, shards, url)
    measured(f"{kind}, Prefect's own", database, shards, url)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(int(sys.argv[2]))
    else:
        words = [*sys.argv[1:], *("300", "")[len(sys.argv) - 1 :]]
        main(int(words[0]), words[1])
