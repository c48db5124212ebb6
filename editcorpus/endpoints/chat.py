"""`POST /v1/chat/completions`: how a question with pictures is sent, and what of its answer is kept.

Source: the chat API reference as the openai 3.52 client types it, and vLLM 0.33's OpenAI-compatible
server, whose further members (`logprob_token_ids`, `mm_processor_kwargs`) lie at the top of the body.
"""

import base64
from collections.abc import Mapping
from typing import Any

from openai import AsyncOpenAI

from editcorpus.endpoints.replies import Raw, Reply, count, model_of, parse
from editcorpus.endpoints.requests import Chat, Picture
from editcorpus.errors import ModelMisbehaved
from editcorpus.records import Reason
from editcorpus.tariffs import Usage

_MOST_BYTES = 4 * 1024 * 1024
"""Far beyond any answer that a step asks for; more would only swell the journal."""


async def send(client: AsyncOpenAI, chat: Chat, bodies: list[bytes]) -> Raw:
    """Send one question and wait for the whole answer; the list of bodies is emptied."""
    body: Any = parameters(chat, bodies)
    raw = await client.chat.completions.with_raw_response.create(**body, extra_body=chat.options)
    return Raw(raw.content, raw.headers, raw.headers.get("x-request-id", ""))


def parameters(chat: Chat, bodies: list[bytes]) -> dict[str, Any]:
    """All that is sent but the further members; the list of bodies is emptied."""
    bodies.reverse()
    content = [
        {"type": "image_url", "image_url": {"url": data_url(part, bodies.pop())}}
        if isinstance(part, Picture)
        else {"type": "text", "text": part}
        for part in chat.content
    ]
    return {
        "model": chat.model,
        "messages": [{"role": "user", "content": content}],
        "max_completion_tokens": chat.max_tokens,
    }


def read(raw: Raw) -> Reply:
    """The JSON of an answer that holds at least one choice.

    Raises:
        ModelMisbehaved: The body is not JSON, holds no choice, or is longer than any answer.
    """
    if len(raw.content) > _MOST_BYTES:
        raise ModelMisbehaved(Reason.ANSWER_DAMAGED, "The answer is longer than 4 MiB.")
    body = parse(raw)
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ModelMisbehaved(Reason.ANSWER_DAMAGED, "The answer holds no choice.")
    return Reply(raw.content, usage(body), model_of(body))


def usage(body: Mapping[str, Any]) -> Usage | None:
    """The tokens that the body of an answer reports; None where it does not."""
    told = body.get("usage")
    found = Usage(
        text_in=count(told, "prompt_tokens"),
        text_out=count(told, "completion_tokens"),
        cached_text_in=count(told, "prompt_tokens_details", "cached_tokens"),
        cache_write_text_in=count(told, "prompt_tokens_details", "cache_write_tokens"),
    )
    return found if found != Usage() else None


def data_url(picture: Picture, body: bytes) -> str:
    """An encoded picture as a message holds it."""
    return f"data:{picture.media_type};base64,{base64.b64encode(body).decode()}"
