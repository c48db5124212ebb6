"""The parameters of an image request, checked as the published API checks them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from editcorpus.sandbox.catalogue import served
from editcorpus.sandbox.refusals import invalid, missing, one_of, unknown_parameter
from editcorpus.tariffs import Model

MAX_PROMPT = 32_000
MAX_PICTURES = 16
MAX_N = 10

#: The model that answers where none is named.
DEFAULT_MODEL = "gpt-image-1.5"

LEGACY_SIZES = ("1024x1024", "1024x1536", "1536x1024")

_MIN_PIXELS, _MAX_PIXELS = 655_360, 8_294_400
_MAX_EDGE, _MAX_RATIO, _STEP = 3840, 3, 16

_SHARED = {
    "prompt", "model", "n", "size", "quality", "background", "output_format",
    "output_compression", "moderation", "user", "safety_identifier", "stream", "partial_images",
}  # fmt: skip
_EDIT_ONLY = {"image", "image[]", "images", "mask", "input_fidelity"}


@dataclass(frozen=True, slots=True)
class ImageParameters:
    """A request whose every parameter is sound; `size` is None where the server chooses."""

    model: str
    prompt: str
    n: int
    size: tuple[int, int] | None
    quality: str
    output_format: str
    compression: int

    def identity(self) -> tuple[object, ...]:
        """All that, with the pictures, determines the answer."""
        return (self.model, self.prompt, self.n, self.size, self.quality, self.output_format,
                self.compression)  # fmt: skip


def checked(fields: Mapping[str, Any], today: date, *, editing: bool) -> ImageParameters:
    """The parameters of an edit or a generation.

    Args:
        fields: By name; strings where they come out of a form.
        today: Decides which models are alive.
        editing: Whether it is an edit.

    Raises:
        ApiError: With the message, parameter and code of the first thing that is wrong.
    """
    allowed = _SHARED | _EDIT_ONLY if editing else _SHARED
    for name in fields:
        if name not in allowed:
            raise unknown_parameter(name)
    model = str(fields.get("model") or DEFAULT_MODEL)
    row = served(model, "image", today)
    _check_choices(fields, model, row)
    return ImageParameters(
        model=model,
        prompt=_prompt(fields),
        n=_whole(fields, "n", 1, 1, MAX_N),
        size=_size(str(fields.get("size") or "auto"), row),
        quality=_quality(str(fields.get("quality") or "auto"), row),
        output_format=_output_format(fields),
        compression=_whole(fields, "output_compression", 100, 0, 100),
    )


def _prompt(fields: Mapping[str, Any]) -> str:
    prompt = fields.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise missing("prompt")
    if len(prompt) > MAX_PROMPT:
        raise invalid(
            "Invalid 'prompt': string too long. Expected a string with maximum length "
            f"{MAX_PROMPT}, but got a string with length {len(prompt)} instead.",
            "prompt",
            "string_above_max_length",
        )
    return prompt


def _whole(fields: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = fields.get(name)
    if value is None:
        return default
    if not re.fullmatch(r"-?\d{1,9}", str(value)):
        raise invalid(f"Invalid type for '{name}': expected an integer.", name, "invalid_type")
    number = int(value)
    if number < least:
        raise invalid(
            f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got "
            f"{number} instead.",
            name,
            "integer_below_min_value",
        )
    if number > most:
        raise invalid(
            f"Invalid '{name}': integer above maximum value. Expected a value <= {most}, but got "
            f"{number} instead.",
            name,
            "integer_above_max_value",
        )
    return number


def _quality(quality: str, row: Model) -> str:
    known = tuple(row.output_tokens.factors or row.output_tokens.table)
    if quality == "auto":
        return "high"
    if quality not in known:
        raise one_of("quality", quality, (*known, "auto"))
    return quality


def _output_format(fields: Mapping[str, Any]) -> str:
    wanted = str(fields.get("output_format") or "png")
    if wanted not in ("png", "webp", "jpeg"):
        raise one_of("output_format", wanted, ("png", "webp", "jpeg"))
    return wanted


def _check_choices(fields: Mapping[str, Any], model: str, row: Model) -> None:
    fidelity = fields.get("input_fidelity")
    if fidelity is not None:
        _check_fidelity(str(fidelity), model, row)
    background = str(fields.get("background") or "auto")
    if background not in ("opaque", "auto"):
        raise one_of("background", background, ("opaque", "auto"))
    moderation = str(fields.get("moderation") or "auto")
    if moderation not in ("low", "auto"):
        raise one_of("moderation", moderation, ("low", "auto"))
    if str(fields.get("stream") or "false").lower() == "true":
        raise invalid("Streaming is not emulated.", "stream", "invalid_value")


def _check_fidelity(fidelity: str, model: str, row: Model) -> None:
    if row.output_tokens.factors:
        raise invalid(
            f"The model '{model}' does not support the 'input_fidelity' parameter.",
            "input_fidelity",
            "invalid_input_fidelity_model",
        )
    known = ("low",) if "mini" in model else ("high", "low")
    if fidelity not in known:
        raise one_of("input_fidelity", fidelity, known)


def _size(size: str, row: Model) -> tuple[int, int] | None:
    if size == "auto":
        return None
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", size)
    if match is None or (row.output_tokens.table and size not in LEGACY_SIZES):
        raise one_of("size", size, (*LEGACY_SIZES, "auto"))
    width, height = int(match.group(1)), int(match.group(2))
    if size not in LEGACY_SIZES and (wrong := _what_is_wrong(width, height)):
        raise invalid(f"Invalid size '{size}'. {wrong}", "size", "invalid_value")
    return width, height


def _what_is_wrong(width: int, height: int) -> str:
    """The sentence for a free size that is refused; empty for one that is taken."""
    if width % _STEP or height % _STEP or not width or not height:
        return "Width and height must both be divisible by 16."
    if max(width, height) > _MAX_EDGE:
        return "The longest edge must be less than or equal to 3840."
    if max(width, height) > _MAX_RATIO * min(width, height):
        return "The aspect ratio must not exceed 3:1."
    if width * height < _MIN_PIXELS:
        return "Requested resolution is below the current minimum pixel budget."
    if width * height > _MAX_PIXELS:
        return "Requested resolution exceeds the current maximum pixel budget."
    return ""
