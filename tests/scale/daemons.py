"""PostgreSQL, Redis and other programs, in folders of their own and on free ports of loopback."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "servers"))
from ports import unused_port

POSTGRES = "EDITCORPUS_TEST_POSTGRES"
"""The variable that names the folder with PostgreSQL's own programs."""
PATIENCE_S = 600.0
"""For what a busy machine does at its own pace: minutes, and not hours."""


def once(what: str, happened: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Return once something is so.

    Raises:
        AssertionError: It was not so in time.
    """
    until = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < until, f"It did not happen in time: {what}."
        time.sleep(0.3)


def run(words: Sequence[object], env: Mapping[str, str], log: Path) -> None:
    """Run a command to its end.

    Raises:
        AssertionError: It failed; what it said.
    """
    command = [str(word) for word in words]
    with log.open("ab") as out:
        code = subprocess.call(command, env=dict(env), cwd=log.parent, stdout=out, stderr=out)
    assert code == 0, log.read_text("utf-8")[-4000:]


@contextmanager
def spawned(words: Sequence[object], env: Mapping[str, str], log: Path) -> Iterator[None]:
    """A program that runs while the block lasts, with all that it starts."""
    command = [str(word) for word in words]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=dict(env), cwd=log.parent, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL with an empty database `prefect` of a user of that name; gives host and port."""
    programs = Path(os.environ[POSTGRES])
    folder.mkdir()
    drop: list[str] = []
    if os.geteuid() == 0:  # it refuses to run as root
        shutil.chown(folder, "postgres")
        drop = ["runuser", "-u", "postgres", "--"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "cwd": "/"}
    made = ["--auth", "trust", "--username", "prefect", "--encoding", "UTF8", "--no-sync"]
    subprocess.run([*drop, programs / "initdb", "-D", folder / "data", *made], check=True, **quiet)
    port = unused_port()
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c max_connections=200 -c shared_buffers=512MB"
    control = [*drop, programs / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log"]
    subprocess.run([*control, "-o", options, "start"], check=True, **quiet)
    try:
        create = [programs / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "prefect"]
        subprocess.run([*drop, *create, "prefect"], check=True, **quiet)
        yield f"127.0.0.1:{port}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, **quiet)


@contextmanager
def redis(folder: Path, password: str) -> Iterator[str]:
    """A Redis with a password that evicts nothing; gives host and port."""
    folder.mkdir()
    port = unused_port()
    words = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", folder]
    words += ["--appendonly", "yes", "--maxmemory-policy", "noeviction", "--requirepass", password]
    with spawned(words, os.environ, folder / "log"):
        once("Redis takes connections", lambda: _listens(port), 60)
        yield f"127.0.0.1:{port}"


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
