"""The process that serves: uvicorn over one socket, with the connection in the application's reach."""

import asyncio
import contextlib
import json
import socket
import sys
import threading
from collections.abc import Callable
from typing import cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from editcorpus.sandbox.app import application
from editcorpus.sandbox.config import SandboxConfig
from editcorpus.sandbox.replies import TRANSPORT
from editcorpus.sandbox.state import Sandbox

#: Connections kept while idle, in seconds: longer than any client waits between two calls.
EMULATED = ("x-emulated-by", "editcorpus")
"""A header of every answer, by which a client can tell that nothing here is real."""
_KEEP_ALIVE_S = 300
_BACKLOG = 2048


class _Protocol(H11Protocol):
    """Hands the transport to the application, which cuts and resets connections with it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        app = cast(ASGIApp, self.app)

        async def reaching(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = reaching


def listening(config: SandboxConfig) -> socket.socket:
    """A socket that queues connections from now on.

    Raises:
        OSError: The address cannot be had.
    """
    # asyncio turns Nagle's delay of 40 ms off only where the socket names its protocol
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((config.host, config.port))
        found.listen(_BACKLOG)
    except OSError:
        found.close()
        raise
    return found


def as_json(host: str, port: int) -> str:
    """An address as a program reads it."""
    return json.dumps({"host": host, "port": port})


def serve(
    config: SandboxConfig,
    *,
    line: Callable[[str, int], str] = as_json,
    until_stdin_closes: bool = False,
) -> None:
    """Serve in the foreground until interrupted; standard output says where, once it is known.

    Args:
        config: Everything about the server.
        line: What is printed of host and port when connections are taken.
        until_stdin_closes: End as well when standard input does, so that the server does not
            outlive the process that started it.

    Raises:
        OSError: The address or the journal cannot be had.
    """
    door = listening(config)
    try:
        sandbox = Sandbox(config)
    except BaseException:
        door.close()
        raise
    server = uvicorn.Server(
        uvicorn.Config(
            application(sandbox),
            http=_Protocol,
            ws="none",
            log_level="error",
            access_log=False,
            headers=[EMULATED],
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=1,
        )
    )
    if until_stdin_closes:
        threading.Thread(target=_end_with_stdin, args=(server,), daemon=True).start()
    host, port = door.getsockname()[:2]
    sys.stdout.write(f"{line(host, port)}\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[door])


def _end_with_stdin(server: uvicorn.Server) -> None:
    sys.stdin.read()
    server.should_exit = True
