"""A Prefect server that dies in the middle: the build stops in bounded time, and goes on later."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.prefect
Words = Callable[..., tuple[object, ...]]
SLOW = {"time_scale": 1.0, "latency_s": 4.0}
"""One call in flight and four seconds a call: six pictures and eighteen questions take 90 s."""
HASTY = "2"
"""As often Prefect's client asks again: 6 s long. Left alone, a build waits for two minutes."""
BOUND_S = 240
"""Half a minute, but for a busy machine; Prefect alone would go on for ten."""


@pytest.fixture
def stops(sandbox: Any, wait_until: Any, take_ended: Any) -> Callable[..., None]:
    """Proves that a build stops soon after its server was killed, and says so."""

    def proved(process: "subprocess.Popen[str]", kill: Callable[[], None]) -> None:
        wait_until(process, lambda: sandbox.admin("summary")["billed"] >= 2)
        kill()
        began = time.monotonic()
        ended = take_ended(process)
        assert time.monotonic() - began < BOUND_S
        assert ended.code == 3, ended.err
        said = " ".join(ended.err.split())
        assert "editcorpus: The Prefect server has been gone for 20 s; what is finished is" in said
        assert "Traceback" not in said
        assert "EventsWorker" not in said
        assert ended.json["entered"] == 8
        assert ended.json["failed"]["not_reached"] >= 1
        assert ended.json["calls"]["possibly_billed"] == 0

    return proved


@pytest.fixture
def team(tmp_path: Path, free_port: int, serve_prefect: Any) -> tuple[str, Callable[[], Any]]:
    """The URL of a server that is not of the build's making, and what starts it, once and again."""
    serve = partial(serve_prefect, tmp_path / "prefect", free_port)
    return f"http://127.0.0.1:{free_port}/api", serve


def goes_on(shell: Any, words: tuple[object, ...], sandbox: Any) -> None:
    """The same command ends well, and nothing was paid for twice."""
    sandbox.admin("config", {"time_scale": 0.001, "latency_s": None})
    assert not (shell.folder / "store" / "runs" / "few" / "lock.json").exists()
    whole = shell.run(*words)
    assert whole.code == 0, whole.err
    assert whole.json["failed"] == {}
    billed = Counter(call["key"] for call in sandbox.admin("journal?billed=true")["calls"])
    assert set(billed.values()) == {1}


def test_a_build_whose_team_s_server_dies_stops_soon_and_goes_on_later(
    shell: Any, build: Words, sandbox: Any, stops: Any, team: tuple[str, Any]
) -> None:
    url, serve = team
    shell = shell.having(PREFECT_API_URL=url, PREFECT_CLIENT_MAX_RETRIES=HASTY)
    sandbox.admin("config", SLOW)
    words = build("--in-flight", 1)
    with serve() as server:
        stops(shell.start(*words), lambda: os.killpg(server.pid, signal.SIGKILL))
    with serve():
        goes_on(shell, words, sandbox)


def test_a_build_whose_own_server_dies_stops_likewise(
    shell: Any, build: Words, sandbox: Any, stops: Any
) -> None:
    shell = shell.having(PREFECT_API_URL=None)
    sandbox.admin("config", SLOW)
    words = build("--in-flight", 1)
    process = shell.start(*words)

    def kill() -> None:
        started = psutil.Process(process.pid).children(recursive=True)
        (server,) = [each for each in started if "serving.py" in " ".join(each.cmdline())]
        server.kill()

    stops(process, kill)
