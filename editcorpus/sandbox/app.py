"""The application: every route of both personas, and the admin pages."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from editcorpus.sandbox import batch_calls, file_calls
from editcorpus.sandbox.admin import admin_routes
from editcorpus.sandbox.batch_lines import INTAKES
from editcorpus.sandbox.batch_work import start
from editcorpus.sandbox.calls import Paid
from editcorpus.sandbox.catalogue import alive, described
from editcorpus.sandbox.free_calls import Free, Handler
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.refusals import ApiError, no_model
from editcorpus.sandbox.state import Sandbox
from editcorpus.sandbox.vllm import pooling_routes, vllm_routes

_FREE: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/files", file_calls.upload),
    ("GET", "/files", file_calls.listed),
    ("GET", "/files/{file_id}", file_calls.described),
    ("DELETE", "/files/{file_id}", file_calls.deleted),
    ("GET", "/files/{file_id}/content", file_calls.content),
    ("POST", "/batches", batch_calls.create),
    ("GET", "/batches", batch_calls.listed),
    ("GET", "/batches/{batch_id}", batch_calls.described),
    ("POST", "/batches/{batch_id}/cancel", batch_calls.cancel),
)
"""Method, path and handler of what costs nothing."""


def application(sandbox: Sandbox) -> Starlette:
    """OpenAI under `/v1`, vLLM under `/vllm` and `/pooling`; what only the emulator has, `/__admin`."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        for batch in sandbox.batches.unfinished():
            start(sandbox, batch)
        yield
        sandbox.close()

    routes = [
        Mount("/v1", routes=_openai_routes(sandbox)),
        Mount("/vllm", routes=vllm_routes(sandbox)),
        Mount("/pooling", routes=pooling_routes(sandbox)),
        Mount("/__admin", routes=admin_routes(sandbox)),
    ]
    return Starlette(
        routes=routes, lifespan=lifespan, exception_handlers={404: _no_route, 405: _no_route}
    )


async def _no_route(request: Request, _error: Exception) -> Response:
    message = f"Invalid URL ({request.method} {request.url.path})"
    body = ApiError(404, message).body(Persona.OPENAI)
    return Response(body, 404, media_type="application/json")


def _openai_routes(sandbox: Sandbox) -> list[Route]:
    async def models(request: Request) -> Response:
        try:
            sandbox.check_key(request.headers.get("authorization", ""), Persona.OPENAI)
            return _models(sandbox, request.path_params.get("model"))
        except ApiError as error:
            body = error.body(Persona.OPENAI)
            return Response(body, error.status, media_type="application/json")

    return [
        *(
            Route(path.removeprefix("/v1"), Paid(sandbox, Persona.OPENAI, intake), methods=["POST"])
            for path, intake in INTAKES.items()
        ),
        *(Route(path, Free(sandbox, handler), methods=[how]) for how, path, handler in _FREE),
        Route("/models", models),
        Route("/models/{model:path}", models),
    ]


def _models(sandbox: Sandbox, wanted: str | None) -> Response:
    created = sandbox.config.created
    found = {name: described(name, row, created) for name, row in alive(sandbox.config.today)}
    if wanted is None:
        return JSONResponse({"object": "list", "data": list(found.values())})
    if wanted not in found:
        raise no_model(wanted, Persona.OPENAI)
    return Response(json.dumps(found[wanted]), media_type="application/json")
