"""The hash of a request: all that determines the answer, and nothing else."""

from dataclasses import fields, replace
from inspect import signature
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from editcorpus.endpoints.requests import (
    Chat,
    Embed,
    ImageEdit,
    ImageMake,
    Picture,
    What,
    request_hash,
)
from editcorpus.images import pixel_hash

texts = st.text(max_size=20) | st.sampled_from(["\ud800", "ü", "\0", '"'])
sizes = st.tuples(st.integers(1, 4096), st.integers(1, 4096))
hashes = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
options = st.dictionaries(texts, json_values, max_size=4)
lossless = st.builds(Picture, hashes, st.just("image/png"), st.just(0), sizes, st.just(bytes))
lossy = st.builds(
    Picture,
    hashes,
    st.sampled_from(["image/jpeg", "image/webp"]),
    st.integers(1, 100),
    sizes,
    st.just(bytes),
)
pictures = lossless | lossy
formats = st.sampled_from(["png", "jpeg", "webp"])
edits = st.builds(ImageEdit, texts, texts, pictures, sizes, texts, formats, st.none() | lossless)
makes = st.builds(ImageMake, texts, texts, sizes, texts, formats)
chats = st.builds(
    Chat, texts, st.lists(texts | pictures, max_size=4).map(tuple), st.integers(1, 999), options
)
embeds = st.builds(Embed, texts, st.lists(texts | pictures, max_size=4).map(tuple), texts, options)
requests = edits | makes | chats | embeds


def key(what: What, provider: str = "openai", sample: int = 0) -> str:
    return request_hash(provider, what, sample)


@given(requests)
def test_the_same_request_has_the_same_hash(what):
    again = replace(what)
    assert key(what) == key(again)
    assert len(key(what)) == 64


@given(requests, requests)
def test_requests_that_differ_have_different_hashes(one, other):
    assume(one.identity() != other.identity())
    assert key(one) != key(other)


@given(requests, texts, st.integers(0, 9), texts, st.integers(0, 9))
def test_provider_and_sample_are_part_of_it(what, provider, sample, other, later):
    same = (provider, sample) == (other, later)
    assert (key(what, provider, sample) == key(what, other, later)) is same


@given(edits, st.data())
def test_every_parameter_of_an_edit_is_part_of_it(edit: ImageEdit, data: st.DataObject):
    name = data.draw(st.sampled_from([field.name for field in fields(edit)]))
    changed = replace(edit, **{name: getattr(data.draw(edits), name)})
    assume(changed.identity() != edit.identity())
    assert key(changed) != key(edit)


@given(edits)
def test_each_field_of_an_edit_shows_in_its_identity(edit: ImageEdit):
    other = replace(edit.picture, pixels=f"{int(edit.picture.pixels, 16) ^ 1:064x}")
    changes = {
        "model": edit.model + "x",
        "prompt": edit.prompt + " ",
        "picture": other,
        "size": (edit.size[0] + 1, edit.size[1]),
        "quality": edit.quality + "x",
        "output_format": edit.output_format + "x",
        "mask": other if edit.mask is None else None,
    }
    assert set(changes) == {field.name for field in fields(edit)}
    for name, value in changes.items():
        assert key(replace(edit, **{name: value})) != key(edit)


@given(makes)
def test_each_field_of_a_picture_to_be_made_shows_in_its_identity(make: ImageMake):
    changes = {
        "model": make.model + "x",
        "prompt": make.prompt + " ",
        "size": (make.size[0] + 1, make.size[1]),
        "quality": make.quality + "x",
        "output_format": make.output_format + "x",
    }
    assert set(changes) == {field.name for field in fields(make)}
    for name, value in changes.items():
        assert key(replace(make, **{name: value})) != key(make)


@given(edits, lossless)
def test_a_mask_is_sent_last_and_counts_as_no_picture_that_is_shown(edit: ImageEdit, mask: Picture):
    masked, plain = replace(edit, mask=mask), replace(edit, mask=None)
    assert masked.pictures == (edit.picture, mask) and plain.pictures == (edit.picture,)
    assert masked.shown == plain.shown == (edit.picture,)
    assert {**plain.identity(), "mask": mask.identity()} == masked.identity()


@given(chats)
def test_each_field_of_a_question_shows_in_its_identity(chat: Chat):
    changes = {
        "model": chat.model + "x",
        "content": (*chat.content, ""),
        "max_tokens": chat.max_tokens + 1,
        "options": {**chat.options, "seed": 10},
    }
    assert set(changes) == {field.name for field in fields(chat)}
    for name, value in changes.items():
        assert key(replace(chat, **{name: value})) != key(chat)


@given(st.lists(texts | pictures, min_size=2, max_size=4))
def test_the_order_of_texts_and_pictures_is_part_of_it(content: list):
    assume(content[::-1] != content)
    one, other = (Chat("m", tuple(parts), 5, {}) for parts in (content, content[::-1]))
    assume(one.identity() != other.identity())
    assert key(one) != key(other)


@given(texts, texts)
def test_texts_are_not_glued_together(one: str, other: str):
    apart, together = Chat("m", (one, other), 5, {}), Chat("m", (one + other,), 5, {})
    assert key(apart) != key(together)


@given(embeds)
def test_each_field_of_a_vector_shows_in_its_identity(embed: Embed):
    changes = {
        "model": embed.model + "x",
        "content": (*embed.content, "x"),
        "guide": embed.guide + " ",
        "options": {**embed.options, "other": 10},
    }
    assert changes.keys() == {field.name for field in fields(embed)}
    for name, value in changes.items():
        assert key(replace(embed, **{name: value})) != key(embed)


@given(chats)
def test_the_order_of_options_is_not_part_of_it(chat: Chat):
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: turned(value[name]) for name in reversed(list(value))}
        return [turned(one) for one in value] if isinstance(value, list) else value

    assert key(replace(chat, options=turned(chat.options))) == key(chat)


@given(lossy, st.integers(1, 100), st.sampled_from(["image/jpeg", "image/webp"]))
def test_a_lossy_encoding_is_part_of_it(picture: Picture, quality: int, media_type: str):
    other = replace(picture, quality=quality, media_type=media_type)
    one, two = (Chat("m", (shown,), 5, {}) for shown in (picture, other))
    assert (key(one) == key(two)) is (other.identity() == picture.identity())
    assert (one == two) is (key(one) == key(two))


@given(lossless)
def test_a_lossless_encoding_is_not_part_of_it(picture: Picture):
    other = replace(picture, media_type="image/webp", load=lambda: b"other bytes")
    one, two = (ImageEdit("m", "p", shown, (8, 8), "high", "png") for shown in (picture, other))
    assert key(one) == key(two)


@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_any_pixel_changes_it(width: int, height: int, data: st.DataObject):
    pixels = np.random.default_rng(width * 100 + height).integers(
        0, 256, (height, width, 3), np.uint8
    )
    spot = (data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1)))
    changed = pixels.copy()
    changed[(*spot, data.draw(st.integers(0, 2)))] ^= 1 << data.draw(st.integers(0, 7))
    turned = pixels.reshape(width, height, 3)

    def asked(array: Any) -> str:
        picture = Picture(pixel_hash(Image.fromarray(array)), "image/png", 0, (8, 8), bytes)
        return key(ImageEdit("m", "p", picture, (8, 8), "high", "png"))

    assert asked(pixels) == asked(pixels.copy())
    assert asked(pixels) != asked(changed)
    assert (asked(pixels) == asked(turned)) is (width == height)


def test_the_url_is_no_part_of_a_request():
    kinds = (ImageEdit, ImageMake, Chat, Embed, Picture)
    asked = {field.name for kind in kinds for field in fields(kind)}
    assert not [name for name in asked if "url" in name or "key" in name]
    assert list(signature(request_hash).parameters) == ["provider", "what", "sample"]


def test_the_hash_of_a_request_stays_what_it_is():
    picture = Picture("ab" * 32, "image/png", 0, (8, 8), bytes)
    view = replace(picture, media_type="image/jpeg", quality=90)
    edit = ImageEdit("gpt-image-2", "Paint it ü.", picture, (1536, 1024), "high", "png")
    chat = Chat("gpt-6-luna", ("Look:", view, picture), 60, {"seed": 1, "logprobs": True})
    assert [key(edit), key(edit, sample=1), key(chat, "vllm")] == GOLDEN
    masked = replace(edit, mask=replace(picture, pixels="cd" * 32))
    make = ImageMake("gpt-image-2", "A ü by the sea.", (1024, 1536), "high", "png")
    assert [key(masked), key(make), key(make, sample=1)] == GOLDEN_SINCE
    embed = Embed("Qwen/Qwen3-VL-Embedding-2B", (view, "Paint it ü."), "Look.", {"dimensions": 8})
    assert [key(embed, "vllm"), key(replace(embed, guide=""), "vllm")] == GOLDEN_VECTORS


GOLDEN = [
    "8be327e72301ece9674d114dc24e3a4798c8eb7e98bb648457f918f5eac80900",
    "7bcb1282067dbbe0021c3f3f63c2f29b021390cf147ddfb665ebb293bd8b3542",
    "34fe0b861712c4a3071b153372e283730e5227d239207621a0963373e170d18b",
]
GOLDEN_SINCE = [
    "e499928a70bc3fefa89ebe89ec829b8a1d5b6a56e70c2907660452f8c3d3ec50",
    "a42c22477f349c2293c6c25dcbd49aff93019a0ca314429cfa49845cb0dfb460",
    "e46748e655ce2884522bada71ebd56ae2ab6209f7336982d63d31e556038fa67",
]
GOLDEN_VECTORS = [
    "a9a05b6ff52433987a9399cb5cb2af87a964e363e97c18da9c7b7642a348b8dd",
    "1772e1e79e6aea3cccd9500e29b095bf8af46da4be797d276f7d5debf9adfa44",
]
