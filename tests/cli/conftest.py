"""The command line as a person meets it: processes of their own, and one sandbox behind them."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from editcorpus.sandbox import Running

COMMAND = str(Path(sys.executable).with_name("editcorpus"))


@dataclass(frozen=True)
class Ended:
    """A process that ended: exit code and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The last line of standard output."""
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found


class Forks:
    """Runs commands one after the other, each in a child of a process that has done the imports.

    Args:
        env: The environment in which that process imports.
        place: Folder for what the commands say; it holds no settings of Prefect.
    """

    def __init__(self, env: Mapping[str, str], place: Path) -> None:
        self._env = dict(env)
        self._place = place
        self._turn = threading.Lock()
        self._prefect: dict[str, str] | None = None
        self._idle: dict[bool, subprocess.Popen[str]] = {}

    def warm(self, env: Mapping[str, str]) -> None:
        """Have builds find Prefect imported, too, where they have the same settings of it."""
        self._prefect = self._prefect or _settings(env)

    def run(self, shell: "Shell", *words: object) -> Ended:
        """Run a command in a shell's folder and environment to its end."""
        out, err = self._place / "out", self._place / "err"
        asked = {"words": [*map(str, words)], "env": dict(shell.env), "cwd": str(shell.folder)}
        builds = words[:1] in {("build",), ("redrive",)} and "--verbose" not in words
        with self._turn:
            for file in (out, err):
                file.write_bytes(b"")
            code = self._answer(
                json.dumps({**asked, "out": str(out), "err": str(err)}),
                prefect=builds and _settings(shell.env) == self._prefect,
            )
            return Ended(code, out.read_text("utf-8"), err.read_text("utf-8"))

    def _answer(self, line: str, *, prefect: bool) -> int:
        """The exit code of a command; who is interrupted over it leaves no answer to the next one."""
        process = self._idle.pop(prefect, None) or self._started(prefect=prefect)
        assert process.stdin and process.stdout
        try:
            process.stdin.write(f"{line}\n")
            process.stdin.flush()
            code = int(process.stdout.readline())
            self._idle[prefect] = process
        finally:
            if prefect not in self._idle:
                process.kill()
                process.communicate()
        return code

    def _started(self, *, prefect: bool) -> "subprocess.Popen[str]":
        words = [sys.executable, str(Path(__file__).with_name("forks.py"))]
        return subprocess.Popen(
            [*words, "--prefect"] if prefect else words,
            env={**self._env, **(self._prefect or {})} if prefect else self._env,
            cwd=self._place,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End those processes."""
        for process in self._idle.values():
            process.communicate()


def _settings(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith("PREFECT_")}


@dataclass(frozen=True)
class Shell:
    """Runs `editcorpus` in a folder, with an environment of its own.

    Attributes:
        before: What stands before the command, such as the words that enter a namespace.
        forks: What runs commands to their end quickly, where nothing stands before them.
    """

    folder: Path
    env: Mapping[str, str] = field(repr=False)
    before: tuple[str, ...] = ()
    forks: Forks | None = None

    def having(self, **changed: str | None) -> "Shell":
        """The same with some variables changed, or taken away by None."""
        merged = {**self.env, **changed}
        return replace(self, env={name: value for name, value in merged.items() if value})

    def start(self, *words: object) -> "subprocess.Popen[str]":
        """Start a command as the leader of a process group of its own."""
        return subprocess.Popen(
            [*self.before, COMMAND, *map(str, words)],
            cwd=self.folder,
            env=dict(self.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: object) -> Ended:
        """Run a command to its end."""
        if self.forks and not self.before and "PYTHONPATH" not in self.env:
            return self.forks.run(self, *words)
        return ended(self.start(*words))


def ended(process: "subprocess.Popen[str]") -> Ended:
    out, err = process.communicate(timeout=900)
    return Ended(process.returncode, out, err)


def _wait_until(process: "subprocess.Popen[str]", happened: Callable[[], bool]) -> None:
    """Return once something has happened; the process must still run then."""
    while not happened():
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            raise AssertionError(f"It ended before that: {ended(process)}")


@pytest.fixture(scope="session")
def wait_until() -> Callable[["subprocess.Popen[str]", Callable[[], bool]], None]:
    return _wait_until


@pytest.fixture(scope="session")
def take_ended() -> Callable[["subprocess.Popen[str]"], Ended]:
    return ended


@pytest.fixture(scope="session")
def bare(
    tmp_path_factory: pytest.TempPathFactory, one_sandbox: Running, key: str
) -> Iterator[Shell]:
    """A shell whose endpoints are the sandbox; there is no Prefect server."""
    home = tmp_path_factory.mktemp("home")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "OPENAI_BASE_URL": one_sandbox.url,
        "OPENAI_API_KEY": key,
        "QWEN_VL_BASE_URL": one_sandbox.vllm_url,
        "PYTHONWARNINGS": os.environ["PYTHONWARNINGS"],
        "SSL_CERT_FILE": os.environ["SSL_CERT_FILE"],
    }
    compiled = os.environ.get("PYTHONPYCACHEPREFIX", "")  # or each process compiles everything anew
    if compiled or os.environ.get("PYTHONDONTWRITEBYTECODE"):
        env["PYTHONPYCACHEPREFIX"] = compiled or str(home / "bytecode")
    forks = Forks(env, home)
    yield Shell(home, env, forks=forks)
    forks.close()


@pytest.fixture(scope="session")
def forks() -> type[Forks]:
    return Forks


@pytest.fixture(scope="session")
def served(bare: Shell, prefect_api: str) -> Shell:
    """The same with the tests' Prefect server."""
    made = bare.having(PREFECT_API_URL=prefect_api)
    if made.forks:
        made.forks.warm(made.env)
    return made


@pytest.fixture
def shell(served: Shell, tmp_path: Path) -> Shell:
    """A shell in a folder of its own that uses the tests' Prefect server."""
    return replace(served, folder=tmp_path)


@pytest.fixture
def build(shell: Shell, few: Path) -> Callable[..., tuple[object, ...]]:
    """The words of a small build; more may be added."""

    def words(*more: object, run: str = "few") -> tuple[object, ...]:
        fixed = ("build", "omniedit", "--input", few, "--store", "store", "--run", run)
        return (*fixed, "--shard-size", 3, "--retry-delay-s", 0, "--json", *more)

    return words
