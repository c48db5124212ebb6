"""What a batch may be: the request to make one, and the lines of its input file.

The API publishes no list of the codes under which it fails a batch; these are those that users report.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from editcorpus.sandbox.catalogue import served
from editcorpus.sandbox.config import Batching
from editcorpus.sandbox.refusals import ApiError, invalid, missing, one_of, unknown_parameter

#: Endpoints that a batch can be for, of those that are emulated, with the kind of their models.
ENDPOINTS = {
    "/v1/images/edits": "image",
    "/v1/images/generations": "image",
    "/v1/chat/completions": "chat",
}

#: Errors of one batch that are listed.
_MOST_ERRORS = 100

#: Bounds of what can be asked for as the life of a file, in seconds: an hour to 30 days.
SHORTEST_S, LONGEST_S = 3600, 2_592_000

_KNOWN = frozenset(
    {"input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"}
)
_MOST_PAIRS, _LONGEST_KEY, _LONGEST_VALUE = 16, 64, 512


@dataclass(frozen=True, slots=True)
class Wanted:
    """A sound request for a batch."""

    input_file_id: str
    endpoint: str
    metadata: dict[str, str] | None
    keeps_s: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line: where it lies in the input file, and its name."""

    start: int
    length: int
    custom_id: str


@dataclass(slots=True)
class Plan:
    """What is to be done for a batch, or why nothing is."""

    lines: list[Line] = field(default_factory=list)
    model: str = ""
    errors: list[dict[str, Any]] = field(default_factory=list)

    def fail(self, code: str, message: str, line: int | None = None, param: str = "") -> None:
        """Add an error, of a line counted from 1 or of the file."""
        if len(self.errors) < _MOST_ERRORS:
            error = {"code": code, "line": line, "message": message, "param": param or None}
            self.errors.append(error)


def wanted(members: Mapping[str, Any]) -> Wanted:
    """Read a request for a batch.

    Raises:
        ApiError: Something is wrong with it.
    """
    for name in members:
        if name not in _KNOWN:
            raise unknown_parameter(name)
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(members.get(name), str):
            raise missing(name)
    if members["endpoint"] not in ENDPOINTS:
        raise one_of("endpoint", members["endpoint"], tuple(ENDPOINTS))
    if members["completion_window"] != "24h":
        raise one_of("completion_window", members["completion_window"], ("24h",))
    keeps = members.get("output_expires_after")
    return Wanted(
        members["input_file_id"],
        members["endpoint"],
        _metadata(members.get("metadata")),
        None if keeps is None else lifetime(keeps, "output_expires_after"),
    )


def _metadata(given: object) -> dict[str, str] | None:
    if given is None:
        return None
    if not isinstance(given, dict) or not all(isinstance(each, str) for each in given.values()):
        raise invalid(
            "Invalid type for 'metadata': expected an object of strings.",
            "metadata",
            "invalid_type",
        )
    if len(given) > _MOST_PAIRS:
        raise invalid(
            f"Invalid 'metadata': too many properties. Expected an object with at most "
            f"{_MOST_PAIRS} properties, but got an object with {len(given)} properties instead.",
            "metadata",
            "object_above_max_properties",
        )
    for key, value in given.items():
        if len(key) > _LONGEST_KEY or len(value) > _LONGEST_VALUE:
            raise invalid(
                f"Invalid 'metadata': a key has at most {_LONGEST_KEY} characters and a value at "
                f"most {_LONGEST_VALUE}.",
                "metadata",
                "string_above_max_length",
            )
    return given


def lifetime(given: object, param: str) -> int:
    """Seconds that a file is to live: `{"anchor": "created_at", "seconds": 3600}`.

    Raises:
        ApiError: It is no such object, or out of bounds.
    """
    members = given if isinstance(given, dict) else {}
    if members.get("anchor") != "created_at":
        raise one_of(f"{param}.anchor", str(members.get("anchor")), ("created_at",))
    text = str(members.get("seconds"))
    seconds = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise invalid(
            f"Invalid '{param}.seconds': expected an integer from {SHORTEST_S} to {LONGEST_S}.",
            f"{param}.seconds",
            "invalid_value",
        )
    return seconds


def plan(lines: Iterable[bytes], endpoint: str, rules: Batching, today: date) -> Plan:
    """Read an input file, line by line; errors in it fail the whole batch."""
    found, seen, start = Plan(), set[str](), 0
    for number, line in enumerate(lines, 1):
        start += len(line)
        if start > rules.max_bytes:
            message = f"The input file is too large. Maximum size is {rules.max_bytes} bytes."
            found.fail("file_too_large", message)
            break
        if not line.strip():
            continue
        if len(seen) == rules.max_lines:
            message = f"The batch has too many requests. The maximum is {rules.max_lines}."
            found.fail("too_many_requests", message)
            break
        _take(found, seen, _Read(number, start - len(line), line), endpoint)
    if not seen and not found.errors:
        found.fail("empty_file", "The input file is empty.")
    if found.model and not found.errors:
        _check_model(found, ENDPOINTS[endpoint], today)
    return found


@dataclass(frozen=True, slots=True)
class _Read:
    number: int
    start: int
    line: bytes


def _take(found: Plan, seen: set[str], read: _Read, endpoint: str) -> None:
    try:
        members = json.loads(read.line)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        message = "This line is not parseable as valid JSON."
        found.fail("invalid_json_line", message, read.number)
        return
    custom_id, body = members.get("custom_id"), members.get("body")
    if not isinstance(custom_id, str) or not custom_id:
        found.fail(*_missing("custom_id"), read.number, "custom_id")
        return
    if custom_id in seen:
        message = (
            "The custom_id for this request is a duplicate of another request. The custom_id "
            "parameter must be unique for each request in a batch."
        )
        found.fail("duplicate_custom_id", message, read.number, "custom_id")
    seen.add(custom_id)
    found.lines.append(Line(read.start, len(read.line), custom_id))
    if members.get("method") != "POST":
        found.fail("invalid_method", "The method must be POST.", read.number, "method")
    if members.get("url") != endpoint:
        message = "The URL provided for this request does not match the batch endpoint."
        found.fail("mismatched_url", message, read.number, "url")
    _check_body(found, read.number, body)


def _check_body(found: Plan, number: int, body: object) -> None:
    if not isinstance(body, dict):
        found.fail(*_missing("body"), number, "body")
        return
    model = body.get("model")
    if not isinstance(model, str) or not model:
        found.fail(*_missing("body.model"), number, "body.model")
        return
    found.model = found.model or model
    if model != found.model:
        message = f"The model '{model:.100}' differs from '{found.model:.100}' of the lines before."
        found.fail("mismatched_model", message, number, "body.model")
    if body.get("stream"):
        message = "Streaming is not supported in the Batch API."
        found.fail("invalid_request", message, number, "body.stream")


def _missing(param: str) -> tuple[str, str]:
    return "missing_required_parameter", f"Missing required parameter: '{param}'."


def _check_model(found: Plan, kind: str, today: date) -> None:
    try:
        served(found.model, kind, today)
    except ApiError:
        message = f"The provided model '{found.model:.100}' is not supported by the Batch API."
        found.fail("model_not_found", message, 1, "body.model")
