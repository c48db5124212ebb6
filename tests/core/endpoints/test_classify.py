import asyncio
import json

import httpx2
import openai
import pytest
from openai import AsyncOpenAI

from editcorpus.endpoints.classify import LONGEST_WAIT_S, Facts, classify
from editcorpus.errors import ModelMisbehaved
from editcorpus.records import Reason

HTML = b"<!DOCTYPE html><html><title>502: Bad gateway</title><h1>Cloudflare</h1></html>"
KEY = "sk-proj-Ab12Cd34Ef56"


def raised(status: int, body: object, headers: dict[str, str] | None = None) -> Exception:
    """What the client raises for an answer; a `dict` is sent as JSON, bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = httpx2.Response(status, content=content, headers=headers or {})

    async def ask() -> None:
        transport = httpx2.MockTransport(lambda _request: answer)
        http = httpx2.AsyncClient(transport=transport)
        async with AsyncOpenAI(api_key=KEY, http_client=http, max_retries=0) as client:
            await client.models.list()

    with pytest.raises(openai.APIError) as caught:
        asyncio.run(ask())
    return caught.value


def api(
    code: object = None, kind: str | None = None, message: str = "", **more: object
) -> dict[str, object]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


PER_MINUTE = (
    "Rate limit reached for gpt-image-2 (for limit gpt-image) in organization org-x on "
    "input-images per min: Limit 5, Used 5, Requested 1. Please try again in 12s."
)
BLOCKED = (
    "Your request was rejected by the safety system. If you believe this is an error, contact us "
    "and include the request ID 7b1c. safety_violations=[sexual]."
)
AT_INPUT = {"moderation_details": {"moderation_stage": "input", "categories": ["sexual"]}}
AT_OUTPUT = {"moderation_details": {"moderation_stage": "output", "categories": ["sexual"]}}
UNVERIFIED = "Your organization must be verified to use the model `gpt-image-2`. Please go to x."
GONE = "The model `gpt-image-1` does not exist or you do not have access to it."
MIMETYPE = (
    "Invalid file 'image': unsupported mimetype ('application/octet-stream'). Supported file "
    "formats are 'image/jpeg', 'image/png', and 'image/webp'."
)
MODE = "Invalid image file or mode for image 1, please check your image file."
USER = "image_generation_user_error"

# Status, body, then action, kind and whether it was billed.
ANSWERS = [
    (429, api("rate_limit_exceeded", "input-images", PER_MINUTE), "retry", "rate_minute", "no"),
    (429, api("rate_limit_exceeded", "requests", "Slower."), "retry", "rate_minute", "no"),
    (429, api("rate_limit_exceeded", "tokens", ""), "retry", "rate_minute", "no"),
    (429, api(None, "tokens", "Too many."), "retry", "rate_minute", "no"),
    (
        429,
        api("rate_limit_exceeded", "requests", "Rate limit reached on concurrent requests."),
        "retry",
        "rate_concurrency",
        "no",
    ),
    (429, api(None, None, "Too many requests"), "retry", "rate_concurrency", "no"),
    (429, b"", "retry", "rate_concurrency", "no"),
    (429, HTML, "retry", "rate_concurrency", "no"),
    (429, api("slow_down", None, "Slow down."), "retry", "slow_down", "no"),
    (503, api("slow_down", "server_error", ""), "retry", "slow_down", "no"),
    (503, api(None, "overloaded_error", "Overloaded"), "retry", "slow_down", "no"),
    (503, api(None, "server_error", "The engine is overloaded"), "retry", "slow_down", "no"),
    (500, api(None, "server_error", "The server had an error"), "retry", "server", "no"),
    (
        500,
        api("image_generation_failed", "image_generation_server_error", "Image generation failed"),
        "retry",
        "server",
        "no",
    ),
    (500, api("new_word", None, "Oops"), "retry", "server", "no"),
    (500, api(None, None, "Oops"), "retry", "edge", "maybe"),
    *((status, HTML, "retry", "edge", "maybe") for status in (500, 502, 503, 504, 520)),
    (502, b"Bad Gateway", "retry", "edge", "maybe"),
    (503, b"upstream connect error", "retry", "edge", "maybe"),
    (504, {"message": "Endpoint request timed out"}, "retry", "edge", "maybe"),
    (400, HTML, "retry", "edge", "no"),
    (403, HTML, "retry", "edge", "no"),
    (408, api(None, None, "Request timeout"), "retry", "timeout", "maybe"),
    (409, api(None, None, "Conflict"), "retry", "server", "no"),
    (400, api("moderation_blocked", USER, BLOCKED), "drop", "moderation_input", "no"),
    (400, api("moderation_blocked", USER, BLOCKED, **AT_INPUT), "drop", "moderation_input", "no"),
    (
        400,
        api("moderation_blocked", USER, BLOCKED, **AT_OUTPUT),
        "retry",
        "moderation_output",
        "maybe",
    ),
    (
        400,
        api("moderation_blocked", USER, "", moderation_details={"moderation_stage": "unknown"}),
        "drop",
        "moderation_input",
        "maybe",
    ),
    (400, api("content_policy_violation", None, ""), "drop", "moderation_input", "no"),
    (400, api(None, USER, BLOCKED), "drop", "moderation_input", "no"),
    (400, api(None, "invalid_request_error", MODE), "drop", "bad_image", "no"),
    (400, api("unsupported_file_mimetype", None, MIMETYPE), "drop", "bad_image", "no"),
    (400, api(None, "invalid_request_error", MIMETYPE), "drop", "bad_image", "no"),
    (400, api("image_parse_error", None, ""), "drop", "bad_image", "no"),
    (400, api("invalid_base64_image", None, ""), "drop", "bad_image", "no"),
    (
        400,
        api("invalid_value", "invalid_request_error", "Invalid size"),
        "drop",
        "bad_request",
        "no",
    ),
    (400, api("invalid_input_fidelity_model", None, ""), "drop", "bad_request", "no"),
    (413, HTML, "drop", "bad_request", "no"),
    (413, api(None, None, "Too large"), "drop", "bad_request", "no"),
    (413, api(None, "InternalServerError", "Too large"), "drop", "bad_request", "no"),
    (413, api(None, "Request Entity Too Large", "Too large"), "drop", "bad_request", "no"),
    (422, api(None, None, "Unprocessable"), "drop", "bad_request", "no"),
    (
        404,
        api(None, "invalid_request_error", "No such File object: file-a"),
        "drop",
        "bad_request",
        "no",
    ),
    (401, api("invalid_api_key", "invalid_request_error", "Incorrect"), "stop", "auth", "no"),
    (401, api("no_organization", None, ""), "stop", "auth", "no"),
    (401, HTML, "stop", "auth", "no"),
    (401, {"error": "Unauthorized"}, "stop", "auth", "no"),
    (403, api(None, "invalid_request_error", UNVERIFIED), "stop", "access", "no"),
    (400, api(None, "invalid_request_error", UNVERIFIED), "stop", "access", "no"),
    (403, api("unsupported_country_region_territory", None, ""), "stop", "access", "no"),
    (404, api("model_not_found", "invalid_request_error", GONE), "stop", "dead_model", "no"),
    (404, {"detail": "Not Found"}, "stop", "access", "no"),
    (429, api("insufficient_quota", "insufficient_quota", ""), "stop", "quota", "no"),
    (429, api(None, "insufficient_quota", ""), "stop", "quota", "no"),
    (429, api(None, None, "You exceeded your current quota, please"), "stop", "quota", "no"),
    *(
        (429, api(code, "insufficient_quota", ""), "stop", "quota", "no")
        for code in (
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
        )
    ),
    (429, api("billing_not_active", None, "Your account"), "stop", "quota", "no"),
    (400, api("billing_hard_limit_reached", "x", ""), "stop", "quota", "no"),
    (400, api(None, None, "Billing hard limit has been reached."), "stop", "quota", "no"),
    (404, api(404, "NotFoundError", "The model `x` does not exist."), "stop", "dead_model", "no"),
    (400, api(400, "BadRequestError", "maximum context length"), "drop", "bad_request", "no"),
    (422, api(422, "UnprocessableEntityError", "image fetch"), "drop", "bad_request", "no"),
    (500, api(500, "InternalServerError", "engine died"), "retry", "server", "no"),
    (
        503,
        api(503, "ServiceUnavailableError", "The queue is full"),
        "retry",
        "rate_concurrency",
        "no",
    ),
    (503, api(503, "ServiceUnavailableError", "loading"), "retry", "slow_down", "no"),
]


@pytest.mark.parametrize(("status", "body", "action", "kind", "billed"), ANSWERS)
def test_an_error_answer_is_judged_by_its_words(
    status: int, body: object, action: str, kind: str, billed: str
) -> None:
    verdict = classify(raised(status, body))
    assert (verdict.action, verdict.kind, verdict.billed) == (action, kind, billed)
    assert verdict.sentence.endswith(".")
    assert (verdict.reason is None) == (action == "stop")
    assert (verdict.max_retries > 0) == (action == "retry")


@pytest.mark.parametrize(
    ("kind", "text", "headers", "bucket"),
    [
        ("input-images", PER_MINUTE, {}, "images"),
        (None, PER_MINUTE, {}, "images"),
        ("images", "", {}, "made"),
        (None, PER_MINUTE.replace("input-images", "images"), {}, "made"),
        ("requests", "", {}, "requests"),
        ("tokens", "", {}, "tokens"),
        ("requests", "Limit on tokens per min (TPM)", {}, "tokens"),
        (None, "", {"x-ratelimit-remaining-tokens": "0"}, "tokens"),
    ],
)
def test_a_limit_per_minute_says_which_amount_ran_out(
    kind: str | None, text: str, headers: dict[str, str], bucket: str
) -> None:
    verdict = classify(raised(429, api("rate_limit_exceeded", kind, text), headers))
    assert (verdict.kind, verdict.bucket) == ("rate_minute", bucket)
    assert verdict.refused


def test_a_wait_of_hours_is_left_to_the_next_run() -> None:
    body = api("rate_limit_exceeded", "requests", "")
    assert classify(raised(429, body, {"retry-after": "900"})).max_retries == 60
    verdict = classify(raised(429, body, {"retry-after": str(LONGEST_WAIT_S + 1)}))
    assert (verdict.action, verdict.max_retries, verdict.reason) == ("retry", 0, Reason.UNAVAILABLE)


def test_the_reason_says_which_triplet_is_lost_and_which_is_late() -> None:
    blocked = api("moderation_blocked", USER, BLOCKED)
    assert classify(raised(400, blocked)).reason is Reason.MODERATION_INPUT
    late = api("moderation_blocked", USER, BLOCKED, **AT_OUTPUT)
    assert classify(raised(400, late)).reason is Reason.MODERATION_OUTPUT
    assert classify(raised(400, late)).max_retries == 2
    assert classify(raised(400, api("invalid_value"))).reason is Reason.REQUEST_REFUSED
    assert classify(raised(500, api("server_error"))).reason is Reason.UNAVAILABLE
    assert classify(raised(500, api("server_error"))).max_retries == 4


@pytest.mark.parametrize(
    "message",
    [
        "Paint a shop: you exceeded your current quota",
        "input: 'Incorrect API key on a neon sign'",
        "input: 'Your organization must be verified'",
        "input: 'write: the model X does not exist'",
        "input: 'too many requests at once in a queue'",
    ],
)
def test_words_quoted_from_a_request_neither_stop_the_run_nor_slow_it(message: str) -> None:
    for kind in ("BadRequestError", "invalid_request_error", None):
        assert classify(raised(400, api(400, kind, message))).kind == "bad_request"


def test_what_a_server_writes_of_a_refused_key_is_not_shown() -> None:
    assert "opensesame" not in classify(raised(401, api(None, None, "Not opensesame"))).sentence


def test_a_damaged_answer_is_paid_for_and_asked_for_twice_more() -> None:
    detail = "The picture is not base64."
    for error in (
        ModelMisbehaved(Reason.ANSWER_DAMAGED, detail),
        json.JSONDecodeError("Expecting value", "{", 1),
    ):
        verdict = classify(error)
        assert (verdict.action, verdict.kind, verdict.billed) == ("retry", "damaged", "yes")
        assert (verdict.max_retries, verdict.reason) == (2, Reason.ANSWER_DAMAGED)
    assert detail in classify(ModelMisbehaved(Reason.ANSWER_DAMAGED, detail)).sentence


def test_an_answer_that_the_safety_system_cut_is_dropped_and_paid_for() -> None:
    verdict = classify(openai.ContentFilterFinishReasonError())
    assert (verdict.action, verdict.reason) == ("drop", Reason.MODERATION_OUTPUT)
    assert verdict.billed == "yes"


def test_facts_of_a_batch_line_are_judged_without_an_exception() -> None:
    blocked = Facts.of_answer(400, api("moderation_blocked", USER, BLOCKED), {})
    assert classify(None, blocked).kind == "moderation_input"
    expired = Facts.of_answer(0, api("batch_expired", None, "Too late"), {})
    assert (classify(None, expired).action, classify(None, expired).billed) == ("retry", "no")
    assert classify(None, Facts.of_answer(200, HTML.decode(), {})).kind == "damaged"


def test_an_error_in_the_middle_of_a_stream_is_judged_by_its_code() -> None:
    request = httpx2.Request("POST", "http://test")
    error = openai.APIError("failed", request, body=api("image_generation_failed")["error"])
    assert classify(error).kind == "server"


def test_an_error_that_is_not_known_stops_the_run() -> None:
    for error in (openai.OpenAIError(f"Missing {KEY}"), ZeroDivisionError(), None):
        verdict = classify(error)
        assert (verdict.action, verdict.kind, verdict.billed) == ("stop", "unknown", "maybe")
        assert KEY not in repr(verdict)
