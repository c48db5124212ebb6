"""What a call costs: published prices with their date and source, and how pictures become tokens.

The rows lie in `tariffs.json`; a file of the same shape adds rows or replaces them. A model without a
row or past its last day is refused before anything is paid. All dollars are `Decimal`.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from editcorpus.errors import ConfigError

QUANTUM = Decimal("1e-10")
"""Dollars are given in multiples of this, rounded up; every listed price is exact in it."""

Dollars = Annotated[Decimal, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]

_PATCH = 32
_TILE = 512
_PIECE = re.compile(r"[A-Za-z]{1,4}|[0-9]{1,3}|\s{2,}|[\t\r\n\f\v]|[!-~]|[^\x00-\x7f]|[\x00-\x1f\x7f]")


class Tariff(StrEnum):
    """How an endpoint charges: by this table, a fixed price for each picture, or not at all."""

    LISTED = "listed"
    PER_IMAGE = "per_image"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that one call used, by class.

    Attributes:
        cached_text_in: How many of `text_in` were read from the API's cache.
        cached_image_in: How many of `image_in` were.
        cache_write_text_in: How many of `text_in` were written to the cache.
    """

    text_in: int = 0
    image_in: int = 0
    text_out: int = 0
    image_out: int = 0
    cached_text_in: int = 0
    cached_image_in: int = 0
    cache_write_text_in: int = 0

    def counts(self) -> dict[str, int]:
        """The classes that are not zero; `Usage(**counts)` is the same again."""
        return {name: count for name, count in asdict(self).items() if count}


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Prices(_Row):
    """Dollars for a million tokens; a class that is None has no published price."""

    text_in: Dollars
    cached_text_in: Dollars | None = None
    cache_write_text_in: Dollars | None = None
    image_in: Dollars
    cached_image_in: Dollars | None = None
    text_out: Dollars | None = None
    image_out: Dollars | None = None

    @property
    def dearest(self) -> Decimal:
        """The highest price of the row; it stands in where output has no price."""
        given = (getattr(self, name) for name in type(self).model_fields)
        return max(price for price in given if price is not None)

    def micro_dollars(self, usage: Usage) -> Decimal:
        """Millionths of a dollar for what was used."""
        read, written = usage.cached_text_in, usage.cache_write_text_in
        fresh = max(0, usage.text_in - read - written)
        fresh_images = max(0, usage.image_in - usage.cached_image_in)
        return (
            fresh * self.text_in
            + read * _either(self.cached_text_in, self.text_in)
            + written * _either(self.cache_write_text_in, self.text_in)
            + fresh_images * self.image_in
            + usage.cached_image_in * _either(self.cached_image_in, self.image_in)
            + usage.text_out * _either(self.text_out, self.dearest)
            + usage.image_out * _either(self.image_out, self.dearest)
        )


class OutputTokens(_Row):
    """Tokens of a generated picture: `factors` by quality, or a `table` by quality and size."""

    factors: dict[str, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    table: dict[str, dict[str, Annotated[int, Field(gt=0)]]] = Field(default_factory=dict)


class InputTokens(_Row):
    """Tokens of a picture that is shown to a model, by one of three published rules.

    Attributes:
        budget: Most patches a picture is cut into; 0 is no limit.
        factor: Tokens for a patch.
        base: Tokens for any picture, to which `tile` is added for each 512 px tile.
        short_side: The short side is scaled down to this, in pixels, before it is cut into tiles.
        fit: The picture is first scaled down into a square of this side; 0 is not at all.
    """

    rule: Literal["magnified_patches", "patches", "short_side_tiles"]
    budget: Count = 0
    factor: Dollars = Decimal(1)
    base: Count = 0
    tile: Count = 0
    short_side: Annotated[int, Field(gt=0)] = 768
    fit: Count = 0

    def tokens(self, width: int, height: int) -> int:
        """Tokens of one picture of that size in pixels."""
        if width < 1 or height < 1:
            raise ConfigError(f"A picture of {width}x{height} pixels cannot be priced.")
        if self.rule == "short_side_tiles":
            return self.base + self.tile * self._tiles(width, height)
        return math.ceil(self.factor * self._patches(width, height))

    def _patches(self, width: int, height: int) -> int:
        top, bottom = 1, 1
        if self.rule == "magnified_patches" and max(width, height) < 1024:
            top, bottom = min((2, 1), (1024, max(width, height)), key=lambda pair: pair[0] / pair[1])
        across, down = (-(-side * top // (bottom * _PATCH)) for side in (width, height))
        return min(across * down, self.budget) if self.budget else across * down

    def _tiles(self, width: int, height: int) -> int:
        scale = min(1.0, self.fit / max(width, height)) if self.fit else 1.0
        scale = min(scale, self.short_side / min(width, height))
        return math.prod(math.ceil(round(side * scale, 6) / _TILE) for side in (width, height))


class Model(_Row):
    """One row: prices, rules, and how long the model is served.

    Attributes:
        snapshots: Dated names of the same model at the same price.
        ends: First day on which the model is no longer served; None is not announced.
        instead: The model to use when it is gone.
        prices: None where only the end of the model is on record.
        batch: Factor on the price of a batched call.
        longest_prompt: Tokens up to which the prices hold; 0 is any number.
        source: Where the figures were read.
    """

    kind: Literal["image", "chat"]
    snapshots: tuple[str, ...] = ()
    ends: date | None = None
    instead: str = ""
    prices: Prices | None = None
    batch: Dollars = Decimal("0.5")
    output_tokens: OutputTokens = OutputTokens()
    input_tokens: InputTokens | None = None
    longest_prompt: Count = 0
    source: str


class Tariffs(_Row):
    """A dated price list.

    Attributes:
        as_of: Day on which the list was read.
        models: Rows by the name of the model.
    """

    as_of: date
    models: dict[str, Model]

    @classmethod
    def load(cls, path: Path | str | None = None) -> "Tariffs":
        """The published list; rows of the file at `path` are added or take the place of rows.

        Raises:
            ConfigError: The file cannot be read or has another shape.
        """
        listed = published()
        if path is None:
            return listed
        try:
            own = cls.model_validate_json(Path(path).read_bytes())
        except (OSError, ValidationError) as error:
            raise ConfigError(f"The price file {path} cannot be used: {error}") from error
        return cls(as_of=own.as_of, models={**listed.models, **own.models})

    def check_model(self, model: str, on: date) -> None:
        """Return if calls to `model` can be priced and it is served on that day.

        Raises:
            ConfigError: It cannot; the sentence says what to use instead.
        """
        row = self._row(model)
        if row.ends is not None and on >= row.ends:
            raise ConfigError(f"{model} was shut down on {row.ends}; use {row.instead} instead.")
        self._prices(model)

    def price(self, model: str, usage: Usage, *, batch: bool = False) -> Decimal:
        """Dollars for what a call used, rounded up to `QUANTUM`.

        Output of a class without a published price is charged at the dearest price of the row: a
        call that was made is never booked too low.

        Raises:
            ConfigError: The model has no price.
        """
        factor = self._row(model).batch if batch else 1
        dollars = self._prices(model).micro_dollars(usage) * factor / 1_000_000
        return dollars.quantize(QUANTUM, ROUND_CEILING)

    def image_output_tokens(self, model: str, quality: str, width: int, height: int) -> int:
        """Tokens of a generated picture of that size in pixels.

        For gpt-image-2 and later by the formula that reproduces all published prices:
        `ceil(f * s * (2,000,000 + w * h) / 4,000,000)`, where `f` belongs to the quality and `s` is
        `f` times the short side over the long, rounded half up. Older models have a table.

        Raises:
            ConfigError: The model has no price, or not this quality or size.
        """
        made = self._row(model, "image").output_tokens
        if quality in made.factors:
            return _formula(made.factors[quality], width, height)
        found = made.table.get(quality, {}).get(f"{width}x{height}")
        if found is None:
            raise ConfigError(f"{model} has no quality {quality!r} at {width}x{height} pixels.")
        return found

    def input_tokens(self, model: str, width: int, height: int) -> int:
        """Tokens of a picture that is shown to an image or chat model, at its default detail.

        Patches of 32 px; image models magnify a picture up to twice until its long side has 1024
        px, and a picture above the budget counts as the whole budget. Older models count tiles.

        Raises:
            ConfigError: The model has no price, or the size is not positive.
        """
        rule = self._row(model).input_tokens
        if rule is None:
            raise ConfigError(f"How many tokens {model} takes for a picture is not known.")
        return rule.tokens(width, height)

    def worst_case_image(
        self, model: str, quality: str, size: tuple[int, int], prompt: str, inputs: _Sizes
    ) -> Decimal:
        """The most dollars that one image call can cost.

        Args:
            size: Width and height asked for, in pixels.
            inputs: Widths and heights of the pictures that are sent.

        Raises:
            ConfigError: The model has no price, or not this quality or size.
        """
        usage = Usage(
            text_in=len(prompt.encode("utf-8", "replace")),
            image_in=sum(self.input_tokens(model, *each) for each in inputs),
            image_out=self.image_output_tokens(model, quality, *size),
        )
        return self.price(model, usage)
