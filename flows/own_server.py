"""The Prefect server of a command where the environment names none: begun early, used once it is needed.

It takes ten seconds of CPU to start. So a process is begun at once that gets no further than its imports
(`serving.py`), on another core than the command's own; it touches no database and takes no request until
the command says so. It is deaf to Ctrl-C, and ends with the command, however that ends: its standard input
closes then.
"""

import atexit
import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path

from editcorpus.errors import ConfigError, first_line

GO = b"serve\n"
"""What a command says to a process that it has begun, once it needs a server."""
_PROGRAM = Path(__file__).resolve().with_name("serving.py")
_STOP_S = 5.0
"""How long a server is waited for that was asked to end; Prefect gives its own as long."""
_STARTING_STOP_S = 30.0
"""The same while it starts: who ends it in the midst of a migration leaves a database that none can use."""


def quiet_prefect(environment: MutableMapping[str, str], *, verbose: bool) -> None:
    """Settings under which Prefect serves one build from a shell; what is set already stays.

    Without an API URL a server of our own is started, which takes up to a minute on a loaded machine,
    and would report home. Six retries of a request take two minutes, in which a team's server can be
    started anew. A server of one's own that is gone never comes back, and each of the states that it no
    longer takes would cost those two minutes; two retries take 6 s.
    """
    teams = bool(environment.get("PREFECT_API_URL"))
    defaults = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "editcorpus",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_INTERNAL_LOGGING_LEVEL": "ERROR" if verbose else "CRITICAL",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO" if verbose else "CRITICAL",
        "PREFECT_CLIENT_MAX_RETRIES": "6" if teams else "2",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "200",
    }
    for name, value in defaults.items():
        environment.setdefault(name, value)


class OwnServer:
    """A process that serves Prefect's API to this one, once it is told to.

    Args:
        environment: In which it starts; settings of Prefect among it, and the profile, count as ever.

    Attributes:
        url: Of its API. Requests may be sent before it serves: they wait.
        served: Whether it was waited for, and serves.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self._port: int = listening.getsockname()[1]
            self._process = _deaf(listening, environment)
        self.url = f"http://127.0.0.1:{self._port}/api"
        self.served = False
        atexit.register(self.stop)

    @property
    def lives(self) -> bool:
        """Whether its process has not ended."""
        return self._process.poll() is None

    def serve(self) -> None:
        """Have it serve; twice is as once."""
        assert self._process.stdin is not None  # noqa: S101
        with suppress(BrokenPipeError):
            self._process.stdin.write(GO)
            self._process.stdin.flush()

    def wait(self, timeout_s: float) -> None:
        """Wait until it serves.

        Args:
            timeout_s: How long, in seconds.

        Raises:
            ConfigError: It does not start.
        """
        asking = http.client.HTTPConnection("127.0.0.1", self._port, timeout=timeout_s)
        try:
            asking.request("GET", "/api/health")
            status = asking.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise ConfigError(f"Prefect's own server does not start: {self._why(error)}.") from None
        finally:
            asking.close()
        if status != http.HTTPStatus.OK:
            raise ConfigError(f"Prefect's own server does not start: its health is {status}.")
        self.served = True

    def _why(self, error: Exception) -> str:
        with suppress(subprocess.TimeoutExpired):
            return f"it ended with exit code {self._process.wait(1)}"
        return first_line(error)

    def stop(self) -> None:
        """End it, and wait until it has ended; twice is as once."""
        atexit.unregister(self.stop)
        assert self._process.stdin is not None  # noqa: S101
        self._process.terminate()
        try:
            self._process.wait(_STOP_S if self.served else _STARTING_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            with suppress(BrokenPipeError):
                self._process.stdin.close()


def _deaf(listening: socket.socket, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start the process: a terminal sends Ctrl-C to every process of a command, and it must outlive the flow.

    What a thread blocks, the processes that it starts block, too.
    """
    words = [sys.executable, "-P", str(_PROGRAM), str(listening.fileno())]
    ephemeral = {
        "PREFECT_SERVER_UI_ENABLED": "0",
        "PREFECT__SERVER_EPHEMERAL": "1",
        "PREFECT__SERVER_FINAL": "1",
    }
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # what a command prints is read by programs
            pass_fds=[listening.fileno()],
            env={**environment, **ephemeral},
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_begun: list[OwnServer] = []
"""The server of this process: none or one. Whatever asks for it has no other way to the one begun."""


@contextmanager
def begun_early(*, wanted: bool = True) -> Iterator[None]:
    """Begin a server, unless the environment names one; it ends with the block if nobody uses it.

    Args:
        wanted: Whether it may be needed at all.
    """
    if wanted and not _begun and not os.environ.get("PREFECT_API_URL"):
        _begun.append(OwnServer(os.environ))
    try:
        yield
    finally:
        if not any(one.served for one in _begun):
            while _begun:
                _begun.pop().stop()


def needed() -> None:
    """Have a server that was begun serve; it is not waited for."""
    for one in _begun:
        one.serve()


def used(timeout_s: float) -> str:
    """The URL of this process' own server, which serves now.

    Args:
        timeout_s: How long it is waited for, in seconds.

    Raises:
        ConfigError: It does not start.
    """
    if not _begun:
        _begun.append(OwnServer(os.environ))
    own = _begun[0]
    if not own.served:
        own.serve()
        own.wait(timeout_s)
    return own.url


def lives() -> bool | None:
    """Whether this process' own server lives; None where it uses none."""
    return next((one.lives for one in _begun if one.served), None)
