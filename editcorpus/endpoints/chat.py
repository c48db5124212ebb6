"""`POST /v1/chat/completions`: how a question with pictures is sent, and what of its answer is kept.

Source: the chat API reference as the openai 3.52 client types it, and vLLM 0.33's OpenAI-compatible
server, whose further members (`logprob_token_ids`, `mm_processor_kwargs`) lie at the top of the body.
"""

import base64
from typing import Any

from openai import AsyncOpenAI

from editcorpus.endpoints.images import Raw, Reply, parse
from editcorpus.endpoints.requests import Chat, Picture
from editcorpus.errors import ModelMisbehaved
from editcorpus.records import Reason
from editcorpus.tariffs import Usage


async def send(client: AsyncOpenAI, chat: Chat, bodies: list[bytes]) -> Raw:
    """Send one question and wait for the whole answer."""
    encoded = iter(bodies)
    content: Any = [
        {"type": "image_url", "image_url": {"url": _data_url(part, next(encoded))}}
        if isinstance(part, Picture)
        else {"type": "text", "text": part}
        for part in chat.content
    ]
    raw = await client.chat.completions.with_raw_response.create(
        model=chat.model,
        messages=[{"role": "user", "content": content}],
        max_completion_tokens=chat.max_tokens,
        extra_body=chat.options,
    )
    return Raw(raw.content, raw.headers, raw.headers.get("x-request-id", ""))


def read(raw: Raw, _chat: Chat) -> Reply:
    """The JSON of an answer that holds at least one choice.

    Raises:
        ModelMisbehaved: The body is not JSON or holds no choice.
    """
    choices = parse(raw).get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ModelMisbehaved(Reason.ANSWER_DAMAGED, "The answer holds no choice.")
    return Reply(raw.content, usage_of(raw))


def usage_of(raw: Raw) -> Usage | None:
    """The tokens that the answer reports, if it does."""
    try:
        usage = parse(raw).get("usage")
    except ModelMisbehaved:
        return None
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(
        text_in=_number(usage.get("prompt_tokens")),
        text_out=_number(usage.get("completion_tokens")),
        cached_text_in=_number(cached),
    )


def _number(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _data_url(picture: Picture, body: bytes) -> str:
    return f"data:{picture.media_type};base64,{base64.b64encode(body).decode()}"
