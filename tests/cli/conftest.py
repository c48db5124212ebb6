"""The command line as a person meets it: processes of their own, and one sandbox behind them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
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


@dataclass(frozen=True)
class Shell:
    """Runs `editcorpus` in a folder, with an environment of its own.

    Attributes:
        before: What stands before the command, such as the words that enter a namespace.
    """

    folder: Path
    env: Mapping[str, str] = field(repr=False)
    before: tuple[str, ...] = ()

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
        return ended(self.start(*words))


def ended(process: "subprocess.Popen[str]") -> Ended:
    out, err = process.communicate(timeout=300)
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
def bare(tmp_path_factory: pytest.TempPathFactory, one_sandbox: Running, key: str) -> Shell:
    """A shell whose endpoints are the sandbox; there is no Prefect server."""
    home = tmp_path_factory.mktemp("home")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "OPENAI_BASE_URL": one_sandbox.url,
        "OPENAI_API_KEY": key,
        "QWEN_VL_BASE_URL": one_sandbox.vllm_url,
    }
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):  # or each process compiles everything anew
        env["PYTHONPYCACHEPREFIX"] = str(home / "bytecode")
    return Shell(home, env)


@pytest.fixture
def shell(bare: Shell, prefect_api: str, tmp_path: Path) -> Shell:
    """A shell in a folder of its own that uses the tests' Prefect server."""
    return replace(bare.having(PREFECT_API_URL=prefect_api), folder=tmp_path)


@pytest.fixture
def build(shell: Shell, few: Path) -> Callable[..., tuple[object, ...]]:
    """The words of a small build; more may be added."""

    def words(*more: object, run: str = "few") -> tuple[object, ...]:
        fixed = ("build", "omniedit", "--input", few, "--store", "store", "--run", run)
        return (*fixed, "--shard-size", 3, "--retry-delay-s", 0, "--json", *more)

    return words
