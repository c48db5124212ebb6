"""One Prefect server for every test that needs one, and S3 servers for those that ask for one."""

import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

QUICK_SERVER = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": False,
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": 1,
    "PREFECT_LOGGING_EXTRA_LOGGERS": "editcorpus",
    "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": 0.5,
}


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """URL of the API; in this process it is already the one that Prefect uses."""
    import prefect.settings
    from prefect.logging.configuration import setup_logging
    from prefect.testing.utilities import prefect_test_harness

    updates = {getattr(prefect.settings, name): value for name, value in QUICK_SERVER.items()}
    with (
        prefect.settings.temporary_settings(updates),
        prefect_test_harness(server_startup_timeout=180),
    ):
        setup_logging(incremental=False)
        yield str(prefect.settings.PREFECT_API_URL.value())


@contextmanager
def _served(folder: Path, secret: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3", "--addr", address]
    command += ["--config", "", "--auth-key", f"access,{secret}", "--dir-cache-time", "0s"]
    with subprocess.Popen([*command, str(folder)], stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        next(line for line in server.stderr if "Starting" in line)
        threading.Thread(target=deque, args=(server.stderr, 0), daemon=True).start()
        try:
            yield f"http://{address}"
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def serve_s3() -> Callable[[Path, str], AbstractContextManager[str]]:
    """Serves the folders below a folder as buckets to the key `access` with a secret; gives a URL."""
    return _served
