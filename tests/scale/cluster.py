"""A team's servers on one machine: PostgreSQL, Redis, two APIs behind one address, services apart, workers.

The servers have the settings of docker/compose.yaml, read from there; only addresses are this machine's.
"""

import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import httpx
import yaml
from balancer import Balancer
from crew import Worker
from daemons import PATIENCE_S, once, postgres, redis, run, spawned
from servers import Server

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
PREFECT_REDIS = "EDITCORPUS_TEST_PREFECT_REDIS"
"""The variable that names the folder with prefect-redis."""


def settings_of_compose(postgres_at: str, redis_at: str, password: str) -> dict[str, str]:
    """What docker/compose.yaml sets for Prefect's servers, at these addresses; no password for the API."""
    compose = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text("utf-8"))
    given = {"POSTGRES_PASSWORD": password, "REDIS_PASSWORD": password}
    made: dict[str, str] = {}
    for name, text in compose["services"]["services"]["environment"].items():
        filled = re.sub(r"\$\{(\w+)[^}]*\}", lambda found: given.get(found[1], ""), str(text))
        filled = filled.replace("@postgres:5432", f"@{postgres_at}")
        made[name] = filled.replace("@redis:6379", f"@{redis_at}")
    assert postgres_at in made["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
    assert redis_at in made["PREFECT_REDIS_MESSAGING_URL"]
    of_people = ("UI_URL", "UI_API_URL", "AUTH_STRING", "CSRF_PROTECTION_ENABLED")
    return {name: text for name, text in made.items() if not name.endswith(of_people)}


class Cluster:
    """All of it, while the block lasts.

    Args:
        folder: Where everything lies; PostgreSQL's user can enter it.
        more: Settings of the servers beside those of the compose file.

    Attributes:
        apis: The two APIs.
        balancer: The address that both answer to.
        settings: What has a process of ours reach the API.
        database: URL of the database.
    """

    def __init__(self, folder: Path, more: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.apis: list[Server] = []
        self._more = dict(more or {})
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            settings = self._backed(stack)
            self._serve(stack, {**os.environ, **settings}, settings)
            self.settings = {"PREFECT_API_URL": f"http://127.0.0.1:{self.balancer.port}/api"}
            retries, url = httpx.HTTPTransport(retries=3), self.settings["PREFECT_API_URL"]
            self._api = stack.enter_context(
                httpx.Client(base_url=url, timeout=60, transport=retries)
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _backed(self, stack: ExitStack) -> dict[str, str]:
        """Start what the servers keep their state in; gives their settings."""
        password = secrets.token_hex(8)
        data = stack.enter_context(postgres(self.folder / "postgres"))
        cache = stack.enter_context(redis(self.folder / "redis", password))
        settings = settings_of_compose(data, cache, password)
        self.database = settings["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
        settings["PREFECT_HOME"] = str(self.folder / "server")
        settings["PYTHONPATH"] = os.environ[PREFECT_REDIS]
        settings["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
        return settings | self._more

    def _serve(self, stack: ExitStack, env: Mapping[str, str], settings: Mapping[str, str]) -> None:
        """Migrate, and start the APIs one after the other and the services last."""
        prefect = BIN / "prefect"
        upgrade = [prefect, "server", "database", "upgrade", "--yes"]
        run(upgrade, env, self.folder / "migrate.log")
        start = (prefect, "server", "start", "--host", "127.0.0.1", "--port", "{port}")
        for number in range(2):
            register = {"PREFECT_SERVER_REGISTER_BLOCKS_ON_START": str(not number).lower()}
            home = self.folder / f"api-{number}"
            server = Server((*start, "--no-services"), home, "api/ready", {**settings, **register})
            stack.callback(server.kill)
            server.start()
            self.apis.append(server)
        log = self.folder / "services.log"
        stack.enter_context(spawned([prefect, "server", "services", "start"], env, log))
        check = [sys.executable, str(ROOT / "docker" / "healthy.py"), "services"]
        quiet = {"env": dict(env), "stderr": subprocess.DEVNULL}
        once("the services read events", lambda: not subprocess.call(check, **quiet))
        self.balancer = stack.enter_context(Balancer([one.port for one in self.apis]))

    def worker(self, name: str, queues: Sequence[str], limit: int) -> Worker:
        """Start a worker of the pool `local` for some of its queues; see `online`."""
        command = [BIN / "prefect", "worker", "start", "--pool", "local", "--type", "process"]
        words = [*map(str, command), "--name", name, "--limit", str(limit)]
        for queue in queues:
            words += ["--work-queue", queue]
        env = {**os.environ, **self.settings, "PREFECT_HOME": str(self.folder / name)}
        # Heartbeats as in docker/compose.yaml; it looks for work more often than by default.
        env |= {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30", "PREFECT_WORKER_QUERY_SECONDS": "2"}
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                words, env=env, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        made = Worker(name, process)
        self._stack.callback(made.kill)
        return made

    def online(self, *workers: Worker) -> None:
        """Return once these are known to the server."""
        wanted = {one.name for one in workers}

        def known() -> bool:
            found = self.ask("/work_pools/local/workers/filter", {})
            return wanted <= {one["name"] for one in found if one["status"] == "ONLINE"}

        once(f"{', '.join(sorted(wanted))} are online", known)

    def ask(self, path: str, members: Any = None) -> Any:
        """What the API answers; asked again where the connection or one of the two APIs is gone."""
        until = time.monotonic() + 120
        while True:
            with suppress(httpx.TransportError):
                method = "GET" if members is None else "POST"
                answer = self._api.request(method, path, json=members)
                if answer.status_code not in {502, 503, 504}:
                    return answer.raise_for_status().json()
            assert time.monotonic() < until, f"No API answers to {path}."
            time.sleep(0.5)

    def start(self, recipe: Mapping[str, Any], deployment: str = "omniedit/omniedit") -> str:
        """Start a run by its deployment; gives the id of the flow run."""
        found = self.ask(f"/deployments/name/{deployment}")
        parameters = {"parameters": {"recipe": dict(recipe)}}
        return str(self.ask(f"/deployments/{found['id']}/create_flow_run", parameters)["id"])

    def state(self, run: str) -> dict[str, Any]:
        """How a flow run stands."""
        return dict(self.ask(f"/flow_runs/{run}")["state"])

    def end_of(self, run: str, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """How a flow run ended; waits until it has."""
        once(f"{run} ends", lambda: self.state(run)["type"] in FINAL, patience_s)
        return self.state(run)

    def partitions(self, run: str) -> list[dict[str, Any]]:
        """The flow runs of the partitions of a run."""
        named = {"deployments": {"name": {"any_": ["omniedit-partition"]}}}
        found = self.ask("/flow_runs/filter", named)
        return [one for one in found if one["parameters"]["recipe"]["run"] == run]
