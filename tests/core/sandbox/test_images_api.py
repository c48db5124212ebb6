import base64
import io
from decimal import Decimal

import numpy as np
import openai
import pytest
from openai.types import ImagesResponse
from PIL import Image

MARK = "editcorpus sandbox (emulated)"


def refused(edit, prompt="Add a dog", **given):
    with pytest.raises(openai.APIStatusError) as caught:
        edit(prompt, **given)
    return caught.value


def test_an_edit_comes_back_visible_aligned_and_with_its_white_padding(
    client, source, canvas, decoded
):
    answer = client.images.edit(
        model="gpt-image-2.5-sunburst",
        image=[("source.png", source, "image/png")],
        prompt="Add a red hat",
        size="1536x1024",
        quality="high",
    )
    result = decoded(answer.data[0].b64_json)
    changed = np.abs(np.asarray(canvas, np.int16) - np.asarray(result, np.int16)).max(axis=2)
    assert (result.format, result.size, result.info["Software"]) == ("PNG", (1536, 1024), MARK)
    assert 0.01 < (changed > 25).mean() < 0.3
    assert not changed[:, :118].any()
    assert (answer.size, answer.quality, answer.output_format) == ("1536x1024", "high", "png")


@pytest.mark.parametrize(
    ("model", "quality", "size", "priced"),
    [
        ("gpt-image-2", "low", "1024x1024", (196, "0.00588")),
        ("gpt-image-2", "medium", "1024x1024", (1756, "0.05268")),
        ("gpt-image-2", "high", "1024x1024", (7024, "0.21072")),
        ("gpt-image-2", "low", "1536x1024", (158, "0.00474")),
        ("gpt-image-2", "high", "1024x1536", (5488, "0.16464")),
        ("gpt-image-2.5-sunburst", "medium", "1024x1024", (439, "0.01317")),
        ("gpt-image-2.5-flare", "high", "1024x1024", (1756, "0.05268")),
        ("gpt-image-2.5-sunburst", "xhigh", "1536x1024", (2459, "0.07377")),
        ("gpt-image-2.5-sunburst", "max", "1024x1024", (7024, "0.21072")),
        ("gpt-image-2.5-sunburst", "high", "1024x768", (1204, "0.03612")),
        ("gpt-image-1.5", "high", "1024x1536", (6240, "0.19968")),
    ],
)
def test_the_published_table_is_billed(edit, calls, model, quality, size, priced):
    tokens, dollars = priced
    answer = edit("Add", model=model, quality=quality, size=size)
    usage = answer.parse().usage
    (call,) = calls(request_id=answer.request_id)
    before = usage.input_tokens_details
    sent = Decimal(5 * before.text_tokens + 8 * before.image_tokens) / 1_000_000
    assert usage.output_tokens == usage.output_tokens_details.image_tokens == tokens
    assert usage.total_tokens == usage.input_tokens + tokens
    assert Decimal(call["usd"]) - sent == Decimal(dollars)


def test_a_full_canvas_costs_its_patches(client, source):
    answer = client.images.edit(
        model="gpt-image-2", image=("a.png", source, "image/png"), prompt="Add", size="1024x1024",
        quality="low",
    )  # fmt: skip
    assert answer.usage.input_tokens_details.image_tokens == 1536


def test_the_same_request_has_the_same_body(edit):
    one, other = edit("Add a dog"), edit("Add a dog")
    assert one.content == other.content
    assert one.request_id != other.request_id


@pytest.mark.parametrize("output_format", ["jpeg", "webp"])
def test_other_formats_are_marked_as_emulated_too(edit, decoded, output_format):
    answer = edit("Add a dog", output_format=output_format, extra_body={"output_compression": 80})
    picture = decoded(answer.parse().data[0].b64_json)
    assert picture.format == output_format.upper()
    assert picture.getexif()[0x0131] == MARK


def test_n_pictures_differ_and_cost_n_times(edit):
    answer = edit("Add a dog", n=2).parse()
    first, second = (one.b64_json for one in answer.data)
    assert first != second
    assert answer.usage.output_tokens == 2 * 196


@pytest.mark.parametrize(
    ("shape", "size"),
    [((300, 200), "1536x1024"), ((200, 300), "1024x1536"), ((100, 110), "1024x1024")],
)
def test_auto_takes_the_legacy_size_of_nearest_shape(edit, png, shape, size):
    picture = png(Image.new("RGB", shape, "red"))
    answer = edit("Add a dog", image=("a.png", picture, "image/png"), size="auto").parse()
    assert answer.size == size


@pytest.mark.parametrize("size", ["1248x832", "592x1776", "1280x720"])
def test_free_sizes_are_given_where_the_rule_allows_them(edit, decoded, size):
    answer = edit("Add a dog", size=size).parse()
    assert "{}x{}".format(*decoded(answer.data[0].b64_json).size) == size


def test_json_with_data_urls_edits_as_a_form_does(client, edit, small):
    url = "data:image/png;base64," + base64.b64encode(small).decode()
    body = {
        "model": "gpt-image-2",
        "prompt": "Add a dog",
        "images": [{"image_url": url}],
        "size": "1024x1024",
        "quality": "low",
    }
    answer = client.post("/images/edits", cast_to=ImagesResponse, body=body)
    assert answer.data[0].b64_json == edit("Add a dog").parse().data[0].b64_json


def test_a_mask_is_heeded(edit, small, png, decoded):
    mask = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 32, 64))
    answer = edit("Make it night", mask=("mask.png", png(mask), "image/png"))
    result = decoded(answer.parse().data[0].b64_json)
    plain = Image.open(io.BytesIO(small)).convert("RGB").resize((1024, 1024))
    changed = np.abs(np.asarray(result, np.int16) - np.asarray(plain, np.int16)).max(axis=2)
    assert changed[:, :480].any()
    assert not changed[:, 560:].any()


def test_every_answer_has_the_headers_of_the_service(edit):
    headers = edit("Add a dog").headers
    assert headers["x-request-id"].startswith("req_")
    assert headers["openai-version"] == "2020-10-01"
    assert int(headers["openai-processing-ms"]) >= 0


def test_models_that_live_are_listed_with_the_day_they_end(client):
    found = {model.id: model for model in client.models.list()}
    assert found["gpt-image-1.5"].shutdown_date == "2026-12-01"
    assert found["gpt-image-2"].shutdown_date is None
    assert "gpt-image-1" not in found
    assert client.models.retrieve("gpt-6-luna").owned_by == "openai"


def test_a_model_that_was_shut_down_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-image-1")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"model": "gpt-image-1"}, (404, "model_not_found", None, "does not exist")),
        ({"model": "gpt-6-luna"}, (404, "model_not_found", None, "does not exist")),
        ({"size": "512x512"}, (400, "invalid_value", "size",
         "Invalid size '512x512'. Requested resolution is below the current minimum pixel budget.")),
        ({"size": "1000x1000"}, (400, "invalid_value", "size",
         "Width and height must both be divisible by 16")),
        ({"size": "3856x2160"}, (400, "invalid_value", "size",
         "The longest edge must be less than or equal to 3840")),
        ({"size": "3840x1264"}, (400, "invalid_value", "size", "aspect ratio")),
        ({"size": "3840x3840"}, (400, "invalid_value", "size", "maximum pixel budget")),
        ({"size": "1248x832", "model": "gpt-image-1.5"}, (400, "invalid_value", "size",
         "Supported values are")),
        ({"quality": "max"}, (400, "invalid_value", "quality", "'low', 'medium', 'high', and 'auto'")),
        ({"input_fidelity": "high"}, (400, "invalid_input_fidelity_model", "input_fidelity", "")),
        ({"input_fidelity": "high", "model": "gpt-image-1-mini"}, (400, "invalid_value",
         "input_fidelity", "")),
        ({"prompt": "x" * 32_001}, (400, "string_above_max_length", "prompt", "32001")),
        ({"n": 11}, (400, "integer_above_max_value", "n", "<= 10")),
        ({"n": 0}, (400, "integer_below_min_value", "n", ">= 1")),
        ({"extra_body": {"response_format": "b64_json"}}, (400, "unknown_parameter",
         "response_format", "")),
        ({"output_format": "gif"}, (400, "invalid_value", "output_format", "")),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_refused_in_the_words_of_the_service(edit, calls, given, expected):
    *face, text = expected
    error = refused(edit, **given)
    assert [error.status_code, error.code, error.param] == face
    assert error.type == "invalid_request_error"
    assert text in error.body["message"]
    assert not calls(request_id=error.request_id)[0]["billed"]


@pytest.mark.parametrize(
    ("image", "code", "text"),
    [
        (io.BytesIO(b"x"), "unsupported_file_mimetype",
         ("Invalid file 'image': unsupported mimetype ('application/octet-stream'). Supported file "
          "formats are 'image/jpeg', 'image/png', and 'image/webp'.")),
        (("a.png", b"no picture", "image/png"), None,
         "Invalid image file or mode for image 1, please check your image file."),
        ([("a.png", b"", "image/png")], None, "Invalid image file or mode for image 1"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_picture_is_refused(edit, image, code, text):
    error = refused(edit, image=image)
    assert (error.status_code, error.code) == (400, code)
    assert text in error.body["message"]


def test_a_picture_that_is_cut_short_is_refused(edit, small):
    error = refused(edit, image=("a.png", small[: len(small) // 2], "image/png"))
    assert error.body["message"].startswith("Invalid image file or mode for image 1")


def test_a_cmyk_picture_is_refused(edit):
    stream = io.BytesIO()
    Image.new("CMYK", (64, 64)).save(stream, "JPEG")
    assert refused(edit, image=("a.jpg", stream.getvalue(), "image/jpeg")).status_code == 400


def test_sixteen_pictures_are_taken_and_seventeen_refused(edit, small):
    many = [(f"{number}.png", small, "image/png") for number in range(17)]
    assert edit("Add a dog", image=many[:16]).parse().usage.input_tokens_details.image_tokens > 0
    assert refused(edit, image=many).code == "array_above_max_length"


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_mask_without_alpha_or_of_another_size_is_refused(edit, png, mode):
    mask = png(Image.new(mode, (64, 64) if mode == "RGB" else (32, 32)))
    assert refused(edit, mask=("mask.png", mask, "image/png")).status_code == 400


def test_a_prompt_must_be_given(client, small):
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/images/edits", cast_to=object, body={"model": "gpt-image-2", "images": [{}]})
    assert caught.value.status_code == 400


def test_a_wrong_key_is_refused_and_never_journaled(server, connect, calls):
    with (
        connect(server.url, "sk-wrong") as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.models.list()
    assert caught.value.code == "invalid_api_key"
    with connect(server.url, "sk-wrong") as client, pytest.raises(openai.AuthenticationError):
        client.images.generate(model="gpt-image-2", prompt="A dog")
    assert "sk-wrong" not in str(calls())
    assert calls(fault="invalid_api_key")[-1]["status"] == 401


def test_an_unknown_route_is_a_404_with_an_error_body(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.post("/images/variations", cast_to=object, body={})
    assert "Invalid URL" in caught.value.body["message"]
