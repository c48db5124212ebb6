"""Limits of the OpenAI persona: token buckets per minute and a cap on calls at once."""

from dataclasses import dataclass

from editcorpus.sandbox.config import Limits
from editcorpus.sandbox.refusals import ApiError, rate_limited

_MINUTE_S = 60.0

#: Emulated seconds that are asked of a client that has too many calls out.
_CROWD_S = 2.0


@dataclass(slots=True)
class _Bucket:
    """Holds a minute's worth, refills evenly; `level` is what may still be taken."""

    kind: str
    per_minute: int
    level: float
    filled_at: float

    def refill(self, now: float) -> None:
        rate = self.per_minute / _MINUTE_S
        self.level = min(self.per_minute, self.level + (now - self.filled_at) * rate)
        self.filled_at = now

    def wait_s(self, amount: int) -> float:
        """Emulated seconds until `amount` is there."""
        wanted = min(amount, self.per_minute) - self.level
        return max(0.0, wanted * _MINUTE_S / self.per_minute)


class Gate:
    """Admits calls or refuses them as the API does; times are emulated seconds, given in."""

    def __init__(self, limits: Limits, now: float) -> None:
        amounts = {
            "requests": limits.requests_per_minute,
            "tokens": limits.tokens_per_minute,
            "input-images": limits.input_images_per_minute,
            "images": limits.images_per_minute,
        }
        self._concurrent = limits.concurrent
        self._buckets = {
            kind: _Bucket(kind, most, most, now) for kind, most in amounts.items() if most
        }
        self.working = 0

    def admit(self, model: str, wanted: dict[str, int], now: float, scale: float) -> None:
        """Take what a call needs, or nothing at all.

        Args:
            model: Named in the message.
            wanted: Amount of each kind: `requests`, `tokens`, `input-images`, `images`.
            now: Emulated seconds.
            scale: Real seconds in an emulated one: headers tell a client real time.

        Raises:
            ApiError: A minute's limit or the cap is reached; it says when to come again.
        """
        if self._concurrent and self.working >= self._concurrent:
            raise crowded(model, self._concurrent, self.working, scale)
        for kind, bucket in self._buckets.items():
            bucket.refill(now)
            amount = wanted.get(kind, 0)
            wait = bucket.wait_s(amount) * scale
            if wait > 0:
                raise rate_limited(_message(model, bucket, amount, wait), kind, wait)
        for kind, bucket in self._buckets.items():
            bucket.level -= wanted.get(kind, 0)

    def headers(self, now: float, scale: float) -> dict[str, str]:
        """The `x-ratelimit-*` headers of every answer."""
        found = {}
        for kind, bucket in self._buckets.items():
            bucket.refill(now)
            found[f"x-ratelimit-limit-{kind}"] = str(bucket.per_minute)
            found[f"x-ratelimit-remaining-{kind}"] = str(max(0, int(bucket.level)))
            reset = bucket.wait_s(bucket.per_minute) * scale
            found[f"x-ratelimit-reset-{kind}"] = span(reset)
        return found


def crowded(model: str, most: int, used: int, scale: float) -> ApiError:
    """429: as many calls as are taken at once are out already."""
    wait = _CROWD_S * scale
    message = (
        f"Rate limit reached for {model} in organization org-emulated on concurrent requests: "
        f"Limit {most}, Used {used}, Requested 1. Please try again in {span(wait)}."
    )
    return rate_limited(message, "requests", wait)


def _message(model: str, bucket: _Bucket, amount: int, wait: float) -> str:
    used = max(0, bucket.per_minute - int(bucket.level))
    return (
        f"Rate limit reached for {model} (for limit {model}) in organization org-emulated on "
        f"{bucket.kind} per min: Limit {bucket.per_minute}, Used {used}, Requested {amount}. "
        f"Please try again in {span(wait)}."
    )


def span(seconds: float) -> str:
    """As the API writes spans: `120ms`, `58.891s`, `6m0s`."""
    if seconds < 1:
        return f"{max(1, round(seconds * 1000))}ms" if seconds > 0 else "0ms"
    if seconds < _MINUTE_S:
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest}s"
