"""When the next call to an endpoint may go out: calls in flight, and amounts per minute.

Pure arithmetic: time is an argument, in seconds of any clock that never goes back.

Calls in flight follow what the server takes. The limit starts at 16 and, while calls wait for it,
doubles each fifth of a second, in small steps: 256 are out after about a second, long before the first
picture is back, and the first refusal finds but few calls on their way that will be refused as well.
A step is counted from the one before, so that a process that gets no time of its processor sends none
of those that it has missed. A refusal for too many calls at once says how many the server took: those
that are still out. From then on the limit is tried one higher at a time, ever less often while that is
refused. One refused call waits; the others go on (pausing all of them takes twice the time).

Amounts per minute are buckets that refill evenly and hold ten seconds' worth. A refusal for such an
amount pauses that bucket alone, until the time that the server names.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

_FIRST = 16
_HEARING_S = 0.25
"""How long the server has to refuse the first calls before more are sent, and in which refusals count as
one burst; it refuses without working on them."""
_RISE_S = 0.0125
_RISE = 16
"""Each rise takes so long and adds one for each so many calls: 16 of them, 0.2 s, double the limit."""
_STEP_S = 1.0
_LONGEST_STEP_S = 60.0
_RAMP_S = 900.0
"""Time to come back after `slow_down`: 15 minutes, as OpenAI's guide to its errors asks for."""
_PAUSE_S = 5.0
_BURST_S = 10.0
_MINUTE_S = 60.0
_EPSILON = 1e-9
_DIGITS = 12
_NAMES = ("requests", "input-images", "tokens", "images")
"""The amounts per minute as headers name them, in the order of a controller's buckets."""


class Limits(BaseModel):
    """How hard an endpoint may be pressed; 0 means no limit of ours. Its own refusals count anyway."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_flight: int = Field(64, ge=0, description="Most calls that are out at once; 0 is no limit.")
    requests_per_minute: int = Field(0, ge=0, description="Calls per minute; 0 is no limit.")
    input_images_per_minute: int = Field(
        0, ge=0, description="Pictures sent per minute; 0 is no limit."
    )
    tokens_per_minute: int = Field(0, ge=0, description="Input tokens per minute; 0 is no limit.")
    images_per_minute: int = Field(0, ge=0, description="Made from a text alone; 0 is no limit.")

    def shared(self, hands: int) -> "Limits":
        """Each process' share, if so many have them together; of a limit at least 1."""
        amounts = {name: getattr(self, name) for name in type(self).model_fields}
        return Limits(
            **{name: amount and max(1, amount // hands) for name, amount in amounts.items()}
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """One call's share of the amounts per minute: pictures sent, tokens, made from a text alone."""

    images: int = 0
    tokens: int = 0
    made: int = 0


_NOTHING = Cost()


class Refusal(Protocol):
    """What the controller reads of a verdict; `classify.Verdict` has it all."""

    @property
    def kind(self) -> str:
        """`rate_minute`, `rate_concurrency` or `slow_down`; others change nothing."""

    @property
    def bucket(self) -> str:
        """Which amount per minute: `requests`, `images`, `tokens` or `made`; empty: it is not said."""

    @property
    def retry_after_s(self) -> float | None:
        """Seconds until the server wants to be asked again, where it says so."""


class _Bucket:
    """One amount per minute. `per_minute` is 0 as long as no limit is known."""

    def __init__(self, per_minute: int) -> None:
        self._ours = per_minute
        self._level = 0.0
        self._filled_at = -math.inf
        self._paused_until = -math.inf
        self._set(per_minute)

    def wait(self, now: float, amount: int) -> float:
        """Seconds until a call that takes `amount` may go; 0.0 for at once."""
        pause = max(0.0, self._paused_until - now) if amount else 0.0
        if not amount or not self._rate:
            return pause
        self._fill(now)
        missing = min(amount, self._most) - self._level
        return max(pause, missing / self._rate if missing > _EPSILON else 0.0)

    def take(self, now: float, amount: int) -> None:
        """A call has gone out; the level falls below zero where it is larger than the bucket."""
        self._fill(now)
        self._level -= amount

    def pause(self, now: float, seconds: float | None) -> None:
        """The server has refused for want of this amount."""
        self._fill(now)
        self._level = min(self._level, 0.0)
        rest = _PAUSE_S if seconds is None else seconds
        self._paused_until = max(self._paused_until, now + rest)

    def learn(self, now: float, limit: int | None, left: int | None, age_s: float) -> None:
        """Take over what an answer's headers say, `age_s` seconds after it was so.

        One more than what is left may go: the server rounds down, and headers alone must never
        bring calls to a stop; a refusal does that.
        """
        if limit:
            self._fill(now)
            self._set(min(limit, self._ours or limit))
        if left is not None and self._rate:
            self._level = min(self._level, left + 1 + self._rate * age_s)

    def _set(self, per_minute: int) -> None:
        known = self._filled_at > -math.inf
        self._rate = per_minute / _MINUTE_S
        self._most = max(1.0, self._rate * _BURST_S)
        self._level = min(self._level, self._most) if known else self._most

    def _fill(self, now: float) -> None:
        if self._rate:
            since = max(0.0, now - self._filled_at) if self._filled_at > -math.inf else 0.0
            self._level = min(self._most, self._level + since * self._rate)
            self._filled_at = max(now, self._filled_at)


class _Flight:
    """How many calls may be out at once, by what the server has refused."""

    def __init__(self, ceiling: int) -> None:
        self._ceiling = ceiling or math.inf
        self.limit = min(self._ceiling, _FIRST)
        self._rising = True
        self._step_s = _STEP_S
        self._least_step_s = _STEP_S
        self._goal = 0.0
        self._grow_at: float | None = None
        self._floor = 1.0
        self._cut_until = -math.inf
        self._refused = False

    def wait(self, now: float, out: int) -> float:
        """Seconds until one more may go while `out` are out; inf: when one of them has ended."""
        if out < self.limit:
            return 0.0
        if self.limit >= self._ceiling:
            return math.inf
        if self._grow_at is None:
            self._grow_at = now + _HEARING_S
        if now < self._grow_at:
            return self._grow_at - now
        self._grow(now)
        return 0.0 if out < self.limit else self.wait(now, out)

    def cut(self, now: float, out: int) -> None:
        """A call was refused because too many were out; `out` are left.

        The first burst may take the limit back to where it began: nobody knows yet what is taken.
        """
        self._window(now, _FIRST if self._rising else math.inf)
        self.limit = max(self._floor, min(self.limit, out))
        self._hold(now)

    def halve(self, now: float) -> None:
        """The server asked to slow down; the way back takes `_RAMP_S`."""
        self._goal = max(self._goal, self.limit)
        self._window(now, math.inf)
        self.limit = self._floor
        self._least_step_s = _RAMP_S / max(1, self._goal - self.limit)
        self._hold(now)

    def _window(self, now: float, floor: float) -> None:
        """Start a new window unless one is open: in each the limit falls to half, or to `floor`."""
        if now >= self._cut_until:
            self._floor = max(1, min(self.limit // 2, floor))
            self._cut_until = now + _HEARING_S
            if not self._rising:
                self._step_s = min(_LONGEST_STEP_S, self._step_s * 2)

    def _hold(self, now: float) -> None:
        self._rising = False
        self._refused = True
        self._grow_at = now + max(self._step_s, self._least_step_s)

    def _grow(self, now: float) -> None:
        if self._rising:
            self.limit = min(self._ceiling, self.limit + self.limit // _RISE)
            self._grow_at = now + _RISE_S
            return
        if not self._refused:
            self._step_s = max(_STEP_S, self._step_s / 2)
        self._refused = False
        self.limit = min(self._ceiling, self.limit + 1)
        if self.limit >= self._goal:
            self._goal, self._least_step_s = 0.0, _STEP_S
        self._grow_at = now + max(self._step_s, self._least_step_s)


class Controller:
    """Decides when calls to one endpoint go out; not safe for threads, and it needs no such thing.

    Args:
        limits: What must not be passed whatever the server would take.
    """

    def __init__(self, limits: Limits) -> None:
        self._flight = _Flight(limits.in_flight)
        self._buckets = {
            "requests": _Bucket(limits.requests_per_minute),
            "images": _Bucket(limits.input_images_per_minute),
            "tokens": _Bucket(limits.tokens_per_minute),
            "made": _Bucket(limits.images_per_minute),
        }
        self._rest_until = -math.inf
        self.in_flight = 0

    @property
    def in_flight_limit(self) -> float:
        """Most calls that may be out at once for now; at least 1, and a whole number."""
        return self._flight.limit

    def admit(self, now: float, cost: Cost) -> float:
        """Seconds until a call of this cost may go out.

        Returns:
            0.0 to go now; else how long to wait before asking again, where asking sooner is no
            harm; inf: ask again when a call has finished.
        """
        waits = [bucket.wait(now, amount) for bucket, amount in self._amounts(cost)]
        wait = max(self._rest_until - now, *waits)
        return wait if wait > 0 else self._flight.wait(now, self.in_flight)

    def started(self, now: float, cost: Cost) -> None:
        """A call has gone out."""
        self.in_flight += 1
        for bucket, amount in self._amounts(cost):
            bucket.take(now, amount)

    def finished(self, _now: float) -> None:
        """A call is back, whatever became of it; say so before `refused`."""
        self.in_flight -= 1

    def refused(self, now: float, refusal: Refusal, cost: Cost = _NOTHING) -> None:
        """The call that finished last, of this cost, was refused without being worked on."""
        if refusal.kind == "rate_minute":
            edits = refusal.bucket == "made" and not cost.made
            bucket = self._buckets.get("images" if edits else refusal.bucket)
            (bucket or self._buckets["requests"]).pause(now, refusal.retry_after_s)
        elif refusal.kind == "rate_concurrency":
            self._flight.cut(now, self.in_flight)
        elif refusal.kind == "slow_down":
            self._flight.halve(now)
            rest = _STEP_S if refusal.retry_after_s is None else refusal.retry_after_s
            self._rest_until = max(self._rest_until, now + rest)

    def headers(self, now: float, headers: Mapping[str, str]) -> None:
        """Learn limits, and what is left of them, from the `x-ratelimit-*` headers of any answer.

        A limit of ours is never raised by them. What was left is as old as the call was long
        (`openai-processing-ms`). Values that are no whole numbers are passed over.
        """
        age_s = (_whole(headers.get("openai-processing-ms")) or 0) / 1000
        for name, bucket in zip(_NAMES, self._buckets.values(), strict=True):
            limit = _whole(headers.get(f"x-ratelimit-limit-{name}"))
            left = _whole(headers.get(f"x-ratelimit-remaining-{name}"))
            bucket.learn(now, limit, left, age_s)

    def _amounts(self, cost: Cost) -> tuple[tuple[_Bucket, int], ...]:
        amounts = (1, cost.images, cost.tokens, cost.made)
        return tuple(zip(self._buckets.values(), amounts, strict=True))


def _whole(value: str | None) -> int | None:
    known = value is not None and len(value) <= _DIGITS and value.isascii() and value.isdigit()
    return int(value) if known and value else None
