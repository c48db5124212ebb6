"""`/v1/files`: uploads, lists, contents and deletion, as the published API has them."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from editcorpus.sandbox.batch_rules import LONGEST_S, lifetime
from editcorpus.sandbox.files import Kept, Stored, refused_download
from editcorpus.sandbox.forms import Part, multipart
from editcorpus.sandbox.free_calls import Errand
from editcorpus.sandbox.refusals import ApiError, invalid, missing, one_of, unknown_parameter
from editcorpus.sandbox.replies import Content
from editcorpus.sandbox.state import Sandbox

PURPOSES = ("batch", "user_data", "vision")
"""What files can be uploaded for, of those purposes that are emulated."""

#: Largest file of any purpose.
_MAX_BYTES = 512_000_000

_PICTURES = (".gif", ".jpeg", ".jpg", ".png", ".webp")
_MOST_LISTED = 10_000
_KNOWN = frozenset({"file", "purpose", "expires_after[anchor]", "expires_after[seconds]"})


async def upload(sandbox: Sandbox, errand: Errand) -> Content:
    """`POST /v1/files`."""
    return _json((await sandbox.run(_uploaded, sandbox, errand)).shown())


async def listed(sandbox: Sandbox, errand: Errand) -> Content:
    """`GET /v1/files`, newest first unless told otherwise."""
    limit = errand.number("limit", _MOST_LISTED, _MOST_LISTED)
    order = errand.query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise one_of("order", order, ("asc", "desc"))
    purpose = errand.query.get("purpose")
    found = [one for one in sandbox.listed_files() if purpose in (None, one.purpose)]
    shown = [one.shown() for one in (found if order == "desc" else found[::-1])]
    return _json(page(shown, errand.query.get("after"), limit))


async def described(sandbox: Sandbox, errand: Errand) -> Content:
    """`GET /v1/files/{id}`."""
    return _json(sandbox.find_file(errand.path["file_id"]).shown())


async def content(sandbox: Sandbox, errand: Errand) -> Content:
    """`GET /v1/files/{id}/content`."""
    stored = sandbox.find_file(errand.path["file_id"])
    if stored.purpose not in ("batch", "batch_output"):
        raise refused_download(stored)
    path = sandbox.files.path(stored.id)
    return Content(partial(sandbox.files.data, stored), path, "application/octet-stream")


async def deleted(sandbox: Sandbox, errand: Errand) -> Content:
    """`DELETE /v1/files/{id}`."""
    stored = sandbox.find_file(errand.path["file_id"])
    sandbox.files.delete(stored)
    return _json({"object": "file", "id": stored.id, "deleted": True})


def page(shown: list[dict[str, Any]], after: str | None, limit: int) -> dict[str, Any]:
    """A part of a list, as the API shows it.

    Args:
        shown: All members, in order.
        after: The id of the last one that the client has; one that is not there is refused.
        limit: Members of a part.

    Raises:
        ApiError: There is no such member.
    """
    first = 0
    if after:
        places = [place for place, one in enumerate(shown) if one["id"] == after]
        if not places:
            raise invalid(f"No such object: {after:.200}", "after", "invalid_value")
        first = places[0] + 1
    part = shown[first : first + limit]
    return {
        "object": "list",
        "data": part,
        "first_id": part[0]["id"] if part else None,
        "last_id": part[-1]["id"] if part else None,
        "has_more": first + limit < len(shown),
    }


def _uploaded(sandbox: Sandbox, errand: Errand) -> Stored:
    if not errand.incoming.content_type.startswith("multipart/form-data"):
        raise missing("file")
    fields, file = _form(multipart(errand.incoming.body, errand.incoming.content_type))
    purpose = fields.get("purpose", "")
    if not purpose:
        raise missing("purpose")
    if purpose not in PURPOSES:
        raise one_of("purpose", purpose, PURPOSES)
    if file is None:
        raise missing("file")
    _check_file(file, purpose)
    now = int(sandbox.clock.now())
    lasts_s = _lasts_s(fields, purpose)
    expires_at = None if lasts_s is None else now + lasts_s
    return sandbox.files.add(file.data, Kept(file.filename[:255], purpose, now, expires_at))


def _form(parts: list[Part]) -> tuple[dict[str, str], Part | None]:
    fields: dict[str, str] = {}
    file = None
    for part in parts:
        if part.name not in _KNOWN:
            raise unknown_parameter(part.name[:200])
        if part.name == "file":
            file = part
        else:
            fields[part.name] = part.data.decode("utf-8", "replace")
    return fields, file


def _check_file(file: Part, purpose: str) -> None:
    if not file.filename:
        raise invalid("Invalid 'file': expected a file with a name.", "file", "invalid_type")
    if len(file.data) > _MAX_BYTES:
        raise ApiError(413, f"File is too large. Maximum file size is {_MAX_BYTES} bytes.")
    if not file.data:
        raise invalid("File is empty.", "file")
    suffix = PurePosixPath(file.filename).suffix.lower()
    if purpose == "batch" and suffix != ".jsonl":
        raise invalid("Invalid file format for Batch API. Must be .jsonl", "file")
    if purpose == "vision" and suffix not in _PICTURES:
        named = ", ".join(each[1:] for each in _PICTURES)
        raise invalid(f"Invalid extension {suffix:.20}. Supported formats: {named}", "file")


def _lasts_s(fields: Mapping[str, str], purpose: str) -> int | None:
    given = {
        name: fields[f"expires_after[{name}]"]
        for name in ("anchor", "seconds")
        if f"expires_after[{name}]" in fields
    }
    if given:
        return lifetime(given, "expires_after")
    return LONGEST_S if purpose == "batch" else None


def _json(members: Mapping[str, Any]) -> Content:
    encoded = json.dumps(members).encode()
    return Content(lambda: encoded)
