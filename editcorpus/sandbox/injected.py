"""What each injected fault looks like from outside, word for word where the words are published."""

from collections.abc import Callable
from dataclasses import dataclass

from editcorpus.sandbox.config import Fault
from editcorpus.sandbox.limits import crowded, span
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.refusals import (
    BILLING,
    QUOTA,
    ApiError,
    bad_key,
    blocked,
    no_model,
    page,
    rate_limited,
)

#: Wait, in emulated seconds, that an injected rate limit asks for: that of a published sample.
_RETRY_S = 0.534

#: A wait that the client library does not sit out by itself: it takes up to 120 s.
_LONG_S = 180.0

_PROXY = (
    b"<!DOCTYPE html>\n<html><head><title>Access denied</title></head><body><h1>Access denied</h1>"
    b"<p>The proxy of this network does not allow this address.</p></body></html>\n"
)

#: Pages of HTML in place of an answer, with their status.
PAGES: dict[Fault, tuple[int, bytes]] = {
    Fault.HTML_502: (502, page(502, "Bad gateway")),
    Fault.HTML_503: (503, page(503, "Service unavailable")),
    Fault.HTML_504: (504, page(504, "Gateway time-out")),
    Fault.HTML_520: (520, page(520, "Web server is returning an unknown error")),
    Fault.HTML_200: (
        200,
        b"<!DOCTYPE html>\n<html><body><h1>Just a moment...</h1></body></html>\n",
    ),
    Fault.PROXY_PAGE: (403, _PROXY),
}

#: Answered by a gateway that may have lost a finished answer: billed every other time.
EDGE = frozenset({Fault.HTML_502, Fault.HTML_503, Fault.HTML_504, Fault.HTML_520})


@dataclass(frozen=True, slots=True)
class _Face:
    """An error answer; `{model}` in the message stands for the model that was asked for."""

    status: int
    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None


def _money(kind: str, code: str, status: int = 429) -> _Face:
    return _Face(status, BILLING[code], kind, code=code)


_QUOTA = "insufficient_quota"
_SAFETY = "image_generation_user_error"
_UNSUPPORTED_IMAGE = "You uploaded an unsupported image. Please make sure your image is valid."

_FACES: dict[Fault, _Face] = {
    Fault.SLOW_DOWN: _Face(
        503,
        "We are currently processing too many requests. Please slow down.",
        "server_error",
        code="slow_down",
    ),
    Fault.SLOW_DOWN_429: _Face(
        429, "Too many requests in a short time. Please slow down.", "slow_down", code="slow_down"
    ),
    Fault.OVERLOADED: _Face(
        503, "That model is currently overloaded with other requests.", "overloaded",
        code="overloaded",
    ),
    Fault.INTERNAL_ERROR: _Face(
        500,
        "The server had an error while processing your request. Sorry about that!",
        "server_error",
        code="server_error",
    ),
    Fault.CONTENT_POLICY: _Face(
        400,
        "Your request was rejected as a result of our safety system. Your prompt may contain text "
        "that is not allowed by our safety system.",
        _SAFETY,
        code="content_policy_violation",
    ),
    Fault.BAD_IMAGE: _Face(
        400, "Invalid image file or mode for image 1, please check your image file.", param="image"
    ),
    Fault.BAD_MIMETYPE: _Face(
        400,
        "Invalid file 'image': unsupported mimetype ('application/octet-stream'). Supported file "
        "formats are 'image/jpeg', 'image/png', and 'image/webp'.",
        param="image",
        code="unsupported_file_mimetype",
    ),
    Fault.NO_MIMETYPE: _Face(
        400, "Invalid file 'image': missing mimetype.", param="image", code="missing_file_mimetype"
    ),
    Fault.INVALID_IMAGE_FORMAT: _Face(400, _UNSUPPORTED_IMAGE, code="invalid_image_format"),
    Fault.IMAGE_TOO_LARGE: _Face(400, "The image is too large.", code="image_too_large"),
    Fault.IMAGE_PARSE_ERROR: _Face(400, _UNSUPPORTED_IMAGE, code="image_parse_error"),
    Fault.INVALID_BASE64_IMAGE: _Face(
        400, "Invalid base64 image data.", code="invalid_base64_image"
    ),
    Fault.BAD_SIZE: _Face(
        400,
        "Invalid size '512x512'. Requested resolution is below the current minimum pixel budget.",
        param="size",
        code="invalid_value",
    ),
    Fault.BAD_FIDELITY: _Face(
        400,
        "The model '{model}' does not support the 'input_fidelity' parameter.",
        param="input_fidelity",
        code="invalid_input_fidelity_model",
    ),
    Fault.TOO_LARGE: _Face(413, "Request body too large."),
    Fault.UNPROCESSABLE: _Face(422, "The request could not be processed."),
    Fault.NO_ORGANIZATION: _Face(
        401,
        "You must be a member of an organization to use the API.",
        code="no_organization",
    ),
    Fault.UNVERIFIED: _Face(
        403,
        "Your organization must be verified to use the model `{model}`. Please go to: "
        "https://platform.openai.com/settings/organization/general and click on Verify "
        "Organization.",
    ),
    Fault.UNSUPPORTED_COUNTRY: _Face(
        403,
        "Country, region, or territory not supported",
        "request_forbidden",
        code="unsupported_country_region_territory",
    ),
    Fault.QUOTA: _Face(429, QUOTA, _QUOTA, code=_QUOTA),
    Fault.CREDIT_BALANCE: _money(_QUOTA, "credit_balance_exhausted"),
    Fault.ORGANIZATION_SPEND: _money(_QUOTA, "organization_spend_limit_exceeded"),
    Fault.PROJECT_SPEND: _money(_QUOTA, "project_spend_limit_exceeded"),
    Fault.ORGANIZATION_USAGE: _money(_QUOTA, "organization_usage_limit_exceeded"),
    Fault.BILLING_NOT_ACTIVE: _money("billing_not_active", "billing_not_active"),
    Fault.BILLING_HARD_LIMIT: _money(_SAFETY, "billing_hard_limit_reached", 400),
}  # fmt: skip

#: What runs out, and the wait that is asked for.
_RATES = {
    Fault.RATE_LIMIT: ("requests", _RETRY_S),
    Fault.RATE_LIMIT_LONG: ("requests", _LONG_S),
    Fault.RATE_LIMIT_TOKENS: ("tokens", _RETRY_S),
    Fault.RATE_LIMIT_IMAGES: ("input-images", _RETRY_S),
}
_STAGES = {
    Fault.MODERATION_INPUT: "input",
    Fault.MODERATION_OUTPUT: "output",
    Fault.MODERATION_UNKNOWN: "unknown",
}
_LOADED = frozenset(
    {*_RATES, Fault.CONCURRENCY, Fault.SLOW_DOWN, Fault.SLOW_DOWN_429, Fault.OVERLOADED}
)

#: Faults that are an error answer with a JSON body.
REFUSED = frozenset(
    {
        *_FACES, *_RATES, *_STAGES, Fault.CONCURRENCY, Fault.SERVER_ERROR, Fault.KEY_REVOKED,
        Fault.MODEL_NOT_FOUND,
    }
)  # fmt: skip

#: Answered before or instead of the work; nothing is billed for them.
UNBILLED = REFUSED | {Fault.PROXY_PAGE, Fault.RESET_EARLY}


def refusal(fault: Fault, persona: Persona, model: str, request_id: str, scale: float) -> ApiError:
    """The error answer of a fault that is one (`REFUSED`); waits in it are real time, scaled."""
    if persona is Persona.VLLM and fault in _LOADED:
        return ApiError(503, "The server is at its limit of queued requests, try again later.")
    if fault in _RATES:
        return _too_many(model, *_RATES[fault], scale)
    if fault in _STAGES:
        return blocked(_STAGES[fault], request_id)
    if fault in _FACES:
        face = _FACES[fault]
        message = face.message.replace("{model}", model)
        return ApiError(face.status, message, face.type, face.param, face.code)
    others: dict[Fault, Callable[[], ApiError]] = {
        Fault.CONCURRENCY: lambda: crowded(model, 16, 16, scale),
        Fault.KEY_REVOKED: bad_key,
        Fault.MODEL_NOT_FOUND: lambda: no_model(model, persona),
        Fault.SERVER_ERROR: lambda: _failed(model),
    }
    return others[fault]()


def _failed(model: str) -> ApiError:
    if model.startswith("gpt-image"):
        kind = "image_generation_server_error"
        return ApiError(500, "Image generation failed", kind, code="image_generation_failed")
    face = _FACES[Fault.INTERNAL_ERROR]
    return ApiError(face.status, face.message, face.type, code=face.code)


def _too_many(model: str, kind: str, wait_s: float, scale: float) -> ApiError:
    wait = wait_s * scale
    message = (
        f"Rate limit reached for {model} (for limit {model}) in organization org-emulated on "
        f"{kind} per min: Limit 5, Used 5, Requested 1. Please try again in {span(wait)}."
    )
    return rate_limited(message, kind, wait)
