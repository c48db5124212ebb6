import base64
import json
from typing import Any

import pytest

from editcorpus.endpoints import images
from editcorpus.endpoints.images import Upload
from editcorpus.endpoints.replies import Raw, usage_of
from editcorpus.endpoints.requests import ImageEdit, Picture
from editcorpus.errors import ModelMisbehaved
from editcorpus.records import Reason
from editcorpus.tariffs import Usage

EDIT = ImageEdit(
    "gpt-image-2", "Do it", Picture("p", "image/png", 0, (64, 64), bytes), (64, 64), "low", "png"
)
USAGE = {
    "input_tokens": 1064,
    "input_tokens_details": {"image_tokens": 1024, "text_tokens": 40},
    "output_tokens": 1766,
    "output_tokens_details": {"image_tokens": 1756, "text_tokens": 10},
}


def raw(body: object) -> Raw:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Raw(content, {}, "req_1")


def answer(picture: bytes, **members: Any) -> Raw:
    return raw({"data": [{"b64_json": base64.b64encode(picture).decode()}], **members})


def test_the_picture_comes_out_as_it_was_sent_with_its_usage(lab) -> None:
    sent = lab.make.edit(0).what.picture.load()
    found = images.read(answer(sent, usage=USAGE), EDIT)
    assert found.model == ""
    assert images.read(answer(sent, model="sunburst-0901"), EDIT).model == "sunburst-0901"
    assert found.payload == sent
    assert found.usage == Usage(text_in=40, image_in=1024, text_out=10, image_out=1756)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        {},
        {"data": []},
        {"data": None},
        {"data": ["x"]},
        {"data": [{}]},
        {"data": [{"b64_json": None}]},
        {"data": [{"b64_json": 5}]},
        {"data": [{"b64_json": "!!!"}]},
        {"data": [{"b64_json": "\u00e9"}]},
        {"data": [{"b64_json": base64.b64encode(b"no picture").decode()}]},
    ],
)
def test_what_holds_no_picture_is_damaged(body: object) -> None:
    with pytest.raises(ModelMisbehaved) as caught:
        images.read(raw(body), EDIT)
    assert caught.value.reason is Reason.ANSWER_DAMAGED


def test_a_picture_of_another_size_is_damaged(lab) -> None:
    sent = lab.make.edit(0).what.picture.load()
    other = ImageEdit("m", "Do it", EDIT.picture, (64, 80), "low", "png")
    with pytest.raises(ModelMisbehaved, match="64x80 px were asked for"):
        images.read(answer(sent), other)


@pytest.mark.parametrize(
    ("usage", "found"),
    [
        (USAGE, Usage(text_in=40, image_in=1024, text_out=10, image_out=1756)),
        ({"input_tokens": 9, "output_tokens": 5}, Usage(image_in=9, image_out=5)),
        (
            {"input_tokens": 9, "input_tokens_details": {"text_tokens": 2}, "output_tokens": 5},
            Usage(text_in=2, image_in=7, image_out=5),
        ),
        ({"output_tokens": 3, "output_tokens_details": {"text_tokens": 5}}, Usage(text_out=5)),
        ({}, None),
        (None, None),
        ([], None),
        ({"output_tokens": -5}, None),
        ({"output_tokens": "5"}, None),
        ({"output_tokens": 10**12}, None),
    ],
)
def test_tokens_that_an_answer_reports(usage: object, found: Usage | None) -> None:
    """What is not itemised counts as pictures, the dearest class; nonsense counts as not reported."""
    assert usage_of(raw({"usage": usage}), images.usage) == found


def test_what_is_not_json_reports_no_tokens() -> None:
    assert usage_of(raw(b"<html>"), images.usage) is None


def test_an_upload_is_let_go_once_it_is_read() -> None:
    upload = Upload(b"abc" * 10)
    assert (upload.read(20), upload.read(20)) == (b"abc" * 6 + b"ab", b"c" + b"abc" * 3)
    assert upload.getbuffer().nbytes == 30
    assert upload.read(20) == b""
    assert upload.getbuffer().nbytes == 0
