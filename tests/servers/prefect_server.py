"""Prefect servers as a team starts them, each with a database of its own."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx


class PrefectServers:
    """Starts Prefect servers.

    Only the first one makes its tables step by step, which takes ten seconds of CPU; later ones begin with
    a copy of them.

    Args:
        fresh: Where that copy is kept.
    """

    def __init__(self, fresh: Path) -> None:
        self._fresh = fresh

    def keep(self, database: Path) -> None:
        """Keep the tables of a server that has just started, unless some are kept already."""
        if not self._fresh.exists():
            with (
                closing(sqlite3.connect(database)) as its,
                closing(sqlite3.connect(self._fresh)) as ours,
            ):
                its.backup(ours)

    @contextmanager
    def serve(self, folder: Path, port: int, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Serve at a port, perhaps with more settings, from a folder with the database, until it is left."""
        folder.mkdir(exist_ok=True)
        database = folder / "prefect.db"
        if self._fresh.exists() and not database.exists():
            shutil.copyfile(self._fresh, database)
        with (folder / "server.log").open("ab") as log:
            server = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("prefect")),
                    "server",
                    "start",
                    "--port",
                    str(port),
                ],
                env=_environment(folder, more),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        with server:
            try:
                while not _answers(f"http://127.0.0.1:{port}/api/health"):
                    with suppress(subprocess.TimeoutExpired):
                        server.wait(0.2)
                        raise AssertionError((folder / "server.log").read_text("utf-8"))
                self.keep(database)
                yield server
            finally:
                if server.poll() is None:
                    os.killpg(server.pid, signal.SIGKILL)


def _environment(folder: Path, more: dict[str, str]) -> dict[str, str]:
    names = ("PATH", "PYTHONPYCACHEPREFIX", "SSL_CERT_FILE")
    found = {name: os.environ[name] for name in names if name in os.environ}
    own = {"HOME": str(folder), "PREFECT_HOME": str(folder)}
    return {**found, **own, "PREFECT_SERVER_ANALYTICS_ENABLED": "false", **more}


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False
