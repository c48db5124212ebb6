import asyncio
import base64
import json

import openai
import pytest
from openai import AsyncOpenAI, DefaultAioHttpClient
from PIL import UnidentifiedImageError

from editcorpus.sandbox.config import Fault, SandboxConfig
from editcorpus.sandbox.faults import Attempt, struck
from editcorpus.sandbox.injected import refusal
from editcorpus.sandbox.jobs import Kind
from editcorpus.sandbox.personas import Persona


def marked(name: str) -> str:
    return f"Add a dog [[emulate {name}]]"


def test_a_rate_limit_says_in_real_time_when_to_come_again(edit):
    with pytest.raises(openai.RateLimitError) as caught:
        edit(marked("rate_limit"))
    headers = caught.value.response.headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("1", "1")


def test_at_full_speed_the_wait_is_that_of_the_published_sample():
    error = refusal(Fault.RATE_LIMIT, Persona.OPENAI, "gpt-image-2", "req_1", 1.0)
    assert error.headers == {"retry-after": "1", "retry-after-ms": "534"}
    assert "try again in 534ms" in error.message


def test_the_edge_answers_with_html(edit, calls):
    with pytest.raises(openai.InternalServerError) as caught:
        edit(marked("html_502"))
    assert caught.value.status_code == 502
    assert caught.value.code is None
    assert "<html>" in caught.value.body
    assert calls(fault="html_502")[-1]["status"] == 502


def test_the_edge_bills_some_of_what_it_loses(edit, calls):
    for number in range(8):
        with pytest.raises(openai.InternalServerError):
            edit(f"Add dog {number} [[emulate html_502]]")
    assert {call["billed"] for call in calls(fault="html_502")} == {True, False}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("bad_b64", ValueError),
        ("not_an_image", UnidentifiedImageError),
        ("truncated_image", OSError),
    ],
)
def test_a_damaged_picture_arrives_as_200_and_is_billed(edit, decoded, calls, name, error):
    answer = edit(marked(name))
    text = answer.parse().data[0].b64_json
    with pytest.raises(error):
        base64.b64decode(text, validate=True)
        decoded(text)
    assert calls(request_id=answer.request_id)[0]["billed"]


def test_an_answer_without_pictures_passes_the_client(edit):
    assert edit(marked("empty_data")).parse().data == []


def test_a_wrong_size_is_not_what_the_answer_claims(edit, decoded):
    answer = edit(marked("wrong_size")).parse()
    assert answer.size == "1024x1024"
    assert decoded(answer.data[0].b64_json).size == (960, 960)


def test_broken_json_under_200_is_an_error_of_the_parser(edit, calls):
    with pytest.raises(json.JSONDecodeError):
        edit(marked("malformed_json")).parse()
    assert calls(fault="malformed_json")[-1]["billed"]


def test_html_under_200_comes_out_as_text(edit):
    assert isinstance(edit(marked("html_200")).parse(), str)


@pytest.mark.parametrize("name", ["cut_body", "reset"])
def test_a_severed_connection_is_a_connection_error_and_billed(edit, calls, name):
    with pytest.raises(openai.APIConnectionError):
        edit(marked(name))
    call = calls(fault=name)[-1]
    assert call["billed"]
    assert call["status"] == (200 if name == "cut_body" else 0)


def test_a_server_that_hangs_is_timed_out_and_has_billed(server, connect, small, calls):
    with connect(server.url, timeout=3) as client, pytest.raises(openai.APITimeoutError):
        client.images.edit(
            model="gpt-image-2",
            image=("a.png", small, "image/png"),
            prompt=marked("hang"),
            quality="low",
        )
    assert calls(fault="hang")[-1]["billed"]


async def _over_aiohttp(server, small, name):
    async with AsyncOpenAI(
        base_url=server.url,
        api_key="sk-emulated-test",
        max_retries=0,
        http_client=DefaultAioHttpClient(),
    ) as client:
        await client.images.edit(
            model="gpt-image-2", image=("a.png", small, "image/png"), prompt=marked(name)
        )


@pytest.mark.parametrize("name", ["cut_body", "reset"])
def test_over_aiohttp_a_severed_connection_is_a_connection_error_too(server, small, name):
    with pytest.raises(openai.APIConnectionError):
        asyncio.run(_over_aiohttp(server, small, name))


def test_the_client_goes_on_after_a_severed_connection(edit):
    with pytest.raises(openai.APIConnectionError):
        edit(marked("reset:1") + " then on")
    assert edit(marked("reset:1") + " then on").parse().data


def test_a_header_forces_a_fault_for_the_first_attempts(edit):
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            edit("Add a cat", extra_headers={"x-emulate": "server_error:2"})
    assert edit("Add a cat", extra_headers={"x-emulate": "server_error:2"}).parse().data


def test_an_unknown_fault_is_refused(edit):
    with pytest.raises(openai.BadRequestError, match="Unknown fault 'nonsense'"):
        edit("Add a dog", extra_headers={"x-emulate": "nonsense"})


def attempt(key="k", number=1, **given):
    given = {"persona": Persona.OPENAI, "kind": Kind.IMAGES, "text": "", "header": ""} | given
    return Attempt(key=key, number=number, **given)


def test_chance_strikes_the_configured_share_and_the_same_calls_each_time():
    config = SandboxConfig(seed=3, faults={"server_error": 0.25})
    first = [struck(config, attempt(f"k{number}")) for number in range(2000)]
    again = [struck(config, attempt(f"k{number}")) for number in range(2000)]
    assert first == again
    assert 430 < first.count(Fault.SERVER_ERROR) < 570


def test_a_seed_strikes_others():
    keys = [attempt(f"k{number}") for number in range(200)]
    one, other = (
        [struck(SandboxConfig(seed=seed, faults={"reset": 0.5}), key) for key in keys]
        for seed in (1, 2)
    )
    assert one != other


def test_a_later_attempt_is_struck_anew_but_a_refused_prompt_stays_refused():
    config = SandboxConfig(faults={"server_error": 0.5})
    assert {struck(config, attempt(number=number)) for number in range(1, 20)} == {
        None,
        Fault.SERVER_ERROR,
    }
    lasting = SandboxConfig(faults={"moderation_input": 0.5})
    for key in "abcdef":
        found = {struck(lasting, attempt(key, number)) for number in range(1, 20)}
        assert len(found) == 1


def test_faults_of_pictures_never_strike_a_chat():
    config = SandboxConfig(faults={"bad_b64": 1.0, "moderation_input": 1.0})
    assert struck(config, attempt(kind=Kind.CHAT)) is None
    refusing = SandboxConfig(faults={"refusal": 1.0})
    assert struck(refusing, attempt(kind=Kind.IMAGES)) is None
    assert struck(refusing, attempt(kind=Kind.CHAT)) is Fault.REFUSAL
