"""What tests of flows and of the command line share: servers, a sandbox, and a small input."""

import fcntl
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings

from editcorpus.demo.rows import published_schema, write_demo_input
from editcorpus.sandbox import Running, SandboxConfig, running

sys.path.insert(0, str(Path(__file__).parent / "corpora"))
sys.path.insert(0, str(Path(__file__).parent / "servers"))
from hub_data import HubServer
from hub_server import hub_running
from hub_writes import HubWrites, serving
from ports import unused_port as next_port
from prefect_server import PrefectServers

KEY = "sk-planted-7f3e9a"
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

QUICK_SERVER = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": False,
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": 1,
    "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": 0.5,
}

REFUSED = ",".join(
    (
        "error::DeprecationWarning",
        "error::FutureWarning",
        *filter(None, [os.environ.get("EDITCORPUS_TEST_WARNINGS", "")]),
    )
)
"""What Python makes of the two kinds of warning by which libraries, Prefect among them, give notice; and
what `scripts/test-compat` takes out, of which an old Prefect's own server is warned."""

LONG = ("prefect", "browser", "long")
"""Marks of files that take long, those that take longest first."""

settings.register_profile(
    "steady",  # the same examples each time, however busy the machine is
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")


def pytest_configure() -> None:
    """Let what tests start stop at a deprecated call, too, as the tests do.

    Let no client read all the authorities that a machine trusts, which takes 30 ms of CPU, some forty times
    in a build: nobody speaks TLS here.

    Hear Ctrl-C, and let what tests start hear it, also where a shell started this in the background.
    """
    os.environ["PYTHONWARNINGS"] = REFUSED
    os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "servers" / "nobody.pem")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Hand the files that take long to workers first, so that none is left with one of them at the end."""
    if hasattr(config, "workerinput"):
        marks: dict[Path, set[str]] = {}
        for item in items:
            marks.setdefault(item.path, set()).update(mark.name for mark in item.iter_markers())
        items.sort(key=lambda item: [mark not in marks[item.path] for mark in LONG])


@pytest.fixture(scope="session")
def prefect_api(pytestconfig: pytest.Config, prefect_servers: PrefectServers) -> Iterator[str]:
    """URL of the API; in this process it is already the one that Prefect uses.

    Prefect leaves its clients' connections to the garbage collector, which finds them during any test.
    """
    import prefect.settings
    from prefect.testing import utilities

    updates = {getattr(prefect.settings, name): value for name, value in QUICK_SERVER.items()}
    with ExitStack() as stack:
        stack.enter_context(prefect.settings.temporary_settings(updates))
        del os.environ["PYTHONWARNINGS"]  # what a server is warned of is not ours to mend
        try:
            with (
                pytest.MonkeyPatch.context() as patch
            ):  # its own may be taken before it listens there
                patch.setattr(utilities, "_find_available_port", next_port, raising=False)
                stack.enter_context(utilities.prefect_test_harness(server_startup_timeout=180))
        finally:
            os.environ["PYTHONWARNINGS"] = REFUSED
        url = str(prefect.settings.PREFECT_API_URL.value())
        database = prefect.settings.PREFECT_SERVER_DATABASE_CONNECTION_URL.value()
        prefect_servers.keep(Path(str(database).partition("///")[2]))
        port = url.removesuffix("/api").rpartition(":")[2]
        left_open = rf"ignore:unclosed <socket.*raddr=.*, {port}\)>:ResourceWarning"
        pytestconfig.addinivalue_line("filterwarnings", left_open)  # from the next test on
        warnings.filterwarnings("ignore", left_open.split(":")[1], ResourceWarning)
        yield url
    gc.collect()  # the last ones, too, are found while they are expected


@contextmanager
def _served(folder: Path, secret: str, port: int = 0) -> Iterator[str]:
    address = f"127.0.0.1:{port or next_port()}"
    command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3", "--addr", address]
    command += ["--config", "", "--auth-key", f"access,{secret}"]
    with subprocess.Popen([*command, str(folder)], stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        next(line for line in server.stderr if "Starting" in line)
        reader = threading.Thread(target=deque, args=(server.stderr, 0), daemon=True)
        reader.start()
        try:
            yield f"http://{address}"
        finally:
            server.terminate()
            reader.join()  # before the file that it reads is closed


@pytest.fixture(scope="session")
def serve_s3() -> Callable[..., AbstractContextManager[str]]:
    """Serves the folders below a folder as buckets to the key `access` with a secret; gives a URL."""
    return _served


@pytest.fixture(scope="session")
def unused_port() -> Callable[[], int]:
    """Gives a port at which nobody listens; another one each time."""
    return next_port


@pytest.fixture(scope="session")
def given_s3() -> dict[str, str]:
    """What opens the S3 server that the environment names (`make test-ceph`); nothing by default."""
    names = {"key": "KEY", "secret": "SECRET", "endpoint_url": "URL"}
    found = {to: os.environ.get(f"EDITCORPUS_TEST_S3_{name}", "") for to, name in names.items()}
    return found if found["endpoint_url"] else {}


@pytest.fixture
def free_port() -> int:
    """A port at which nobody listens."""
    return next_port()


@pytest.fixture(scope="session")
def prefect_servers(tmp_path_factory: pytest.TempPathFactory) -> PrefectServers:
    return PrefectServers(tmp_path_factory.mktemp("servers") / "fresh.db")


@pytest.fixture(scope="session")
def serve_prefect(
    prefect_servers: PrefectServers,
) -> Callable[..., AbstractContextManager["subprocess.Popen[bytes]"]]:
    """Starts a Prefect server, perhaps with more settings, with its database in a folder at a port."""
    return prefect_servers.serve


@pytest.fixture(scope="session")
def demo_input(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's input, written once for all processes of the tests; it is not to be changed."""
    place = tmp_path_factory.getbasetemp()
    place = place.parent if "PYTEST_XDIST_WORKER" in os.environ else place
    with (place / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "demo").exists():
            write_demo_input(place / "demo.part").rename(place / "demo")
    return place / "demo"


@pytest.fixture(scope="session")
def demo_rows(demo_input: Path) -> dict[str, dict[str, Any]]:
    """The rows of the demo's input by id; the first one keeps a duplicate id."""
    rows = pq.read_table(demo_input).to_pylist()
    return {row["omni_edit_id"]: row for row in reversed(rows)}


@pytest.fixture(scope="session")
def write_rows(demo_rows: dict[str, dict[str, Any]]) -> Callable[..., Path]:
    """Writes some rows of the demo, perhaps with other instructions, in row groups of a few."""

    def written(
        path: Path, names: Sequence[str], group: int, instructions: Mapping[str, str] | None = None
    ) -> Path:
        rows = [dict(demo_rows[name]) for name in names]
        for row in rows:
            if instruction := (instructions or {}).get(row["omni_edit_id"]):
                row["edited_prompt_list"] = [instruction]
        with pq.ParquetWriter(path, published_schema()) as writer:
            for start in range(0, len(rows), group):
                part = rows[start : start + group]
                writer.write_table(pa.Table.from_pylist(part, published_schema()))
        return path

    return written


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory, write_rows: Callable[..., Path]) -> Path:
    """Eight rows of the demo in one file: six fit for a corpus, two not."""
    return write_rows(tmp_path_factory.mktemp("input") / "few.parquet", ROWS, 4)


@pytest.fixture(scope="session")
def key() -> str:
    """The one key that the sandbox takes; it must not be seen anywhere."""
    return KEY


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
def dead_url() -> Iterator[str]:
    """A URL at which nobody listens; its port is held, so that nobody ever will."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """A Hub for datasets on loopback, with its CDN; nothing is on it yet."""
    with hub_running() as server:
        yield server


@pytest.fixture
def hub_writes(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubWrites]:
    """A Hub on loopback that takes pushes by HTTP, without Xet; no repository is on it yet."""
    import huggingface_hub.constants
    from huggingface_hub.utils import close_session, disable_progress_bars

    disable_progress_bars()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    with serving() as hub:
        yield hub
        close_session()  # its connections, before the garbage collector finds them


@pytest.fixture(scope="session")
def files_below() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder, by its path there."""

    def found(folder: Path) -> dict[str, bytes]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    return found
