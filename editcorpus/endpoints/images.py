"""`POST /v1/images/edits` and `/generations`: how a picture is asked for, and what is kept of it.

Source: the image API reference as the openai 3.52 client types it (`types/image_edit_params.py`,
`types/image_generate_params.py`, `types/images_response.py`). Pictures and masks go out as multipart
files with their names and media types: bare bytes would be labelled `application/octet-stream`, which
the API refuses. A request for a new picture is plain JSON.
"""

import base64
import binascii
import io
from collections.abc import Mapping
from typing import Any

from openai import AsyncOpenAI

from editcorpus import images
from editcorpus.endpoints.replies import Raw, Reply, count, model_of, parse
from editcorpus.endpoints.requests import ForImage, ImageEdit, Picture
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


async def send(client: AsyncOpenAI, what: ForImage, bodies: list[bytes]) -> Raw:
    """Send one request and wait for the whole answer; the list of bodies is emptied."""
    if isinstance(what, ImageEdit):
        given = parameters(what)
        if what.mask is not None:
            given["mask"] = _file("mask", what.mask, bodies)
        image = _file("canvas", what.picture, bodies)
        raw = await client.images.with_raw_response.edit(image=image, **given)
    else:
        raw = await client.images.with_raw_response.generate(**parameters(what))
    return Raw(raw.content, raw.headers, raw.headers.get("x-request-id", ""))


def _file(name: str, picture: Picture, bodies: list[bytes]) -> tuple[str, Upload, str]:
    """The last of the bodies as a part of a form."""
    suffix = picture.media_type.partition("/")[2]
    return f"{name}.{suffix}", Upload(bodies.pop()), picture.media_type


def parameters(what: ForImage) -> dict[str, Any]:
    """All that is sent but the pictures."""
    return {
        "model": what.model,
        "prompt": what.prompt,
        "n": 1,
        "size": f"{what.size[0]}x{what.size[1]}",
        "output_format": what.output_format,
        **({"quality": what.quality} if what.quality else {}),
    }


def read(raw: Raw, what: ForImage) -> Reply:
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
    images.check_answer(picture, what.size)
    return Reply(picture, usage(body), model_of(body))


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
