from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.endpoints.endpoint import Endpoint, endpoint_from
from editcorpus.endpoints.limits import Cost
from editcorpus.endpoints.requests import Chat, Embed, ImageEdit, ImageMake, Picture
from editcorpus.errors import ConfigError
from editcorpus.tariffs import Tariff, Usage, image_input_tokens, price, text_tokens

URL = "http://127.0.0.1:9/v1"
PICTURE = Picture("p", "image/png", 0, (1536, 1024), bytes)
EDIT = ImageEdit("gpt-image-2", "Make it blue", PICTURE, (1536, 1024), "low", "png")
MASKED = replace(EDIT, mask=PICTURE)
MAKE = ImageMake("gpt-image-2", "A blue house", (1536, 1024), "low", "png")
CHAT = Chat("gpt-6-luna", ("What is new?", PICTURE, PICTURE), 150, {"logprobs": True})


def endpoint(**members: Any) -> Endpoint:
    return endpoint_from("images", {"base_url": URL, **members})


@given(st.text(max_size=200), st.integers(1, 300))
def test_no_call_costs_more_than_its_worst_case(text: str, out: int) -> None:
    """Whatever the text: no tokenizer makes more tokens than bytes, and all may enter the cache."""
    listed = endpoint()
    edit = ImageEdit("gpt-image-2", text, PICTURE, (1024, 1024), "high", "png")
    shown = image_input_tokens("gpt-image-2", *PICTURE.size)
    made = listed.tariffs.image_output_tokens("gpt-image-2", "high", 1024, 1024)
    used = Usage(text_in=text_tokens(text), image_in=shown, image_out=made)
    assert listed.price(edit, used) <= listed.worst(edit)
    schema = {"response_format": {"schema": text}}
    chat = Chat("gpt-6-luna", (text, PICTURE), out, schema)
    tokens = 2 * text_tokens(text) + listed.tariffs.input_tokens("gpt-6-luna", *PICTURE.size)
    used = Usage(text_in=tokens, text_out=out, cache_write_text_in=tokens)
    assert listed.price(chat, used) <= listed.worst(chat)


@pytest.mark.parametrize("least", [3_136, 4_000_000])
def test_a_picture_that_a_model_scales_up_is_reserved_as_it_is_seen(least: int) -> None:
    """A model that is told of least pixels counts those, however small the picture is that is sent."""
    pixels = {"mm_processor_kwargs": {"min_pixels": least, "max_pixels": 8_000_000}}
    width, height = (1536, 1024) if least < 1536 * 1024 else (2450, 1633)
    seen = endpoint().tariffs.input_tokens("gpt-6-luna", width, height)
    for what in (
        Embed("gpt-6-luna", (PICTURE,), "", pixels),
        Chat("gpt-6-luna", (PICTURE,), 1, pixels),
    ):
        assert endpoint().price(what, Usage(text_in=seen, text_out=1)) <= endpoint().worst(what)
        assert endpoint().cost(what).tokens >= seen


def test_what_a_call_used_is_priced_by_the_list() -> None:
    used = Usage(text_in=1000, text_out=10)
    assert endpoint().price(CHAT, used) == price("gpt-6-luna", used)


def test_a_fixed_price_is_for_pictures_that_are_made() -> None:
    flat = endpoint(tariff="per_image", usd_per_image=0.03)
    assert flat.worst(EDIT) == flat.price(EDIT, Usage()) == Decimal("0.03")
    assert flat.worst(CHAT) == flat.price(CHAT, Usage(text_in=5)) == 0
    assert flat.guessed_usage(EDIT) == Usage()


def test_a_mask_costs_nothing_and_is_no_input_image() -> None:
    assert endpoint().cost(MASKED) == endpoint().cost(EDIT) and endpoint().cost(EDIT).images == 1
    assert endpoint().worst(MASKED) == endpoint().worst(EDIT)
    assert endpoint().guessed_usage(MASKED) == endpoint().guessed_usage(EDIT)


def test_a_picture_made_from_a_text_costs_its_text_and_its_output() -> None:
    assert endpoint().cost(MAKE) == Cost(images=0, tokens=4, made=1)
    assert endpoint().guessed_usage(MAKE) == Usage(text_in=12, image_out=158)
    dollars = Decimal(12 * 5 + 158 * 30) / 1_000_000
    assert endpoint().worst(MAKE) == endpoint().worst(MAKE, batch=True) * 2 == dollars
    flat = endpoint(tariff="per_image", usd_per_image=0.03)
    assert flat.worst(MAKE) == flat.price(MAKE, Usage()) == Decimal("0.03")


def test_an_endpoint_may_be_free_and_serve_models_of_no_list() -> None:
    free = endpoint(tariff=Tariff.FREE)
    own = Chat("Qwen/Qwen2.5-VL-7B-Instruct", ("Yes?", PICTURE), 1, {})
    assert free.worst(own) == free.price(own, Usage(text_in=9)) == 0
    assert free.cost(own) == Cost(images=1, tokens=2)


def test_the_pictures_that_are_sent_count_in_tokens_and_pictures() -> None:
    cost = endpoint().cost(CHAT)
    assert cost.images == 2
    assert cost.tokens > 2 * endpoint().tariffs.input_tokens("gpt-6-luna", 1536, 1024)


@pytest.mark.parametrize(
    "key", ["sk-planted-\u0443", "sk-planted\nX-Evil: 1", "sk planted", "sk-\x00"]
)
def test_a_key_that_fits_no_header_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigError, match="api_key") as caught:
        endpoint(api_key=key)
    assert "planted" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_key_sheds_the_white_space_around_it_and_is_shown_nowhere() -> None:
    found = endpoint(api_key=" sk-planted\n")
    assert found.api_key.get_secret_value() == "sk-planted"
    assert "planted" not in f"{found} {found!r} {found.model_dump()}"


@pytest.mark.parametrize(
    "url",
    ["api.openai.com/v1", "ftp://host/v1", "http://", "http://[", "http://h:x/v1", "http://a b"],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"base_url: .*a URL such as"):
        endpoint(base_url=url)


def test_a_url_with_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="no user or password") as caught:
        endpoint(base_url="https://me:planted@host/v1")
    assert "planted" not in str(caught.value)


def test_members_lie_side_by_side_and_others_are_passed_over() -> None:
    found = endpoint(base_url=URL + "/", in_flight=7, qualities=["high"], region="x")
    assert found.base_url == URL and found.limits.in_flight == 7
    assert found.qualities == ("high",)


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"in_flight": -1}, "in_flight: .*given: -1"),
        ({"usd_per_image": "much"}, "usd_per_image: .*given: 'much'"),
        ({"usd_per_image": "NaN"}, "usd_per_image"),
        ({"tariff": "cheap"}, "tariff: .*'cheap'"),
        ({"call_attempts": 0}, "call_attempts: .*given: 0"),
        ({"deadline_s": "soon"}, "deadline_s"),
    ],
)
def test_a_wrong_member_gives_one_sentence(members: dict[str, Any], says: str) -> None:
    with pytest.raises(
        ConfigError, match=f"The endpoint 'images' cannot be used: {says}"
    ) as caught:
        endpoint(**members)
    assert "\n" not in str(caught.value)


def test_what_an_endpoint_cannot_do_is_refused() -> None:
    legacy = endpoint(sizes="legacy", qualities=("low",))
    legacy.check_can((1536, 1024), "low")
    legacy.check_can((1024, 1024), "")
    endpoint().check_can(None, "max")
    with pytest.raises(ConfigError, match="no quality 'high'; it has: low"):
        legacy.check_can((1024, 1024), "high")
    with pytest.raises(ConfigError, match="canvas: fixed"):
        legacy.check_can(None, "low")
    with pytest.raises(ConfigError, match="it has: none"):
        endpoint(qualities=()).check_can(None, "high")


def test_a_line_of_a_batch_costs_half_and_never_more_than_its_worst_case() -> None:
    used = (
        (EDIT, Usage(text_in=3, image_in=1_536, image_out=100)),
        (CHAT, Usage(text_in=500)),
    )
    for what, usage in used:
        assert endpoint().price(what, usage, batch=True) * 2 == endpoint().price(what, usage)
        assert endpoint().price(what, usage, batch=True) <= endpoint().worst(what, batch=True)
        assert endpoint().worst(what, batch=True) * 2 == endpoint().worst(what)


def test_a_fixed_price_holds_in_batches() -> None:
    flat = endpoint(tariff="per_image", usd_per_image=0.03)
    assert flat.worst(EDIT, batch=True) == flat.price(EDIT, Usage(), batch=True) == Decimal("0.03")
    free = endpoint(tariff=Tariff.FREE)
    assert free.worst(EDIT, batch=True) == free.price(EDIT, Usage(), batch=True) == 0
