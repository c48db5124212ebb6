"""`POST /v1/images/edits`: how an edit is sent, and what of its answer is kept.

Source: the image API reference as the openai 3.52 client types it (`types/image_edit_params.py`,
`types/images_response.py`). The picture goes out as a multipart file with its name and media type:
bare bytes would be labelled `application/octet-stream`, which the API refuses.
"""

import base64
import binascii
import io
from collections.abc import Mapping
from typing import Any

from openai import AsyncOpenAI

from editcorpus import images
from editcorpus.endpoints.replies import Raw, Reply, count, parse
from editcorpus.endpoints.requests import ImageEdit
from editcorpus.errors import ModelMisbehaved
from editcorpus.records import Reason
from editcorpus.tariffs import Usage


class Upload(io.BytesIO):
    """A body that is let go once it is sent: its call may be out for minutes after that."""

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes; at the end the memory is freed."""
        chunk = super().read(size)
        if not chunk:
            self.truncate(0)
        return chunk


async def send(client: AsyncOpenAI, edit: ImageEdit, bodies: list[bytes]) -> Raw:
    """Send one edit and wait for the whole answer; the list of bodies is emptied."""
    suffix = edit.picture.media_type.partition("/")[2]
    upload = Upload(bodies.pop())
    raw = await client.images.with_raw_response.edit(
        image=(f"canvas.{suffix}", upload, edit.picture.media_type), **parameters(edit)
    )
    return Raw(raw.content, raw.headers, raw.headers.get("x-request-id", ""))


def parameters(edit: ImageEdit) -> dict[str, Any]:
    """All that is sent but the picture."""
    return {
        "model": edit.model,
        "prompt": edit.prompt,
        "n": 1,
        "size": f"{edit.size[0]}x{edit.size[1]}",
        "output_format": edit.output_format,
        **({"quality": edit.quality} if edit.quality else {}),
    }


def read(raw: Raw, edit: ImageEdit) -> Reply:
    """The picture of an answer, proven to decode and to have the size that was asked for.

    Raises:
        ModelMisbehaved: The body is not JSON, holds no picture, or the picture is damaged or of
            another size; `usage` may still find what it cost.
    """
    body = parse(raw)
    data = body.get("data")
    if not isinstance(data, list) or not data or not isinstance(data[0], dict):
        raise ModelMisbehaved(Reason.ANSWER_DAMAGED, "The answer holds no picture.")
    try:
        picture = base64.b64decode(data[0].get("b64_json") or "", validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ModelMisbehaved(Reason.ANSWER_DAMAGED, "The picture is not base64.") from error
    images.check_answer(picture, edit.size)
    return Reply(picture, usage(body))


def usage(body: Mapping[str, Any]) -> Usage | None:
    """The tokens that the body of an answer reports; None where it does not."""
    told = body.get("usage")
    text_in, image_in = (
        count(told, "input_tokens_details", name) for name in ("text_tokens", "image_tokens")
    )
    text_out = count(told, "output_tokens_details", "text_tokens")
    found = Usage(
        text_in=text_in,
        image_in=max(image_in, count(told, "input_tokens") - text_in),
        text_out=text_out,
        image_out=max(0, count(told, "output_tokens") - text_out),
    )
    return found if found != Usage() else None
