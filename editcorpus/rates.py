"""The rows of a price list, published or a user's own: dollars by class of tokens, rules, ends."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from editcorpus.errors import ConfigError
from editcorpus.tokens import Count, InputTokens, OutputTokens, Usage

_LARGEST_FILE = 1024 * 1024
"""Bytes of a price file; the published list has 12 kB."""

Dollars = Annotated[Decimal, Field(ge=0)]

Kind = Literal["image", "chat"]


class Row(BaseModel):
    """Anything in a price list: it cannot be changed, and has no members that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Prices(Row):
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


class Model(Row):
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


class OwnPrices(Row):
    """Rows of a user's own, such as those of a contract.

    Attributes:
        as_of: Day on which they were true.
        models: Whole rows by the name of the model; each takes the place of a published one.
        path: Where they were read, for people; empty where they came otherwise.
    """

    as_of: date
    models: dict[str, Model]
    path: str = ""


def read_own_prices(path: Path | str) -> OwnPrices:
    """A file of a user's own rows: `as_of` and `models`, in the form of `tariffs.json`.

    Raises:
        ConfigError: It cannot be read, is larger than 1 MiB, or has another shape.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"The price file {path} cannot be read: {why}.") from error
    if len(data) > _LARGEST_FILE:
        raise ConfigError(f"The price file {path} has more than {_LARGEST_FILE} bytes.")
    try:
        return OwnPrices.model_validate_json(data).model_copy(update={"path": str(path)})
    except ValidationError as error:
        raise ConfigError(f"The price file {path} is wrong at {_first(error)}.") from error


def own_prices(members: Mapping[str, Any]) -> OwnPrices:
    """A user's own rows as JSON gives them, such as those that a saved block holds.

    Raises:
        ConfigError: They have another shape.
    """
    try:
        return OwnPrices.model_validate(members)
    except ValidationError as error:
        raise ConfigError(f"The own prices are wrong at {_first(error)}.") from error


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    where = " > ".join(map(str, first["loc"])) or "the file as a whole"
    return f"{where}: {first['msg']}"


def _either(price: Decimal | None, other: Decimal) -> Decimal:
    return other if price is None else price
