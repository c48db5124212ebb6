import math
from dataclasses import dataclass

import pytest

from editcorpus.endpoints.limits import Controller, Cost, Limits


@dataclass(frozen=True)
class Refused:
    kind: str
    bucket: str = ""
    retry_after_s: float | None = None


def started(controller: Controller, calls: int, cost: Cost | None = None) -> list[float]:
    """When each call goes out if every call is answered at once."""
    now, times = 0.0, []
    for _ in range(calls):
        while (wait := controller.admit(now, cost or Cost())) > 0:
            assert wait < math.inf
            now += wait
        controller.started(now, cost or Cost())
        controller.finished(now)
        times.append(now)
    return times


def test_a_refusal_per_minute_pauses_only_its_bucket_until_its_reset() -> None:
    controller = Controller(Limits())
    controller.refused(10.0, Refused("rate_minute", "images", 12.0))
    assert controller.admit(10.0, Cost(images=1)) == 12.0
    assert controller.admit(10.0, Cost(tokens=5)) == 0.0
    assert controller.admit(22.0, Cost(images=1)) == 0.0
    assert controller.in_flight_limit == 16


def test_a_refusal_for_pictures_that_are_made_leaves_edits_alone() -> None:
    controller = Controller(Limits())
    controller.refused(10.0, Refused("rate_minute", "made", 12.0), Cost(made=1))
    assert controller.admit(10.0, Cost(made=1)) == 12.0
    assert controller.admit(10.0, Cost(images=1)) == 0.0


def test_an_edit_that_is_refused_for_pictures_made_pauses_edits() -> None:
    controller = Controller(Limits())
    controller.refused(10.0, Refused("rate_minute", "made", 12.0), Cost(images=1))
    assert controller.admit(10.0, Cost(images=1)) == 12.0
    assert controller.admit(10.0, Cost(made=1)) == 0.0


def test_pictures_that_are_made_have_a_limit_of_their_own() -> None:
    limits = Limits(images_per_minute=5, input_images_per_minute=60)
    assert started(Controller(limits), 3, Cost(made=1)) == pytest.approx([0, 12, 24])
    assert started(Controller(limits), 3, Cost(images=1)) == pytest.approx([0, 0, 0])


def test_headers_tell_both_kinds_of_pictures_apart() -> None:
    controller = Controller(Limits())
    controller.headers(0.0, {"x-ratelimit-limit-images": "5", "x-ratelimit-remaining-images": "0"})
    controller.started(0.0, Cost(made=1))
    assert controller.admit(0.0, Cost(made=1)) == pytest.approx(12.0)
    assert controller.admit(0.0, Cost(images=1)) == 0.0


def test_a_shorter_refusal_does_not_end_a_longer_pause() -> None:
    controller = Controller(Limits())
    controller.refused(0.0, Refused("rate_minute", "requests", 30.0))
    controller.refused(1.0, Refused("rate_minute", "requests", 1.0))
    assert controller.admit(1.0, Cost()) == 29.0


def test_a_refusal_that_names_neither_bucket_nor_time_pauses_requests_for_a_while() -> None:
    controller = Controller(Limits())
    controller.refused(0.0, Refused("rate_minute"))
    assert controller.admit(0.0, Cost()) == 5.0


def test_five_pictures_a_minute_go_out_every_12_seconds() -> None:
    times = started(Controller(Limits(input_images_per_minute=5)), 6, Cost(images=1))
    assert times == pytest.approx([0, 12, 24, 36, 48, 60])


def test_a_call_larger_than_its_bucket_still_goes_and_the_next_waits_for_it() -> None:
    times = started(Controller(Limits(tokens_per_minute=600)), 3, Cost(tokens=1000))
    assert times == pytest.approx([0, 100, 200])


def test_limits_are_learned_from_headers_and_never_raised_by_them() -> None:
    for ours, theirs, every in ((0, "60", 1.0), (30, "60", 2.0), (120, "60", 1.0)):
        controller = Controller(Limits(in_flight=0, requests_per_minute=ours))
        controller.headers(0.0, {"x-ratelimit-limit-requests": theirs})
        times = started(controller, 41)
        assert times[-1] - times[30] == pytest.approx(10 * every)


def test_what_is_left_by_the_headers_counts() -> None:
    controller = Controller(Limits(input_images_per_minute=60))
    controller.headers(0.0, {"x-ratelimit-remaining-input-images": "1"})
    assert controller.admit(0.0, Cost(images=2)) == 0.0
    controller.started(0.0, Cost(images=2))
    assert controller.admit(0.0, Cost(images=1)) == pytest.approx(1.0)


def test_what_was_left_long_ago_counts_less() -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "openai-processing-ms": "60000"}
    controller = Controller(Limits(requests_per_minute=60))
    controller.headers(0.0, headers)
    for _ in range(10):
        assert controller.admit(0.0, Cost()) == 0.0
        controller.started(0.0, Cost())
    assert controller.admit(0.0, Cost()) > 0


def test_headers_alone_never_stop_all_calls() -> None:
    controller = Controller(Limits(requests_per_minute=600))
    gone = 0
    for tenth in range(600):
        controller.headers(tenth / 10, {"x-ratelimit-remaining-requests": "0"})
        if controller.admit(tenth / 10, Cost()) == 0.0:
            controller.started(tenth / 10, Cost())
            controller.finished(tenth / 10)
            gone += 1
    assert gone > 500


@pytest.mark.parametrize("value", ["", "-5", "nan", "inf", "1e9", "5.5", "٣", "9" * 400, "x", "0"])
def test_headers_that_are_no_numbers_are_passed_over(value: str) -> None:
    controller = Controller(Limits())
    controller.headers(0.0, {"x-ratelimit-limit-requests": value, "openai-processing-ms": value})
    for _ in range(10):
        assert controller.admit(0.0, Cost()) == 0.0
        controller.started(0.0, Cost())
