"""Mutated answers of a model API, through every way in which an answer comes in.

What is mutated was really answered: once, by the sandbox, to the calls that a run makes, with each of
its faults.
"""

import asyncio
import base64
import contextlib
import io
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import httpx2
import numpy as np
import openai
from mutations import dumped, mutated, mutated_json
from pictures import within_memory
from PIL import Image

from editcorpus import images as codecs
from editcorpus.endpoints import chat, embeddings, images
from editcorpus.endpoints.classify import LONGEST_WAIT_S, classify
from editcorpus.endpoints.limits import Controller, Cost, Limits
from editcorpus.endpoints.replies import Raw, usage_of
from editcorpus.endpoints.requests import Chat, Embed, ImageEdit, Picture
from editcorpus.errors import ModelMisbehaved
from editcorpus.journal import Line
from editcorpus.ledger import Record
from editcorpus.records import Triplet
from editcorpus.responses import TextAnswer, text_line
from editcorpus.sandbox import Fault, Running, SandboxConfig, running
from editcorpus.sandbox.personas import POOLING_MODELS
from editcorpus.steps import align, rewrite
from editcorpus.tariffs import Usage
from editcorpus.texts import clean_instruction

KEY = "sk-fuzz-0a1b2c3d"
SIZE = (1024, 1024)
_SILENT = {Fault.RESET, Fault.RESET_EARLY, Fault.HANG, Fault.CUT_BODY}
_CLIENT_ERRORS = (openai.APIError, httpx2.HTTPError)
_HEADERS = (
    *("retry-after", "retry-after-ms", "date", "x-request-id", "openai-processing-ms"),
    *(
        f"x-ratelimit-{what}-{of}"
        for what in ("limit", "remaining")
        for of in ("requests", "tokens")
    ),
)
_SAID = (
    "",
    "0",
    "-1",
    "1e999",
    "9" * 400,
    "nan",
    "12s",
    "\u00b2",
    "Wed, 21 Oct 9999 07:28:00 GMT",
    "a b",
)


def _picture() -> Picture:
    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((64, 64)).save(buffer, "PNG")
    return Picture("p", "image/png", 0, (64, 64), buffer.getvalue)


VECTOR = Embed(POOLING_MODELS[0], (_picture(), "Make it blue."), "Represent it.", {})
_APIS = {"edit": images, "embed": embeddings, "rewrite": chat, "align": chat}
"""What sends each kind of request and reads its answer."""
EDIT = ImageEdit("gpt-image-2", "Make it blue", _picture(), SIZE, "low", "png")


def _questions() -> dict[str, Chat]:
    words = ("omniedit", "removal", "", "Make it blue.", 0, "MIT", "f", 0, 0)
    triplet = Triplet("omniedit/1", *words)
    asked = {"rewrite": rewrite.request(triplet, _picture(), _picture(), rewrite.Config())}
    verdicts = align.requests("Make it blue.", _picture(), _picture(), align.Config())
    return {**asked, "align": next(iter(verdicts.values()))}


def capture(folder: Path) -> None:
    """Ask a sandbox for everything that it can answer, and keep the answers in a file."""
    config = SandboxConfig(canned=True, latency_s=0, time_scale=0.001, api_keys=(KEY,))
    with running(config) as server:
        found = asyncio.run(_asked(server))
    (folder / "answers.json").write_text(json.dumps(found), "utf-8")


async def _asked(server: Running) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []

    async def hear(response: httpx2.Response) -> None:
        await response.aread()
        content = base64.b64encode(response.content).decode()
        heard.append(
            {"status": response.status_code, "headers": dict(response.headers), "content": content}
        )

    hooks = {"response": [hear]}
    async with httpx2.AsyncClient(event_hooks=hooks, timeout=30) as http:
        for fault in (None, *(one for one in Fault if one not in _SILENT)):
            server.admin("config", {"faults": {} if fault is None else {fault: 1.0}})
            for url in (server.url, server.vllm_url, server.pooling_url):
                client = openai.AsyncOpenAI(
                    base_url=url, api_key=KEY, http_client=http, max_retries=0
                )
                for kind, what in (("edit", EDIT), ("embed", VECTOR), *_questions().items()):
                    bodies = [one.load() for one in what.pictures]
                    with contextlib.suppress(openai.OpenAIError, httpx2.HTTPError):
                        await _APIS[kind].send(client, what, bodies)  # type: ignore[attr-defined]
                    for answer in heard[sum("kind" in one for one in heard) :]:
                        answer["kind"] = kind
    return [*{json.dumps(one, sort_keys=True): one for one in heard}.values()]


class Answers:
    """Checks one mutated answer after the other.

    Args:
        folder: Where `capture` put the answers.
    """

    def __init__(self, folder: Path) -> None:
        self._seeds = json.loads((folder / "answers.json").read_text("utf-8"))
        assert _APIS.keys() <= {one["kind"] for one in self._seeds if one["status"] == 200}
        self._good = [one for one in self._seeds if one["status"] == 200]
        self._bad = [one for one in self._seeds if one["status"] != 200]
        self._controller = Controller(Limits())

    def check(self, chance: Random) -> str:
        """Judge one; gives in one word what became of it."""
        seed = chance.choice(self._good if chance.random() < 0.6 else self._bad)
        status = (
            seed["status"] if chance.random() < 0.9 else chance.choice((200, 302, 429, 500, 599))
        )
        content, headers = _mutated(seed, chance), _headers(seed["headers"], chance)
        self._controller.headers(0.0, headers)
        wait = self._controller.admit(0.0, Cost(1, 100))
        assert 0 <= wait < 3600, f"headers alone hold calls up for {wait} s"
        if status != 200:
            return self._refusal(status, content, headers)
        raw = Raw(content, headers, headers.get("x-request-id", ""))
        try:
            if seed["kind"] == "embed":
                return _embedded(raw)
            return _edited(raw) if seed["kind"] == "edit" else _said(raw, seed["kind"])
        except ModelMisbehaved as error:
            within_memory(error)
            _believed(usage_of(raw, _APIS[seed["kind"]].usage))  # type: ignore[attr-defined]
            assert classify(error).kind == "damaged"
            return "damaged"

    def _refusal(self, status: int, content: bytes, headers: Mapping[str, str]) -> str:
        error = _raised(status, content, headers)
        if error is None:
            return "taken by the client"
        verdict = classify(error)
        assert verdict.action in {"retry", "drop", "stop"}
        assert verdict.sentence.isprintable() or verdict.sentence.isascii()
        assert len(verdict.sentence) < 800 and "\n" not in verdict.sentence
        assert KEY not in verdict.sentence
        assert len(verdict.request_id) <= 128
        assert (verdict.reason is None) == (verdict.action == "stop")
        after = verdict.retry_after_s
        assert after is None or 0 <= after < 1e12
        assert after is None or after <= LONGEST_WAIT_S or verdict.max_retries == 0
        if verdict.refused:
            self._controller = Controller(Limits())
            self._controller.started(0.0, Cost())
            self._controller.finished(0.0)
            self._controller.refused(0.0, verdict)
            assert self._controller.admit(0.0, Cost()) < float("inf")
        return verdict.action


def _mutated(seed: Mapping[str, Any], chance: Random) -> bytes:
    content = base64.b64decode(seed["content"])
    with contextlib.suppress(ValueError):
        body = json.loads(content)
        if chance.random() < 0.5:
            return dumped(mutated_json(body, chance), chance)
        if seed["kind"] == "edit" and chance.random() < 0.6:
            return _with_other_picture(body, chance)
    return mutated(content, chance, content)


def _with_other_picture(body: Any, chance: Random) -> bytes:
    """The answer with a picture that is damaged, cut, of another size, or of another kind."""
    with contextlib.suppress(LookupError, TypeError, ValueError):
        picture = base64.b64decode(body["data"][0]["b64_json"])
        body["data"][0]["b64_json"] = base64.b64encode(mutated(picture, chance)).decode()
    return json.dumps(body).encode()


def _headers(headers: Mapping[str, str], chance: Random) -> dict[str, str]:
    made = {name.lower(): value for name, value in headers.items()}
    made.pop("content-length", None)
    made.pop("transfer-encoding", None)
    for _ in range(chance.choice((0, 0, 1, 3))):
        made[chance.choice(_HEADERS)] = chance.choice(_SAID)
    if chance.random() < 0.05:
        made["content-type"] = chance.choice(
            ("", "text/html; charset=none", "application/x; charset=")
        )
    return made


def _edited(raw: Raw) -> str:
    reply = images.read(raw, EDIT)
    assert codecs.decode(reply.payload).size == SIZE
    _believed(reply.usage)
    return "picture taken"


def _embedded(raw: Raw) -> str:
    """What is kept of a vector is one, of length 1, and no larger than need be."""
    reply = embeddings.read(raw)
    _believed(reply.usage)
    found = embeddings.vector(reply.payload.decode())
    assert abs(float(np.linalg.norm(found)) - 1) < 1e-3
    assert len(reply.payload) < 1_000 + 3 * len(found)
    return "vector taken"


def _said(raw: Raw, kind: str) -> str:
    """A text is stored as it came, found again, and read by the step that asked."""
    reply = chat.read(raw)
    _believed(reply.usage)
    record = Record(
        *("p-0", "ab" * 32, "run", 0, "omniedit/1", kind, 0, "m", Decimal(0)),
        *("2026-11-20T00:00:00.000+00:00", "settled", {}, raw.request_id, 0.0),
    )
    body = reply.payload.decode("utf-8", "replace")
    stored = Line("", 0, "answer", record.key, text_line(record, body)).fields()
    assert stored["body"] == body and stored["request_id"] == raw.request_id
    answer = TextAnswer(record, body)
    if kind == "align":
        verdict = align.read(answer)
        assert verdict is None or 0 <= verdict.yes <= 1
        assert verdict is None or align.MIN_MASS <= verdict.mass <= 1.001
        return "no verdict" if verdict is None else "verdict taken"
    text, problem = rewrite.read(answer, rewrite.Config())
    assert bool(text) != bool(problem)
    assert not text or clean_instruction(text) == (text, None)
    return "text taken" if text else "no text"


def _believed(usage: Usage | None) -> None:
    if usage is not None:
        assert all(type(count) is int and count >= 0 for count in usage.counts().values()), usage


def _raised(status: int, content: bytes, headers: Mapping[str, str]) -> BaseException | None:
    """What the client raises for an answer; None where it takes it for a good one."""
    encoded = {name: value.encode("utf-8") for name, value in headers.items()}
    answer = httpx2.Response(status, content=content, headers=list(encoded.items()))  # type: ignore[arg-type]
    transport = httpx2.MockTransport(lambda _request: answer)
    with httpx2.Client(transport=transport) as http:
        client = openai.OpenAI(api_key=KEY, http_client=http, max_retries=0)
        try:
            client.models.with_raw_response.list()
        except (*_CLIENT_ERRORS, aiohttp.ClientError) as error:
            return error
    return None
