"""What a vLLM server has beside chat: health, version, tokenizer, models and metrics."""

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from editcorpus.sandbox.calls import Paid
from editcorpus.sandbox.chat_calls import chat_intake
from editcorpus.sandbox.jobs import Incoming, json_body
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.refusals import ApiError, missing, no_model
from editcorpus.sandbox.state import Sandbox
from editcorpus.sandbox.tokens import token_ids
from editcorpus.sandbox.vector_calls import vector_intake

VERSION = "0.33.0"


def vllm_routes(sandbox: Sandbox) -> list[Route]:
    """Routes under the root of the vLLM persona; only those under `v1` ask for a key."""

    async def health(_request: Request) -> Response:
        return Response(status_code=200 if sandbox.config.vllm_ready else 503)

    async def version(_request: Request) -> Response:
        return JSONResponse({"version": VERSION})

    async def models(request: Request) -> Response:
        try:
            sandbox.check_key(request.headers.get("authorization", ""), Persona.VLLM)
        except ApiError as error:
            return _refused(error)
        found = [_model(sandbox, sandbox.config.vllm_model)]
        return JSONResponse({"object": "list", "data": found})

    async def tokenize(request: Request) -> Response:
        try:
            return _tokenized(sandbox, Incoming(await request.body(), ""))
        except ApiError as error:
            return _refused(error)

    async def metrics(_request: Request) -> Response:
        return PlainTextResponse(_metrics(sandbox))

    chat = Paid(sandbox, Persona.VLLM, partial(chat_intake, Persona.VLLM))
    return [
        Route("/health", health),
        Route("/version", version),
        Route("/metrics", metrics),
        Route("/tokenize", tokenize, methods=["POST"]),
        Route("/v1/models", models),
        Route("/v1/chat/completions", chat, methods=["POST"]),
    ]


def pooling_routes(sandbox: Sandbox) -> list[Route]:
    """Routes of servers that give vectors, behind one address, as a router before them has it."""

    async def models(request: Request) -> Response:
        try:
            sandbox.check_key(request.headers.get("authorization", ""), Persona.VLLM)
        except ApiError as error:
            return _refused(error)
        found = [_model(sandbox, name) for name in sandbox.config.pooling_models]
        return JSONResponse({"object": "list", "data": found})

    return [
        Route("/v1/models", models),
        Route("/v1/embeddings", Paid(sandbox, Persona.VLLM, vector_intake), methods=["POST"]),
    ]


def _refused(error: ApiError) -> Response:
    return Response(error.body(Persona.VLLM), error.status, media_type="application/json")


def _model(sandbox: Sandbox, name: str) -> dict[str, object]:
    return {
        "id": name,
        "object": "model",
        "created": sandbox.config.created,
        "owned_by": "vllm",
        "root": name,
        "parent": None,
        "max_model_len": sandbox.config.vllm_max_model_len,
    }


def _tokenized(sandbox: Sandbox, incoming: Incoming) -> Response:
    members = json_body(incoming)
    model, prompt = members.get("model"), members.get("prompt")
    if model not in (None, sandbox.config.vllm_model):
        raise no_model(str(model), Persona.VLLM)
    if not isinstance(prompt, str):
        raise missing("prompt")
    tokens = token_ids(prompt)
    longest = sandbox.config.vllm_max_model_len
    found = {"count": len(tokens), "max_model_len": longest, "tokens": tokens}
    return JSONResponse({**found, "token_strs": None})


def _metrics(sandbox: Sandbox) -> str:
    """The few figures of vLLM's Prometheus page that the emulator has."""
    entries = [one for one in sandbox.journal.entries if one.persona == Persona.VLLM]
    figures = {
        "vllm:num_requests_running": sandbox.in_flight,
        "vllm:num_requests_waiting": 0,
        "vllm:prompt_tokens_total": sum(one.usage.get("prompt_tokens", 0) for one in entries),
        "vllm:generation_tokens_total": sum(
            one.usage.get("completion_tokens", 0) for one in entries
        ),
        "vllm:request_success_total": sum(one.billed for one in entries),
    }
    label = f'{{model_name="{sandbox.config.vllm_model}"}}'
    return "".join(f"{name}{label} {figure}\n" for name, figure in figures.items())
