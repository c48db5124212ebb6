"""The command line as a person meets it: processes of their own, and one sandbox behind them."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.demo.rows import published_schema, write_demo_input
from editcorpus.sandbox import Running, SandboxConfig, running

KEY = "sk-planted-7f3e9a"
COMMAND = str(Path(sys.executable).with_name("editcorpus"))
ROWS = (
    "task_obj_add_42250",
    "task_attr_mod_color_11750",
    "task_attr_mod_facial_2391",
    "task_env_weather_113010",
    "task_obj_remove_380744",
    "task_obj_swap_rand_mask_417802",
    "task_obj_add_45556",  # a JPEG that is cut short
    "task_obj_remove_382651",  # a PNG that promises 1.6 billion pixels
)
CALM: dict[str, Any] = {
    "faults": {},
    "defects": {},
    "latency_s": None,
    "time_scale": 0.001,
    "keys_revoked": False,
}


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
    """Runs `editcorpus` in a folder, with an environment of its own."""

    folder: Path
    env: Mapping[str, str] = field(repr=False)

    def having(self, **changed: str | None) -> "Shell":
        """The same with some variables changed, or taken away by None."""
        merged = {**self.env, **changed}
        return replace(self, env={name: value for name, value in merged.items() if value})

    def start(self, *words: object) -> "subprocess.Popen[str]":
        """Start a command as the leader of a process group of its own."""
        return subprocess.Popen(
            [COMMAND, *map(str, words)],
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
def demo_input(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight rows of the demo in one file: six fit for a corpus, two not."""
    whole = write_demo_input(tmp_path_factory.mktemp("whole"))
    found = {row["omni_edit_id"]: row for row in pq.read_table(whole).to_pylist()}
    path = tmp_path_factory.mktemp("input") / "few.parquet"
    with pq.ParquetWriter(path, published_schema()) as writer:
        for start in range(0, len(ROWS), 4):
            group = [found[name] for name in ROWS[start : start + 4]]
            writer.write_table(pa.Table.from_pylist(group, published_schema()))
    return path


@pytest.fixture(scope="session")
def one_sandbox() -> Iterator[Running]:
    with running(SandboxConfig(api_keys=(KEY,), **CALM)) as server:
        yield server


@pytest.fixture
def sandbox(one_sandbox: Running) -> Iterator[Running]:
    """The one sandbox with an empty journal and calm settings."""
    one_sandbox.admin("config", CALM)
    one_sandbox.admin("reset", {})
    yield one_sandbox
    one_sandbox.admin("config", CALM)


@pytest.fixture(scope="session")
def dead_url() -> str:
    """A URL at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory, one_sandbox: Running) -> Shell:
    """A shell whose endpoints are the sandbox; there is no Prefect server."""
    home = tmp_path_factory.mktemp("home")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "OPENAI_BASE_URL": one_sandbox.url,
        "OPENAI_API_KEY": KEY,
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
def build(shell: Shell, demo_input: Path) -> Callable[..., tuple[object, ...]]:
    """The words of a small build; more may be added."""

    def words(*more: object, run: str = "few") -> tuple[object, ...]:
        fixed = ("build", "omniedit", "--input", demo_input, "--store", "store", "--run", run)
        return (*fixed, "--shard-size", 3, "--retry-delay-s", 0, "--json", *more)

    return words


@pytest.fixture(scope="session")
def files_below() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder, by its path there."""

    def found(folder: Path) -> dict[str, bytes]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    return found
