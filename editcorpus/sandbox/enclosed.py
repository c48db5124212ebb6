"""What a request for pictures encloses: its parameters, and the pictures by whichever way they come."""

from collections.abc import Sequence
from typing import Any

from editcorpus.sandbox.codecs import data_url
from editcorpus.sandbox.forms import Part
from editcorpus.sandbox.image_rules import MAX_PICTURES
from editcorpus.sandbox.refusals import ApiError, invalid, missing
from editcorpus.sandbox.state import Sandbox

Enclosed = tuple[dict[str, Any], list[bytes], bytes | None]
"""Parameters by name, encoded pictures, and the mask if there is one."""

_MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp")


def of_form(parts: Sequence[Part]) -> Enclosed:
    """What a multipart form encloses.

    Raises:
        ApiError: A picture is not said to be one.
    """
    fields: dict[str, Any] = {}
    files: list[bytes] = []
    mask = None
    for part in parts:
        if part.name in ("image", "image[]"):
            files.append(_file(part, "image"))
        elif part.name == "mask":
            mask = _file(part, "mask")
        else:
            fields[part.name] = part.data.decode("utf-8", "replace")
    return fields, files, mask


def _file(part: Part, name: str) -> bytes:
    if not part.media_type:
        raise invalid(f"Invalid file '{name}': missing mimetype.", name, "missing_file_mimetype")
    if part.media_type not in _MEDIA_TYPES:
        raise invalid(
            f"Invalid file '{name}': unsupported mimetype ('{part.media_type}'). Supported file "
            "formats are 'image/jpeg', 'image/png', and 'image/webp'.",
            name,
            "unsupported_file_mimetype",
        )
    return part.data


def of_json(sandbox: Sandbox, members: dict[str, Any]) -> Enclosed:
    """What a JSON body encloses: pictures as data URLs or as files that were uploaded.

    Raises:
        ApiError: There is no picture, or one that cannot be had.
    """
    images = members.get("images")
    if not isinstance(images, list) or not images:
        raise missing("images")
    if len(images) > MAX_PICTURES:
        raise too_many(len(images))
    files = [_reference(sandbox, one, f"images[{place}]") for place, one in enumerate(images)]
    mask = members.get("mask")
    return members, files, _reference(sandbox, mask, "mask") if mask is not None else None


def too_many(count: int) -> ApiError:
    """400: a request holds more pictures than are taken."""
    return invalid(
        f"Invalid 'image': array too long. Expected an array with maximum length {MAX_PICTURES}, "
        f"but got an array with length {count} instead.",
        "image",
        "array_above_max_length",
    )


def _reference(sandbox: Sandbox, one: object, param: str) -> bytes:
    """A picture given as exactly one of `image_url` and `file_id`."""
    if not isinstance(one, dict) or len(one.keys() & {"image_url", "file_id"}) != 1:
        raise invalid(f"Invalid '{param}': give one of 'image_url' and 'file_id'.", param)
    if "file_id" in one:
        return _uploaded(sandbox, str(one["file_id"]), f"{param}.file_id")
    return data_url(str(one["image_url"]), f"{param}.image_url")


def _uploaded(sandbox: Sandbox, file_id: str, param: str) -> bytes:
    """The bytes of a picture that was uploaded before."""
    stored = sandbox.find_file(file_id, "file_id")
    if stored.purpose not in ("vision", "user_data"):
        raise invalid(
            f"Invalid '{param}': files of purpose '{stored.purpose}' are no pictures.", param
        )
    return sandbox.files.data(stored)
