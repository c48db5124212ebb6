"""`/v1/chat/completions` of both personas: verdicts, structured answers and plain sentences."""

import json
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from editcorpus.sandbox import latency
from editcorpus.sandbox.chance import digest, pick
from editcorpus.sandbox.chat_rules import ChatOrder, chat_order
from editcorpus.sandbox.codecs import opened
from editcorpus.sandbox.config import Fault, SandboxConfig
from editcorpus.sandbox.described import description
from editcorpus.sandbox.faults import without_marker
from editcorpus.sandbox.jobs import Call, Done, Incoming, Job, Kind, json_body
from editcorpus.sandbox.judge import Change, measured, sentence, verdict
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.schemas import Facts, conforming
from editcorpus.sandbox.state import Sandbox
from editcorpus.sandbox.tokens import WORDS, distribution, entry, token_text
from editcorpus.sandbox.told import Told
from editcorpus.tariffs import Usage, text_tokens

#: What a request without two pictures is judged by, and every request to a canned server.
_UNSEEN = Change(0.08, 0.05, 0.95, "middle", "blue", 0.0, 0.0, spoilt=False)

_REFUSAL = "I'm sorry, but I can't assist with that request."
_QUOTED = re.compile(r"\"[^\"]*\"|\u201c[^\u201d]*\u201d|(?<!\w)'.*'(?!\w)", re.DOTALL)
_PIECES = re.compile(r"\s?\w+|\s|[^\w\s]")


@dataclass(frozen=True, slots=True)
class _Said:
    """What the model says.

    Attributes:
        content: The text; None where it refuses.
        chances: Probabilities of the first token; empty where they are of no interest.
        finish: `stop` or `length`.
        note: For the journal.
    """

    content: str | None
    chances: dict[int, float]
    finish: str
    note: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the pictures of a request come to.

    Attributes:
        change: Between the last two of them.
        shown: What the only one shows, in words; else empty.
    """

    change: Change
    shown: str


def chat_intake(persona: Persona, sandbox: Sandbox, incoming: Incoming) -> Job:
    """Reads a chat request.

    Raises:
        ApiError: Something is wrong with it.
    """
    config = sandbox.config
    order = chat_order(json_body(incoming), persona, config)
    pictures, hashes = opened(order.pictures, config.max_pixels, canned=config.canned)
    call = Call(
        model=order.model,
        key=digest(order.skeleton, *hashes),
        text=order.text,
        kind=Kind.CHAT,
        pictures=0,
        tokens=order.prompt_tokens,
        pace=latency.VLLM if persona is Persona.VLLM else latency.CHAT,
    )
    return Job(
        call, lambda fault: _done(config, order, call.key, _seen(pictures, order.text), fault)
    )


def _seen(pictures: Sequence[Image.Image], text: str) -> _Seen:
    if len(pictures) >= 2:
        return _Seen(measured(pictures[-2], pictures[-1], question(text)), "")
    return _Seen(_UNSEEN, description(pictures[0]) if pictures else "")


def _done(
    config: SandboxConfig, order: ChatOrder, key: str, seen: _Seen, fault: Fault | None
) -> Done:
    said = _limited(_said(order, f"{config.seed}:{key}", seen, fault), order)
    words = said.content if said.content is not None else _REFUSAL
    spent = min(max(1, text_tokens(words)), order.max_tokens or sys.maxsize)
    usage: dict[str, Any] = {
        "prompt_tokens": order.prompt_tokens,
        "completion_tokens": spent,
        "total_tokens": order.prompt_tokens + spent,
    }
    used = None
    if order.persona is Persona.OPENAI:
        used = Usage(text_in=order.prompt_tokens, text_out=spent)
        usage["prompt_tokens_details"] = {"cached_tokens": 0}
        usage["completion_tokens_details"] = {"reasoning_tokens": 0}
    else:
        usage["prompt_tokens_details"] = None
    body = _body(config, order, key, said)
    if fault is not Fault.NO_USAGE:
        body["usage"] = usage
    if fault is Fault.EMPTY_DATA:
        body["choices"] = []
    encoded = json.dumps(body).encode()
    return Done(lambda: encoded, usage, used, said.note)


def _said(order: ChatOrder, key: str, seen: _Seen, fault: Fault | None) -> _Said:
    change = seen.change
    if fault is Fault.REFUSAL:
        return _Said(None, {}, "stop", "refusal")
    score = verdict("carried out", change, key) * verdict("preserved", change, key)
    readable = fault is not Fault.UNREADABLE
    if order.schema is not None:
        told = Told(without_marker(order.text), key) if len(order.pictures) < 2 else None
        facts = Facts(sentence(change), score, key, told, seen.shown)
        text = json.dumps(conforming(order.schema, facts)) if readable else sentence(change)
        note = "structured" if told else facts.instruction
        if fault is Fault.LENGTH:
            return _Said(text[: len(text) // 2], {}, "length", note)
        return _Said(text, {}, "stop", note)
    if order.choices and not set(order.choices) & set(WORDS):
        return _Said(pick(order.choices, key, "choice"), {}, "stop", "choice")
    if order.max_tokens == 1 or re.search(r"\byes or no\b", order.text, re.IGNORECASE):
        return _yes_or_no(order, key, change, readable)
    text = sentence(change) if len(order.pictures) >= 2 else "A picture, as emulated."
    finish = "length" if fault is Fault.LENGTH else "stop"
    return _Said(text, {}, finish, "sentence")


def _yes_or_no(order: ChatOrder, key: str, change: Change, readable: bool) -> _Said:
    sure = verdict(question(order.text), change, key)
    chances = distribution(sure, readable)
    first = max(chances, key=lambda token: chances[token])
    finish = "length" if order.max_tokens == 1 else "stop"
    return _Said(token_text(first), chances, finish, f"P(yes) {sure:.3f}")


def question(text: str) -> str:
    """The last question in a text, without what is quoted in it."""
    bare = _QUOTED.sub(" ", without_marker(text))
    asked = re.findall(r"[^.?!\n]*\?", bare)
    return str(asked[-1]) if asked else bare


def _limited(said: _Said, order: ChatOrder) -> _Said:
    """Cut to `max_tokens`, at four characters a token."""
    if said.content is None or not order.max_tokens or said.chances:
        return said
    if text_tokens(said.content) <= order.max_tokens:
        return said
    return _Said(said.content[: order.max_tokens * 3], {}, "length", said.note)


def _body(config: SandboxConfig, order: ChatOrder, key: str, said: _Said) -> dict[str, Any]:
    vllm = order.persona is Persona.VLLM
    refused = said.content is None
    message: dict[str, Any] = {
        "role": "assistant",
        "content": _REFUSAL if refused and vllm else said.content,
        "refusal": _REFUSAL if refused and not vllm else None,
    }
    choice: dict[str, Any] = {
        "index": 0,
        "message": message,
        "logprobs": _logprobs(order, said),
        "finish_reason": said.finish,
    }
    body: dict[str, Any] = {
        "id": f"chatcmpl-{digest(config.seed, key)[:29]}",
        "object": "chat.completion",
        "created": config.created,
        "model": order.model,
        "choices": [choice],
        "system_fingerprint": None,
    }
    if vllm:
        choice |= {"stop_reason": None, "token_ids": None}
        message |= {"annotations": None, "audio": None, "function_call": None, "reasoning": None}
        body |= {"service_tier": None, "prompt_logprobs": None, "kv_transfer_params": None}
    return body


def _logprobs(order: ChatOrder, said: _Said) -> dict[str, Any] | None:
    if order.top is None or said.content is None:
        return None
    if said.chances:
        return {"content": [_first_token(order, said)], "refusal": None}
    sure = {"logprob": math.log(0.95), "top_logprobs": []}
    pieces = _PIECES.findall(said.content)
    content = [{"token": each, "bytes": list(each.encode()), **sure} for each in pieces]
    return {"content": content, "refusal": None}


def _first_token(order: ChatOrder, said: _Said) -> dict[str, Any]:
    """The sampled token with its alternatives: the ids asked for, or the likeliest."""
    ranked = sorted(said.chances, key=lambda token: -said.chances[token])
    listed = list(order.token_ids) if order.token_ids else ranked[: order.top or 0]
    if listed and ranked[0] not in listed:
        listed.insert(0, ranked[0])
    top = [entry(token, said.chances) for token in listed]
    return {**entry(ranked[0], said.chances), "top_logprobs": top}
