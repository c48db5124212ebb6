"""Which fault strikes a call: a function of seed, request key and attempt, or forced by name."""

import re
from dataclasses import dataclass

from editcorpus.sandbox.chance import share
from editcorpus.sandbox.config import Defect, Fault, SandboxConfig
from editcorpus.sandbox.limits import span
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.refusals import (
    ApiError,
    bad_key,
    blocked,
    invalid,
    out_of_quota,
    rate_limited,
)

_FORCED = re.compile(r"^\s*([a-z0-9_]+)(?::(\d+))?\s*$")
_MARKER = re.compile(r"\[\[emulate\s+([a-z0-9_]+(?::\d+)?)\]\]")

#: Wait, in emulated seconds, that an injected rate limit asks for: that of a published sample.
_RETRY_S = 0.534

#: A property of the request itself: another attempt meets it again.
_LASTING = frozenset({Fault.MODERATION_INPUT})

_IMAGES_ONLY = frozenset(
    {
        Fault.MODERATION_INPUT,
        Fault.MODERATION_OUTPUT,
        Fault.BAD_B64,
        Fault.NOT_AN_IMAGE,
        Fault.TRUNCATED_IMAGE,
        Fault.WRONG_SIZE,
    }
)
_CHAT_ONLY = frozenset({Fault.UNREADABLE, Fault.REFUSAL, Fault.LENGTH})
_NEVER_ON_VLLM = frozenset({Fault.QUOTA})

#: Answered before or instead of the work; nothing is billed for them.
UNBILLED = frozenset(
    {
        Fault.RATE_LIMIT,
        Fault.SERVER_ERROR,
        Fault.SLOW_DOWN,
        Fault.MODERATION_INPUT,
        Fault.MODERATION_OUTPUT,
        Fault.QUOTA,
        Fault.KEY_REVOKED,
    }
)

#: The work is done and billed, and no whole answer reaches the client.
SEVERED = frozenset({Fault.CUT_BODY, Fault.RESET, Fault.HANG})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a request, as far as faults depend on it.

    Attributes:
        key: Hash of the request's content.
        number: From 1.
        images: Whether it is a call of the image API.
        text: The prompt, in which a marker may force a fault.
        header: Value of `x-emulate`, or empty.
    """

    key: str
    number: int
    persona: Persona
    images: bool
    text: str
    header: str


def struck(config: SandboxConfig, attempt: Attempt) -> Fault | None:
    """The fault that strikes, if any: the header first, then the marker, then chance.

    Raises:
        ApiError: A fault is forced that does not exist.
    """
    marker = _MARKER.search(attempt.text)
    for wanted in (attempt.header, marker.group(1) if marker else ""):
        if wanted:
            return _forced(wanted, attempt)
    for fault in Fault:
        rate = config.faults.get(fault, 0.0)
        number = 0 if fault in _LASTING else attempt.number
        names = (config.seed, "fault", fault, attempt.key, number)
        if rate and _possible(fault, attempt) and share(*names) < rate:
            return fault
    return None


def _forced(wanted: str, attempt: Attempt) -> Fault | None:
    """`NAME` strikes every attempt, `NAME:n` the first n; `none` keeps every fault away."""
    match = _FORCED.match(wanted)
    name = match.group(1) if match else wanted
    if match and name == "none":
        return None
    if match is None or name not in set(Fault):
        raise invalid(f"Unknown fault '{name}' in x-emulate.", "x-emulate", "invalid_value")
    fault, most = Fault(name), match.group(2)
    strikes = most is None or attempt.number <= int(most)
    return fault if strikes and _possible(fault, attempt) else None


def _possible(fault: Fault, attempt: Attempt) -> bool:
    if fault in (_CHAT_ONLY if attempt.images else _IMAGES_ONLY):
        return False
    return not (attempt.persona is Persona.VLLM and fault in _NEVER_ON_VLLM)


def without_marker(text: str) -> str:
    """The prompt as the painter and the judge read it."""
    return _MARKER.sub("", text)


def refusal(fault: Fault, persona: Persona, model: str, request_id: str, scale: float) -> ApiError:
    """The error answer of a fault that is one (`UNBILLED`); waits in it are real time, scaled."""
    vllm = persona is Persona.VLLM
    answers = {
        Fault.RATE_LIMIT: lambda: _crowded() if vllm else _too_many(model, scale),
        Fault.SERVER_ERROR: lambda: _server_error(model),
        Fault.SLOW_DOWN: lambda: _crowded() if vllm else _slow_down(),
        Fault.MODERATION_INPUT: lambda: blocked("input", request_id),
        Fault.MODERATION_OUTPUT: lambda: blocked("output", request_id),
        Fault.QUOTA: out_of_quota,
        Fault.KEY_REVOKED: bad_key,
    }
    return answers[fault]()


def _too_many(model: str, scale: float) -> ApiError:
    wait = _RETRY_S * scale
    message = (
        f"Rate limit reached for {model} (for limit {model}) in organization org-emulated on "
        f"requests per min: Limit 5, Used 5, Requested 1. Please try again in {span(wait)}."
    )
    return rate_limited(message, "requests", wait)


def _server_error(model: str) -> ApiError:
    if model.startswith("gpt-image"):
        message, kind = "Image generation failed", "image_generation_server_error"
        return ApiError(500, message, kind, code="image_generation_failed")
    message = "The server had an error while processing your request. Sorry about that!"
    return ApiError(500, message, "server_error", code="server_error")


def _slow_down() -> ApiError:
    message = "We are currently processing too many requests. Please slow down."
    return ApiError(503, message, "server_error", code="slow_down")


def _crowded() -> ApiError:
    return ApiError(503, "The server is at its limit of queued requests, try again later.")


def planted(config: SandboxConfig, key: str) -> Defect | None:
    """The defect of an edit: a property of the request, the same on every attempt."""
    for defect in Defect:
        rate = config.defects.get(defect, 0.0)
        if rate and share(config.seed, "defect", defect, key) < rate:
            return defect
    return None
