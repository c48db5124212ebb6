"""The life of one paid call: key, limits, fault, work, delay, journal, and only then the answer."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from editcorpus.sandbox import latency
from editcorpus.sandbox.chance import digest, share
from editcorpus.sandbox.config import Fault
from editcorpus.sandbox.faults import SEVERED, UNBILLED, Attempt, refusal, struck
from editcorpus.sandbox.journal import Entry
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.refusals import HTML_502, ApiError, out_of_quota
from editcorpus.sandbox.replies import Cut, Reset, Silence
from editcorpus.sandbox.state import Sandbox

#: A request may hold 16 pictures of 50 MB; beyond that it is not read.
MAX_BODY_BYTES = 16 * 50_000_000 + 1_000_000

HTML_200 = b"<!DOCTYPE html>\n<html><body><h1>Just a moment...</h1></body></html>\n"

#: Faults that are answered with a page of HTML, and its status.
_PAGES = {Fault.HTML_502: (502, HTML_502), Fault.HTML_200: (200, HTML_200)}


@dataclass(frozen=True, slots=True)
class Call:
    """What is known of a valid request before any work.

    Attributes:
        key: SHA-256, in hex, of decoded pixels and parameters.
        text: The prompt.
        images: Whether it is a call of the image API.
        pictures: Number of pictures sent.
        tokens: Input tokens.
        pace: How long such calls take.
    """

    model: str
    key: str
    text: str
    images: bool
    pictures: int
    tokens: int
    pace: latency.Pace


@dataclass(frozen=True, slots=True)
class Done:
    """Finished work; `body` builds the JSON when its time has come."""

    body: Callable[[], bytes]
    usage: Mapping[str, Any]
    usd: Decimal
    note: str


@dataclass(frozen=True, slots=True)
class Job:
    """A valid request and the work that it asks for; the work is told which fault strikes."""

    call: Call
    work: Callable[[Fault | None], Done]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it was read."""

    body: bytes
    content_type: str


Intake = Callable[[Sandbox, Incoming], Job]


@dataclass(slots=True)
class _Outcome:
    """How a call ends, before it is journaled and answered."""

    request_id: str
    call: Call | None = None
    attempt: int = 0
    fault: Fault | None = None
    error: ApiError | None = None
    done: Done | None = None
    delay_s: float = 0.0


class Paid:
    """An ASGI application that serves one paid endpoint."""

    def __init__(self, sandbox: Sandbox, persona: Persona, intake: Intake) -> None:
        self._sandbox = sandbox
        self._persona = persona
        self._intake = intake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        with self._sandbox.flight():
            try:
                answer = await self._answer(request)
            except ClientDisconnect:
                return  # gone before its request was whole: nothing was asked
            await answer(scope, receive, send)

    async def _answer(self, request: Request) -> ASGIApp:
        sandbox, began = self._sandbox, asyncio.get_running_loop().time()
        outcome = _Outcome("req_" + digest("refused", sandbox.journal.number())[:32])
        admitted = False
        try:
            sandbox.check_key(request.headers.get("authorization", ""), self._persona)
            incoming = await self._read(request)
            async with sandbox.bench:
                job = await sandbox.run(self._intake, sandbox, incoming)
                del incoming
                outcome.call = job.call
                self._admit(job.call)
                admitted = True
                await self._work(job, outcome, request.headers.get("x-emulate", ""))
                del job
        except ApiError as error:
            outcome.error = error
        finally:
            elapsed = asyncio.get_running_loop().time() - began
            await asyncio.sleep(max(0.0, outcome.delay_s * sandbox.config.time_scale - elapsed))
            if admitted:
                sandbox.leave(self._persona)
        return self._journaled(outcome, request.url.path)

    async def _read(self, request: Request) -> Incoming:
        chunks, size = [], 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise ApiError(413, "Request body too large.")
            chunks.append(chunk)
        return Incoming(b"".join(chunks), request.headers.get("content-type", ""))

    def _admit(self, call: Call) -> None:
        sandbox = self._sandbox
        wanted = {"requests": 1, "tokens": call.tokens, "input-images": call.pictures}
        quota = sandbox.config.quota_after_usd
        spent = sandbox.journal.billed_usd
        if self._persona is Persona.OPENAI and quota is not None and spent >= quota:
            raise out_of_quota()
        sandbox.enter(self._persona, call.model, wanted)

    async def _work(self, job: Job, outcome: _Outcome, header: str) -> None:
        call, config = job.call, self._sandbox.config
        number = self._sandbox.journal.attempt(call.key)
        outcome.attempt = number
        outcome.request_id = "req_" + digest(config.seed, call.key, number)[:32]
        attempt = Attempt(call.key, number, self._persona, call.images, call.text, header)
        outcome.fault = fault = struck(config, attempt)
        names = (config.seed, call.key, number)
        fixed = config.latency_s
        outcome.delay_s = latency.seconds(call.pace, fault, *names) if fixed is None else fixed
        if fault in UNBILLED:
            raise refusal(fault, self._persona, call.model, outcome.request_id, config.time_scale)
        outcome.done = await self._sandbox.run(job.work, fault)

    def _journaled(self, outcome: _Outcome, endpoint: str) -> ASGIApp:
        call, done, fault = outcome.call, outcome.done, outcome.fault
        error = outcome.error
        billed = done is not None and self._is_billed(outcome)
        self._sandbox.journal.write(
            Entry(
                request_id=outcome.request_id,
                key=call.key if call else "",
                attempt=outcome.attempt,
                persona=self._persona,
                endpoint=endpoint,
                model=call.model if call else "",
                status=_status(outcome),
                fault=str(fault or (error.code or error.type if error else "")),
                billed=billed,
                usd=str(done.usd) if done and billed else "0",
                usage=dict(done.usage) if done else {},
                note=done.note if done else "",
            )
        )
        return self._reply(outcome)

    def _is_billed(self, outcome: _Outcome) -> bool:
        """Behind a broken gateway the work was done for every other call."""
        if outcome.fault is not Fault.HTML_502:
            return True
        return share(self._sandbox.config.seed, "edge", outcome.request_id) < 0.5

    def _reply(self, outcome: _Outcome) -> ASGIApp:
        headers = self._headers(outcome)
        if outcome.error is not None or outcome.done is None:
            error = outcome.error or ApiError(500, "The server had an error.", "server_error")
            headers |= error.headers
            body = error.body(self._persona)
            return Response(body, error.status, headers, "application/json")
        if outcome.fault in _PAGES:
            status, page = _PAGES[outcome.fault]
            return Response(page, status, headers, "text/html")
        if outcome.fault in (Fault.RESET, Fault.HANG):
            return Reset() if outcome.fault is Fault.RESET else Silence()
        body = outcome.done.body()
        if outcome.fault is Fault.CUT_BODY:
            return Cut(body, headers)
        if outcome.fault is Fault.MALFORMED_JSON:
            body = body[: len(body) * 2 // 3]
        return Response(body, 200, headers, "application/json")

    def _headers(self, outcome: _Outcome) -> dict[str, str]:
        headers = {"x-request-id": outcome.request_id}
        if self._persona is Persona.OPENAI:
            milliseconds = outcome.delay_s * self._sandbox.config.time_scale * 1000
            headers["openai-processing-ms"] = str(max(1, round(milliseconds)))
            headers["openai-version"] = "2020-10-01"
            headers["openai-organization"] = "org-emulated"
            headers |= self._sandbox.rate_headers()
        return headers


def _status(outcome: _Outcome) -> int:
    if outcome.error is not None or outcome.done is None:
        return outcome.error.status if outcome.error else 500
    if outcome.fault is Fault.HTML_502:
        return 502
    return 200 if outcome.fault is Fault.CUT_BODY or outcome.fault not in SEVERED else 0


def json_body(incoming: Incoming) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        ApiError: There is none.
    """
    try:
        members = json.loads(incoming.body)
    except ValueError as error:
        raise _no_json() from error
    if not isinstance(members, dict):
        raise _no_json()
    return members


def _no_json() -> ApiError:
    return ApiError(400, "We could not parse the JSON body of your request.")
