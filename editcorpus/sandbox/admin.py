"""`/__admin`: the journal, a summary, and the switches. It answers whoever reaches the port."""

import json
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from editcorpus.sandbox.config import CHANGEABLE
from editcorpus.sandbox.state import Sandbox

_FILTERS = (
    "billed", "persona", "fault", "model", "key", "request_id", "tariff", "batch_id", "custom_id",
)  # fmt: skip


def admin_routes(sandbox: Sandbox) -> list[Route]:
    """Routes for the operator of the emulator."""

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def journal(request: Request) -> Response:
        entries = sandbox.journal.entries
        for name in _FILTERS:
            wanted = request.query_params.get(name)
            if wanted is not None:
                entries = [one for one in entries if _as_text(getattr(one, name)) == wanted]
        return JSONResponse({"calls": [asdict(one) for one in entries]})

    async def summary(_request: Request) -> Response:
        return JSONResponse(_summary(sandbox))

    async def reset(_request: Request) -> Response:
        sandbox.reset()
        return JSONResponse(_summary(sandbox))

    async def config(request: Request) -> Response:
        return _reconfigured(sandbox, await request.body())

    return [
        Route("/health", health),
        Route("/journal", journal),
        Route("/requests", journal),
        Route("/summary", summary),
        Route("/reset", reset, methods=["POST"]),
        Route("/config", config, methods=["POST"]),
    ]


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _summary(sandbox: Sandbox) -> dict[str, Any]:
    entries = sandbox.journal.entries
    faults: dict[str, int] = {}
    for entry in entries:
        if entry.fault:
            faults[entry.fault] = faults.get(entry.fault, 0) + 1
    return {
        "calls": len(entries),
        "billed": sum(entry.billed for entry in entries),
        "usd": str(sandbox.journal.billed_usd),
        "in_flight": sandbox.in_flight,
        "most_in_flight": sandbox.most_in_flight,
        "faults": faults,
        "files": len(list(sandbox.listed_files())),
        "batches": len(list(sandbox.batches.listed())),
    }


def _reconfigured(sandbox: Sandbox, body: bytes) -> Response:
    """Takes some members of the config; 400 with a sentence where one is not to be had."""
    try:
        members = json.loads(body)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        return JSONResponse({"error": "Send a JSON object of settings."}, 400)
    if fixed := sorted(members.keys() - CHANGEABLE):
        return JSONResponse({"error": f"Cannot be changed while running: {fixed}."}, 400)
    try:
        sandbox.reconfigure(members)
    except ValidationError as error:
        return JSONResponse({"error": str(error)}, 400)
    shown = sandbox.config.model_dump(mode="json", include=set(CHANGEABLE))
    return JSONResponse(shown)
