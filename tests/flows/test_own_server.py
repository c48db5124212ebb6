"""A command's own Prefect server: begun before it is needed, and gone with the command on every path."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from editcorpus.errors import ConfigError
from flows.own_server import OwnServer, begun_early, lives, quiet_prefect

pytestmark = pytest.mark.prefect
PATIENCE_S = 300
_COMMAND = str(Path(sys.executable).with_name("editcorpus"))
_PARENT = """
import os, time
from flows.own_server import OwnServer
server = OwnServer(os.environ)
server.serve()
server.wait(300)
print(server.url, flush=True)
time.sleep(600)
"""


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, str]:
    """An environment of somebody who has no server and never had one."""
    kept = {name: os.environ[name] for name in os.environ if name.startswith(("PYTHON", "SSL_"))}
    env = {**kept, "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    quiet_prefect(env, verbose=False)
    return {**env, "PREFECT_HOME": str(tmp_path / "prefect")}


@pytest.fixture
def begun(alone: dict[str, str]) -> Iterator[OwnServer]:
    server = OwnServer(alone)
    yield server
    server.stop()


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end, "It did not happen in time."
        time.sleep(0.05)


def of_session(leader: int) -> list[psutil.Process]:
    """What still runs of the session that a command led."""
    found = []
    for one in psutil.process_iter():
        try:
            if os.getsid(one.pid) == leader and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def test_it_serves_once_it_is_told_to_and_ends_when_it_is_stopped(
    begun: OwnServer, tmp_path: Path
) -> None:
    assert not (tmp_path / "prefect" / "prefect.db").exists()
    begun.serve()
    begun.wait(PATIENCE_S)
    assert httpx.get(f"{begun.url}/health").json() is True
    assert (tmp_path / "prefect" / "prefect.db").exists()
    begun.stop()
    assert not begun.lives


def test_one_that_nobody_needed_leaves_no_database(begun: OwnServer, tmp_path: Path) -> None:
    begun.stop()
    assert not begun.lives
    assert not (tmp_path / "prefect" / "prefect.db").exists()


def test_it_ends_with_a_command_that_is_killed(alone: dict[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        env=alone,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().startswith("http")
        assert [one for one in of_session(parent.pid) if one.pid != parent.pid]
        parent.kill()
        parent.wait(PATIENCE_S)
        until(lambda: not of_session(parent.pid))


def test_one_that_cannot_serve_is_one_sentence(alone: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "none").write_text("")
    url = f"sqlite+aiosqlite:///{tmp_path}/none/prefect.db"
    server = OwnServer({**alone, "PREFECT_API_DATABASE_CONNECTION_URL": url})
    server.serve()
    with pytest.raises(
        ConfigError, match=r"^Prefect's own server does not start: it ended with exit code \d\.$"
    ):
        server.wait(PATIENCE_S)
    server.stop()


def test_none_is_begun_where_the_environment_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://team:4200/api")
    before = psutil.Process().children()
    with begun_early():
        assert psutil.Process().children() == before
    assert lives() is None


def traced(alone: dict[str, str], folder: Path) -> tuple[dict[str, str], Path]:
    """An environment in which whoever imports Prefect leaves a file."""
    trap, seen = folder / "trap" / "prefect", folder / "seen"
    trap.mkdir(parents=True)
    (trap / "__init__.py").write_text(f"open({str(seen)!r}, 'w').close()\n")
    return {**alone, "PYTHONPATH": str(trap.parent)}, seen


@pytest.mark.parametrize(
    ("words", "code"),
    [(("build", "--help"), 0), (("build", "omniedit"), 1), (("build", "omniedit", "--limt"), 1)],
    ids=["help", "no_input", "no_such_option"],
)
def test_words_that_are_no_build_begin_none(
    words: tuple[str, ...], code: int, alone: dict[str, str], tmp_path: Path
) -> None:
    env, seen = traced(alone, tmp_path)
    ended = subprocess.run([_COMMAND, *words], env=env, capture_output=True, timeout=PATIENCE_S)
    assert ended.returncode == code
    assert not seen.exists()


@pytest.mark.parametrize("interrupted", [False, True], ids=["bad_input", "ctrl_c"])
def test_a_build_that_ends_before_it_begins_leaves_nothing_behind(
    alone: dict[str, str], tmp_path: Path, *, interrupted: bool
) -> None:
    words = [_COMMAND, "build", "omniedit", "--input", str(tmp_path / "none"), "--json"]
    env = {**alone, "OPENAI_API_KEY": "k", "QWEN_VL_BASE_URL": "http://127.0.0.1:9/v1"}
    with subprocess.Popen(
        words, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as build:
        if interrupted:
            until(lambda: len(of_session(build.pid)) > 1 or build.poll() is not None)
            os.killpg(build.pid, signal.SIGINT)
        _, said = build.communicate(timeout=PATIENCE_S)
    assert build.returncode in ((1, 3) if interrupted else (1,)), said
    assert of_session(build.pid) == []
    assert not (tmp_path / "prefect" / "prefect.db").exists()
