import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from editcorpus.endpoints.limits import Controller, Cost, Limits

NETWORK_S = 0.002


@dataclass(frozen=True)
class Refused:
    kind: str
    bucket: str = ""
    retry_after_s: float | None = None


BUSY = Refused("rate_concurrency", retry_after_s=2.0)
Rule = Callable[[float, int], Refused | None]


@dataclass
class World:
    """Calls of one controller against a server, in virtual time; driven as the engine does it."""

    controller: Controller
    rule: Rule
    latency_s: float
    cost: Cost = field(default_factory=Cost)
    now: float = 0.0
    working: int = 0
    done: int = 0
    refusals: int = 0
    events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=count)
    waiting: int = 0
    started: list[float] = field(default_factory=list)
    most: int = 0
    ended_at: float = 0.0

    def run(self, calls: int, until: float = math.inf) -> None:
        self.waiting += calls
        self._pump()
        while self.events and self.events[0][0] <= until:
            self.now, _, event = heapq.heappop(self.events)
            event()

    def _at(self, delay: float, event: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + delay, next(self.numbers), event))

    def _pump(self) -> None:
        while self.waiting:
            wait = self.controller.admit(self.now, self.cost)
            if wait > 0:
                if wait < math.inf:
                    self._at(wait, self._pump)
                return
            self.waiting -= 1
            self.controller.started(self.now, self.cost)
            self.started.append(self.now)
            self.most = max(self.most, self.controller.in_flight)
            self._at(NETWORK_S, self._arrive)

    def _arrive(self) -> None:
        refusal = self.rule(self.now, self.working)
        if refusal is not None:
            self._at(NETWORK_S, lambda: self._back(refusal))
            return
        self.working += 1
        self._at(self.latency_s, self._serve)

    def _serve(self) -> None:
        self.working -= 1
        self._at(NETWORK_S, lambda: self._back(None))

    def _back(self, refusal: Refused | None) -> None:
        self.controller.finished(self.now)
        if refusal is None:
            self.done += 1
            self.ended_at = self.now
        else:
            self.refusals += 1
            self.controller.refused(self.now, refusal)
            self._at(refusal.retry_after_s or 0.5, self._again)
        self._pump()

    def _again(self) -> None:
        self.waiting += 1
        self._pump()


def at_most(most: int) -> Rule:
    return lambda _now, working: BUSY if working >= most else None


def anything(_now: float, _working: int) -> None:
    return None


@pytest.mark.parametrize("in_flight", [32, 64, 256])
def test_a_server_that_takes_16_at_once_is_used_well_and_seldom_refuses(in_flight: int) -> None:
    world = World(Controller(Limits(in_flight=in_flight)), at_most(16), 0.2)
    world.run(300)
    assert world.done == 300
    assert world.refusals < 8
    assert world.ended_at < 1.5 * 3.75


def test_a_busy_process_that_hears_late_of_refusals_does_not_send_more_meanwhile() -> None:
    """It gets its processor back every half second, and finds all steps of the limit overdue."""
    controller = Controller(Limits(in_flight=256))
    while controller.admit(0.0, Cost()) == 0.0:
        controller.started(0.0, Cost())
    sent = []
    for late in (5.0, 5.5, 6.0):
        out = controller.in_flight
        while controller.admit(late, Cost()) == 0.0:
            controller.started(late, Cost())
        sent.append(controller.in_flight - out)
    assert sent == [1, 1, 1]


def test_the_first_burst_of_refusals_cuts_the_limit_to_what_the_server_took() -> None:
    controller = Controller(Limits(in_flight=256))
    now = 0.0
    for _ in range(100):
        while wait := controller.admit(now, Cost()):
            now += wait
        controller.started(now, Cost())
    for _ in range(80):
        controller.finished(60.0)
        controller.refused(60.0, BUSY)
    assert controller.in_flight_limit == 20


def test_a_long_run_against_a_cap_is_refused_about_once_a_minute() -> None:
    world = World(Controller(Limits(in_flight=256)), at_most(16), 10.0)
    world.run(16 * 360)
    assert world.done == 16 * 360
    assert world.ended_at < 1.05 * 3600
    assert world.refusals < 120


def test_256_calls_are_out_about_a_second_after_the_first() -> None:
    world = World(Controller(Limits(in_flight=256)), anything, 10.0)
    world.run(2560, until=1.1)
    assert world.controller.in_flight == 256
    assert world.controller.admit(world.now, Cost()) == math.inf
    world.run(0)
    assert world.most == 256
    assert world.ended_at < 1.15 * 100


def test_few_calls_start_at_once() -> None:
    controller = Controller(Limits(in_flight=8))
    for _ in range(8):
        assert controller.admit(0.0, Cost()) == 0.0
        controller.started(0.0, Cost())
    assert controller.admit(0.0, Cost()) == math.inf
    controller.finished(1.0)
    assert controller.admit(1.0, Cost()) == 0.0


def test_no_limit_in_flight_grows_with_the_need() -> None:
    world = World(Controller(Limits(in_flight=0)), anything, 60.0)
    world.run(5000, until=3.0)
    assert world.controller.in_flight == 5000


def test_calls_grow_again_when_the_server_takes_more() -> None:
    world = World(
        Controller(Limits(in_flight=64)),
        lambda now, working: BUSY if working >= (8 if now < 60 else 64) else None,
        4.0,
    )
    world.run(5_000, until=60.0)
    assert world.controller.in_flight_limit <= 9
    world.run(0, until=400.0)
    assert world.controller.in_flight_limit == 64


def test_one_burst_of_refusals_cuts_the_limit_to_half_at_the_most() -> None:
    controller = Controller(Limits(in_flight=16))
    for _ in range(16):
        controller.started(0.0, Cost())
    for _ in range(16):
        controller.finished(0.01)
        controller.refused(0.01, BUSY)
    assert controller.in_flight_limit == 8


def test_a_refusal_for_concurrency_lets_the_other_calls_go_on() -> None:
    controller = Controller(Limits(in_flight=16))
    for _ in range(12):
        controller.started(0.0, Cost())
    controller.finished(0.01)
    controller.refused(0.01, BUSY)
    assert controller.in_flight_limit == 11
    controller.finished(0.02)
    assert controller.admit(0.02, Cost()) == 0.0


def test_the_limit_never_falls_below_one() -> None:
    controller = Controller(Limits(in_flight=4))
    for second in range(20):
        controller.started(second, Cost())
        controller.finished(second)
        controller.refused(second, BUSY)
    assert controller.in_flight_limit == 1
    assert controller.admit(1000.0, Cost()) == 0.0


def test_after_slow_down_calls_rest_and_come_back_within_15_minutes() -> None:
    slow = Refused("slow_down", retry_after_s=3.0)
    world = World(
        Controller(Limits(in_flight=64)),
        lambda now, working: slow if 20.4 <= now < 20.6 else None,
        10.0,
    )
    world.run(10_000, until=21.0)
    assert 0 < world.refusals <= 64
    assert world.controller.in_flight_limit == 32
    assert world.controller.admit(world.now, Cost()) > 1.0
    world.run(0, until=320.0)
    assert 45 > world.controller.in_flight_limit > 35
    world.run(0, until=940.0)
    assert world.controller.in_flight_limit == 64


def test_other_verdicts_change_nothing() -> None:
    controller = Controller(Limits(in_flight=16))
    controller.started(0.0, Cost())
    controller.finished(1.0)
    controller.refused(1.0, Refused("server", retry_after_s=5.0))
    assert controller.in_flight_limit == 16
    assert controller.admit(1.0, Cost()) == 0.0


def test_limits_below_zero_are_refused() -> None:
    for name in Limits.model_fields:
        with pytest.raises(ValidationError):
            Limits(**{name: -1})


@settings(deadline=None, max_examples=50)
@given(
    limits=st.builds(
        Limits,
        in_flight=st.integers(0, 40),
        requests_per_minute=st.integers(0, 300),
        input_images_per_minute=st.integers(0, 300),
        tokens_per_minute=st.integers(0, 3000),
        images_per_minute=st.integers(0, 300),
    ),
    cost=st.builds(
        Cost, images=st.integers(0, 4), tokens=st.integers(0, 400), made=st.integers(0, 1)
    ),
    refusals=st.lists(st.integers(0, 3), max_size=60),
    latency_s=st.floats(0.01, 20.0),
)
def test_limits_hold_whatever_the_server_says_and_every_call_ends(
    limits: Limits, cost: Cost, refusals: list[int], latency_s: float
) -> None:
    moods = deque(refusals)
    kinds = (None, BUSY, Refused("rate_minute", "images", 1.5), Refused("slow_down"))

    def moody(_now: float, _working: int) -> Refused | None:
        return kinds[moods.popleft()] if moods else None

    world = World(Controller(limits), moody, latency_s, cost)
    world.run(60)
    assert world.done == 60
    assert world.controller.in_flight == 0
    assert world.most <= (limits.in_flight or math.inf)
    amounts = (1, cost.images, cost.tokens, cost.made)
    caps = (limits.requests_per_minute, limits.input_images_per_minute, limits.tokens_per_minute)
    caps = (*caps, limits.images_per_minute)
    for amount, cap in zip(amounts, caps, strict=True):
        assert_no_window_holds_more(world.started, amount, cap)


def assert_no_window_holds_more(started: list[float], amount: int, cap: int) -> None:
    if not cap or not amount:
        return
    burst = max(1.0, cap / 6)
    for first in range(len(started)):
        for last in range(first, len(started)):
            span = started[last] - started[first]
            taken = (last - first + 1) * amount
            assert taken <= burst + max(0, amount - burst) + amount * 1e-6 + cap * span / 60 + 1e-6
