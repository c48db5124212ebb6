"""Real servers that can be killed and started again: the model APIs, an S3 store, Prefect."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from editcorpus.storage import Store

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "servers"))
from ports import unused_port

KEY, SECRET = "access", "chaos-secret"
_BIN = Path(sys.executable).parent
_PATIENCE_S = 900


class Server:
    """A server in a process of its own, which keeps its port over its deaths.

    Args:
        words: The command; `{port}` stands for the port.
        folder: Where it runs and where its log lies.
        alive: The path that answers once it serves.
        settings: What its environment holds beside this one's.
        ready: What is done each time it serves.
    """

    def __init__(
        self,
        words: tuple[object, ...],
        folder: Path,
        alive: str,
        settings: Mapping[str, str] | None = None,
        ready: Callable[["Server"], None] = lambda _: None,
    ) -> None:
        self.port = unused_port()
        self.root = f"http://127.0.0.1:{self.port}"
        self._words = [str(word).replace("{port}", str(self.port)) for word in words]
        self._folder = folder
        self._alive = alive
        self._env = {**os.environ, **(settings or {})}
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return once it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._words,
                cwd=self._folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + _PATIENCE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{self._words[:3]} does not serve: see {self._folder}/log")
            time.sleep(0.1)
        self._ready(self)

    def kill(self) -> None:
        """End it and its children as by `kill -9`."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def ask(self, page: str, members: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The JSON of a page; members are sent to it with POST."""
        url = f"{self.root}/{page}"
        answer = httpx.post(url, json=members) if members is not None else httpx.get(url)
        return dict(answer.raise_for_status().json())

    def _answers(self) -> bool:
        try:
            httpx.get(f"{self.root}/{self._alive}", timeout=2)
        except httpx.HTTPError:
            return False
        return True


def sandbox(folder: Path, config: Mapping[str, Any]) -> Server:
    """The model APIs, with a journal that survives."""

    def configured(server: Server) -> None:
        server.ask("__admin/config", config)

    words = (_BIN / "editcorpus", "sandbox", "--port", "{port}", "--journal", folder / "calls")
    return Server(words, folder, "__admin/health", ready=configured)


def prefect(folder: Path) -> Server:
    """One Prefect server that serves all restarts."""
    settings = {"PREFECT_HOME": str(folder), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    words = (_BIN / "prefect", "server", "start", "--host", "127.0.0.1", "--port", "{port}")
    return Server(words, folder, "api/health", settings)


def bucket(folder: Path) -> Server:
    """An S3 server over a folder, with one bucket."""
    (folder / "data" / "team").mkdir(parents=True)
    words: tuple[object, ...] = (_BIN / "rclone", "serve", "s3", "--addr", "127.0.0.1:{port}")
    more = ("--config", "", "--auth-key", f"{KEY},{SECRET}", folder / "data")
    return Server((*words, *more), folder, "")


class Place:
    """Where a run is built: a folder, or a bucket.

    Args:
        root: As the command line takes it.
        server: The S3 server behind it, if there is one.
        spool: Local folder for uploads.
    """

    def __init__(self, root: str, server: Server | None, spool: Path) -> None:
        self.root = root
        self.server = server
        options = {"key": KEY, "secret": SECRET, "endpoint_url": server.root} if server else {}
        self.store = Store(root, options, spool)

    @property
    def settings(self) -> dict[str, str]:
        """What the environment of a build holds of it."""
        if self.server is None:
            return {}
        return {
            "AWS_ENDPOINT_URL": self.server.root,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }


@contextmanager
def serving(*servers: Server) -> Iterator[None]:
    """All servers while the block lasts."""
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            server.kill()
