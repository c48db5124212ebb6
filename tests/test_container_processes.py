"""What runs inside containers beside Prefect: the worker's keeper, and the check of health."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

DOCKER = Path(__file__).parents[1] / "docker"

WORKER = """#!{python}
# As Prefect's: says that it is there, and kills its flow runs when it is told to end.
import os, signal, subprocess, sys
run = subprocess.Popen([sys.executable, "{run}"], stdout=subprocess.PIPE)
def end(*_):
    run.kill()
    sys.exit(1)
signal.signal(signal.SIGTERM, end)
run.stdout.readline()
print("ready", sys.argv[1:], flush=True)
run.wait()
signal.pause()
"""
RUN = """
import signal, sys, time
def drain(*_):
    time.sleep({takes})
    open("{ended}", "w").write("drained")
    sys.exit(1)
signal.signal(signal.SIGTERM, drain)
print("paying", flush=True)
signal.pause()
"""


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the keeper with a worker that has one flow run, once that run is at work."""
    made: list[subprocess.Popen[str]] = []

    def started(takes: float, patience: float) -> subprocess.Popen[str]:
        run, worker = tmp_path / "run.py", tmp_path / "prefect"
        run.write_text(RUN.format(ended=tmp_path / "ended", takes=takes))
        worker.write_text(WORKER.format(python=sys.executable, run=run))
        worker.chmod(0o755)
        path = f"{tmp_path}:{os.environ['PATH']}"
        process = subprocess.Popen(
            [sys.executable, DOCKER / "worker.py", "--pool", "local"],
            env={"PATH": path, "EDITCORPUS_DRAIN_SECONDS": str(patience)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        made.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == "ready ['worker', 'start', '--with-healthcheck', '--pool', 'local']\n"
        return process

    yield started
    for process in made:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_flow_runs_end_by_themselves_before_their_worker_does(
    keeper: Callable[..., subprocess.Popen[str]], tmp_path: Path, number: signal.Signals
) -> None:
    process = keeper(takes=0.3, patience=60)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0
    assert (tmp_path / "ended").read_text() == "drained"
    assert f"{number.name} came." in told
    assert "No flow run is left." in told


def test_a_flow_run_that_does_not_end_does_not_hold_the_container(
    keeper: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = keeper(takes=600, patience=0.2)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "1 flow runs have not ended" in told
    assert not (tmp_path / "ended").exists()


def test_the_exit_code_of_a_worker_that_dies_is_told(tmp_path: Path) -> None:
    (tmp_path / "prefect").write_text("#!/bin/sh\nexit 7\n")
    (tmp_path / "prefect").chmod(0o755)
    done = subprocess.run(
        [sys.executable, DOCKER / "worker.py"], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    )
    assert done.returncode == 7


class Answers(BaseHTTPRequestHandler):
    """Well under /health alone."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def healthy(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, DOCKER / "healthy.py", *words],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
    )


def test_a_worker_that_polls_is_healthy(port: int) -> None:
    assert healthy("worker", PREFECT_WORKER_WEBSERVER_PORT=str(port)).returncode == 0


def test_a_server_that_is_not_ready_is_not_healthy(port: int) -> None:
    done = healthy("server", PREFECT_SERVER_API_PORT=str(port))
    assert done.returncode == 1
    assert "503" in done.stderr


def test_services_that_nobody_can_ask_about_are_not_healthy(port: int) -> None:
    done = healthy("services", PREFECT_REDIS_MESSAGING_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 1
    assert done.stderr.startswith("events of reactive-triggers: ")
    assert "Traceback" not in done.stderr


LATE = {"idle": 500_000, "inactive": 500_000}
SILENCES: dict[str, tuple[list[dict[str, int]], str]] = {
    "one that asks": ([LATE, {"idle": 900, "inactive": 400_000}], ""),
    "one that is gone": ([LATE], "Nobody has asked for events for reactive-triggers for 500 s."),
    "none": ([], "Nobody has ever read events for reactive-triggers."),
    "Redis before 7.2": ([{"idle": 500_000}], ""),
}


@pytest.mark.parametrize("name", SILENCES)
def test_a_consumer_that_no_longer_asks_is_told_from_one_that_has_nothing_to_read(
    name: str,
) -> None:
    consumers, told = SILENCES[name]
    code = "import json, sys, healthy; print(healthy.silence(json.load(sys.stdin)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(consumers),
        cwd=DOCKER,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == told


def test_what_is_not_known_is_refused() -> None:
    assert healthy("cook").returncode == 2
