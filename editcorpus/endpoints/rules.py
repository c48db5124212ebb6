"""The classes of error of a call, what follows from each, and the words by which they are known.

Sources: OpenAI's guide to error codes, reports of users of the image API, and the errors that
vLLM 0.33's OpenAI-compatible server sends (its `code` is the status, so that its types count).
"""

import re
from dataclasses import dataclass
from typing import Literal

from editcorpus.records import Reason

Action = Literal["retry", "drop", "stop"]
Billed = Literal["no", "maybe", "yes"]
Kind = Literal[
    "rate_minute",
    "rate_concurrency",
    "slow_down",
    "server",
    "edge",
    "transport_unsent",
    "transport",
    "timeout",
    "damaged",
    "moderation_input",
    "moderation_output",
    "bad_image",
    "bad_request",
    "auth",
    "access",
    "quota",
    "dead_model",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows from one class of error.

    Attributes:
        says: The class in words.
        billed: Whether such a call is paid for.
        max_retries: How often a call may meet it and be made again.
        reason: Under which the triplet is filed; None where the run stops.
        quotes: Whether people may be shown what the server wrote; it may write a key.
    """

    says: str
    action: Action
    billed: Billed = "no"
    max_retries: int = 0
    reason: Reason | None = None
    quotes: bool = True


_LATER = Reason.UNAVAILABLE
_NEVER = Reason.REQUEST_REFUSED

RULES: dict[Kind, Rule] = {
    "rate_minute": Rule("The limit per minute is reached", "retry", "no", 60, _LATER),
    "rate_concurrency": Rule("Too many calls are out at once", "retry", "no", 60, _LATER),
    "slow_down": Rule("The API is overloaded", "retry", "no", 20, _LATER),
    "server": Rule("The API failed", "retry", "no", 4, _LATER),
    "edge": Rule("A gateway answered in place of the API", "retry", "maybe", 3, _LATER),
    "transport_unsent": Rule("No connection could be made", "retry", "no", 4, _LATER),
    "transport": Rule("The connection was lost", "retry", "maybe", 2, _LATER),
    "timeout": Rule("No answer came in time", "retry", "maybe", 2, _LATER),
    "damaged": Rule("The answer is damaged", "retry", "yes", 2, Reason.ANSWER_DAMAGED),
    "moderation_input": Rule(
        "The safety system refused the request", "drop", "no", 0, Reason.MODERATION_INPUT
    ),
    "moderation_output": Rule(
        "The safety system withheld the result", "retry", "maybe", 2, Reason.MODERATION_OUTPUT
    ),
    "bad_image": Rule("The API refused the picture", "drop", "no", 0, _NEVER),
    "bad_request": Rule("The API refused the request", "drop", "no", 0, _NEVER),
    "auth": Rule("The key was refused; check the key of this endpoint", "stop", quotes=False),
    "access": Rule("This account, key or address may not make such calls", "stop"),
    "quota": Rule("No money or quota is left; add some and start the run again", "stop"),
    "dead_model": Rule("The model is not served; name another in the settings", "stop"),
    "unknown": Rule("The call failed in a way that is not known", "stop", "maybe"),
}

_WORDS: dict[Kind, str] = {
    "quota": "insufficient_quota credit_balance_exhausted organization_spend_limit_exceeded"
    " project_spend_limit_exceeded organization_usage_limit_exceeded billing_not_active"
    " billing_hard_limit_reached",
    "auth": "invalid_api_key no_organization invalid_organization",
    "access": "account_deactivated unsupported_country_region_territory",
    "dead_model": "model_not_found model_deprecated model_not_available",
    "moderation_input": "moderation_blocked content_policy_violation content_filter",
    "bad_image": "unsupported_file_mimetype missing_file_mimetype invalid_image_format"
    " invalid_image_file invalid_image invalid_image_url invalid_image_mode"
    " invalid_base64_image image_too_large image_too_small image_parse_error"
    " image_file_too_large empty_image_file unsupported_image_media_type",
    "bad_request": "invalid_value invalid_type invalid_size invalid_input_fidelity_model"
    " unknown_parameter missing_required_parameter unsupported_parameter unsupported_value"
    " context_length_exceeded string_above_max_length",
    "slow_down": "slow_down overloaded server_overloaded server_is_overloaded engine_overloaded",
    "server": "server_error image_generation_failed internal_error batch_expired batch_cancelled",
    "rate_minute": "rate_limit_exceeded",
}
CODES: dict[str, Kind] = {word: kind for kind, words in _WORDS.items() for word in words.split()}
"""`error.code`, in lower case."""

TYPES: dict[str, Kind] = {
    "insufficient_quota": "quota",
    "requests": "rate_minute",
    "tokens": "rate_minute",
    "images": "rate_minute",
    "input-images": "rate_minute",
    "rate_limit_error": "rate_minute",
    "ratelimiterror": "rate_minute",
    "slow_down": "slow_down",
    "overloaded": "slow_down",
    "overloaded_error": "slow_down",
    "server_error": "server",
    "image_generation_server_error": "server",
    "internalservererror": "server",
    "authenticationerror": "auth",
    "badrequesterror": "bad_request",
    "unprocessableentityerror": "bad_request",
}
"""`error.type`, in lower case. `invalid_request_error` is on most errors and says nothing."""


@dataclass(frozen=True, slots=True)
class Text:
    """A wording that tells the class, with the statuses under which it does.

    A message may quote the request. So what stops a run must begin the message, and what speaks of
    load counts only where a server says that it is loaded.
    """

    pattern: re.Pattern[str]
    kind: Kind
    statuses: frozenset[int] = frozenset()


def _text(kind: Kind, pattern: str, *statuses: int) -> Text:
    return Text(re.compile(pattern, re.IGNORECASE), kind, frozenset(statuses))


TEXTS: tuple[Text, ...] = (
    _text("moderation_input", r"^your request was rejected|our safety system|content policy"),
    _text(
        "quota", r"^you exceeded your current quota|^billing hard limit|^your account is not act"
    ),
    _text("access", r"^your organization must be verified|^country, region,? or territory"),
    _text("dead_model", r"^the model\b.{0,150}(does not exist|deprecated|shut down)", 400, 404),
    _text("auth", r"^incorrect api key|^unauthorized\b|^invalid api key", 401, 403),
    _text("rate_minute", r"rate limit|too many requests|concurren|queue", 429, 503),
    _text("slow_down", r"overloaded|slow down", 429, 500, 503),
    _text(
        "bad_image", r"^invalid (image )?file|unsupported mimetype|cannot identify image", 400, 422
    ),
    _text("bad_request", r"^no such file", 404),
)

STATUSES: dict[int, Kind] = {
    401: "auth",
    403: "access",
    404: "access",
    408: "timeout",
    409: "server",
    413: "bad_request",
    429: "rate_minute",
    503: "slow_down",
}
"""The last resort, for an error of an API without a known word."""

CROWD = re.compile(r"concurren|at once|simultaneous|in[- ]flight|queue", re.IGNORECASE)
PER_TIME = re.compile(r"(input-images|images|tokens|requests) per (?:min|hour|day)", re.IGNORECASE)
BUCKETS = {"input-images": "images", "images": "made", "tokens": "tokens", "requests": "requests"}
"""The API's name of an amount per minute, and ours."""
