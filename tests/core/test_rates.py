"""Price rows of a user's own, and what is told where an answer counts else than the formulas."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from editcorpus.errors import ConfigError
from editcorpus.rates import own_prices
from editcorpus.tariffs import PUBLISHED, Tariffs, Usage

NOW = PUBLISHED.as_of
SUNBURST = "gpt-image-2.5-sunburst"
MILLION = 1_000_000


def test_a_price_file_adds_rows_and_takes_the_place_of_rows(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(
        """{"as_of": "2027-03-01", "models": {
            "gpt-image-2": {"kind": "image", "source": "own contract",
                "prices": {"text_in": 1, "image_in": 0.1, "image_out": "3"},
                "output_tokens": {"factors": {"high": 96}},
                "input_tokens": {"rule": "magnified_patches", "budget": 1536}},
            "house/editor": {"kind": "image", "source": "own",
                "prices": {"text_in": "0", "image_in": "0", "image_out": "0"}}}}"""
    )
    own = Tariffs.load(path)
    own.check_model("house/editor", own.as_of)
    assert own.price("gpt-image-2", Usage(image_out=MILLION)) == 3
    assert own.price("gpt-image-2", Usage(image_in=MILLION)) == Decimal("0.1")
    assert own.price(SUNBURST, Usage(image_out=MILLION)) == 30
    assert (own.dated("gpt-image-2"), own.dated(SUNBURST)) == (date(2027, 3, 1), NOW)
    assert own.told == f"price list of {NOW}, with 2 rows of {path}, dated 2027-03-01"
    assert Tariffs.load().told == f"price list of {NOW}"
    assert Tariffs.load().price("gpt-image-2", Usage(image_out=MILLION)) == 30


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not json", "wrong at the file as a whole: Invalid JSON"),
        ('{"as_of": "2026-11-21", "models": {"x": {"kind": "chat"}}}', "models > x > source"),
        (
            '{"as_of": "2026-11-21", "models": {"x": {"kind": "chat", "source": "own", "prices": {}}}}',
            "models > x > prices > text_in",
        ),
    ],
)
def test_a_broken_price_file_is_refused_in_one_sentence(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "own.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says) as caught:
        Tariffs.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("price", "says"),
    [("-1", "greater than or equal to 0"), ("NaN", "finite"), ("much", "valid decimal")],
)
def test_a_price_that_is_none_is_refused(tmp_path: Path, price: str, says: str) -> None:
    path = tmp_path / "own.json"
    row = {"kind": "chat", "source": "own", "prices": {"text_in": price, "image_in": "0"}}
    path.write_text(json.dumps({"as_of": "2026-11-21", "models": {"x": row}}))
    with pytest.raises(ConfigError, match=f"wrong at models > x > prices > text_in: .*{says}"):
        Tariffs.load(path)


@pytest.mark.parametrize(
    "data", [b"\xff\xfe\x00", b"[" * 100_000, b'{"as_of": "2026-11-21"', b"[]", b""]
)
def test_a_price_file_of_anything_else_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "own.json"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="is wrong at the file as a whole"):
        Tariffs.load(path)


def test_a_price_file_is_read_only_up_to_a_size(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_bytes(b" " * 2_000_000)
    with pytest.raises(ConfigError, match="more than 1048576 bytes"):
        Tariffs.load(path)


def test_an_own_row_is_found_before_the_published_name_of_a_snapshot() -> None:
    prices = {"text_in": "1", "image_in": "0"}
    row = {
        "kind": "chat",
        "source": "own",
        "prices": prices,
        "snapshots": [f"{SUNBURST}-2026-09-08"],
    }
    own = PUBLISHED.having(own_prices({"as_of": "2026-11-21", "models": {"mine": row}}))
    assert own.price(f"{SUNBURST}-2026-09-08", Usage(text_in=MILLION)) == 1
    assert own.told.endswith("with 1 row of its own, dated 2026-11-21")


def test_own_prices_of_a_block_are_refused_in_one_sentence() -> None:
    with pytest.raises(ConfigError, match="own prices are wrong at models: Field required"):
        own_prices({"as_of": "2026-11-21"})


@pytest.mark.parametrize("model", [SUNBURST, "gpt-6-luna"])
def test_a_worst_case_in_a_batch_is_half_of_that_online(model: str) -> None:
    def worst(*, batch: bool) -> Decimal:
        if model == SUNBURST:
            size = (1024, 1024)
            return PUBLISHED.worst_case_image(model, "high", size, "Do it.", [size], batch=batch)
        return PUBLISHED.worst_case_chat(model, 2000, 100, batch=batch)

    assert worst(batch=True) * 2 == worst(batch=False) > 0


FORMULA = Usage(text_in=200, image_in=1024, image_out=1756)


@pytest.mark.parametrize(
    ("told", "gap"),
    [
        (FORMULA, Decimal(0)),
        (Usage(text_in=9, image_in=1024, image_out=1756), Decimal(0)),  # texts are only bounded
        (Usage(image_in=2048, image_out=3512), Decimal(1)),
        (Usage(image_in=512, image_out=878), Decimal("-0.5")),
        (Usage(text_in=50), None),
        (Usage(), None),
    ],
)
def test_the_gap_is_that_of_the_dollars_of_pictures(told: Usage, gap: Decimal | None) -> None:
    assert PUBLISHED.formula_gap(SUNBURST, told, FORMULA) == gap


def test_a_gap_above_two_percent_is_a_sentence() -> None:
    def said(share: float) -> str:
        told = Usage(image_in=round(1024 * share), image_out=round(1756 * share))
        return PUBLISHED.gap_sentence(SUNBURST, told, FORMULA)

    assert said(1) == said(1.015) == said(0.985) == ""
    assert said(1.25).startswith(
        f"{SUNBURST} counts tokens for 25.0% more than the formulas of the"
    )
    assert "for 10.0% less than" in said(0.9)
    assert PUBLISHED.gap_sentence("gpt-6-luna", Usage(text_in=9), Usage(text_in=90)) == ""


def test_a_missing_price_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        Tariffs.load(tmp_path / "none.json")
