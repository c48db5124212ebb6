"""Pictures that are made from a text: of the size asked for, by the text alone, fit to be edited."""

import base64
import io

import numpy as np
import openai
import pytest
from openai import OpenAI
from PIL import Image

from editcorpus.changes import compare, is_blank
from editcorpus.registration import displacement, register
from editcorpus.residue import SIDES, residual_padding
from editcorpus.sandbox.edits import Plan, edited, generated, margin_box

PROMPTS = ["A red house by the sea", "White snow under a white sky", "white", "Un chat noir", "?"]


@pytest.fixture(scope="module")
def made(client: OpenAI):
    def ask(prompt: str = PROMPTS[0], **given):
        given = {"model": "gpt-image-2", "size": "1024x1024", "quality": "low"} | given
        return client.images.with_raw_response.generate(prompt=prompt, **given)

    return ask


def opened(answer, decoded) -> Image.Image:
    return decoded(answer.parse().data[0].b64_json)


@pytest.mark.parametrize("size", ["1024x1024", "1536x1024", "1024x1536", "1248x832", "592x1776"])
def test_every_size_that_is_taken_is_given_and_no_picture_is_counted_as_input(made, decoded, size):
    answer = made(size=size)
    assert "{}x{}".format(*opened(answer, decoded).size) == answer.parse().size == size
    usage = answer.parse().usage
    assert usage.input_tokens_details.image_tokens == 0
    assert usage.input_tokens == usage.input_tokens_details.text_tokens > 0


def test_auto_is_square(made):
    assert made(size="auto").parse().size == "1024x1024"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"size": "512x512"}, "below the current minimum pixel budget"),
        ({"size": "1000x1000"}, "divisible by 16"),
        ({"size": "1248x832", "model": "gpt-image-1.5"}, "Invalid value: '1248x832'"),
        ({"quality": "max"}, "Invalid value: 'max'"),
        ({"extra_body": {"image": "x"}}, "Unknown parameter: 'image'"),
        ({"extra_body": {"mask": "x"}}, "Unknown parameter: 'mask'"),
        ({"extra_body": {"input_fidelity": "high"}}, "input_fidelity"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "a" * 32_001}, "32000"),
    ],
)
def test_what_the_api_does_not_take_is_refused(made, given, text):
    with pytest.raises(openai.BadRequestError, match=text):
        made(**{"prompt": "A house", **given})


def test_the_text_alone_decides(made):
    one, again, other = made(), made(), made("A red house by the lake")
    assert one.content == again.content != other.content


def test_it_is_billed_by_text_and_output(made, calls):
    answer = made("A house")
    (call,) = calls(request_id=answer.request_id)
    assert answer.parse().usage.output_tokens == 196
    assert float(call["usd"]) == pytest.approx((3 * 5 + 196 * 30) / 1e6)
    assert call["note"] == "scene"


@pytest.mark.parametrize("prompt", PROMPTS)
def test_it_has_texture_everywhere_and_no_white_margin(prompt):
    picture = generated(Plan(prompt, (1536, 1024), f"key {prompt}", 0))
    pixels = np.asarray(picture)
    assert not is_blank(picture) and pixels.max() < 240
    assert margin_box(picture) == (0, 0, 1536, 1024)
    spots = pixels.reshape(16, 64, 24, 64, 3).std(axis=(1, 3)).max(axis=-1)
    assert spots.min() > 3
    assert not residual_padding(pixels, None, SIDES).reject


@pytest.mark.parametrize("prompt", PROMPTS)
def test_an_edit_of_it_can_be_laid_over_it(prompt):
    source = generated(Plan(prompt, (768, 512), f"key {prompt}", 0))
    result = edited(source, Plan("Add a red hat", source.size, "edit", 0))
    small = [one.resize((384, 256), Image.Resampling.BILINEAR) for one in (source, result)]
    found = register(*(np.asarray(one.convert("L"), np.float32) for one in small))
    assert found.accepted and displacement(found) < 0.002
    changes = compare(*map(np.asarray, small))
    assert 0.005 < changes.changed_share_no_tone < 0.5


def test_a_canned_server_makes_the_source_of_the_edit_that_it_answers_with(canned, connect, png):
    with connect(canned.url) as client:
        given = {"model": "gpt-image-2", "size": "1024x1024", "quality": "low"}
        made = client.images.generate(prompt="A house", **given)
        source = _picture(made)
        file = ("a.png", png(source), "image/png")
        result = _picture(client.images.edit(image=file, prompt="Make it blue", **given))
    small = [np.asarray(one.resize((384, 384))) for one in (source, result)]
    assert 0.005 < compare(*small).changed_share < 0.5


def _picture(answer) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(answer.data[0].b64_json))).convert("RGB")


def test_pictures_that_are_made_are_no_input_images(canned, connect, small):
    canned.admin("config", {"limits": {"images_per_minute": 9, "input_images_per_minute": 7}})
    given = {"model": "gpt-image-2", "size": "1024x1024", "quality": "low"}
    with connect(canned.url) as client:
        images = client.images.with_raw_response
        made = images.generate(prompt="A house", n=2, **given)
        file = ("a.png", small, "image/png")
        edit = images.edit(image=file, prompt="Make it blue", **given)
    left = [
        [
            int(answer.headers[f"x-ratelimit-remaining-{name}"])
            for name in ("images", "input-images")
        ]
        for answer in (made, edit)
    ]
    assert left == [[7, 7], [7, 6]]
