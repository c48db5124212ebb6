"""The life of a call that costs nothing: key, fault, work, delay, answer. It is not journaled."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from editcorpus.sandbox import latency
from editcorpus.sandbox.chance import digest
from editcorpus.sandbox.faults import Attempt, is_lost, struck
from editcorpus.sandbox.injected import REFUSED, UNBILLED, refusal
from editcorpus.sandbox.jobs import Incoming, Kind, read
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.refusals import ApiError, invalid
from editcorpus.sandbox.replies import Content, reply
from editcorpus.sandbox.state import Sandbox


@dataclass(frozen=True, slots=True)
class Errand:
    """A request for something that is free.

    Attributes:
        path: The variable parts of the address.
        query: What stands behind the question mark.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    incoming: Incoming

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from 1 in the query.

        Raises:
            ApiError: It is none, or out of bounds.
        """
        text = self.query.get(name, str(default))
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
            raise invalid(
                f"Invalid '{name}': expected an integer from 1 to {most}.", name, "invalid_value"
            )
        return int(text)


Handler = Callable[[Sandbox, Errand], Awaitable[Content]]


class Free:
    """An ASGI application that serves one endpoint that is free."""

    def __init__(self, sandbox: Sandbox, handler: Handler) -> None:
        self._sandbox = sandbox
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except ClientDisconnect:
            return
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> ASGIApp:
        sandbox = self._sandbox
        request_id = "req_" + digest("free", sandbox.errand())[:32]
        try:
            sandbox.check_key(request.headers.get("authorization", ""), Persona.OPENAI)
            incoming = await read(request)
            attempt = self._attempt(request, incoming)
            request_id = "req_" + digest("free", attempt.key, attempt.number)[:32]
            fault = struck(sandbox.config, attempt)
            delay_s = latency.seconds(latency.FREE, fault, attempt.key, attempt.number)
            await asyncio.sleep(delay_s * sandbox.config.time_scale)
            content = None
            if fault in REFUSED:
                scale = sandbox.config.time_scale
                raise refusal(fault, Persona.OPENAI, "", request_id, scale)
            if fault not in UNBILLED and not is_lost(sandbox.config, fault, request_id):
                errand = Errand(request.path_params, dict(request.query_params), incoming)
                content = await self._handler(sandbox, errand)
        except ApiError as error:
            headers = {**sandbox.headers(request_id, 0), **error.headers}
            return Response(error.body(Persona.OPENAI), error.status, headers, "application/json")
        return reply(fault, content, sandbox.headers(request_id, delay_s))

    def _attempt(self, request: Request, incoming: Incoming) -> Attempt:
        text = ""
        if incoming.content_type.startswith("application/json"):
            text = incoming.body.decode("utf-8", "replace")
        boundary = incoming.content_type.partition("boundary=")[2].encode()
        body = incoming.body.replace(boundary, b"") if boundary else incoming.body
        seen = hashlib.sha256(body).hexdigest()
        key = digest("free", request.method, request.url.path, seen)
        number = self._sandbox.errand(key)
        header = request.headers.get("x-emulate", "")
        return Attempt(key, number, Persona.OPENAI, Kind.FREE, text, header)
