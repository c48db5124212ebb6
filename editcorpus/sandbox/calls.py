"""The life of one paid call: key, limits, fault, work, delay, journal, and only then the answer."""

import asyncio
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from editcorpus.sandbox.jobs import Call, Incoming, Job, read
from editcorpus.sandbox.outcomes import Asked, Outcome, attempt, entry
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.refusals import ApiError
from editcorpus.sandbox.replies import Content, reply
from editcorpus.sandbox.state import Sandbox

Intake = Callable[[Sandbox, Incoming], Job]


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
        asked = Asked(self._persona, request.url.path, request.headers.get("x-emulate", ""))
        resets = sandbox.journal.resets
        outcome = Outcome(asked, sandbox.journal.number())
        admitted = False
        try:
            sandbox.check_key(request.headers.get("authorization", ""), self._persona)
            incoming = await read(request)
            async with sandbox.bench:
                job = await sandbox.run(self._intake, sandbox, incoming)
                del incoming
                outcome.call = job.call
                self._admit(job.call)
                admitted = True
                await attempt(sandbox, job, outcome)
                del job
        except ApiError as error:
            outcome.error = error
        finally:
            elapsed = asyncio.get_running_loop().time() - began
            await asyncio.sleep(max(0.0, outcome.delay_s * sandbox.config.time_scale - elapsed))
            if admitted:
                sandbox.leave(self._persona)
        if resets == sandbox.journal.resets:
            sandbox.journal.write(entry(outcome))
        return self._reply(outcome)

    def _admit(self, call: Call) -> None:
        sandbox = self._sandbox
        wanted = {"requests": 1, "tokens": call.tokens}
        wanted |= {"input-images": call.pictures, "images": call.made}
        if self._persona is Persona.OPENAI:
            sandbox.check_quota()
        sandbox.enter(self._persona, call.model, wanted)

    def _reply(self, outcome: Outcome) -> ASGIApp:
        headers = self._headers(outcome)
        if outcome.error is not None:
            error = outcome.error
            body = error.body(self._persona)
            return Response(body, error.status, {**headers, **error.headers}, "application/json")
        content = Content(outcome.done.body) if outcome.done else None
        return reply(outcome.fault, content, headers)

    def _headers(self, outcome: Outcome) -> dict[str, str]:
        if self._persona is Persona.VLLM:
            return {"x-request-id": outcome.request_id}
        return self._sandbox.headers(outcome.request_id, outcome.delay_s)
