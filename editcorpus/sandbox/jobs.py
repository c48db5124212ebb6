"""What is known of a call: as it was read, what it asks for, and what came of the work."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from starlette.requests import Request

from editcorpus.sandbox.config import Fault
from editcorpus.sandbox.latency import Pace
from editcorpus.sandbox.refusals import ApiError
from editcorpus.tariffs import Usage

#: A request may hold 16 pictures of 50 MB; beyond that it is not read.
MAX_BODY_BYTES = 16 * 50_000_000 + 1_000_000


class Kind(StrEnum):
    """What a call is for; some faults strike only some of them."""

    IMAGES = "images"
    CHAT = "chat"
    VECTORS = "vectors"
    FREE = "free"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Call:
    """What is known of a valid request before any work.

    Attributes:
        key: SHA-256, in hex, of decoded pixels and parameters.
        text: The prompt.
        kind: Which API it calls.
        pictures: Number of pictures sent.
        tokens: Input tokens.
        pace: How long such calls take.
        made: Pictures that it makes from a text alone.
    """

    model: str
    key: str
    text: str
    kind: Kind
    pictures: int
    tokens: int
    pace: Pace
    made: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """Finished work.

    Attributes:
        body: Builds the JSON when its time has come; a single line.
        usage: As the answer tells it.
        used: The same as it is priced; None where the work is free.
        note: For the journal.
        defect: What was planted in the pictures; empty where nothing was.
    """

    body: Callable[[], bytes]
    usage: Mapping[str, Any]
    used: Usage | None
    note: str
    defect: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A valid request and the work that it asks for; the work is told which fault strikes."""

    call: Call
    work: Callable[[Fault | None], Done]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it was read."""

    body: bytes
    content_type: str


async def read(request: Request) -> Incoming:
    """The whole of a request.

    Raises:
        ApiError: It is too large.
        ClientDisconnect: The client left before its request was whole.
    """
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise ApiError(413, "Request body too large.")
        chunks.append(chunk)
    return Incoming(b"".join(chunks), request.headers.get("content-type", ""))


def json_body(incoming: Incoming) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        ApiError: There is none.
    """
    try:
        members = json.loads(incoming.body)
    except (ValueError, RecursionError) as error:
        raise _no_json() from error
    if not isinstance(members, dict):
        raise _no_json()
    return members


def _no_json() -> ApiError:
    return ApiError(400, "We could not parse the JSON body of your request.")
