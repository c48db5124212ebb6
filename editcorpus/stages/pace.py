"""How long calls take at the limits of their endpoint."""

from collections.abc import Sequence
from statistics import fmean

from editcorpus.endpoints.limits import Cost, Limits
from editcorpus.endpoints.requests import ForImage, What
from editcorpus.steps import align, caption, classify, compose, embed, regenerate, synthesize

_EDIT_S = {"low": 15, "medium": 45, "high": 100, "xhigh": 150, "max": 200}
"""Usual seconds of one edit by quality (reports of users of the image API, 2026)."""
_OTHER_EDIT_S = 60
_CHAT_S = 3.0
"""Usual seconds until a chat model with two pictures has written a sentence: an assumption."""
_VERDICT_S = 0.5
"""Usual seconds of one token, or one vector, by a model of 7B on vLLM: likewise. A pilot's own are better."""
_SHOWN = {
    classify.NAME: 0,
    caption.NAME: 1,
    synthesize.NAME: 0,
    compose.NAME: 1,
    regenerate.NAME: 1,
    embed.NAME: 1,
}
"""Pictures that a call of a step shows; two in all others."""
_UNLIMITED = 256
"""Calls in flight where an endpoint has no limit of its own: what the engine is measured at."""


def seconds_a_call(step: str, what: What) -> float:
    """Usual seconds of one call."""
    if isinstance(what, ForImage):
        return _EDIT_S.get(what.quality, _OTHER_EDIT_S)
    return _VERDICT_S if step in {align.NAME, embed.NAME} else _CHAT_S


def cost_a_call(step: str, tokens: float) -> Cost:
    """What one call of a step takes of the amounts per minute.

    Args:
        step: Says how many pictures it shows.
        tokens: Of what is sent.
    """
    return Cost(images=_SHOWN.get(step, 2), tokens=round(tokens), made=int(step == synthesize.NAME))


def hours(calls: float, seconds: float, costs: Sequence[Cost], limits: Limits) -> float:
    """Hours that calls take: the longest that any single limit makes of it.

    Args:
        calls: How many there are.
        seconds: Mean of one call.
        costs: What some of them take of the amounts per minute; at least one.
        limits: Calls in flight, and amounts per minute.
    """
    minutes = [calls * seconds / 60 / (limits.in_flight or _UNLIMITED)]
    amounts = (
        (1.0, limits.requests_per_minute),
        (fmean(cost.images for cost in costs), limits.input_images_per_minute),
        (fmean(cost.tokens for cost in costs), limits.tokens_per_minute),
    )
    minutes += [calls * each / limit for each, limit in amounts if limit]
    return max(minutes) / 60
