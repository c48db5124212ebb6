"""The error answers of both personas, word for word where the words are published."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from editcorpus.sandbox.personas import Persona

#: What the service says of an account that cannot pay, by code.
BILLING = {
    "credit_balance_exhausted": "Your credit balance is exhausted. Please add credits.",
    "organization_spend_limit_exceeded": "Your organization has reached its spend limit.",
    "project_spend_limit_exceeded": "Your project has reached its spend limit.",
    "organization_usage_limit_exceeded": "Your organization has reached its usage limit.",
    "billing_not_active": "Your account is not active, please check your billing details on our "
    "website.",
    "billing_hard_limit_reached": "Billing hard limit has been reached.",
}
QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more "
    "information on this error, read the docs: "
    "https://platform.openai.com/docs/guides/error-codes/api-errors."
)


def page(status: int, words: str) -> bytes:
    """The page of HTML that a gateway shows in place of an answer."""
    return (
        f"<!DOCTYPE html>\n<html><head><title>api.openai.com | {status}: {words}</title></head>"
        f"<body><h1>{words} <span>Error code {status}</span></h1><p>Cloudflare</p></body></html>\n"
    ).encode()


#: The names vLLM gives to errors, by status; its `code` is the status as a number.
_VLLM_TYPES = {
    400: "BadRequestError",
    404: "NotFoundError",
    413: "Request Entity Too Large",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
}


@dataclass
class ApiError(Exception):
    """A call is refused, with everything that the body of the answer says.

    Attributes:
        status: HTTP status.
        details: Further members of the `error` object.
        headers: Further headers of the answer.
    """

    status: int
    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, persona: Persona) -> bytes:
        """The JSON body in the words of a persona."""
        if persona is Persona.VLLM:
            return json.dumps(self._vllm()).encode()
        error = {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
            **self.details,
        }
        return json.dumps({"error": error}).encode()

    def _vllm(self) -> dict[str, Any]:
        if self.status == 401:
            return {"error": "Unauthorized"}
        error = {
            "message": self.message,
            "type": _VLLM_TYPES.get(self.status, "InternalServerError"),
            "param": self.param,
            "code": self.status,
        }
        return {"error": error}


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """400: the request is wrong and always will be."""
    return ApiError(400, message, param=param, code=code)


def missing(param: str) -> ApiError:
    """400: a parameter is not given."""
    return invalid(
        f"Missing required parameter: '{param}'.", param, code="missing_required_parameter"
    )


def unknown_parameter(name: str) -> ApiError:
    """400: there is no such parameter."""
    return invalid(f"Unknown parameter: '{name}'.", name, "unknown_parameter")


def one_of(param: str, value: str, supported: tuple[str, ...]) -> ApiError:
    """400: a parameter that takes few values got another."""
    names = [f"'{name}'" for name in supported]
    listed = names[0] if len(names) == 1 else ", ".join(names[:-1]) + f", and {names[-1]}"
    message = f"Invalid value: '{value}'. Supported values are: {listed}."
    return invalid(message, param, "invalid_value")


def bad_key() -> ApiError:
    """401: no key, a wrong one, or one that was revoked."""
    message = (
        "Incorrect API key provided. You can find your API key at "
        "https://platform.openai.com/account/api-keys."
    )
    return ApiError(401, message, code="invalid_api_key")


def no_model(model: str, persona: Persona) -> ApiError:
    """404: unknown or shut down; the two look alike from outside."""
    if persona is Persona.VLLM:
        return ApiError(404, f"The model `{model}` does not exist.", param="model")
    message = f"The model `{model}` does not exist or you do not have access to it."
    return ApiError(404, message, code="model_not_found")


def rate_limited(message: str, kind: str, wait_s: float) -> ApiError:
    """429 for a limit that heals by itself after `wait_s` seconds.

    Args:
        message: For people; tells the limit and when to come again.
        kind: What is limited: `requests`, `tokens` or `input-images`.
        wait_s: Real seconds, rounded up in `retry-after`.
    """
    headers = {
        "retry-after": str(max(1, math.ceil(wait_s))),
        "retry-after-ms": str(max(1, round(wait_s * 1000))),
    }
    return ApiError(429, message, kind, code="rate_limit_exceeded", headers=headers)


def out_of_quota() -> ApiError:
    """429 that no waiting heals: the money is spent."""
    return ApiError(429, QUOTA, "insufficient_quota", code="insufficient_quota")


def no_file(file_id: str, param: str | None = "id") -> ApiError:
    """404: no such file, or one that was deleted or has expired."""
    return ApiError(404, f"No such File object: {file_id:.200}", param=param)


def blocked(stage: str, request_id: str) -> ApiError:
    """400 of the safety system, which speaks at the stage `input`, `output` or `unknown`."""
    message = (
        "Your request was rejected by the safety system. If you believe this is an error, contact "
        f"us at help.openai.com and include the request ID {request_id}. "
        "safety_violations=[sexual]."
    )
    return ApiError(
        400,
        message,
        "image_generation_user_error",
        code="moderation_blocked",
        details={
            "moderation_details": {"moderation_stage": stage, "categories": ["sexual"]},
        },
    )
