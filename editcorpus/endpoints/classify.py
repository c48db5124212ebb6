"""What to do about a call that went wrong: make it again, drop its triplet, or stop the run.

Decided by the error's code, then its type, then its text; the status alone only where none of them
is known. Sources: OpenAI's guide to error codes and openai 3.52 (`_exceptions.py`), vLLM 0.33's
OpenAI-compatible server, and the chain of causes that aiohttp leaves under `APITimeoutError`.
"""

import json
import socket
from dataclasses import dataclass, replace

import aiohttp
import httpx2
import openai

from editcorpus.endpoints.facts import Facts, causes
from editcorpus.endpoints.rules import (
    BUCKETS,
    CODES,
    CROWD,
    PER_TIME,
    RULES,
    STATUSES,
    TEXTS,
    TYPES,
    Action,
    Billed,
    Kind,
    Rule,
)
from editcorpus.errors import ModelMisbehaved
from editcorpus.records import Reason

__all__ = ["LONGEST_WAIT_S", "Facts", "Kind", "Verdict", "classify"]

_TOO_LARGE = 413
LONGEST_WAIT_S = 900.0
"""A call that may be made again only later than this is left to the next run."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a call that went wrong means.

    Attributes:
        action: Make it again, drop its triplet for good, or stop the run.
        kind: The class of the error.
        reason: Under which the triplet is filed, at once or after all retries; None on stop.
        billed: Whether it was paid for.
        retry_after_s: Seconds after which the server wants to be asked again, if it says so.
        max_retries: How often a call may meet this class of error and be made again.
        sentence: For people; never holds a key.
        request_id: The API's name of the call, where it gave one.
        bucket: Which amount per minute ran out: `requests`, `images`, `tokens`, `made`, or empty.
        code: The API's word for it; many of the same in a row speak of a wrong setting.
    """

    action: Action
    kind: Kind
    reason: Reason | None
    billed: Billed
    retry_after_s: float | None
    max_retries: int
    sentence: str
    request_id: str = ""
    bucket: str = ""
    code: str = ""

    @property
    def refused(self) -> bool:
        """Whether the server would not even begin, for want of room; nothing is wrong with the call."""
        return self.kind in {"rate_minute", "rate_concurrency", "slow_down"}

    @property
    def final(self) -> bool:
        """Whether the API will not do it, then or ever; damage has a count of its own."""
        return self.kind != "damaged" and self.reason not in {None, Reason.UNAVAILABLE}


_UNSENT_AIOHTTP = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)
_UNSENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    ConnectionRefusedError,
    socket.gaierror,
)
_LATE = (TimeoutError, httpx2.TimeoutException)
_DAMAGED = (json.JSONDecodeError, openai.APIResponseValidationError, openai.LengthFinishReasonError)
_LOST = (
    openai.APIConnectionError,
    httpx2.HTTPError,
    aiohttp.ClientError,
    TimeoutError,
    ConnectionError,
)


def classify(error: BaseException | None, facts: Facts | None = None) -> Verdict:
    """What to do about a call that went wrong.

    Args:
        error: What was raised; None where there is only an answer, such as a line of a batch.
        facts: What the answer said, where the exception does not carry it.
    """
    known = facts or (Facts() if error is None else Facts.of_error(error))
    silent = not (known.status or known.code or known.type)
    misbehaved = None if error is None else _misbehaved(error)
    if misbehaved is not None:
        return replace(_verdict("damaged", known, misbehaved.detail), reason=misbehaved.reason)
    if isinstance(error, openai.ContentFilterFinishReasonError):
        withheld = _verdict("moderation_output", known, "")
        return replace(withheld, action="drop", billed="yes", max_retries=0)
    if isinstance(error, _DAMAGED):
        return _verdict("damaged", known, "it does not parse or is cut short")
    if silent and isinstance(error, _LOST):
        return _verdict(_lost(error), known, _name_of(error))
    if silent:
        return _verdict("unknown", known, "" if error is None else type(error).__name__)
    return _answered(known)


def _misbehaved(error: BaseException) -> ModelMisbehaved | None:
    """What is wrong with an answer; while it is read, the client makes a lost connection of it."""
    return next((one for one in causes(error) if isinstance(one, ModelMisbehaved)), None)


def _answered(facts: Facts) -> Verdict:
    kind = _by_word(facts) or _by_text(facts) or _by_status(facts)
    if kind == "rate_minute":
        kind, bucket = _which_rate(facts)
        return replace(_verdict(kind, facts, facts.text), bucket=bucket)
    if kind == "moderation_input" and facts.stage == "output":
        return _verdict("moderation_output", facts, facts.text)
    verdict = _verdict(kind, facts, facts.text)
    if kind == "moderation_input" and facts.stage == "unknown":
        return replace(verdict, billed="maybe")
    if kind == "edge" and facts.status < 500:
        return replace(verdict, billed="no")
    return verdict


def _verdict(kind: Kind, facts: Facts, detail: str) -> Verdict:
    rule = RULES[kind]
    word = facts.code or facts.type
    retry_after_s = facts.retry_after_s() if rule.action == "retry" else None
    patient = retry_after_s is None or retry_after_s <= LONGEST_WAIT_S
    return Verdict(
        action=rule.action,
        kind=kind,
        reason=rule.reason,
        billed=rule.billed,
        retry_after_s=retry_after_s,
        max_retries=rule.max_retries if patient else 0,
        sentence=_sentence(rule, facts, word, detail),
        request_id=facts.request_id,
        code=word,
    )


def _sentence(rule: Rule, facts: Facts, word: str, detail: str) -> str:
    status = f"HTTP {facts.status}" if facts.status else ""
    named = " ".join(part for part in (status, word) if part)
    says = f"{rule.says} ({named})" if named else rule.says
    return f"{says}: {detail.rstrip('.')}." if detail and rule.quotes else f"{says}."


def _by_word(facts: Facts) -> Kind | None:
    """The class by code, else by type; overload is reported as a server error of either sort.

    So is, by some servers, a request that is too large for them, which it is each time.
    """
    kind = CODES.get(facts.code) or TYPES.get(facts.type)
    unlike = facts.status == _TOO_LARGE or _by_text(facts) == "slow_down"
    return None if kind == "server" and unlike else kind


def _by_text(facts: Facts) -> Kind | None:
    for text in TEXTS:
        if text.pattern.search(facts.text) and facts.status in (text.statuses or {facts.status}):
            return text.kind
    return None


def _by_status(facts: Facts) -> Kind:
    """The class where no word is known; a server error that names none may come from a gateway."""
    if facts.status < 300:
        return "damaged" if facts.status else "unknown"
    if facts.status < 400:
        return "access"  # moved: a body is never sent to another place with the key
    if not facts.structured or (facts.status >= 500 and not facts.code and not facts.type):
        return STATUSES[facts.status] if facts.status in {401, 404, 413, 429} else "edge"
    return STATUSES.get(facts.status, "server" if facts.status >= 500 else "bad_request")


def _which_rate(facts: Facts) -> tuple[Kind, str]:
    """Too many at once, or too much per minute, and of what.

    A refusal that says neither is taken for too many at once: it delays that one call.
    """
    if CROWD.search(facts.text):
        return "rate_concurrency", ""
    said = PER_TIME.search(facts.text)
    named = said[1].lower() if said else facts.type
    spent = (name for name in BUCKETS if facts.headers.get(f"x-ratelimit-remaining-{name}") == "0")
    bucket = BUCKETS.get(named) or BUCKETS.get(next(spent, ""))
    return ("rate_minute", bucket) if bucket else ("rate_concurrency", "")


def _lost(error: BaseException) -> Kind:
    """Whether a call without an answer was sent at all, and how it was lost.

    The client's aiohttp transport calls every lost connection a `ConnectTimeout`, so that aiohttp's
    own errors, further down the chain, count alone where there are any.
    """
    chain = list(causes(error))
    own = [cause for cause in chain if isinstance(cause, aiohttp.ClientError)]
    unsent, late = (_UNSENT_AIOHTTP, TimeoutError) if own else (_UNSENT, _LATE)
    if any(isinstance(cause, unsent) for cause in own or chain):
        return "transport_unsent"
    return "timeout" if any(isinstance(cause, late) for cause in own or chain) else "transport"


def _name_of(error: BaseException) -> str:
    """The name of the deepest cause: the outermost ones are the client's, and mislead."""
    return [type(cause).__name__ for cause in causes(error) if isinstance(cause, Exception)][-1]
