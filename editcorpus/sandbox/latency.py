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

#: Refusals at the input stage take about 1 to 3 s, those before any work a fraction of a second.
_INPUT_STAGE = Pace(1.8, 0.25)
_AT_THE_DOOR = Pace(0.2, 0.2)
_QUICK = frozenset({Fault.RATE_LIMIT, Fault.SLOW_DOWN, Fault.QUOTA, Fault.KEY_REVOKED})


def seconds(pace: Pace, fault: Fault | None, *names: object) -> float:
    """Emulated seconds until the answer."""
    if fault is Fault.MODERATION_INPUT:
        pace = _INPUT_STAGE
    elif fault in _QUICK:
        pace = _AT_THE_DOOR
    return pace.median_s * math.exp(pace.spread * normal("latency", *names))
