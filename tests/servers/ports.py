"""Ports at which nobody listens, each of which is given to one process only."""

import fcntl
import os
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

_FIRST, _BEHIND = 20_000, 32_000
"""Below those that Linux gives to whoever asks for any, so that nobody takes one that was found free."""
_TAKEN = Path(tempfile.gettempdir()) / f"editcorpus-test-ports-{os.getuid()}"
"""Holds the port that was given last; whoever asks waits here for its turn."""


def unused_port() -> int:
    """A port of loopback at which nobody listens; no other test of this machine is given it, either."""
    with _TAKEN.open("a+") as taken:
        fcntl.flock(taken, fcntl.LOCK_EX)
        taken.seek(0)
        port = int(taken.read() or _FIRST)
        for _ in range(_FIRST, _BEHIND):
            port = port + 1 if port + 1 < _BEHIND else _FIRST
            with socket.socket() as free, suppress(OSError):
                free.bind(("127.0.0.1", port))
                taken.truncate(0)
                taken.write(str(port))
                return port
    raise AssertionError("Somebody listens at every port.")
