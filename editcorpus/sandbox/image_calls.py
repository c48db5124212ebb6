"""`/v1/images/edits` and `/v1/images/generations`: from a body to pictures with their usage."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from PIL import Image, ImageOps

from editcorpus.sandbox import latency
from editcorpus.sandbox.chance import digest
from editcorpus.sandbox.codecs import (
    Sent,
    bad_picture,
    encode,
    open_picture,
    opened,
    sent,
)
from editcorpus.sandbox.config import Fault
from editcorpus.sandbox.edits import Plan, Size, edited, generated
from editcorpus.sandbox.enclosed import of_form, of_json, too_many
from editcorpus.sandbox.faults import marked, without_marker
from editcorpus.sandbox.forms import multipart
from editcorpus.sandbox.image_rules import MAX_PICTURES, ImageParameters, checked
from editcorpus.sandbox.jobs import Call, Done, Incoming, Job, Kind, json_body
from editcorpus.sandbox.planting import Draw, planted
from editcorpus.sandbox.refusals import ApiError, invalid, missing
from editcorpus.sandbox.state import Sandbox
from editcorpus.sandbox.wishes import understand
from editcorpus.tariffs import Usage, image_input_tokens, image_output_tokens, text_tokens

_MAX_BYTES = 50_000_000
_MAX_MASK_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class _Order:
    """A valid request: parameters, pictures as sent, and their hash."""

    parameters: ImageParameters
    pictures: tuple[Sent, ...]
    mask: Sent | None
    key: str
    decoded: Image.Image | None

    @property
    def size(self) -> Size:
        """The size asked for; `auto` takes the legacy size nearest to the first picture's shape."""
        if self.parameters.size:
            return self.parameters.size
        if not self.pictures:
            return 1024, 1024
        width, height = self.pictures[0].width, self.pictures[0].height
        if max(width, height) ** 2 * 2 < min(width, height) ** 2 * 3:
            return 1024, 1024
        return (1536, 1024) if width > height else (1024, 1536)


class Drawn(NamedTuple):
    """What was painted, and the defect in it; empty where it has none."""

    note: str
    defect: str = ""


def edit_intake(sandbox: Sandbox, incoming: Incoming) -> Job:
    """Reads a request to edit, as a form or as JSON.

    Raises:
        ApiError: Something is wrong with it.
    """
    if incoming.content_type.startswith("multipart/form-data"):
        fields, files, mask = of_form(multipart(incoming.body, incoming.content_type))
    else:
        fields, files, mask = of_json(sandbox, json_body(incoming))
    parameters = checked(fields, sandbox.config.today, editing=True)
    if not files:
        raise missing("image")
    if len(files) > MAX_PICTURES:
        raise too_many(len(files))
    return _job(sandbox, parameters, files, mask)


def generation_intake(sandbox: Sandbox, incoming: Incoming) -> Job:
    """Reads a request for a picture out of nothing but a text.

    Raises:
        ApiError: Something is wrong with it.
    """
    parameters = checked(json_body(incoming), sandbox.config.today, editing=False)
    return _job(sandbox, parameters, (), None)


def _job(
    sandbox: Sandbox, parameters: ImageParameters, files: Sequence[bytes], mask: bytes | None
) -> Job:
    limit = sandbox.config.max_pixels
    for number, data in enumerate(files, 1):
        if len(data) >= _MAX_BYTES:
            raise ApiError(413, f"Image {number} is too large: 50 MB is the limit.", param="image")
    pictures = tuple(sent(data, number, limit) for number, data in enumerate(files, 1))
    hidden = _mask(mask, pictures, limit) if mask is not None and pictures else None
    decoded, hashes = opened(pictures, limit, canned=sandbox.config.canned)
    first = decoded[0] if decoded else None
    masked = hashlib.sha256(hidden.data).hexdigest() if hidden else ""
    key = digest("images", *parameters.identity(), *hashes, masked)
    order = _Order(parameters, pictures, hidden, key, first)
    call = Call(
        model=parameters.model,
        key=key,
        text=parameters.prompt,
        kind=Kind.IMAGES,
        pictures=len(pictures),
        tokens=sum(_input(order)),
        pace=latency.IMAGES.get(parameters.quality, latency.IMAGES["high"]),
        made=0 if pictures else parameters.n,
    )
    return Job(call, lambda fault: _done(sandbox, order, fault))


def _mask(data: bytes, pictures: Sequence[Sent], limit: int) -> Sent:
    if len(data) >= _MAX_MASK_BYTES:
        raise invalid("Invalid mask image: 4 MB is the limit.", "mask")
    opened = open_picture(data, 0, limit)
    if opened.format != "PNG" or "A" not in opened.getbands():
        raise invalid("Invalid mask image format - mask image missing alpha channel.", "mask")
    if opened.size != (pictures[0].width, pictures[0].height):
        raise invalid("Invalid mask image format - mask size does not match image size.", "mask")
    return Sent(data, opened.width, opened.height)


def _input(order: _Order) -> tuple[int, int]:
    """Tokens of the prompt and of the pictures sent."""
    model = order.parameters.model
    pictures = (image_input_tokens(model, each.width, each.height) for each in order.pictures)
    return text_tokens(order.parameters.prompt), sum(pictures)


def _done(sandbox: Sandbox, order: _Order, fault: Fault | None) -> Done:
    parameters = order.parameters
    width, height = order.size
    text, shown = _input(order)
    made = image_output_tokens(parameters.model, parameters.quality, width, height) * parameters.n
    usage = {
        "input_tokens": text + shown,
        "input_tokens_details": {"image_tokens": shown, "text_tokens": text},
        "output_tokens": made,
        "output_tokens_details": {"image_tokens": made, "text_tokens": 0},
        "total_tokens": text + shown + made,
    }
    used = Usage(text_in=text, image_in=shown, image_out=made)
    pictures, drawn = _pictures(sandbox, order, fault)
    head = {
        "created": sandbox.config.created,
        "background": "opaque",
        "output_format": parameters.output_format,
        "quality": parameters.quality,
        "size": f"{width}x{height}",
    }
    body = partial(_body, head, pictures, usage, fault)
    return Done(body, usage, used, drawn.note, drawn.defect)


def _pictures(sandbox: Sandbox, order: _Order, fault: Fault | None) -> tuple[list[bytes], Drawn]:
    """The encoded pictures of the answer, and what was painted."""
    parameters, config = order.parameters, sandbox.config
    if fault is Fault.EMPTY_DATA:
        return [], Drawn("nothing")
    if fault is Fault.NOT_AN_IMAGE:
        made = [b"This is no picture, whatever its name says.\n" * 40] * parameters.n
        return made, Drawn("no picture")
    size = _other(order.size) if fault is Fault.WRONG_SIZE else order.size
    if config.canned:
        form, source = parameters.output_format, not order.pictures
        ready = sandbox.shelf.picture(size, form, source=source)
        return _spoilt([ready] * parameters.n, fault), Drawn("canned")
    first = _plan(sandbox, order, size)
    made = []
    for number in range(parameters.n):
        key, seed = f"{config.seed}:{order.key}:{number}", config.seed + number
        picture = _painted(order, replace(first, key=key, seed=seed), config.max_pixels)
        made.append(encode(picture, parameters.output_format, parameters.compression))
    return _spoilt(made, fault), _drawn(order, first)


def _plan(sandbox: Sandbox, order: _Order, size: Size) -> Plan:
    """How the edit is to come out."""
    config, prompt = sandbox.config, order.parameters.prompt
    plan = Plan(without_marker(prompt), size, order.key, config.seed)
    plan = replace(plan, drift=config.drift_percent / 100)
    if order.decoded is None:
        return plan
    draw = Draw(order.key, marked(prompt), masked=order.mask is not None)
    return planted(plan, order.decoded, draw, sandbox.others, config)


def _drawn(order: _Order, plan: Plan) -> Drawn:
    kind = str(understand(plan.prompt, plan.seed).kind) if order.decoded is not None else "scene"
    return Drawn(f"{kind}, {plan.defect}", plan.defect.value) if plan.defect else Drawn(kind)


def _painted(order: _Order, plan: Plan, limit: int) -> Image.Image:
    if order.decoded is None:
        return generated(plan)
    mask = None
    if order.mask is not None:
        opened = open_picture(order.mask.data, 0, limit)
        try:
            mask = ImageOps.invert(opened.convert("RGBA").getchannel("A"))
        except (OSError, SyntaxError) as error:
            raise bad_picture(0) from error
    return edited(order.decoded, plan, mask)


def _other(size: Size) -> Size:
    """A size that was not asked for: both sides 64 px less."""
    return max(64, size[0] - 64), max(64, size[1] - 64)


def _spoilt(pictures: list[bytes], fault: Fault | None) -> list[bytes]:
    if fault is Fault.TRUNCATED_IMAGE:
        return [picture[: len(picture) // 2] for picture in pictures]
    return pictures


def _body(
    head: Mapping[str, Any],
    pictures: Sequence[bytes],
    usage: Mapping[str, Any],
    fault: Fault | None,
) -> bytes:
    """The JSON body; the pictures are put in as bytes, since escaping megabytes costs time."""
    data = [base64.b64encode(picture) for picture in pictures]
    if fault is Fault.BAD_B64:
        data = [text[: len(text) // 3] + b"!*" + text[len(text) // 3 :] for text in data]
    if fault is Fault.TRUNCATED_B64:
        data = [text[: len(text) // 2 // 4 * 4 + 1] for text in data]
    front = json.dumps(head).encode()[:-1] + b', "data": ['
    items = b", ".join(b'{"b64_json": "' + text + b'"}' for text in data)
    told = b"" if fault is Fault.NO_USAGE else b', "usage": ' + json.dumps(usage).encode()
    return front + items + b"]" + told + b"}"
