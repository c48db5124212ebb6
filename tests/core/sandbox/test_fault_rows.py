"""Every row of the published errors: each is injected once and looked at from both sides."""

from dataclasses import dataclass, field

import httpx
import openai
import pytest

from editcorpus.sandbox import Fault, SandboxConfig
from editcorpus.sandbox.faults import Attempt, struck
from editcorpus.sandbox.jobs import Kind
from editcorpus.sandbox.personas import Persona

MODEL = "gpt-image-2"
INVALID = "invalid_request_error"
QUOTA = "insufficient_quota"
SAFETY = "image_generation_user_error"


@dataclass(frozen=True)
class Row:
    """A fault and the error that a client reads; none of these is billed."""

    fault: str
    status: int
    type: str
    code: str | None
    says: str
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "images"


SOON = {"retry-after": "1", "retry-after-ms": "534"}

REFUSALS = [
    # a limit that heals by itself
    Row("rate_limit", 429, "requests", "rate_limit_exceeded", "on requests per min: Limit 5", SOON),
    Row("rate_limit_tokens", 429, "tokens", "rate_limit_exceeded", "on tokens per min", SOON),
    Row("rate_limit_images", 429, "input-images", "rate_limit_exceeded",
        f"Rate limit reached for {MODEL} (for limit {MODEL}) in organization org-emulated on "
        "input-images per min: Limit 5, Used 5, Requested 1. Please try again in 534ms.", SOON),
    Row("rate_limit_long", 429, "requests", "rate_limit_exceeded", "try again in 3m0s",
        {"retry-after": "180", "retry-after-ms": "180000"}),
    Row("concurrency", 429, "requests", "rate_limit_exceeded",
        "concurrent requests: Limit 16, Used 16", {"retry-after": "2", "retry-after-ms": "2000"}),
    # too much load, or a failure of the service
    Row("slow_down", 503, "server_error", "slow_down", "slow down"),
    Row("slow_down_429", 429, "slow_down", "slow_down", "slow down"),
    Row("overloaded", 503, "overloaded", "overloaded", "overloaded"),
    Row("server_error", 500, "image_generation_server_error", "image_generation_failed",
        "Image generation failed"),
    Row("server_error", 500, "server_error", "server_error", "had an error", kind="chat"),
    Row("internal_error", 500, "server_error", "server_error", "had an error"),
    # the safety system
    Row("moderation_input", 400, SAFETY, "moderation_blocked", "safety_violations=[sexual]"),
    Row("moderation_output", 400, SAFETY, "moderation_blocked", "include the request ID req_"),
    Row("moderation_unknown", 400, SAFETY, "moderation_blocked", "rejected by the safety system"),
    Row("content_policy", 400, SAFETY, "content_policy_violation", "our safety system"),
    # the request is said to be wrong
    Row("bad_image", 400, INVALID, None, "Invalid image file or mode for image 1, please check"),
    Row("bad_mimetype", 400, INVALID, "unsupported_file_mimetype",
        "Invalid file 'image': unsupported mimetype ('application/octet-stream'). Supported file "
        "formats are 'image/jpeg', 'image/png', and 'image/webp'."),
    Row("no_mimetype", 400, INVALID, "missing_file_mimetype", "missing mimetype"),
    Row("invalid_image_format", 400, INVALID, "invalid_image_format", "image", kind="chat"),
    Row("image_too_large", 400, INVALID, "image_too_large", "too large", kind="chat"),
    Row("image_parse_error", 400, INVALID, "image_parse_error", "image", kind="chat"),
    Row("invalid_base64_image", 400, INVALID, "invalid_base64_image", "base64", kind="chat"),
    Row("bad_size", 400, INVALID, "invalid_value", "Invalid size '512x512'."),
    Row("bad_fidelity", 400, INVALID, "invalid_input_fidelity_model", f"The model '{MODEL}'"),
    Row("too_large", 413, INVALID, None, "too large"),
    Row("unprocessable", 422, INVALID, None, "could not be processed"),
    # key, access, money
    Row("key_revoked", 401, INVALID, "invalid_api_key", "Incorrect API key provided"),
    Row("no_organization", 401, INVALID, "no_organization", "member of an organization"),
    Row("unverified", 403, INVALID, None,
        f"Your organization must be verified to use the model `{MODEL}`. Please go to"),
    Row("unsupported_country", 403, "request_forbidden", "unsupported_country_region_territory",
        "Country, region, or territory not supported"),
    Row("model_not_found", 404, INVALID, "model_not_found", f"The model `{MODEL}` does not exist"),
    Row("quota", 429, QUOTA, QUOTA, "You exceeded your current quota"),
    Row("credit_balance", 429, QUOTA, "credit_balance_exhausted", "credit"),
    Row("organization_spend", 429, QUOTA, "organization_spend_limit_exceeded", "spend limit"),
    Row("project_spend", 429, QUOTA, "project_spend_limit_exceeded", "spend limit"),
    Row("organization_usage", 429, QUOTA, "organization_usage_limit_exceeded", "usage limit"),
    Row("billing_not_active", 429, "billing_not_active", "billing_not_active", "not active"),
    Row("billing_hard_limit", 400, SAFETY, "billing_hard_limit_reached",
        "Billing hard limit has been reached."),
]  # fmt: skip

#: Status and what the page says.
PAGES = {
    "html_502": (502, "502: Bad gateway"),
    "html_503": (503, "503: Service unavailable"),
    "html_504": (504, "504: Gateway time-out"),
    "html_520": (520, "520: Web server is returning an unknown error"),
    "html_200": (200, "Just a moment..."),
    "proxy_page": (403, "Access denied"),
}

#: Answers with status 200 that are billed, and how they are broken is tested by name elsewhere.
DAMAGED = {
    "bad_b64", "truncated_b64", "not_an_image", "truncated_image", "empty_data", "wrong_size",
    "no_usage", "malformed_json", "empty_body", "cut_body",
}  # fmt: skip
SILENT = {"reset": True, "reset_early": False, "hang": True}
ONLY_CHAT = {"unreadable", "refusal", "length"}
WHOLE = {"batch_failed", "batch_expired"}


def test_every_fault_has_a_row():
    rows = {row.fault for row in REFUSALS} | PAGES.keys() | DAMAGED | SILENT.keys()
    assert rows | ONLY_CHAT | WHOLE == set(Fault)


@pytest.fixture
def post(canned):
    """The bare answer to a call that a fault strikes, as it comes over the wire."""

    def asked(fault: str, kind: str = "images") -> httpx.Response:
        chat = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
        image = {"model": MODEL, "prompt": "A dog", "quality": "low"}
        page, body = ("chat/completions", chat) if kind == "chat" else ("images/generations", image)
        headers = {"authorization": "Bearer any", "x-emulate": fault}
        return httpx.post(f"{canned.url}/{page}", json=body, headers=headers, timeout=5)

    return asked


@pytest.fixture
def last(canned):
    """The newest entry of the journal."""
    return lambda: canned.admin("journal")["calls"][-1]


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: f"{row.fault}-{row.kind}")
def test_a_refusal_has_its_published_face_and_bills_nothing(post, last, row):
    answer = post(row.fault, row.kind)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (row.status, row.type, row.code)
    assert row.says in error["message"]
    assert {name: answer.headers.get(name) for name in row.headers} == row.headers
    assert ("retry-after" in answer.headers) == bool(row.headers)
    assert answer.headers["x-request-id"] == last()["request_id"]
    assert answer.headers["cf-ray"] and "__cf_bm" in answer.headers["set-cookie"]
    assert (last()["fault"], last()["status"]) == (row.fault, row.status)
    assert (last()["billed"], last()["usd"]) == (False, "0")


@pytest.mark.parametrize("stage", ["input", "output", "unknown"])
def test_moderation_names_its_stage_and_categories(post, stage):
    error = post(f"moderation_{stage}").json()["error"]
    found = {"moderation_stage": stage, "categories": ["sexual"]}
    assert error["moderation_details"] == found


@pytest.mark.parametrize("fault", PAGES)
def test_a_page_is_not_from_the_service(post, last, fault):
    answer = post(fault)
    status, says = PAGES[fault]
    assert (answer.status_code, says in answer.text) == (status, True)
    assert answer.headers["content-type"].startswith("text/html")
    assert ("x-request-id" in answer.headers) == (fault == "html_200")
    assert ("cf-ray" in answer.headers) == (fault != "proxy_page")
    assert last()["status"] == status
    if fault not in ("proxy_page", "html_200"):
        return  # billed every other time
    assert last()["billed"] == (fault == "html_200")


@pytest.mark.parametrize("fault", sorted(DAMAGED - {"cut_body"}))
def test_a_damaged_answer_has_status_200_and_is_billed(post, last, fault):
    answer, billed = post(fault), last()
    sound, usual = post("none"), last()
    assert answer.status_code == 200
    assert answer.content != sound.content
    assert billed["billed"] and billed["usd"] == usual["usd"] != "0"


def test_an_answer_without_usage_is_sound_otherwise(post):
    assert post("no_usage").json().keys() == post("none").json().keys() - {"usage"}
    assert "usage" not in post("no_usage", "chat").json()


def test_base64_that_is_cut_does_not_decode(post):
    text = post("truncated_b64").json()["data"][0]["b64_json"]
    assert len(text) % 4 == 1


@pytest.mark.parametrize("fault", SILENT)
def test_without_an_answer_only_the_work_that_was_done_is_billed(post, last, fault, canned):
    with pytest.raises(httpx.TransportError):
        httpx.post(
            f"{canned.url}/images/generations",
            json={"model": MODEL, "prompt": "A dog"},
            headers={"authorization": "Bearer any", "x-emulate": fault},
            timeout=2,  # by when the busiest server has booked it
        )
    assert (last()["status"], last()["billed"]) == (0, SILENT[fault])


def test_a_body_that_is_cut_is_billed(post, last):
    with pytest.raises(httpx.RemoteProtocolError):
        post("cut_body")
    assert (last()["status"], last()["billed"]) == (200, True)


@pytest.mark.parametrize("fault", list(Fault))
def test_each_can_be_injected_by_share_by_number_by_marker_and_by_header(fault):
    kind = Kind.CHAT if fault in ONLY_CHAT else Kind.BATCH if fault in WHOLE else Kind.IMAGES

    def strikes(config, text="", header="", place=7):
        attempt = Attempt("key", 1, Persona.OPENAI, kind, text, header, place)
        return struck(SandboxConfig(**config), attempt) is fault

    assert strikes({"faults": {fault: 1.0}})
    assert not strikes({"faults": {fault: 0.0}})
    assert strikes({}, text=f"Add a dog [[emulate {fault}]]")
    assert strikes({}, header=f"{fault}:1")
    assert strikes({"strikes": [{"fault": fault, "first": 7, "last": 7}]})
    assert strikes({"strikes": [{"fault": fault, "first": 5}]})
    assert not strikes({"strikes": [{"fault": fault, "first": 8}]})
    assert not strikes({"strikes": [{"fault": fault, "first": 1, "last": 6}]})


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("key_revoked", openai.AuthenticationError),
        ("model_not_found", openai.NotFoundError),
        ("billing_hard_limit", openai.BadRequestError),
    ],
)
def test_from_a_call_on_every_other_is_refused(canned, connect, fault, error):
    canned.admin("config", {"strikes": [{"fault": fault, "first": 3}]})
    with connect(canned.url) as client:

        def asked(number):
            return client.images.generate(model=MODEL, prompt=f"Dog {number}", quality="low")

        assert asked(1).data and asked(2).data
        for number in (3, 4, 1):
            with pytest.raises(error):
                asked(number)
    assert canned.admin("summary")["billed"] == 2


def test_a_model_is_gone_from_a_day_on(canned, connect):
    with connect(canned.url) as client:

        def asked():
            return client.images.generate(model="gpt-image-1.5", prompt="Dog", quality="low")

        assert asked().data
        canned.admin("config", {"today": "2026-12-01"})
        with pytest.raises(openai.NotFoundError):
            asked()
        canned.admin("config", {"today": "2026-11-20"})


def test_the_chance_of_a_fault_is_the_same_online_and_in_a_batch():
    config = SandboxConfig(faults={"server_error": 0.5, "reset": 0.5})
    for number in range(40):
        parts = (f"k{number}", 1, Persona.OPENAI, Kind.IMAGES, "", "")
        online, batched = struck(config, Attempt(*parts)), struck(config, Attempt(*parts, 0, True))
        assert batched == (online if online is Fault.SERVER_ERROR else None)


def test_money_and_membership_never_strike_a_vllm_server(canned, connect):
    messages = [{"role": "user", "content": "Hello"}]
    with connect(canned.vllm_url) as client:

        def asked(fault):
            return client.chat.completions.create(
                model="Qwen/Qwen2.5-VL-7B-Instruct",
                messages=messages,
                extra_headers={"x-emulate": fault},
            )

        assert asked("quota").choices and asked("unsupported_country").choices
        for fault in ("overloaded", "concurrency", "rate_limit_tokens", "slow_down_429"):
            with pytest.raises(openai.InternalServerError) as caught:
                asked(fault)
            assert (caught.value.status_code, caught.value.body["code"]) == (503, 503)


def test_https_ends_in_a_tls_error(canned, connect):
    with connect(canned.tls_url) as client, pytest.raises(openai.APIConnectionError) as caught:
        client.models.list()
    assert "SSL" in str(caught.value.__cause__)
