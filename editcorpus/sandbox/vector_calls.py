"""`/v1/embeddings` of vLLM's pooling servers: one vector for the messages of a chat."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from editcorpus.sandbox import latency
from editcorpus.sandbox.chance import digest
from editcorpus.sandbox.chat_rules import check_length, messages_of, visual_tokens
from editcorpus.sandbox.codecs import Sent, opened
from editcorpus.sandbox.config import Fault, SandboxConfig
from editcorpus.sandbox.faults import without_marker
from editcorpus.sandbox.jobs import Call, Done, Incoming, Job, Kind, json_body
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.refusals import invalid, missing, no_model
from editcorpus.sandbox.state import Sandbox
from editcorpus.sandbox.vectors import Vector, canned_vector, vector_of
from editcorpus.tariffs import text_tokens

#: Tokens that the chat template adds to each message.
_TEMPLATE_TOKENS = 4

_FORMATS = ("float", "base64")


@dataclass(frozen=True, slots=True)
class _Order:
    """A sound request.

    Attributes:
        texts: What the user's messages say.
        coded: Whether the vector is wanted as base64.
        skeleton: Hash of everything but the pictures.
    """

    model: str
    texts: tuple[str, ...]
    pictures: tuple[Sent, ...]
    coded: bool
    skeleton: str
    tokens: int


def vector_intake(sandbox: Sandbox, incoming: Incoming) -> Job:
    """Reads a request for a vector.

    Raises:
        ApiError: Something is wrong with it.
    """
    config = sandbox.config
    order = _ordered(json_body(incoming), config)
    pictures, hashes = opened(order.pictures, config.max_pixels, canned=config.canned)
    call = Call(
        model=order.model,
        key=digest(order.skeleton, *hashes),
        text="\n".join(order.texts),
        kind=Kind.VECTORS,
        pictures=0,
        tokens=order.tokens,
        pace=latency.VLLM,
    )
    return Job(call, lambda fault: _done(config, order, call.key, pictures, fault))


def _ordered(members: Mapping[str, Any], config: SandboxConfig) -> _Order:
    model = members.get("model")
    if not isinstance(model, str) or not model:
        raise missing("model")
    if model not in config.pooling_models:
        raise no_model(model, Persona.VLLM)
    wanted = members.get("encoding_format", "float")
    if wanted not in _FORMATS:
        raise invalid(f"Unknown encoding_format: {wanted!r:.80}.", "encoding_format")
    messages = members.get("messages")
    texts, pictures, shape = messages_of(messages, config.max_pixels)
    if "dino" in model.lower() and (any(text.strip() for text in texts) or not pictures):
        raise invalid(f"The model {model} takes pictures, and no text.", "messages")
    said = [message for message in shape if message[0] == "user"]
    tokens = text_tokens("\n".join(texts)) + _TEMPLATE_TOKENS * len(shape)
    tokens += sum(visual_tokens(model, each, members, Persona.VLLM) for each in pictures)
    check_length(tokens, 0, config.vllm_max_model_len)
    options = {name: value for name, value in members.items() if name != "messages"}
    return _Order(
        model=model,
        texts=tuple(part for message in said for part in message[1:] if isinstance(part, str)),
        pictures=tuple(pictures),
        coded=wanted == "base64",
        skeleton=digest("vector", json.dumps([options, shape], sort_keys=True)),
        tokens=tokens,
    )


def _done(
    config: SandboxConfig,
    order: _Order,
    key: str,
    pictures: Sequence[Image.Image],
    fault: Fault | None,
) -> Done:
    texts = [without_marker(text) for text in order.texts]
    made = canned_vector(key) if config.canned else vector_of(pictures, texts)
    usage = {
        "prompt_tokens": order.tokens,
        "total_tokens": order.tokens,
        "completion_tokens": 0,
        "prompt_tokens_details": None,
    }
    item = {"index": 0, "object": "embedding", "embedding": _shown(made, order, fault)}
    body: dict[str, Any] = {
        "id": f"embd-{digest(config.seed, key)[:32]}",
        "object": "list",
        "created": config.created,
        "model": order.model,
        "data": [] if fault is Fault.EMPTY_DATA else [item],
    }
    if fault is not Fault.NO_USAGE:
        body["usage"] = usage
    encoded = json.dumps(body).encode()
    return Done(lambda: encoded, usage, None, f"{len(made)} numbers")


def _shown(made: Vector, order: _Order, fault: Fault | None) -> str | list[float]:
    coded = base64.b64encode(made.astype("<f4").tobytes()).decode()
    if fault is Fault.BAD_B64:
        return "!" + coded[1:]
    if fault is Fault.TRUNCATED_B64:
        return coded[: len(coded) // 2 + 1]
    return coded if order.coded else [float(each) for each in made]
