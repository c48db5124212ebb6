from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus import tariffs
from editcorpus.tariffs import Usage

SUNBURST = "gpt-image-2.5-sunburst"
SQUARE, WIDE, SMALL = (1024, 1024), (1536, 1024), (1024, 768)

# Model, size, then (quality, tokens, dollars to four digits or None where only tokens are published).
LADDER = [
    ("gpt-image-2", SQUARE, "low", 196, "0.0059"),
    ("gpt-image-2", SQUARE, "medium", 1756, "0.0527"),
    ("gpt-image-2", SQUARE, "high", 7024, "0.2107"),
    ("gpt-image-2", WIDE, "low", 158, "0.0047"),
    ("gpt-image-2", WIDE, "medium", 1372, "0.0412"),
    ("gpt-image-2", WIDE, "high", 5488, "0.1646"),
    (SUNBURST, SQUARE, "low", 196, "0.0059"),
    (SUNBURST, SQUARE, "medium", 439, "0.0132"),
    (SUNBURST, SQUARE, "high", 1756, "0.0527"),
    (SUNBURST, SQUARE, "xhigh", 3122, "0.0937"),
    (SUNBURST, SQUARE, "max", 7024, "0.2107"),
    (SUNBURST, WIDE, "low", 158, "0.0047"),
    (SUNBURST, WIDE, "medium", 343, "0.0103"),
    (SUNBURST, WIDE, "high", 1372, "0.0412"),
    (SUNBURST, WIDE, "xhigh", 2459, "0.0738"),
    (SUNBURST, WIDE, "max", 5488, "0.1646"),
    (SUNBURST, SMALL, "low", 134, None),
    (SUNBURST, SMALL, "medium", 301, None),
    (SUNBURST, SMALL, "high", 1204, None),
    (SUNBURST, SMALL, "xhigh", 2140, None),
    (SUNBURST, SMALL, "max", 4815, None),
    ("gpt-image-1.5", SQUARE, "low", 272, None),
    ("gpt-image-1.5", SQUARE, "medium", 1056, None),
    ("gpt-image-1.5", SQUARE, "high", 4160, "0.1331"),
    ("gpt-image-1.5", (1024, 1536), "low", 408, None),
    ("gpt-image-1.5", (1024, 1536), "medium", 1584, None),
    ("gpt-image-1.5", (1024, 1536), "high", 6240, "0.1997"),
    ("gpt-image-1.5", WIDE, "low", 400, None),
    ("gpt-image-1.5", WIDE, "medium", 1568, None),
    ("gpt-image-1.5", WIDE, "high", 6208, "0.1987"),
]


@pytest.mark.parametrize(("model", "size", "quality", "tokens", "usd"), LADDER)
def test_every_published_price_of_a_picture_is_met(
    model: str, size: tuple[int, int], quality: str, tokens: int, usd: str | None
) -> None:
    assert tariffs.image_output_tokens(model, quality, *size) == tokens
    if usd is not None:
        price = tariffs.price(model, Usage(image_out=tokens))
        assert price.quantize(Decimal("0.0001")) == Decimal(usd)


def test_the_formula_does_not_ask_which_side_is_long() -> None:
    for quality in ("low", "medium", "high", "xhigh", "max"):
        wide = tariffs.image_output_tokens(SUNBURST, quality, 1536, 1024)
        assert tariffs.image_output_tokens(SUNBURST, quality, 1024, 1536) == wide


def test_flare_and_the_next_model_have_the_same_ladder() -> None:
    for model in ("gpt-image-2.5-flare", "gpt-image-2.6-sunburst", "gpt-image-2.6-flare"):
        assert tariffs.image_output_tokens(model, "max", 1024, 1024) == 7024


def test_counts_give_the_usage_again() -> None:
    usage = Usage(text_in=3, image_out=5)
    assert usage.counts() == {"text_in": 3, "image_out": 5}
    assert Usage(**usage.counts()) == usage


@pytest.mark.parametrize(
    ("size", "tokens"),
    [
        ((1024, 1024), 1024),
        ((1536, 1024), 1536),
        ((1024, 1536), 1536),
        ((512, 512), 1024),
        ((256, 256), 256),
        ((640, 480), 32 * 24),
        ((1024, 683), 32 * 22),
        ((1, 1), 1),
        ((4000, 3000), 1536),
    ],
)
def test_a_picture_that_is_sent_counts_by_patches(size: tuple[int, int], tokens: int) -> None:
    assert tariffs.image_input_tokens("gpt-image-2", *size) == tokens


def test_the_published_surcharge_of_an_edit_is_met() -> None:
    for size, usd in (((1024, 1024), "0.0082"), ((1536, 1024), "0.0123")):
        tokens = tariffs.image_input_tokens(SUNBURST, *size)
        price = tariffs.price(SUNBURST, Usage(image_in=tokens))
        assert price.quantize(Decimal("0.0001")) == Decimal(usd)


def test_older_image_models_count_tiles() -> None:
    assert tariffs.image_input_tokens("gpt-image-1.5", 1024, 1024) == 194
    assert tariffs.image_input_tokens("gpt-image-1", 1536, 1024) == 65 + 2 * 129


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [
        ("gpt-4o", (512, 512), 255),
        ("gpt-4o", (1024, 1024), 765),
        ("gpt-4.1", (1536, 1024), 1105),
        ("gpt-4o", (4096, 8192), 85 + 170 * 6),
        ("gpt-4o-mini", (512, 512), 2833 + 5667),
        ("gpt-4.1-mini", (1024, 1024), 1659),
        ("gpt-4.1-mini", (4096, 4096), 2489),
        ("gpt-5.4-mini", (1024, 1024), 1659),
        ("gpt-6-luna", (1024, 1024), 1229),
        ("gpt-6-luna", (4000, 3000), 14100),
    ],
)
def test_a_picture_that_a_chat_model_sees_counts_as_published(
    model: str, size: tuple[int, int], tokens: int
) -> None:
    assert tariffs.vision_tokens(model, *size) == tokens


# Counts of the o200k vocabulary are never above these, by word and mark.
@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("", 0),
        (" ", 1),
        ("Turn the sky blue.", 5),
        ("Replace the dog with a cat, keep the background as it is.", 14),
        ("a b c d e f", 6),
        ("It's 12345 metres!!!", 8),
        ("Größe ändern", 5),
        ("把天空变成蓝色", 7),
        ("line\nline\n\nline", 5),
    ],
)
def test_a_text_has_no_fewer_tokens_than_ordinary_language(text: str, least: int) -> None:
    assert tariffs.text_tokens(text) >= least


@given(st.text())
def test_no_text_has_more_tokens_than_bytes(text: str) -> None:
    assert bool(text) <= tariffs.text_tokens(text) <= len(text.encode("utf-8", "surrogatepass"))
