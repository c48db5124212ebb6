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
from typing import Final

from editcorpus.errors import ConfigError
from editcorpus.rates import Kind, Model, OwnPrices, Prices, Row, read_own_prices
from editcorpus.tokens import Usage, text_tokens, utf8

__all__ = [
    "NOTABLE_GAP",
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
NOTABLE_GAP = Decimal("0.02")
"""Share by which an answer's own count may differ from the formulas before people are told: these
meet every published price to a tenth of that."""

Sizes = Sequence[tuple[int, int]]

_FILE = "tariffs.json"


class Tariff(StrEnum):
    """How an endpoint charges: by this table, a fixed price for each picture, or not at all."""

    LISTED = "listed"
    PER_IMAGE = "per_image"
    FREE = "free"


class Tariffs(Row):
    """A dated price list.

    Attributes:
        as_of: Day on which the published list was read.
        models: All rows by the name of the model.
        own: The rows among them that are a user's own.
    """

    as_of: date
    models: dict[str, Model]
    own: OwnPrices | None = None

    @classmethod
    def load(cls, path: Path | str | None = None) -> "Tariffs":
        """The published list; rows of the file at `path` are added or take the place of rows.

        Raises:
            ConfigError: The file cannot be read or has another shape.
        """
        return PUBLISHED if path is None else PUBLISHED.having(read_own_prices(path))

    def having(self, own: OwnPrices) -> "Tariffs":
        """The list with rows of a user's own, which are found before any other."""
        rest = {name: row for name, row in self.models.items() if name not in own.models}
        return Tariffs(as_of=self.as_of, models={**own.models, **rest}, own=own)

    def dated(self, model: str) -> date:
        """Day on which the row of a model was read."""
        mine = self.own is not None and model in self.own.models
        return self.own.as_of if self.own is not None and mine else self.as_of

    @property
    def told(self) -> str:
        """Which list it is, in words."""
        if self.own is None:
            return f"price list of {self.as_of}"
        count = len(self.own.models)
        rows = f"{count} row{'s' if count > 1 else ''} of {self.own.path or 'its own'}"
        return f"price list of {self.as_of}, with {rows}, dated {self.own.as_of}"

    def formula_gap(self, model: str, told: Usage, formula: Usage) -> Decimal | None:
        """By which share the pictures of a call cost more than by the formulas; negative is less.

        Only tokens of pictures are compared: those of texts the formulas bound, but do not give.

        Args:
            model: Name of the model.
            told: Tokens as the answer counts them.
            formula: Tokens as the formulas have them.

        Returns:
            0.05 is five percent dearer; None where the answer or the formulas count no picture.

        Raises:
            ConfigError: The model has no price.
        """
        counted, expected = (
            self.price(model, Usage(image_in=each.image_in, image_out=each.image_out))
            for each in (told, formula)
        )
        return counted / expected - 1 if counted and expected else None

    def gap_sentence(self, model: str, told: Usage, formula: Usage) -> str:
        """What to tell people of a call that cost notably else than by the formulas; else empty."""
        gap = self.formula_gap(model, told, formula)
        if gap is None or abs(gap) <= NOTABLE_GAP:
            return ""
        more = "more" if gap > 0 else "less"
        return (
            f"{model} counts tokens for {abs(gap):.1%} {more} than the formulas of the {self.told}: "
            "what it counts is booked; estimates and worst cases are off by as much."
        )

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
        self,
        model: str,
        quality: str,
        size: tuple[int, int],
        prompt: str,
        inputs: Sizes,
        *,
        batch: bool = False,
    ) -> Decimal:
        """The most dollars that one call to an image model costs: a token for each byte of text.

        Args:
            model: Name of the model.
            quality: Such as `high`.
            size: Width and height that are asked for, in pixels.
            prompt: The text that is sent.
            inputs: Widths and heights of the pictures that are sent.
            batch: Whether it is a line of a batch.

        Raises:
            ConfigError: The model has no price, or not this quality or size.
        """
        usage = Usage(
            text_in=len(utf8(prompt)),
            image_in=sum(self.input_tokens(model, *each) for each in inputs),
            image_out=self.image_output_tokens(model, quality, *size),
        )
        return self.price(model, usage, batch=batch)

    def worst_case_chat(
        self, model: str, prompt_tokens: int, max_completion_tokens: int, *, batch: bool = False
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
        return max(self.price(model, each, batch=batch) for each in (usage, written))

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


def _published() -> Tariffs:
    data = resources.files(__package__).joinpath(_FILE).read_bytes()
    return Tariffs.model_validate_json(data)


PUBLISHED: Final = _published()
"""The list that comes with this package; the functions below read it."""

check_model = PUBLISHED.check_model
price = PUBLISHED.price
image_output_tokens = PUBLISHED.image_output_tokens
image_input_tokens = PUBLISHED.input_tokens
vision_tokens = PUBLISHED.input_tokens
worst_case_image = PUBLISHED.worst_case_image
worst_case_chat = PUBLISHED.worst_case_chat
