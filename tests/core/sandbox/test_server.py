import asyncio
import base64
import io
import signal
import subprocess
import sys
import threading
from urllib.error import HTTPError

import openai
import pytest
from openai import AsyncOpenAI, DefaultAioHttpClient
from PIL import Image

from editcorpus.errors import ConfigError
from editcorpus.sandbox import SandboxConfig, config_of, running
from editcorpus.sandbox.__main__ import _members, _parser
from editcorpus.sandbox.canned import canned_answer, canned_source
from editcorpus.sandbox.judge import measured, verdict


def _edits(client, picture, count, what=""):
    return [
        client.images.edit(
            model="gpt-image-2.5-sunburst",
            image=("a.png", picture, "image/png"),
            prompt=f"Add a dog {number} {what}",
            size="1536x1024",
        )
        for number in range(count)
    ]


async def _at_once(server, picture, count):
    """Answers to so many calls, after as many were held at the same time that have none."""
    options = {"base_url": server.url, "api_key": "any", "max_retries": 0, "timeout": 600}
    async with AsyncOpenAI(**options, http_client=DefaultAioHttpClient()) as client:
        held = [
            asyncio.ensure_future(call)
            for call in _edits(client, picture, count, "[[emulate hang]]")
        ]
        while (await asyncio.to_thread(server.admin, "summary"))["in_flight"] < count:
            assert not any(call.done() for call in held)
            await asyncio.sleep(0.1)
        for call in held:
            call.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        return await asyncio.gather(*_edits(client, picture, count))


def test_a_canned_server_holds_hundreds_of_calls(source, decoded):
    with running(SandboxConfig(canned=True, latency_s=0)) as server:
        answers = asyncio.run(_at_once(server, source, 200))
    assert len(answers) == 200
    assert len({answer.data[0].b64_json for answer in answers}) == 1
    assert decoded(answers[0].data[0].b64_json).size == (1536, 1024)
    assert answers[0].usage.input_tokens_details.image_tokens == 1536


def test_the_canned_answer_is_a_good_edit_of_the_canned_source():
    change = measured(canned_source((1536, 1024)), canned_answer((1536, 1024)))
    assert 0.01 < change.changed < 0.3
    for question in ("carried out", "preserved", "artefacts"):
        assert verdict(question, change, "k") > 0.85


def test_canned_chat_is_valid(canned, connect, small):
    url = "data:image/png;base64," + base64.b64encode(small).decode()
    picture = {"type": "image_url", "image_url": {"url": url}}
    text = {"type": "text", "text": "Has the edit been carried out? Answer Yes or No."}
    with connect(canned.vllm_url) as client:
        answer = client.chat.completions.create(
            model="Qwen/Qwen2.5-VL-7B-Instruct",
            messages=[{"role": "user", "content": [picture, picture, text]}],
            max_completion_tokens=1,
            logprobs=True,
        )
    assert answer.choices[0].message.content == "Yes"


def test_the_server_ends_with_the_process_that_started_it():
    config = SandboxConfig()
    with running(config) as server:
        server.process.stdin.close()
        assert server.process.wait(300) == 0


def test_an_address_in_use_is_one_sentence(server, capfd):
    with (
        pytest.raises(ConfigError, match="did not start"),
        running(SandboxConfig(port=server.port)),
    ):
        pass
    (sentence,) = capfd.readouterr().err.strip().splitlines()
    assert "Address already in use" in sentence


def test_the_command_serves_until_interrupted(tmp_path):
    journal = tmp_path / "journal.jsonl"
    command = [sys.executable, "-m", "editcorpus.sandbox", "--port", "0", "--journal", journal]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert '"port"' in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(300) in (0, -signal.SIGINT)
    process.stdout.close()
    assert journal.exists()


def test_the_command_line_becomes_a_config():
    given = _parser().parse_args(
        [
            "--port=9",
            "--seed=4",
            "--time-scale=0.1",
            "--canned",
            "--defects=echo=1",
            "--faults=reset=0.1, hang=0.2",
            "--strikes=key_revoked=120-,reset=7, html_502=5-9",
            "--concurrent=16",
            "--quota-after-usd=1.50",
        ]
    )
    config = config_of(_members(given))
    assert (config.port, config.seed, config.time_scale, config.canned) == (9, 4, 0.1, True)
    assert config.faults == {"reset": 0.1, "hang": 0.2}
    assert config.defects == {"echo": 1.0}
    assert [(one.fault, one.first, one.last) for one in config.strikes] == [
        ("key_revoked", 120, None),
        ("reset", 7, 7),
        ("html_502", 5, 9),
    ]
    assert (config.limits.concurrent, str(config.quota_after_usd)) == (16, "1.50")


@pytest.mark.parametrize(
    "text", ["reset", "reset=", "reset=x", "reset=0", "nonsense=1", "reset=-3"]
)
def test_a_strike_that_is_none_is_refused_in_one_sentence(text):
    with pytest.raises(ConfigError, match="strikes"):
        config_of({"strikes": text})


def test_settings_are_checked_and_fixed_ones_stay(server):
    for members in ({"seed": 2}, {"faults": {"nonsense": 1}}, {"time_scale": 0}):
        with pytest.raises(HTTPError) as caught:
            server.admin("config", members)
        assert caught.value.code == 400
        caught.value.close()


def test_the_loop_answers_while_pictures_are_painted(server, connect, png, canvas):
    large = png(canvas.resize((2048, 2048)))
    done = threading.Event()

    def paint():
        with connect(server.url) as client:
            client.images.edit(
                model="gpt-image-2",
                image=[("a.png", large, "image/png")] * 4,
                prompt="Turn it into a painting",
                size="2048x2048",
            )
        done.set()

    worker = threading.Thread(target=paint)
    worker.start()
    answered = 0
    while not done.is_set() and answered < 200:
        server.admin("health")
        answered += 1
    worker.join()
    assert answered >= 5


def test_a_picture_of_too_many_pixels_is_refused_unread(server, connect):
    stream = io.BytesIO()
    Image.new("L", (9000, 9000)).save(stream, "PNG")
    with connect(server.url) as client, pytest.raises(openai.BadRequestError):
        client.images.edit(
            model="gpt-image-2", image=("a.png", stream.getvalue(), "image/png"), prompt="Add"
        )
