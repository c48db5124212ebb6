"""What goes out: whole answers, and those that a fault cuts short, resets, or never sends."""

import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from editcorpus.sandbox.config import Fault
from editcorpus.sandbox.injected import EDGE, PAGES

#: Member of `scope["extensions"]` under which the server hands the connection to the application.
TRANSPORT = "editcorpus.transport"

#: Headers that a gateway adds itself; what the service says is lost when it fails.
_AT_THE_EDGE = frozenset({"cf-ray", "set-cookie"})


@dataclass(frozen=True, slots=True)
class Content:
    """What a sound answer carries: bytes when their time has come, or a file of any size."""

    body: Callable[[], bytes]
    path: Path | None = None
    media_type: str = "application/json"


def reply(fault: Fault | None, content: Content | None, headers: Mapping[str, str]) -> ASGIApp:
    """The answer with status 200, or what the fault makes of it.

    Args:
        fault: Not one that is an error answer.
        content: None where the work was not done, which only some faults allow.
        headers: Of the answer, where there is one.
    """
    if fault in PAGES:
        status, page = PAGES[fault]
        return Response(page, status, _beside(fault, headers), "text/html")
    if fault in (Fault.RESET, Fault.RESET_EARLY) or content is None:
        return Reset()
    if fault is Fault.HANG:
        return Silence()
    if fault is Fault.EMPTY_BODY:
        return Response(b"", 200, headers, content.media_type)
    if content.path is not None and fault is None:
        return FileResponse(content.path, 200, headers, content.media_type)
    return _shortened(fault, content, headers)


def _beside(fault: Fault | None, headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers of a page: a gateway or a proxy never saw those of the service."""
    if fault is Fault.PROXY_PAGE:
        return {"via": "1.1 proxy"}
    if fault in EDGE:
        return {name: headers[name] for name in _AT_THE_EDGE & headers.keys()}
    return headers


def _shortened(fault: Fault | None, content: Content, headers: Mapping[str, str]) -> ASGIApp:
    body = content.body()
    if fault is Fault.CUT_BODY:
        return Cut(body, dict(headers), content.media_type)
    if fault is Fault.MALFORMED_JSON:
        body = body[: len(body) * 2 // 3]
    return Response(body, 200, headers, content.media_type)


class Cut:
    """Sends half of the body that its header promises, then closes the connection."""

    def __init__(self, body: bytes, headers: dict[str, str], media_type: str) -> None:
        self._body = body
        self._headers = {**headers, "content-type": media_type}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = MutableHeaders(headers=self._headers)
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
