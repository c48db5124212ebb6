"""How texts and pictures become tokens, by the rules that the APIs publish, and counts of tokens."""

import math
import re
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]

_PATCH = 32
_TILE = 512
_PIECE = re.compile(r"[A-Za-z]{1,4}|[0-9]{1,3}| {2,}|[^ ]")


def utf8(text: str) -> bytes:
    """The bytes of a text; no tokenizer makes more tokens of it than these."""
    return text.encode("utf-8", "surrogatepass")


def text_tokens(text: str) -> int:
    """About how many tokens a text has; never fewer than ordinary English has.

    Up to four letters or three digits in a row are a token; so are two or more spaces in a row, and
    every other character of ASCII but the single space. Characters beyond ASCII count by their
    UTF-8 bytes. Most English words are one token and one or two such pieces, so that this is high
    by about half. It never exceeds the bytes of the text.
    """
    pieces = _PIECE.findall(text)
    counted = sum(1 if piece.isascii() else len(utf8(piece)) for piece in pieces)
    return counted or len(text[:1])


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


class OutputTokens(BaseModel):
    """Tokens of a generated picture: `factors` by quality, or a `table` by quality and size."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factors: dict[str, Positive] = Field(default_factory=dict)
    table: dict[str, dict[str, Positive]] = Field(default_factory=dict)

    def tokens(self, quality: str, width: int, height: int) -> int | None:
        """Tokens of one picture of that size in pixels; None where the model does not make it."""
        if quality not in self.factors or min(width, height) < 1:
            return self.table.get(quality, {}).get(f"{width}x{height}")
        factor, long, short = self.factors[quality], max(width, height), min(width, height)
        across = (2 * factor * short + long) // (2 * long)
        return -(-factor * across * (2_000_000 + width * height) // 4_000_000)


class InputTokens(BaseModel):
    """Tokens of a picture that is shown to a model, by one of three published rules.

    Attributes:
        budget: Most patches a picture is cut into; 0 is no limit.
        factor: Tokens for a patch.
        base: Tokens for any picture, to which `tile` is added for each 512 px tile.
        short_side: The short side is scaled down to this, in pixels, before it is cut into tiles.
        fit: The picture is first scaled down into a square of this side; 0 is not at all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: Literal["magnified_patches", "patches", "short_side_tiles"]
    budget: Count = 0
    factor: Annotated[Decimal, Field(gt=0)] = Decimal(1)
    base: Count = 0
    tile: Count = 0
    short_side: Positive = 768
    fit: Count = 0

    def tokens(self, width: int, height: int) -> int:
        """Tokens of one picture of that size in pixels."""
        if self.rule == "short_side_tiles":
            return self.base + self.tile * self._tiles(width, height)
        return math.ceil(self.factor * self._patches(width, height))

    def _patches(self, width: int, height: int) -> int:
        top, bottom, longest = 1, 1, max(width, height)
        if self.rule == "magnified_patches" and longest < 1024:
            top, bottom = (2, 1) if longest <= 512 else (1024, longest)
        across, down = (-(-side * top // (bottom * _PATCH)) for side in (width, height))
        return min(across * down, self.budget) if self.budget else across * down

    def _tiles(self, width: int, height: int) -> int:
        scale = min(1.0, self.fit / max(width, height)) if self.fit else 1.0
        scale = min(scale, self.short_side / min(width, height))
        return math.prod(math.ceil(round(side * scale, 6) / _TILE) for side in (width, height))
