"""Any order of calls, refusals and headers: never more is out than allowed, and it always goes on."""

import math
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from editcorpus.endpoints.limits import Controller, Cost, Limits

LONGEST_REFUSAL_S = 30.0
PATIENCE_S = 900.0
"""Longest that one call may have to wait once nothing is out, whatever the server said before."""


@dataclass(frozen=True)
class Refused:
    kind: str
    bucket: str = ""
    retry_after_s: float | None = None


kinds = ["rate_minute", "rate_concurrency", "slow_down", "server"]
refusals = st.builds(
    Refused,
    st.sampled_from(kinds),
    st.sampled_from(["", "requests", "images", "tokens", "unknown"]),
    st.none() | st.floats(0, LONGEST_REFUSAL_S),
)
numbers = st.sampled_from(["0", "1", "5", "60", "999999999999", "-1", "1.5", "", "many"])
names = [f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining") for of in ("requests",)]
names += ["x-ratelimit-remaining-tokens", "x-ratelimit-limit-input-images", "openai-processing-ms"]


class Pressing(RuleBasedStateMachine):
    """One endpoint in virtual time; `starts` holds when each call went out, and what it took."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.limits = Limits()
        self.controller = Controller(self.limits)
        self.starts: list[tuple[float, Cost]] = []
        self.out = 0

    @initialize(
        in_flight=st.integers(0, 24),
        per_minute=st.tuples(*[st.sampled_from([0, 0, 1, 30, 600])] * 3),
    )
    def begin(self, in_flight: int, per_minute: tuple[int, int, int]) -> None:
        requests, pictures, tokens = per_minute
        self.limits = Limits(
            in_flight=in_flight,
            requests_per_minute=requests,
            input_images_per_minute=pictures,
            tokens_per_minute=tokens,
        )
        self.controller = Controller(self.limits)

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.25, 1.0, 7.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(
        count=st.integers(1, 30),
        cost=st.builds(Cost, images=st.integers(0, 3), tokens=st.sampled_from([0, 7, 400])),
    )
    def press(self, count: int, cost: Cost) -> None:
        """As many calls as may go out now, of so many."""
        for _ in range(count):
            wait = self.controller.admit(self.now, cost)
            assert wait >= 0
            if wait > 0:
                assert wait < math.inf or self.out, "it waits for a call to end, but none is out"
                return
            assert self.out < self.controller.in_flight_limit
            self.controller.started(self.now, cost)
            self.starts.append((self.now, cost))
            self.out += 1

    @precondition(lambda self: self.out)
    @rule(count=st.integers(1, 10), refusal=st.none() | refusals)
    def finish(self, count: int, refusal: Refused | None) -> None:
        for _ in range(min(count, self.out)):
            self.out -= 1
            self.controller.finished(self.now)
            if refusal is not None:
                self.controller.refused(self.now, refusal)

    @rule(headers=st.dictionaries(st.sampled_from(names), numbers, max_size=3))
    def hear(self, headers: dict[str, str]) -> None:
        self.controller.headers(self.now, headers)

    @rule(cost=st.builds(Cost, images=st.integers(0, 2), tokens=st.sampled_from([0, 7])))
    def let_all_end_and_send_one_more(self, cost: Cost) -> None:
        """Whoever does as it is told gets a call out, in a time that has a bound."""
        while self.out:
            self.finish(10, None)
        since, tries = self.now, 0
        debts = sum(self.debt(name) for name in ("requests", "images", "tokens"))
        while (wait := self.controller.admit(self.now, cost)) > 0:
            assert wait < math.inf
            self.now += wait
            tries += 1
            assert tries < 50, "it says ever again that the wait is over"
        assert self.now - since <= PATIENCE_S + debts
        self.controller.started(self.now, cost)
        self.starts.append((self.now, cost))
        self.out += 1

    def debt(self, name: str) -> float:
        """Seconds in which all that was ever taken of an amount comes back, at the least rate."""
        taken = sum(self.amount(cost, name) for _, cost in self.starts) + 10
        return taken * 60.0 if taken else 0.0

    @staticmethod
    def amount(cost: Cost, name: str) -> int:
        return 1 if name == "requests" else int(getattr(cost, name))

    @invariant()
    def no_more_are_out_than_allowed(self) -> None:
        assert self.controller.in_flight == self.out
        assert self.out <= (self.limits.in_flight or math.inf)
        assert self.controller.in_flight_limit >= 1
        assert self.controller.in_flight_limit <= (self.limits.in_flight or math.inf)

    @invariant()
    def no_minute_holds_more_than_a_limit_of_ours(self) -> None:
        """A bucket holds ten seconds' worth; one call that is larger than it goes alone."""
        caps = {
            "requests": self.limits.requests_per_minute,
            "images": self.limits.input_images_per_minute,
            "tokens": self.limits.tokens_per_minute,
        }
        for name, cap in caps.items():
            recent = [each for each in self.starts if each[0] > self.now - 60.0]
            if cap and recent:
                amounts = [self.amount(cost, name) for _, cost in recent]
                assert sum(amounts) <= cap + max(1.0, cap / 6) + max(amounts) + 1e-6


TestPressing = Pressing.TestCase
TestPressing.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
