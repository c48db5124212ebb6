"""What a call costs: published prices with their date and source, and how pictures become tokens.

The rows lie in `tariffs.json`; a file of the same shape adds rows or replaces them. A model without a
row or past its last day is refused before anything is paid. All dollars are `Decimal`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from editcorpus.errors import ConfigError
from editcorpus.tokens import Count, InputTokens, OutputTokens, Usage, text_tokens, utf8

__all__ = [
    "PUBLISHED",
    "QUANTUM",
    "Model",
    "Tariff",
    "Tariffs",
    "Usage",
    "check_model",
    "image_input_tokens",
    "image_output_tokens",
    "price",
    "text_tokens",
    "vision_tokens",
    "worst_case_chat",
    "worst_case_image",
]

QUANTUM = Decimal("1e-10")
"""Dollars are given in multiples of this, rounded up; every listed price is exact in it."""

Dollars = Annotated[Decimal, Field(ge=0)]

Kind = Literal["image", "chat"]
Sizes = Sequence[tuple[int, int]]

_FILE = "tariffs.json"


class Tariff(StrEnum):
    """How an endpoint charges: by this table, a fixed price for each picture, or not at all."""

    LISTED = "listed"
    PER_IMAGE = "per_image"
    FREE = "free"


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
        given: dict[str, Decimal | None] = self.model_dump()
        return max(price for price in given.values() if price is not None)

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

    kind: Kind
    snapshots: tuple[str, ...] = ()
    ends: date | None = None
    instead: str = ""
    prices: Prices | None = None
    batch: Dollars = Decimal("0.5")
    output_tokens: OutputTokens = OutputTokens()
    input_tokens: InputTokens | None = None
    longest_prompt: Count = 0
    source: str

    @property
    def advice(self) -> str:
        """What to use instead, to end a sentence with."""
        return f"; use {self.instead} instead" if self.instead else ""

    def shown(self, name: str, width: int, height: int) -> int:
        """Tokens of a picture that is shown to the model."""
        if self.input_tokens is None or min(width, height) < 1:
            raise ConfigError(f"A picture of {width}x{height} pixels has no price for {name}.")
        return self.input_tokens.tokens(width, height)


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
        listed = cls.model_validate_json(resources.files(__package__).joinpath(_FILE).read_bytes())
        if path is None:
            return listed
        try:
            own = cls.model_validate_json(Path(path).read_bytes())
        except OSError as error:
            raise ConfigError(f"The price file {path} cannot be read: {error.strerror}.") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = " > ".join(map(str, first["loc"])) or "the file as a whole"
            raise ConfigError(
                f"The price file {path} is wrong at {where}: {first['msg']}."
            ) from error
        return cls(as_of=own.as_of, models={**listed.models, **own.models})

    def check_model(self, model: str, on: date) -> None:
        """Return if calls to `model` can be priced and it is served on that day.

        Raises:
            ConfigError: It cannot; the sentence says what to use instead.
        """
        row = self._row(model)
        if row.ends is not None and on >= row.ends:
            raise ConfigError(f"{model} was shut down on {row.ends}{row.advice}.")
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
        found = self._row(model, "image").output_tokens.tokens(quality, width, height)
        if found is None:
            raise ConfigError(f"{model} has no quality {quality!r} at {width}x{height} pixels.")
        return found

    def input_tokens(self, model: str, width: int, height: int) -> int:
        """Tokens of a picture of that size in pixels that is shown to a model.

        Image models since gpt-image-2 count patches of 32 px: a small picture is magnified, at most
        twice, until its long side has 1024 px, and one above the budget of 1536 patches counts as
        the whole budget. Those before count tiles; theirs are the tokens at low input fidelity, the
        API's default. Chat models count either, at full detail.

        Raises:
            ConfigError: The model has no rule, or a side is below 1.
        """
        return self._row(model).shown(model, width, height)

    def worst_case_image(
        self, model: str, quality: str, size: tuple[int, int], prompt: str, inputs: Sizes
    ) -> Decimal:
        """The most dollars that one call to an image model costs: a token for each byte of text.

        Args:
            model: Name of the model.
            quality: Such as `high`.
            size: Width and height that are asked for, in pixels.
            prompt: The text that is sent.
            inputs: Widths and heights of the pictures that are sent.

        Raises:
            ConfigError: The model has no price, or not this quality or size.
        """
        usage = Usage(
            text_in=len(utf8(prompt)),
            image_in=sum(self.input_tokens(model, *each) for each in inputs),
            image_out=self.image_output_tokens(model, quality, *size),
        )
        return self.price(model, usage)

    def worst_case_chat(
        self, model: str, prompt_tokens: int, max_completion_tokens: int
    ) -> Decimal:
        """The most dollars that one call to a chat model costs: the whole prompt enters the cache.

        Raises:
            ConfigError: The model has no price, or none for a prompt of that length.
        """
        longest = self._row(model, "chat").longest_prompt
        if longest and prompt_tokens > longest:
            raise ConfigError(
                f"The prices of {model} hold up to {longest} tokens; the prompt has {prompt_tokens}."
            )
        usage = Usage(text_in=prompt_tokens, text_out=max_completion_tokens)
        written = replace(usage, cache_write_text_in=prompt_tokens)
        return max(self.price(model, usage), self.price(model, written))

    def _row(self, model: str, kind: Kind | None = None) -> Model:
        dated = (each for each in self.models.values() if model in each.snapshots)
        row = self.models.get(model) or next(dated, None)
        if row is None:
            raise ConfigError(
                f"The price list of {self.as_of} has no model {model!r}; use one of "
                f"{', '.join(self._priced(kind))}, add a row for it in a price file, or give the "
                "endpoint a fixed price a picture (per_image) or none (free)."
            )
        if kind is not None and row.kind != kind:
            use = ", ".join(self._priced(kind))
            raise ConfigError(f"{model} is a model for {row.kind}, not {kind}; use one of {use}.")
        return row

    def _prices(self, model: str) -> Prices:
        row = self._row(model)
        if row.prices is None:
            raise ConfigError(f"{model} has no price on record{row.advice}.")
        return row.prices

    def _priced(self, kind: Kind | None) -> list[str]:
        lasting = {k: row for k, row in self.models.items() if row.prices and row.ends is None}
        return [name for name, row in lasting.items() if kind in {None, row.kind}]


def _either(price: Decimal | None, other: Decimal) -> Decimal:
    return other if price is None else price


PUBLISHED: Final = Tariffs.load()
"""The list that comes with this package; the functions below read it."""

check_model = PUBLISHED.check_model
price = PUBLISHED.price
image_output_tokens = PUBLISHED.image_output_tokens
image_input_tokens = PUBLISHED.input_tokens
vision_tokens = PUBLISHED.input_tokens
worst_case_image = PUBLISHED.worst_case_image
worst_case_chat = PUBLISHED.worst_case_chat
