from dataclasses import fields
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus import tariffs
from editcorpus.errors import ConfigError
from editcorpus.tariffs import PUBLISHED, QUANTUM, Tariff, Tariffs, Usage

NOW = PUBLISHED.as_of
SUNBURST = "gpt-image-2.5-sunburst"

# Dollars for a million tokens of text in, cached text, image in, cached image, image out, text out.
RATES = {
    **dict.fromkeys(
        (
            "gpt-image-2",
            "gpt-image-2-2026-04-21",
            SUNBURST,
            "gpt-image-2.5-sunburst-2026-09-08",
            "gpt-image-2.5-flare",
            "gpt-image-2.5-flare-2026-09-08",
            "gpt-image-2.6-sunburst",
            "gpt-image-2.6-flare",
        ),
        ("5", "1.25", "8", "2", "30", None),
    ),
    "gpt-image-1.5": ("5", "1.25", "8", "2", "32", "10"),
    "chatgpt-image-latest": ("5", "1.25", "8", "2", "32", "10"),
    "gpt-image-1-mini": ("2", "0.2", "2.5", "0.25", "8", None),
    "gpt-image-1": ("5", "5", "10", "10", "40", None),
    "gpt-4o": ("2.5", "1.25", None, None, None, "10"),
    "gpt-4o-mini": ("0.15", "0.075", None, None, None, "0.6"),
    "gpt-4.1": ("2", "0.5", None, None, None, "8"),
    "gpt-4.1-mini": ("0.4", "0.1", None, None, None, "1.6"),
    "gpt-5.4-mini": ("0.75", "0.075", None, None, None, "4.5"),
    "gpt-5.6-luna": ("0.2", "0.02", None, None, None, "1.2"),
    "gpt-6-luna": ("0.1", "0.01", None, None, None, "0.5"),
    "gpt-6-sol": ("2", "0.2", None, None, None, "10"),
    "gpt-6.1-terra": ("1", "0.05", None, None, None, "5"),
    "gpt-6.1-sol": ("2", "0.1", None, None, None, "10"),
    "gpt-6-astra": ("10", "1", None, None, None, "50"),
}
MILLION = 1_000_000
USAGES = (
    Usage(text_in=MILLION),
    Usage(text_in=MILLION, cached_text_in=MILLION),
    Usage(image_in=MILLION),
    Usage(image_in=MILLION, cached_image_in=MILLION),
    Usage(image_out=MILLION),
    Usage(text_out=MILLION),
)


@pytest.mark.parametrize(("model", "rates"), RATES.items())
def test_every_published_rate_is_on_the_list_and_half_in_a_batch(
    model: str, rates: tuple[str | None, ...]
) -> None:
    for usage, rate in zip(USAGES, rates, strict=True):
        if rate is not None:
            assert tariffs.price(model, usage) == Decimal(rate)
            assert tariffs.price(model, usage, batch=True) == Decimal(rate) / 2


def test_every_row_with_a_price_has_its_rates_tested() -> None:
    priced = {name for name, row in PUBLISHED.models.items() if row.prices}
    dated = {name for row in PUBLISHED.models.values() for name in row.snapshots}
    assert set(RATES) == priced | dated


def test_every_row_says_where_it_was_read() -> None:
    assert all(row.source for row in PUBLISHED.models.values())
    assert date(2026, 11, 20) == NOW


def test_one_token_of_any_class_has_an_exact_price() -> None:
    for name, row in PUBLISHED.models.items():
        if row.prices:
            for field in fields(Usage):
                usage = Usage(**{"text_in": 1, "image_in": 1, field.name: 1})
                exact = row.prices.micro_dollars(usage) / 2 / MILLION
                assert tariffs.price(name, usage, batch=True) == exact


def test_a_price_finer_than_the_quantum_is_rounded_up(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(
        '{"as_of": "2026-11-21", "models": {"tiny": {"kind": "chat", "source": "own",'
        ' "prices": {"text_in": "0.00001", "image_in": "0"}}}}'
    )
    assert Tariffs.load(path).price("tiny", Usage(text_in=1)) == QUANTUM


def test_published_examples_of_whole_calls_are_met() -> None:
    edit = Usage(text_in=40, image_in=1024, image_out=1756)
    assert tariffs.price(SUNBURST, edit) == Decimal("0.061072")
    assert tariffs.price(SUNBURST, edit, batch=True) == Decimal("0.030536")
    high = tariffs.price("gpt-image-2", Usage(text_in=40, image_in=1024, image_out=7024))
    assert high.quantize(Decimal("0.001")) == Decimal("0.219")


def test_published_examples_of_a_rewrite_are_met() -> None:
    for model, digits, usd in (("gpt-4o", "0.0001", "0.0068"), ("gpt-6-luna", "0.0001", "0.0004")):
        shown = 2 * tariffs.vision_tokens(model, 1024, 1024)
        price = tariffs.price(model, Usage(text_in=shown + 600, text_out=150))
        assert price.quantize(Decimal(digits)) == Decimal(usd)


def test_output_without_a_published_price_is_never_booked_too_low() -> None:
    assert tariffs.price("gpt-image-2", Usage(text_out=MILLION)) == 30
    assert tariffs.price("gpt-6-luna", Usage(image_out=MILLION)) == Decimal("0.5")


def test_tokens_written_to_the_cache_cost_more_where_the_list_says_so() -> None:
    written = Usage(text_in=MILLION, cache_write_text_in=MILLION)
    assert tariffs.price("gpt-6-luna", written) == Decimal("0.125")
    assert tariffs.price("gpt-6-sol", written) == 2


@given(
    st.text(max_size=200),
    st.sampled_from(["low", "medium", "high", "xhigh", "max"]),
    st.tuples(st.integers(1, 3840), st.integers(1, 3840)),
)
def test_the_worst_case_is_never_below_the_price(
    prompt: str, quality: str, size: tuple[int, int]
) -> None:
    usage = Usage(
        text_in=tariffs.text_tokens(prompt),
        image_in=tariffs.image_input_tokens(SUNBURST, *size),
        image_out=tariffs.image_output_tokens(SUNBURST, quality, *size),
    )
    worst = tariffs.worst_case_image(SUNBURST, quality, size, prompt, [size])
    assert worst >= tariffs.price(SUNBURST, usage)


def test_the_worst_case_of_a_chat_is_a_prompt_that_enters_the_cache() -> None:
    assert tariffs.worst_case_chat("gpt-6-luna", 2000, 100) == Decimal("0.0003")
    assert tariffs.worst_case_chat("gpt-4o", 1000, 100) == Decimal("0.0035")


def test_a_prompt_beyond_the_listed_prices_is_refused() -> None:
    with pytest.raises(ConfigError, match="272000 tokens; the prompt has 272001"):
        tariffs.worst_case_chat("gpt-6-luna", 272_001, 1)


@pytest.mark.parametrize(
    ("model", "last_day"),
    [
        ("gpt-image-1", "2026-10-22"),
        ("gpt-image-1.5", "2026-11-30"),
        ("gpt-image-1-mini", "2026-11-30"),
        ("chatgpt-image-latest", "2026-11-30"),
        ("gpt-4o", "2027-01-13"),
        ("gpt-4o-mini", "2027-01-13"),
        ("gpt-4.1", "2027-01-13"),
        ("gpt-4.1-mini", "2027-01-13"),
    ],
)
def test_a_model_is_refused_from_the_day_of_its_end(model: str, last_day: str) -> None:
    last = date.fromisoformat(last_day)
    tariffs.check_model(model, last)
    with pytest.raises(ConfigError, match=r"was shut down on .*; use gpt-.* instead"):
        tariffs.check_model(model, last + timedelta(days=1))


@pytest.mark.parametrize("model", ["dall-e-2", "dall-e-3", "o4-mini", "gpt-4.1-nano"])
def test_models_that_are_gone_are_refused_by_name(model: str) -> None:
    with pytest.raises(ConfigError, match=f"{model} was shut down on 2026-.*; use gpt-"):
        tariffs.check_model(model, NOW)


def test_a_model_whose_price_was_never_read_is_refused() -> None:
    with pytest.raises(ConfigError, match="gpt-5-mini has no price on record; use gpt-6-luna"):
        tariffs.check_model("gpt-5-mini", NOW)


@pytest.mark.parametrize("model", ["Qwen/Qwen2.5-VL-7B-Instruct", "", "gpt-image-9"])
def test_an_unknown_model_is_refused_with_what_to_do(model: str) -> None:
    with pytest.raises(ConfigError, match=r"use one of gpt-image-2, .*per_image.*free"):
        tariffs.check_model(model, NOW)


def test_what_to_use_instead_is_itself_on_the_list_and_has_no_end() -> None:
    for row in PUBLISHED.models.values():
        if row.instead:
            assert PUBLISHED.models[row.instead].prices
            assert PUBLISHED.models[row.instead].ends is None


def test_a_chat_model_makes_no_pictures_and_the_reverse() -> None:
    with pytest.raises(ConfigError, match="gpt-6-luna is a model for chat, not image; use one of"):
        tariffs.image_output_tokens("gpt-6-luna", "high", 1024, 1024)
    with pytest.raises(ConfigError, match="is a model for image, not chat"):
        tariffs.worst_case_chat(SUNBURST, 1, 1)


@pytest.mark.parametrize(
    ("model", "quality", "size"),
    [
        ("gpt-image-2", "max", (1024, 1024)),
        (SUNBURST, "auto", (1024, 1024)),
        (SUNBURST, "high", (0, 1024)),
        ("gpt-image-1.5", "high", (1024, 768)),
    ],
)
def test_a_picture_that_cannot_be_priced_is_refused(
    model: str, quality: str, size: tuple[int, int]
) -> None:
    with pytest.raises(ConfigError, match=f"has no quality '{quality}' at {size[0]}x{size[1]}"):
        tariffs.image_output_tokens(model, quality, *size)


def test_a_picture_without_pixels_or_rule_is_refused() -> None:
    with pytest.raises(ConfigError, match="0x5 pixels has no price"):
        tariffs.image_input_tokens(SUNBURST, 0, 5)
    with pytest.raises(ConfigError, match="has no price for dall-e-2"):
        tariffs.image_input_tokens("dall-e-2", 5, 5)


def test_the_kinds_of_tariff_are_three_words() -> None:
    assert list(Tariff) == ["listed", "per_image", "free"]
