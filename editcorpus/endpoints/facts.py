"""What an error or an error answer says, read from wherever it says it.

All of it comes from outside and is treated so: bounded, of one line, and free of keys.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import openai

_LONGEST_TEXT = 500
_KEY = re.compile(
    r"\b(?:bearer|basic)\s+[^\s\"',]+|api[-_ ]?key[\"']?\s*[:=]\s*[^\s,]+|\b(?:sk|pk|rk|hf)[-_][\w*.-]{2,}",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"//[^/\s@]*@")
_DATA_URL = re.compile(r"data:[\w/+.-]*;base64,[\w+/=]*")
_REQUEST_ID = re.compile(r"\b(request[ _-]?id\b:?\s+)(?=[\w-]*\d)([\w-]{6,128})", re.IGNORECASE)
_ID = re.compile(
    r"\b(?:req|resp|chatcmpl|cmpl|call|file|batch|msg)[-_](?=[\w-]*\d)[\w-]{6,}"
    r"|\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\b(?=[a-f]*\d)[0-9a-f]{16,}\b",
    re.IGNORECASE | re.ASCII,
)
_TIME = re.compile(
    r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\b1[5-9]\d{8}(?:\d{3})?(?:\.\d+)?\b",
    re.ASCII,
)
_NAME = re.compile(r"[\w.-]{1,128}", re.ASCII)
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_AGAIN = re.compile(
    r"(?i)(?:try again|retry) (?:in|after) ((?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h|d))+)"
)
_PLAIN = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a call that went wrong.

    Attributes:
        status: HTTP status; 0 where no answer came.
        code: `error.code` in lower case; empty where it is missing or, as vLLM has it, a number.
        type: `error.type` in lower case.
        text: The message for people, scrubbed, of one line, at most 500 characters; names of calls
            and times are left out, so that the same refusal has the same text each time.
        stage: Where the safety system spoke: `input`, `output`, `unknown` or empty.
        structured: Whether the body is an error of an API, not a page of a proxy.
        headers: Headers of the answer.
        request_id: The API's name of the call, by its headers, else by its message.
    """

    status: int = 0
    code: str = ""
    type: str = ""
    text: str = ""
    stage: str = ""
    structured: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    request_id: str = ""

    @classmethod
    def of_answer(cls, status: int, body: object, headers: Mapping[str, str]) -> "Facts":
        """The facts of an answer.

        Args:
            status: HTTP status.
            body: The parsed JSON, or the text where it is none.
            headers: Headers by name; names in lower case unless the mapping folds case itself.
        """
        inner = body.get("error", body) if isinstance(body, Mapping) else body
        error = inner if isinstance(inner, Mapping) else {"message": inner}
        word = isinstance(inner, str) and status < 500 and _plain(inner)
        structured = isinstance(body, Mapping) or word
        details = error.get("moderation_details")
        stage = details.get("moderation_stage") if isinstance(details, Mapping) else ""
        message = error.get("message") or error.get("detail")
        code = _name(error.get("code")).lower()
        return cls(
            status=status,
            code="" if code.isdigit() else code,
            type=_name(error.get("type")).lower(),
            text=_steady(scrub(message)) if structured and isinstance(message, str) else "",
            stage=_name(stage).lower(),
            structured=structured,
            headers=headers,
            request_id=_name(headers.get("x-request-id")) or _quoted_id(message),
        )

    @classmethod
    def of_error(cls, error: BaseException) -> "Facts":
        """The facts that an exception of the openai client carries; none where it carries none."""
        if not isinstance(error, openai.APIError):
            return cls()
        response = getattr(error, "response", None)
        status = 0 if response is None else response.status_code
        headers: Mapping[str, str] = {} if response is None else response.headers
        return cls.of_answer(status, error.body, headers)

    def retry_after_s(self) -> float | None:
        """Seconds until the server wants to be asked again, by its headers, else by its text.

        A date counts from the answer's own `date` header, so that no clock of ours is asked. No time
        at all counts as nothing said.
        """
        exact = _seconds(self.headers.get("retry-after-ms"))
        if exact:
            return exact / 1000
        value = self.headers.get("retry-after")
        until, since = _moment(value), _moment(self.headers.get("date"))
        dated = until - since if until is not None and since is not None else 0.0
        said = _AGAIN.search(self.text)
        spoken = span_s(said[1]) if said else None
        return _seconds(value) or max(0.0, dated) or spoken or None


def scrub(text: str) -> str:
    """The text in one line, without what looks like a key or a picture, 500 characters at most."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:4000]).split())
    for pattern, instead in ((_DATA_URL, "[data]"), (_USERINFO, "//"), (_KEY, "[key]")):
        line = pattern.sub(instead, line)
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"


def _steady(text: str) -> str:
    """The text without what differs from call to call."""
    return _TIME.sub("[time]", _ID.sub("[id]", _REQUEST_ID.sub(r"\1[id]", text)))


def _quoted_id(message: object) -> str:
    found = _REQUEST_ID.search(message[:4000]) if isinstance(message, str) else None
    return _name(found[2]) if found else ""


def span_s(text: str) -> float | None:
    """Seconds of a span as the API writes it: `120ms`, `58.891s`, `6m0s`; None if it is none."""
    parts = list(_SPAN.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        return None
    return math.fsum(float(part[1]) * _SECONDS[part[2]] for part in parts)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, what that was raised from, and so on.

    Only `raise ... from ...` counts: an error that merely came up while another was handled says
    nothing about whether the request had been sent.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__


def _plain(text: str) -> bool:
    """Whether a body that is no JSON object is a word of an API, not a page of a proxy."""
    return 0 < len(text) <= _LONGEST_TEXT and "<" not in text


def _name(value: Any) -> str:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if _NAME.fullmatch(text) and scrub(text) == text else ""


def _seconds(value: str | None) -> float | None:
    return float(value) if value is not None and _PLAIN.fullmatch(value.strip()) else None


def _moment(value: str | None) -> float | None:
    try:
        return None if value is None else parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
