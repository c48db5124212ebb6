"""The process of a command's own Prefect server (`own_server.py`).

    python -P flows/serving.py FD

It imports the server, which takes most of its start, and then waits for a word on its standard input:
a command that ends before it needs a server leaves no trace of one. Where Prefect's settings name a
server after all, in a profile, it ends at once. Once it serves, it ends when that input closes.
"""

import gc
import os
import signal
import socket
import sys
from threading import Thread

_NOT_STARTED = 3
"""Exit code of uvicorn for this."""


def main(descriptor: int) -> int:
    """Serve over a socket that listens, once told to; gives the exit code.

    Args:
        descriptor: Of the socket.
    """
    gc.disable()  # what is imported stays
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url or not settings.server.ephemeral.enabled:
        return 0
    import uvicorn
    from prefect.server.api.server import create_app

    serving = uvicorn.Server(uvicorn.Config(create_app(), log_level="error", lifespan="on"))
    gc.freeze()
    gc.enable()
    if not sys.stdin.readline():
        return 0
    Thread(target=_end_with_parent, name="editcorpus-parent", daemon=True).start()
    serving.run(sockets=[socket.socket(fileno=descriptor)])
    return 0 if serving.started else _NOT_STARTED


def _end_with_parent() -> None:
    """Wait until the command is gone, and then have this process end in order."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
