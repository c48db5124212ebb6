"""A saved connection to a model API."""

from datetime import UTC, datetime
from typing import Any, Literal

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr, field_validator

from blocks.schemas import OneSchema
from editcorpus.buckets import refuse_password
from editcorpus.endpoints.endpoint import Endpoint, endpoint_from
from editcorpus.endpoints.health import check_clock, check_serves, look_at
from editcorpus.errors import EditcorpusError
from editcorpus.rates import own_prices


class ModelEndpoint(OneSchema, Block):
    """An OpenAI-compatible model API: where it is, its key, its prices and its limits.

    Example:
        Ask a saved endpoint whether it can be used:
        ```python
        from blocks.model_endpoint import ModelEndpoint

        model_endpoint = ModelEndpoint.load("BLOCK_NAME")
        print(model_endpoint.check() or "It can be used.")
        ```
    """

    _block_type_name = "Model endpoint"
    _block_type_slug = "model-endpoint"
    _description = "An OpenAI-compatible model API: where it is, its key, its prices, its limits."
    _documentation_url = HttpUrl("https://docs.prefect.io/v3/concepts/blocks")

    base_url: str = Field(
        default="https://api.openai.com/v1", description="URL of the API, ending in /v1."
    )
    api_key: SecretStr = Field(
        default=SecretStr(""), description="Key of the API; empty where none is asked for."
    )
    provider: str = Field(
        default="openai",
        description="Part of every request's hash: answers of two providers are never mixed.",
    )
    models: list[str] = Field(
        default=[],
        description="Models that it must serve, which its check looks for; a run looks for its own.",
    )
    tariff: Literal["listed", "per_image", "free"] = Field(
        default="listed", description="listed: by the price list; per_image: flat; free: nothing."
    )
    usd_per_image: float = Field(
        default=0, ge=0, description="Dollars for one picture, where the tariff is per_image."
    )
    prices: dict[str, Any] = Field(
        default={},
        description="Price rows of your own, in the form of editcorpus/tariffs.json; each takes the "
        "place of a published one. Empty: the published prices.",
    )
    reports_usage: bool = Field(
        default=True, description="Whether answers say how many tokens they took."
    )
    sizes: Literal["free", "legacy"] = Field(
        default="free", description="free: any size of gpt-image-2; legacy: the three old sizes."
    )
    qualities: list[str] = Field(
        default=["low", "medium", "high", "xhigh", "max"],
        description="Qualities that it takes; none: no quality is sent.",
    )
    in_flight: int = Field(
        default=256, ge=1, le=4096, description="Most calls in flight, 1 to 4096."
    )
    requests_per_minute: int = Field(default=0, ge=0, description="0 is no limit.")
    input_images_per_minute: int = Field(default=0, ge=0, description="0 is no limit.")
    tokens_per_minute: int = Field(default=0, ge=0, description="0 is no limit.")
    images_per_minute: int = Field(
        default=0, ge=0, description="Pictures made from a text alone; 0 is no limit."
    )
    deadline_s: float = Field(
        default=600, gt=0, description="Longest time for one call, in seconds; 360 or more."
    )
    call_attempts: int = Field(
        default=4,
        ge=1,
        le=20,
        description="Tries of one call, 1 to 20; 1 leaves retries to Prefect, but for calls that were "
        "refused for want of room, which the engine waits for.",
    )
    max_blocked_share: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="Share of the last 1,000 calls that the safety system may block before the run "
        "stops, above 0 and at most 1; 1 never stops it. Providers close accounts over it.",
    )
    batch_lines: int = Field(
        default=300,
        ge=1,
        le=50_000,
        description="Edits in one batch, 1 to 50,000; each comes back as 1.5 to 3 MB of text.",
    )
    batch_chats: int = Field(
        default=5_000, ge=1, le=50_000, description="Questions in one batch, 1 to 50,000."
    )
    batch_tokens: int = Field(
        default=0,
        ge=0,
        description="Input tokens of a model that may lie in unfinished batches, as the API's page on "
        "limits names it; 0: learnt from the first batch that is refused for it.",
    )

    @field_validator("base_url")
    @classmethod
    def _holds_no_password(cls, url: str) -> str:
        """A URL is shown by the API, and in messages."""
        refuse_password(url)
        return url

    @field_validator("prices")
    @classmethod
    def _are_prices(cls, prices: dict[str, Any]) -> dict[str, Any]:
        """They are shown by the API: nothing else may stand among them."""
        if prices:
            own_prices(prices)
        return prices

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint as the engine takes it, under a name for people."""
        members = {field: getattr(self, field) for field in type(self).model_fields}
        return endpoint_from(name, members)

    def check(self) -> str:
        """Find out whether it can be called: that it answers, takes the key and serves its models.

        Returns:
            What is wrong, in one sentence; empty where nothing is.
        """
        try:
            endpoint = self.endpoint(self._block_document_name or "here")
            found = look_at(endpoint)
            for model in self.models:
                check_serves(endpoint, found, model)
            check_clock(endpoint, found, datetime.now(UTC))
        except EditcorpusError as error:
            return str(error)
        return ""
