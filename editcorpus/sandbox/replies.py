"""Answers that are no answers: connections closed in the middle, reset, or silent for ever."""

import socket
import struct

from starlette.datastructures import MutableHeaders
from starlette.types import Receive, Scope, Send

#: Member of `scope["extensions"]` under which the server hands the connection to the application.
TRANSPORT = "editcorpus.transport"


class Cut:
    """Sends half of the body that its header promises, then closes the connection."""

    def __init__(self, body: bytes, headers: dict[str, str]) -> None:
        self._body = body
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = MutableHeaders(headers=self._headers)
        headers["content-type"] = "application/json"
        headers["content-length"] = str(len(self._body))
        await send({"type": "http.response.start", "status": 200, "headers": headers.raw})
        half = self._body[: len(self._body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        scope["extensions"][TRANSPORT].close()
        await gone(receive)


class Reset:
    """Resets the connection without a byte of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        transport = scope["extensions"][TRANSPORT]
        connection = transport.get_extra_info("socket")
        at_once = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        transport.abort()
        await gone(receive)


class Silence:
    """Says nothing until the client goes away."""

    async def __call__(self, _scope: Scope, receive: Receive, _send: Send) -> None:
        await gone(receive)


async def gone(receive: Receive) -> None:
    """Returns when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
