import asyncio

import openai
import pytest
from openai import AsyncOpenAI

from editcorpus.sandbox import Limits, SandboxConfig, running
from editcorpus.sandbox.latency import IMAGES, seconds
from editcorpus.sandbox.limits import Gate
from editcorpus.sandbox.refusals import ApiError

ONE = {"requests": 1, "tokens": 100, "input-images": 1}


def refusal(gate, now=0.0, scale=1.0):
    with pytest.raises(ApiError) as caught:
        gate.admit("gpt-image-2", ONE, now, scale)
    return caught.value


def test_a_minutes_worth_is_admitted_at_once_and_then_one_at_a_time():
    gate = Gate(Limits(input_images_per_minute=5), 0.0)
    for _ in range(5):
        gate.admit("gpt-image-2", ONE, 0.0, 1.0)
    error = refusal(gate)
    assert (error.status, error.code, error.type) == (429, "rate_limit_exceeded", "input-images")
    assert "Limit 5, Used 5, Requested 1. Please try again in 12s." in error.message
    assert (error.headers["retry-after"], error.headers["retry-after-ms"]) == ("12", "12000")
    refusal(gate, 11.9)
    gate.admit("gpt-image-2", ONE, 12.0, 1.0)
    refusal(gate, 12.0)


def test_pictures_made_from_a_text_have_a_limit_of_their_own():
    gate = Gate(Limits(images_per_minute=1, input_images_per_minute=1), 0.0)
    make = {"requests": 1, "tokens": 9, "input-images": 0, "images": 1}
    gate.admit("gpt-image-2", make, 0.0, 1.0)
    with pytest.raises(ApiError) as caught:
        gate.admit("gpt-image-2", make, 0.0, 1.0)
    assert caught.value.type == "images" and "on images per min: Limit 1" in caught.value.message
    gate.admit("gpt-image-2", ONE, 0.0, 1.0)
    left = {name: value for name, value in gate.headers(0.0, 1.0).items() if "remaining" in name}
    assert left == {
        "x-ratelimit-remaining-images": "0",
        "x-ratelimit-remaining-input-images": "0",
    }


def test_waits_are_told_in_real_time():
    gate = Gate(Limits(requests_per_minute=1), 0.0)
    gate.admit("gpt-image-2", ONE, 0.0, 0.01)
    error = refusal(gate, scale=0.01)
    assert (error.headers["retry-after"], error.headers["retry-after-ms"]) == ("1", "600")
    assert "try again in 600ms" in error.message


def test_a_call_larger_than_a_minutes_tokens_waits_for_a_full_bucket_only():
    gate = Gate(Limits(tokens_per_minute=50), 0.0)
    gate.admit("gpt-image-2", ONE, 0.0, 1.0)
    assert refusal(gate, 60.0).type == "tokens"
    gate.admit("gpt-image-2", ONE, 120.0, 1.0)


def test_the_cap_counts_calls_that_are_worked_on():
    gate = Gate(Limits(concurrent=2), 0.0)
    gate.working = 2
    assert "concurrent requests: Limit 2, Used 2" in refusal(gate).message
    gate.working = 1
    gate.admit("gpt-image-2", ONE, 0.0, 1.0)


def test_a_refusal_takes_nothing_from_any_bucket():
    gate = Gate(Limits(requests_per_minute=10, input_images_per_minute=1), 0.0)
    gate.admit("gpt-image-2", ONE, 0.0, 1.0)
    refusal(gate)
    assert gate.headers(0.0, 1.0)["x-ratelimit-remaining-requests"] == "9"


def test_the_headers_tell_limit_remainder_and_reset():
    gate = Gate(Limits(requests_per_minute=10), 0.0)
    for _ in range(10):
        gate.admit("gpt-image-2", ONE, 0.0, 1.0)
    assert gate.headers(0.0, 10.0) == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "10m0s",
    }


def test_a_client_meets_the_limits(canned, connect, small):
    limits = {"requests_per_minute": 100, "input_images_per_minute": 2}
    canned.admin("config", {"limits": limits})
    with connect(canned.url) as client:

        def edit():
            return client.images.with_raw_response.edit(
                model="gpt-image-2", image=("a.png", small, "image/png"), prompt="Add a dog"
            )

        assert edit().headers["x-ratelimit-remaining-input-images"] == "1"
        edit()
        with pytest.raises(openai.RateLimitError) as caught:
            edit()
        assert (caught.value.type, caught.value.code) == ("input-images", "rate_limit_exceeded")
        assert 20 <= float(caught.value.response.headers["retry-after"]) <= 30
        assert canned.admin("journal")["calls"][-1]["attempt"] == 0


async def _crowd(url, count):
    async with AsyncOpenAI(base_url=url, api_key="any", max_retries=0, timeout=600) as client:
        calls = (
            client.images.generate(model="gpt-image-2", prompt=f"Dog {number}", quality="low")
            for number in range(count)
        )
        return await asyncio.gather(*calls, return_exceptions=True)


def test_calls_beyond_sixteen_at_once_are_told_to_wait_two_seconds():
    config = SandboxConfig(canned=True, latency_s=4, limits={"concurrent": 16})
    with running(config) as server:
        answers = asyncio.run(_crowd(server.url, 24))
        refused = [one for one in answers if isinstance(one, openai.RateLimitError)]
        assert len(refused) == 8
        assert server.admin("summary")["billed"] == 16
    for error in refused:
        assert "on concurrent requests: Limit 16, Used 16" in error.body["message"]
        assert error.response.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("quality", "low", "high"), [("low", 10, 20), ("medium", 30, 60), ("high", 60, 150)]
)
def test_most_calls_take_as_long_as_reported(quality, low, high):
    found = [seconds(IMAGES[quality], None, "key", number) for number in range(2000)]
    assert sum(low <= each <= high for each in found) > 1860
    assert found[0] == seconds(IMAGES[quality], None, "key", 0)
