"""`POST /v1/images/edits`: how an edit is sent, and what of its answer is kept.

Source: the image API reference as the openai 3.52 client types it (`types/image_edit_params.py`,
`types/images_response.py`). The picture goes out as a multipart file with its name and media type:
bare bytes would be labelled `application/octet-stream`, which the API refuses.
"""

import base64
import binascii
import json
from typing import Any, NamedTuple

from openai import AsyncOpenAI

from editcorpus import images
from editcorpus.endpoints.requests import ImageEdit
from editcorpus.errors import ModelMisbehaved
from editcorpus.records import Reason
from editcorpus.tariffs import Usage


class Raw(NamedTuple):
    """An answer as it came: the body and what the headers say."""

    content: bytes
    headers: Any
    request_id: str


class Reply(NamedTuple):
    """What is kept of an answer: a picture or a JSON text, and the tokens that were used."""

    payload: bytes
    usage: Usage | None


async def send(client: AsyncOpenAI, edit: ImageEdit, bodies: list[bytes]) -> Raw:
    """Send one edit and wait for the whole answer."""
    suffix = edit.picture.media_type.partition("/")[2]
    body: Any = {
        "model": edit.model,
        "prompt": edit.prompt,
        "n": 1,
        "size": f"{edit.size[0]}x{edit.size[1]}",
        "output_format": edit.output_format,
        **({"quality": edit.quality} if edit.quality else {}),
    }
    raw = await client.images.with_raw_response.edit(
        image=(f"canvas.{suffix}", bodies[0], edit.picture.media_type), **body
    )
    return Raw(raw.content, raw.headers, raw.headers.get("x-request-id", ""))


def read(raw: Raw, edit: ImageEdit) -> Reply:
    """The picture of an answer, proven to decode and to have the size that was asked for.

    Raises:
        ModelMisbehaved: The body is not JSON, holds no picture, or the picture is damaged or of
            another size; `usage_of` may still find what it cost.
    """
    data = parse(raw).get("data")
    if not isinstance(data, list) or not data or not isinstance(data[0], dict):
        raise ModelMisbehaved(Reason.ANSWER_DAMAGED, "The answer holds no picture.")
    try:
        picture = base64.b64decode(data[0].get("b64_json") or "", validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ModelMisbehaved(Reason.ANSWER_DAMAGED, "The picture is not base64.") from error
    images.check_answer(picture, edit.size)
    return Reply(picture, usage_of(raw))


def parse(raw: Raw) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        ModelMisbehaved: It is something else.
    """
    try:
        body = json.loads(raw.content)
    except (ValueError, RecursionError) as error:
        raise ModelMisbehaved(Reason.ANSWER_DAMAGED, "The answer is not JSON.") from error
    if not isinstance(body, dict):
        raise ModelMisbehaved(Reason.ANSWER_DAMAGED, "The answer is not a JSON object.")
    return body


def usage_of(raw: Raw) -> Usage | None:
    """The tokens that the answer reports, if it does."""
    try:
        usage = parse(raw).get("usage")
    except ModelMisbehaved:
        return None
    if not isinstance(usage, dict):
        return None
    inputs = usage.get("input_tokens_details") or {}
    outputs = usage.get("output_tokens_details") or {}
    text_out = _count(outputs, "text_tokens")
    return Usage(
        text_in=_count(inputs, "text_tokens"),
        image_in=_count(inputs, "image_tokens"),
        text_out=text_out,
        image_out=_count(usage, "output_tokens") - text_out,
    )


def _count(members: Any, name: str) -> int:
    value = members.get(name) if isinstance(members, dict) else None
    return value if isinstance(value, int) and value >= 0 else 0
