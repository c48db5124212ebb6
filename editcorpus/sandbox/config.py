"""What a sandbox server is told when it starts, and what may be changed while it runs."""

import re
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from editcorpus.errors import ConfigError
from editcorpus.sandbox.defects import Defect
from editcorpus.sandbox.personas import POOLING_MODELS

_STRIKE = re.compile(r"(\w+)=(\d{1,9})(-(\d{0,9}))?")

Rate = Annotated[float, Field(ge=0.0, le=1.0)]


class Fault(StrEnum):
    """One way in which a call can go wrong, as clients of the real services report them."""

    # a limit that heals by itself
    RATE_LIMIT = "rate_limit"
    RATE_LIMIT_TOKENS = "rate_limit_tokens"
    RATE_LIMIT_IMAGES = "rate_limit_images"
    RATE_LIMIT_LONG = "rate_limit_long"
    CONCURRENCY = "concurrency"
    # too much load, or a failure of the service
    SLOW_DOWN = "slow_down"
    SLOW_DOWN_429 = "slow_down_429"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    INTERNAL_ERROR = "internal_error"
    # somebody else answers
    HTML_502 = "html_502"
    HTML_503 = "html_503"
    HTML_504 = "html_504"
    HTML_520 = "html_520"
    HTML_200 = "html_200"
    PROXY_PAGE = "proxy_page"
    # the safety system
    MODERATION_INPUT = "moderation_input"
    MODERATION_OUTPUT = "moderation_output"
    MODERATION_UNKNOWN = "moderation_unknown"
    CONTENT_POLICY = "content_policy"
    # the request is said to be wrong
    BAD_IMAGE = "bad_image"
    BAD_MIMETYPE = "bad_mimetype"
    NO_MIMETYPE = "no_mimetype"
    INVALID_IMAGE_FORMAT = "invalid_image_format"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_PARSE_ERROR = "image_parse_error"
    INVALID_BASE64_IMAGE = "invalid_base64_image"
    BAD_SIZE = "bad_size"
    BAD_FIDELITY = "bad_fidelity"
    TOO_LARGE = "too_large"
    UNPROCESSABLE = "unprocessable"
    # key, access, money
    KEY_REVOKED = "key_revoked"
    NO_ORGANIZATION = "no_organization"
    UNVERIFIED = "unverified"
    UNSUPPORTED_COUNTRY = "unsupported_country"
    MODEL_NOT_FOUND = "model_not_found"
    QUOTA = "quota"
    CREDIT_BALANCE = "credit_balance"
    ORGANIZATION_SPEND = "organization_spend"
    PROJECT_SPEND = "project_spend"
    ORGANIZATION_USAGE = "organization_usage"
    BILLING_NOT_ACTIVE = "billing_not_active"
    BILLING_HARD_LIMIT = "billing_hard_limit"
    # an answer that is damaged
    BAD_B64 = "bad_b64"
    TRUNCATED_B64 = "truncated_b64"
    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED_IMAGE = "truncated_image"
    EMPTY_DATA = "empty_data"
    WRONG_SIZE = "wrong_size"
    NO_USAGE = "no_usage"
    MALFORMED_JSON = "malformed_json"
    EMPTY_BODY = "empty_body"
    # no whole answer
    CUT_BODY = "cut_body"
    RESET = "reset"
    RESET_EARLY = "reset_early"
    HANG = "hang"
    # a chat model that does not do as asked
    UNREADABLE = "unreadable"
    REFUSAL = "refusal"
    LENGTH = "length"
    # a whole batch
    BATCH_FAILED = "batch_failed"
    BATCH_EXPIRED = "batch_expired"


class Limits(BaseModel):
    """What the OpenAI persona admits; 0 means no limit. A minute lasts 60 s x `time_scale`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_minute: int = Field(0, ge=0, description="Calls per minute.")
    tokens_per_minute: int = Field(0, ge=0, description="Input tokens per minute.")
    input_images_per_minute: int = Field(0, ge=0, description="Pictures sent per minute.")
    images_per_minute: int = Field(0, ge=0, description="Made from a text alone, per minute.")
    concurrent: int = Field(0, ge=0, description="Calls worked on at once.")


class Strike(BaseModel):
    """A fault that strikes calls by their number, whatever they ask for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fault: Fault = Field(description="What strikes, where it can.")
    first: int = Field(ge=1, description="Number of the first call that it strikes, from 1.")
    last: int | None = Field(None, ge=1, description="Number of the last call; none: all others.")


class Batching(BaseModel):
    """How batches are taken and worked on; seconds and minutes are those of the scaled clock."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_lines: int = Field(50_000, ge=1, description="Lines that one batch may have.")
    max_bytes: int = Field(200_000_000, ge=1, description="Bytes that its input file may have.")
    enqueued_tokens: int = Field(
        0, ge=0, description="Input tokens of unfinished batches of a model; 0: no limit."
    )
    start_s: float = Field(60, ge=0, description="Seconds until a batch is validated.")
    lines_per_minute: float = Field(60, gt=0, description="Lines of one batch done per minute.")
    finish_s: float = Field(30, ge=0, description="Seconds until its files are there.")
    keep_s: float = Field(
        600, ge=0, description="Real seconds for which no file expires, whatever the clock says."
    )


class SandboxConfig(BaseModel):
    """All settings of one sandbox server. The same config gives the same answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(0, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    seed: int = Field(0, description="Decides, with the request, every edit, fault and delay.")
    today: date = Field(
        date(2026, 11, 20), description="Day that decides which models are shut down."
    )
    created: int = Field(
        1_795_132_800, ge=0, description="`created` of every answer, in seconds since 1970."
    )
    api_keys: tuple[SecretStr, ...] = Field(
        (), description="Keys that the OpenAI persona takes; empty: any key that is not empty."
    )
    vllm_api_keys: tuple[SecretStr, ...] = Field(
        (), description="Keys that the vLLM persona takes; empty: none is asked for."
    )
    keys_revoked: bool = Field(False, description="Every key is refused from now on.")
    vllm_model: str = Field(
        "Qwen/Qwen2.5-VL-7B-Instruct", description="The one model of the vLLM persona."
    )
    vllm_max_model_len: int = Field(
        8192, ge=1, description="Longest prompt plus answer of the vLLM persona, in tokens."
    )
    pooling_models: tuple[str, ...] = Field(
        POOLING_MODELS, description="Models that give vectors; no `dino` among them takes a text."
    )
    vllm_concurrent: int = Field(
        0, ge=0, description="Calls that vLLM takes at once before it answers 503; 0: no limit."
    )
    vllm_ready: bool = Field(True, description="Whether the vLLM persona has loaded its model.")
    time_scale: float = Field(
        1.0, gt=0, le=100, description="Factor on every delay and on the minute of the limits."
    )
    latency_s: float | None = Field(
        None, ge=0, description="Fixed delay in seconds before `time_scale`; none: log-normal."
    )
    limits: Limits = Field(default_factory=Limits, description="Limits of the OpenAI persona.")
    faults: dict[Fault, Rate] = Field(
        default_factory=dict, description="Share of calls, 0 to 1, that each fault strikes."
    )
    strikes: tuple[Strike, ...] = Field(
        (), description="Faults that strike by number of the paid call, from 1, batch lines too."
    )
    batches: Batching = Field(default_factory=Batching, description="How batches are worked on.")
    defects: dict[Defect, Rate] = Field(
        default_factory=dict, description="Share of edits, 0 to 1, that come back with each defect."
    )
    drift_percent: float = Field(
        3.0,
        gt=0,
        le=20,
        description="Shift or zoom of a drifting edit, and most that padding reaches into a picture, "
        "percent of a side.",
    )
    requests: Path | None = Field(
        None, description="Folder of the canvases of requests, in groups, for the defect `swapped`."
    )
    benchmark: Path | None = Field(
        None, description="Folder of the pictures that the defect `benchmark` shows."
    )
    quota_after_usd: Decimal | None = Field(
        None, ge=0, description="Dollars billed after which every call is refused for quota."
    )
    journal_path: Path | None = Field(
        None,
        description="JSON lines file of all calls, read at start; files and batches are kept in a "
        "folder beside it. None: in memory and a temporary folder.",
    )
    canned: bool = Field(
        False, description="Answer with prepared pictures and texts that cost no CPU."
    )
    threads: int = Field(2, ge=1, le=64, description="Threads that decode, edit and encode.")
    max_pixels: int = Field(
        50_000_000, ge=1, description="Pixels that one picture sent may declare."
    )

    def changed(self, members: dict[str, Any]) -> "SandboxConfig":
        """This config with some members replaced, checked anew.

        Raises:
            ValidationError: A member is unknown or out of its bounds.
        """
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        return SandboxConfig.model_validate(kept | members)


def config_of(members: dict[str, Any]) -> SandboxConfig:
    """The config that a command line describes.

    Args:
        members: As `SandboxConfig` has them; `faults` and `defects` may be `name=rate,name=rate`,
            `strikes` may be `name=7,name=5-9,name=20-`.

    Raises:
        ConfigError: A member is unknown or out of its bounds; one sentence says which.
    """
    given = dict(members)
    for name in ("faults", "defects"):
        if isinstance(given.get(name), str):
            given[name] = _rates(name, given[name])
    if isinstance(given.get("strikes"), str):
        given["strikes"] = _strikes(given["strikes"])
    try:
        return SandboxConfig.model_validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in found["loc"] if part != "[key]")
        raise ConfigError(f"{where}: {found['msg']}.") from None


def _rates(name: str, text: str) -> dict[str, float]:
    rates = {}
    for each in filter(str.strip, text.split(",")):
        kind, _, rate = each.partition("=")
        try:
            rates[kind.strip()] = float(rate)
        except ValueError:
            raise ConfigError(f"{name} takes NAME=RATE,..., not {each.strip()!r:.80}.") from None
    return rates


def _strikes(text: str) -> list[dict[str, Any]]:
    strikes = []
    for each in filter(str.strip, text.split(",")):
        match = _STRIKE.fullmatch(each.strip())
        if match is None:
            raise ConfigError(f"strikes takes NAME=FIRST-LAST,..., not {each.strip()!r:.80}.")
        fault, first, reaching, last = match.groups()
        to = last or None if reaching else first
        strikes.append({"fault": fault, "first": first, "last": to})
    return strikes


#: Members that `POST /__admin/config` may change while the server runs.
CHANGEABLE = frozenset(
    {
        "faults",
        "strikes",
        "batches",
        "defects",
        "drift_percent",
        "limits",
        "time_scale",
        "latency_s",
        "quota_after_usd",
        "keys_revoked",
        "vllm_ready",
        "vllm_concurrent",
        "today",
        "canned",
    }
)
