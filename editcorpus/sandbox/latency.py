"""How long a call takes: log-normal by quality, a function of request key and attempt."""

import math
from dataclasses import dataclass

from editcorpus.sandbox.chance import normal
from editcorpus.sandbox.config import Fault


@dataclass(frozen=True, slots=True)
class Pace:
    """Median in seconds, and standard deviation of the natural logarithm."""

    median_s: float
    spread: float


#: Reported spans of edits: low 10 to 20 s, medium 30 to 60 s, high 60 to 150 s, a tail to about
#: 200 s. The span is taken as the middle 95% of the calls.
IMAGES = {
    "low": Pace(14.0, 0.18),
    "medium": Pace(42.0, 0.18),
    "high": Pace(95.0, 0.24),
    "xhigh": Pace(105.0, 0.24),
    "max": Pace(120.0, 0.26),
}
CHAT = Pace(2.0, 0.4)
VLLM = Pace(0.4, 0.3)
FREE = Pace(0.3, 0.3)

#: Refusals at the input stage take about 1 to 3 s, those before any work a fraction of a second.
_INPUT_STAGE = Pace(1.8, 0.25)
_AT_THE_DOOR = Pace(0.2, 0.2)
_QUICK = frozenset(
    {
        Fault.RATE_LIMIT, Fault.RATE_LIMIT_TOKENS, Fault.RATE_LIMIT_IMAGES, Fault.RATE_LIMIT_LONG,
        Fault.CONCURRENCY, Fault.SLOW_DOWN, Fault.SLOW_DOWN_429, Fault.OVERLOADED, Fault.QUOTA,
        Fault.CREDIT_BALANCE, Fault.ORGANIZATION_SPEND, Fault.PROJECT_SPEND,
        Fault.ORGANIZATION_USAGE, Fault.BILLING_NOT_ACTIVE, Fault.BILLING_HARD_LIMIT,
        Fault.KEY_REVOKED, Fault.NO_ORGANIZATION, Fault.UNVERIFIED, Fault.UNSUPPORTED_COUNTRY,
        Fault.MODEL_NOT_FOUND, Fault.PROXY_PAGE, Fault.RESET_EARLY, Fault.TOO_LARGE,
    }
)  # fmt: skip
_INPUT = frozenset(
    {
        Fault.MODERATION_INPUT, Fault.CONTENT_POLICY, Fault.BAD_IMAGE, Fault.BAD_MIMETYPE,
        Fault.NO_MIMETYPE, Fault.INVALID_IMAGE_FORMAT, Fault.IMAGE_TOO_LARGE,
        Fault.IMAGE_PARSE_ERROR, Fault.INVALID_BASE64_IMAGE, Fault.BAD_SIZE, Fault.BAD_FIDELITY,
        Fault.UNPROCESSABLE,
    }
)  # fmt: skip


def seconds(pace: Pace, fault: Fault | None, *names: object) -> float:
    """Emulated seconds until the answer."""
    if fault in _INPUT:
        pace = _INPUT_STAGE
    elif fault in _QUICK:
        pace = _AT_THE_DOOR
    return pace.median_s * math.exp(pace.spread * normal("latency", *names))
