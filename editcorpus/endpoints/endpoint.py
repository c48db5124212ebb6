"""One model endpoint: where it is, what it can do, what it charges, how hard it may be pressed."""

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from editcorpus.endpoints.limits import Cost, Limits
from editcorpus.endpoints.requests import ForImage, ImageMake, What
from editcorpus.errors import ConfigError
from editcorpus.rates import own_prices
from editcorpus.tariffs import PUBLISHED, Tariff, Tariffs, Usage
from editcorpus.tokens import utf8

LEGACY_SIZES = ((1024, 1024), (1536, 1024), (1024, 1536))
"""Sizes that every GPT image model takes (openai-python, `image_edit_params.py`)."""

MOST_LINES = 50_000
"""Lines that a batch may have (OpenAI's guide to the Batch API)."""
_SECRET = re.compile("key|secret|password|token$")
_CHARS_A_TOKEN = 4
"""Of English text, as OpenAI's guide to tokens has it."""
_FRAME_TOKENS = 64
"""More than what chat templates put around one message."""
_PART_TOKENS = 8
"""More than what they put around one picture or text of it."""


class Endpoint(BaseModel):
    """Everything about an endpoint but the requests; its key is shown nowhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="For people and logs, such as `images`.")
    provider: str = Field("openai", description="Part of every request's hash, unlike the URL.")
    base_url: str = Field(description="Such as `https://api.openai.com/v1`, without a slash.")
    api_key: SecretStr = Field(SecretStr(""), description="Empty where none is asked for.")
    tariff: Tariff = Field(Tariff.LISTED, description="listed, per_image or free.")
    usd_per_image: Decimal = Field(Decimal(0), ge=0, description="Dollars, under per_image.")
    reports_usage: bool = Field(True, description="Whether answers say how many tokens they took.")
    sizes: Literal["free", "legacy"] = Field(
        "free", description="free: any size of gpt-image-2 and later; legacy: the three old ones."
    )
    qualities: tuple[str, ...] = Field(
        ("low", "medium", "high", "xhigh", "max"),
        description="Qualities that it takes; none: no quality is sent.",
    )
    limits: Limits = Field(default_factory=Limits, description="Calls in flight and per minute.")
    deadline_s: float = Field(600, gt=0, description="Longest time for one call, in seconds.")
    connect_s: float = Field(10, gt=0, description="Longest time to connect, in seconds.")
    call_attempts: int = Field(
        4,
        ge=1,
        description="Tries of one call; 1 leaves retries to the orchestrator, but for those of calls "
        "that were refused for want of room: they cost nothing and set the pace, and are waited for.",
    )
    max_blocked_share: float = Field(
        0.2,
        gt=0,
        le=1,
        description="Share of the last 1,000 calls that the safety system may block before the run "
        "stops, above 0 and at most 1; 1 never stops it. Providers close accounts over it.",
    )
    probe_s: float = Field(
        15,
        gt=0,
        description="Seconds between two looks at an endpoint that cannot be reached, while its calls "
        "wait; the first looks come sooner.",
    )
    batch_lines: int = Field(
        300,
        ge=1,
        le=MOST_LINES,
        description="Edits in one batch, at most 50,000; each comes back as 1.5 to 3 MB of text.",
    )
    batch_chats: int = Field(
        5_000, ge=1, le=MOST_LINES, description="Questions in one batch, at most 50,000."
    )
    batch_tokens: int = Field(
        0,
        ge=0,
        description="Input tokens of a model that may lie in unfinished batches; 0 is not known: it is "
        "learnt from the first batch that is refused for it.",
    )
    tariffs: Tariffs = Field(default_factory=Tariffs.load, repr=False, description="Price list.")

    @field_validator("base_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        """Empty, where an endpoint is only asked for prices, or a URL without a key in it."""
        try:
            parts = urlsplit(url)
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if url and (not usable or not url.isprintable() or " " in url):
            raise ValueError("a URL such as https://api.openai.com/v1 is expected")
        if "@" in url:
            raise ValueError("a URL holds no user or password; give the key as api_key")
        return url

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr) -> SecretStr:
        """The key without white space around it, which files and shells leave."""
        plain = key.get_secret_value().strip()
        if not (plain.isascii() and plain.isprintable()) or " " in plain:
            raise ValueError("a key has only letters, digits and signs of ASCII, and no space")
        return SecretStr(plain)

    def cost(self, what: What) -> Cost:
        """What a call takes of the amounts per minute; tokens are estimated."""
        sizes = _seen(what)
        listed = self.tariff is Tariff.LISTED
        shown = sum(self.tariffs.input_tokens(what.model, *size) for size in sizes) if listed else 0
        tokens = len(what.prompt) // _CHARS_A_TOKEN + 1 + shown
        return Cost(images=len(sizes), tokens=tokens, made=int(isinstance(what, ImageMake)))

    def worst(self, what: What, *, batch: bool = False) -> Decimal:
        """The most dollars that this call can cost; a fixed price is the same in a batch."""
        if self.tariff is Tariff.FREE:
            return Decimal(0)
        if self.tariff is Tariff.PER_IMAGE:
            return self._flat(what)
        sizes = [picture.size for picture in what.shown]
        if isinstance(what, ForImage):
            return self.tariffs.worst_case_image(
                what.model, what.quality, what.size, what.prompt, sizes, batch=batch
            )
        usage = self.guessed_usage(what)
        return self.tariffs.worst_case_chat(what.model, usage.text_in, usage.text_out, batch=batch)

    def price(self, what: What, usage: Usage, *, batch: bool = False) -> Decimal:
        """Dollars for a call that used this."""
        if self.tariff is Tariff.FREE:
            return Decimal(0)
        if self.tariff is Tariff.PER_IMAGE:
            return self._flat(what)
        return self.tariffs.price(what.model, usage, batch=batch)

    def guessed_usage(self, what: What) -> Usage:
        """An upper bound of what a call uses, where the answer does not say; none if unpriced."""
        if self.tariff is not Tariff.LISTED:
            return Usage()
        sizes = _seen(what)
        shown = sum(self.tariffs.input_tokens(what.model, *size) for size in sizes)
        text = len(utf8(what.prompt))
        if isinstance(what, ForImage):
            made = self.tariffs.image_output_tokens(what.model, what.quality, *what.size)
            return Usage(text_in=text, image_in=shown, image_out=made)
        frame = _FRAME_TOKENS + _PART_TOKENS * len(what.content)
        asked = len(utf8(json.dumps(what.options))) if what.options else 0
        return Usage(text_in=text + shown + frame + asked, text_out=what.max_tokens)

    def check_can(self, size: tuple[int, int] | None, quality: str) -> None:
        """Refuse what this endpoint cannot do.

        Args:
            size: Width and height in pixels, or None where canvases have any size.
            quality: As asked for; empty is always taken.

        Raises:
            ConfigError: The quality or the size is none of its own.
        """
        if quality and quality not in self.qualities:
            known = ", ".join(self.qualities) or "none"
            raise ConfigError(f"{self.name} has no quality {quality!r}; it has: {known}.")
        if self.sizes == "legacy" and size not in LEGACY_SIZES:
            raise ConfigError(
                f"{self.name} takes only 1024x1024, 1536x1024 and 1024x1536: use `canvas: fixed`."
            )

    def _flat(self, what: What) -> Decimal:
        return self.usd_per_image if isinstance(what, ForImage) else Decimal(0)


def _seen(what: What) -> list[tuple[int, int]]:
    """Sizes of the pictures as a model counts them: one that is told of least pixels scales them up."""
    sizes = [picture.size for picture in what.shown]
    if isinstance(what, ForImage):
        return sizes
    least = what.options.get("mm_processor_kwargs", {}).get("min_pixels", 0)
    scales = (max(1.0, math.sqrt(least / (width * height))) for width, height in sizes)
    return [
        (math.ceil(width * scale), math.ceil(height * scale))
        for (width, height), scale in zip(sizes, scales, strict=True)
    ]


def endpoint_from(name: str, members: Mapping[str, Any]) -> Endpoint:
    """An endpoint from flat members, as a saved block or the environment gives them.

    Args:
        name: For people and logs.
        members: Members of `Endpoint` and of `Limits` side by side, and `prices`, which holds price
            rows of a user's own; others are ignored.

    Raises:
        ConfigError: A member has a value that it cannot have.
    """
    limits = {key: members[key] for key in Limits.model_fields if key in members}
    own = {key: members[key] for key in Endpoint.model_fields if key in members}
    own["base_url"] = str(own.get("base_url", "")).rstrip("/")
    if members.get("prices"):
        own["tariffs"] = PUBLISHED.having(own_prices(members["prices"]))
    if "usd_per_image" in own:
        own["usd_per_image"] = str(own["usd_per_image"])
    try:
        return Endpoint(**{**own, "name": name, "limits": Limits(**limits)})
    except ValidationError as error:
        raise ConfigError(f"The endpoint {name!r} cannot be used: {first_problem(error)}") from None


def first_problem(error: ValidationError) -> str:
    """The first thing that pydantic found, as one sentence with the value and what was expected.

    Values that may hold a key are left out.
    """
    found = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in found["loc"]) or "the whole"
    value = found.get("input")
    telling = isinstance(value, str | int | float) and "@" not in str(value)
    shown = f" (given: {value!r:.80})" if telling and not _SECRET.search(where) else ""
    return f"{where}: {found['msg']}{shown}."
