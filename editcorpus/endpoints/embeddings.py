"""`POST /v1/embeddings` with messages: how a vector is asked for, and what of the answer is kept.

Source: vLLM 0.33's pooling API, which takes the messages of a chat where OpenAI's takes `input`, and its
`encoding_format`. Models that are told what to make of a message (Qwen3-VL-Embedding) hear it from the
system, and answer where an empty message of the assistant begins; others (CLIP, DINO) get the user's
message alone.

A vector is kept as it is needed, and no larger: of length 1, in half precision, which moves a cosine by
less than 0.001. It lies in the response store with its answer, and in no corpus.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from openai import AsyncOpenAI

from editcorpus.endpoints.chat import data_url
from editcorpus.endpoints.replies import Raw, Reply, count, model_of, parse
from editcorpus.endpoints.requests import Embed, Picture
from editcorpus.errors import ModelMisbehaved, ShardError
from editcorpus.records import Reason
from editcorpus.tariffs import Usage

_MOST_BYTES = 4 * 1024 * 1024
"""Far beyond any vector; more would only swell memory."""
_MOST_DIMENSIONS = 65_536
"""Far beyond any model of today, of which the widest has 8,192."""
_RAW = {"X-Stainless-Raw-Response": "true"}
"""By which the client hands on the answer as it came."""
_Vector = NDArray[np.float32]
_Given = NDArray[np.float32] | NDArray[np.float64]


async def send(client: AsyncOpenAI, what: Embed, bodies: list[bytes]) -> Raw:
    """Send one message and wait for its vector; the list of bodies is emptied."""
    raw: Any = await client.post(
        "/embeddings",
        cast_to=object,
        body=parameters(what, bodies),
        options={"headers": dict(_RAW)},
    )
    return Raw(raw.content, raw.headers, raw.headers.get("x-request-id", ""))


def parameters(what: Embed, bodies: list[bytes]) -> dict[str, Any]:
    """All that is sent; the list of bodies is emptied."""
    bodies.reverse()
    content = [
        {"type": "image_url", "image_url": {"url": data_url(part, bodies.pop())}}
        if isinstance(part, Picture)
        else {"type": "text", "text": part}
        for part in what.content
    ]
    messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
    guided: dict[str, Any] = {}
    if what.guide:
        messages = [
            {"role": "system", "content": [{"type": "text", "text": what.guide}]},
            *messages,
            {"role": "assistant", "content": [{"type": "text", "text": ""}]},
        ]
        guided = {"continue_final_message": True, "add_special_tokens": True}
    return {
        "model": what.model,
        "messages": messages,
        "encoding_format": "base64",
        **guided,
        **what.options,
    }


def read(raw: Raw) -> Reply:
    """What is kept of an answer: the model, the vector and the tokens, as JSON.

    Raises:
        ModelMisbehaved: The body is not JSON, holds no vector, or is longer than any answer.
    """
    if len(raw.content) > _MOST_BYTES:
        raise _damaged("The answer is longer than 4 MiB.")
    body = parse(raw)
    unit = _unit(_given(body))
    kept = {
        "model": model_of(body),
        "dimensions": len(unit),
        "float16": base64.b64encode(unit.astype("<f2").tobytes()).decode(),
        "usage": {"prompt_tokens": count(body.get("usage"), "prompt_tokens")},
    }
    return Reply(json.dumps(kept, separators=(",", ":")).encode(), usage(body), model_of(body))


def usage(body: Mapping[str, Any]) -> Usage | None:
    """The tokens that the body of an answer reports; None where it does not."""
    found = Usage(text_in=count(body.get("usage"), "prompt_tokens"))
    return found if found != Usage() else None


def vector(body: str) -> _Vector:
    """The vector in an answer as it is stored (see `read`), of length 1.

    Raises:
        ShardError: There is none in it.
    """
    try:
        kept = json.loads(body)["float16"]
        found = np.frombuffer(base64.b64decode(kept, validate=True), "<f2").astype(np.float32)
        return _unit(found)
    except (ValueError, KeyError, TypeError, ModelMisbehaved) as error:
        raise ShardError("A stored answer holds no vector.") from error


def _given(body: Mapping[str, Any]) -> _Given:
    """The vector as the server sent it: base64 of float32, or a list of numbers."""
    data = body.get("data")
    first = data[0] if isinstance(data, list) and data else None
    found = first.get("embedding") if isinstance(first, dict) else None
    try:
        if isinstance(found, str):
            return np.frombuffer(base64.b64decode(found, validate=True), "<f4")
        if isinstance(found, list) and all(type(each) in {int, float} for each in found):
            return np.asarray(found, np.float64)
    except (binascii.Error, ValueError, OverflowError) as error:
        raise _damaged("The vector of the answer cannot be read.") from error
    raise _damaged("The answer holds no vector.")


def _unit(given: _Given) -> _Vector:
    """The same direction with length 1."""
    if not 1 < len(given) <= _MOST_DIMENSIONS or not np.isfinite(given).all():
        raise _damaged(f"The answer is no vector of numbers; it has {len(given)} of them.")
    peak = float(np.abs(given).max())
    if peak == 0:
        raise _damaged("The vector of the answer has no length.")
    scaled = given.astype(np.float64) / peak  # whose square no number is too large for
    return (scaled / np.linalg.norm(scaled)).astype(np.float32)


def _damaged(sentence: str) -> ModelMisbehaved:
    return ModelMisbehaved(Reason.ANSWER_DAMAGED, sentence)
