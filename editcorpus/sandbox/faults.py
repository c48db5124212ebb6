"""Which fault strikes a call: by name, by number, or as a function of seed, request and attempt."""

import re
from dataclasses import dataclass

from editcorpus.sandbox.chance import share
from editcorpus.sandbox.config import Fault, SandboxConfig
from editcorpus.sandbox.defects import Defect
from editcorpus.sandbox.injected import EDGE, PAGES
from editcorpus.sandbox.jobs import Kind
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.refusals import invalid

_FORCED = re.compile(r"^\s*([a-z0-9_]+)(?::(\d{1,9}))?\s*$")
_MARKER = re.compile(r"\[\[emulate\s+([a-z0-9_]+(?::\d{1,9})?)\]\]")

#: A property of the request itself: another attempt meets it again.
_LASTING = frozenset({Fault.MODERATION_INPUT, Fault.CONTENT_POLICY})

#: The work is done and billed, and no whole answer reaches the client.
SEVERED = frozenset({Fault.CUT_BODY, Fault.RESET, Fault.HANG})

#: Faults of a connection or of a limit: they never strike a line of a batch.
_ONLINE = frozenset(
    {
        *PAGES, *SEVERED, Fault.RATE_LIMIT, Fault.RATE_LIMIT_LONG, Fault.CONCURRENCY,
        Fault.RATE_LIMIT_TOKENS, Fault.RATE_LIMIT_IMAGES, Fault.SLOW_DOWN, Fault.SLOW_DOWN_429,
        Fault.OVERLOADED, Fault.RESET_EARLY, Fault.MALFORMED_JSON, Fault.EMPTY_BODY,
        Fault.KEY_REVOKED, Fault.NO_ORGANIZATION, Fault.UNSUPPORTED_COUNTRY, Fault.TOO_LARGE,
    }
)  # fmt: skip
_IMAGES = frozenset(
    {
        Fault.RATE_LIMIT_IMAGES, Fault.MODERATION_INPUT, Fault.MODERATION_OUTPUT,
        Fault.MODERATION_UNKNOWN, Fault.CONTENT_POLICY, Fault.BAD_IMAGE, Fault.BAD_MIMETYPE,
        Fault.NO_MIMETYPE, Fault.BAD_SIZE, Fault.BAD_FIDELITY, Fault.UNVERIFIED, Fault.BAD_B64,
        Fault.TRUNCATED_B64, Fault.NOT_AN_IMAGE, Fault.TRUNCATED_IMAGE, Fault.WRONG_SIZE,
    }
)  # fmt: skip
_CHAT = frozenset({Fault.UNREADABLE, Fault.REFUSAL, Fault.LENGTH})
_PAID = frozenset(
    {
        Fault.RATE_LIMIT_TOKENS, Fault.MODEL_NOT_FOUND, Fault.UNPROCESSABLE, Fault.EMPTY_DATA,
        Fault.NO_USAGE, Fault.INVALID_IMAGE_FORMAT, Fault.IMAGE_TOO_LARGE, Fault.IMAGE_PARSE_ERROR,
        Fault.INVALID_BASE64_IMAGE,
    }
)  # fmt: skip
_VECTORS = frozenset({Fault.BAD_B64, Fault.TRUNCATED_B64})
_BATCH = frozenset({Fault.BATCH_FAILED, Fault.BATCH_EXPIRED})
_ANYWHERE = frozenset(Fault) - _IMAGES - _CHAT - _PAID - _BATCH

_STRIKES = {
    Kind.IMAGES: _ANYWHERE | _PAID | _IMAGES,
    Kind.CHAT: _ANYWHERE | _PAID | _CHAT,
    Kind.VECTORS: _ANYWHERE | _PAID | _VECTORS,
    Kind.FREE: _ANYWHERE,
    Kind.BATCH: _BATCH,
}

#: Money and membership are of no concern to a server of one's own.
_NEVER_ON_VLLM = frozenset(
    {
        Fault.QUOTA, Fault.CREDIT_BALANCE, Fault.ORGANIZATION_SPEND, Fault.PROJECT_SPEND,
        Fault.ORGANIZATION_USAGE, Fault.BILLING_NOT_ACTIVE, Fault.BILLING_HARD_LIMIT,
        Fault.NO_ORGANIZATION, Fault.UNSUPPORTED_COUNTRY,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a request, as far as faults depend on it.

    Attributes:
        key: Hash of the request's content.
        number: From 1.
        kind: What the call is for.
        text: The prompt, in which a marker may force a fault.
        header: Value of `x-emulate`, or empty.
        place: Number of the paid call among all of them, from 1; 0 for one that is free.
        batched: Whether it is a line of a batch.
    """

    key: str
    number: int
    persona: Persona
    kind: Kind
    text: str
    header: str
    place: int = 0
    batched: bool = False


def struck(config: SandboxConfig, attempt: Attempt) -> Fault | None:
    """The fault that strikes, if any: header, then marker, then number, then chance.

    Raises:
        ApiError: A fault is forced that does not exist.
    """
    marker = _MARKER.search(attempt.text)
    fault = marker.group(1) if marker and marker.group(1) not in set(Defect) else ""
    for wanted in (attempt.header, fault):
        if wanted:
            return _forced(wanted, attempt)
    for strike in config.strikes:
        reached = strike.first <= attempt.place <= (strike.last or attempt.place)
        if reached and _possible(strike.fault, attempt):
            return strike.fault
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
        raise invalid(f"Unknown fault '{name:.80}' in x-emulate.", "x-emulate", "invalid_value")
    fault, most = Fault(name), match.group(2)
    strikes = most is None or attempt.number <= int(most)
    return fault if strikes and _possible(fault, attempt) else None


def _possible(fault: Fault, attempt: Attempt) -> bool:
    if fault not in _STRIKES[attempt.kind] or (attempt.batched and fault in _ONLINE):
        return False
    return not (attempt.persona is Persona.VLLM and fault in _NEVER_ON_VLLM)


def without_marker(text: str) -> str:
    """The prompt as the painter and the judge read it."""
    return _MARKER.sub("", text)


def is_lost(config: SandboxConfig, fault: Fault | None, request_id: str) -> bool:
    """Whether a gateway broke before the work began; for every other call it broke after it."""
    return fault in EDGE and share(config.seed, "edge", request_id) >= 0.5


def marked(text: str) -> tuple[str, ...]:
    """The defect that a marker in a prompt asks for, by name."""
    marker = _MARKER.search(text)
    return (marker.group(1),) if marker and marker.group(1) in set(Defect) else ()
