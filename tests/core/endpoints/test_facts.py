import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.endpoints.classify import Verdict, classify
from editcorpus.endpoints.facts import Facts, span_s

KEY = "sk-proj-Ab12Cd34Ef56"


def api(code: object = None, kind: object = None, message: object = "") -> dict[str, object]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def judged(status: int, body: object, headers: dict[str, str] | None = None) -> Verdict:
    return classify(None, Facts.of_answer(status, body, headers or {}))


@pytest.mark.parametrize(
    ("headers", "text", "seconds"),
    [
        ({"retry-after-ms": "534", "retry-after": "1"}, "", 0.534),
        ({"retry-after": "2"}, "", 2.0),
        ({"retry-after": "1.5"}, "", 1.5),
        (
            {
                "retry-after": "Fri, 20 Nov 2026 10:00:30 GMT",
                "date": "Fri, 20 Nov 2026 10:00:00 GMT",
            },
            "",
            30.0,
        ),
        (
            {
                "retry-after": "Fri, 20 Nov 2026 10:00:00 GMT",
                "date": "Fri, 20 Nov 2026 11:00:00 GMT",
            },
            "",
            None,
        ),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT"}, "", None),
        ({"retry-after": "soon"}, "Please try again in 12s.", 12.0),
        ({}, "Please try again in 534ms. Visit us.", 0.534),
        ({}, "Please try again in 6m0s.", 360.0),
        ({}, "Please try again in 1h2m3.5s.", 3723.5),
        ({}, "Please try again later.", None),
        ({"retry-after": "0"}, "", None),
        ({"retry-after": "-5"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({"retry-after": "1e300"}, "", None),
        ({"retry-after-ms": "inf", "retry-after": "3"}, "", 3.0),
    ],
)
def test_the_time_to_come_back_is_read_from_headers_and_text(
    headers: dict[str, str], text: str, seconds: float | None
) -> None:
    verdict = judged(429, api("rate_limit_exceeded", "requests", text), headers)
    assert verdict.retry_after_s == pytest.approx(seconds)


def test_the_request_id_is_kept() -> None:
    error = judged(500, api("server_error"), {"x-request-id": "req_0123abc"})
    assert error.request_id == "req_0123abc"
    assert judged(500, api(), {"x-request-id": f"a {KEY}"}).request_id == ""


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("req_0a1b2c3d4e5f6071", "req_0a1b2c3d4e5f6071"),
        ("2f3c9d1e-7b60-4f7e-9a55-0123456789ab", "2f3c9d1e-7b60-4f7e-9a55-0123456789ab"),
        ("wfr-0199aZ_x", "wfr-0199aZ_x"),
    ],
)
def test_a_refusal_reads_the_same_each_time_and_its_request_id_is_kept(
    name: str, shown: str
) -> None:
    says = (
        "Your request was rejected by the safety system. If you believe this is an error, contact "
    )
    message = f"{says}us and include the request ID {name}. safety_violations=[sexual]."
    verdict = judged(400, api("moderation_blocked", "image_generation_user_error", message))
    assert verdict.sentence.endswith("include the request ID [id]. safety_violations=[sexual].")
    assert verdict.request_id == shown
    named = judged(400, api("moderation_blocked", None, message), {"x-request-id": "req_header"})
    assert named.request_id == "req_header"
    assert named.sentence == verdict.sentence


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            "Failed at 2026-11-20T10:00:00.123Z for chatcmpl-9aBcD3fGh.",
            "Failed at [time] for [id].",
        ),
        ("It was 1763719200 and 2026-11-20 10:00.", "It was [time] and [time]."),
        ("file-Ab12Cd34 of ffeeddccbbaa99887766.", "[id] of [id]."),
        ("Invalid size 1000x1000: sides must be divisible by 16.", None),
        (
            "call_attempts and a file-format are no ids; cafebabe is none, 655360 pixels neither.",
            None,
        ),
    ],
)
def test_only_what_names_a_call_or_a_time_is_left_out(message: str, shown: str | None) -> None:
    assert judged(400, api("invalid_value", None, message)).sentence.endswith(
        f": {shown or message}"
    )


@pytest.mark.parametrize(
    "message",
    [
        f"Incorrect API key provided: {KEY}.",
        "Incorrect API key provided: sk-proj-****3Ef5.",
        f"Bad header Authorization: Bearer {KEY} here",
        "see https://user:Ef56secret@host/path",
        "api_key=Ab12Cd34Ef56 is wrong",
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_no_sentence_holds_a_key(message: str, status: int) -> None:
    for code in (None, "invalid_value", KEY):
        verdict = judged(status, api(code, KEY, message))
        assert not any(part in repr(verdict) for part in ("Ab12", "Ef56", "3Ef5"))


def test_a_long_message_of_many_lines_becomes_one_short_line() -> None:
    verdict = judged(400, api("invalid_value", None, "a\n\x1b[31mb\t" + "x " * 9999))
    assert len(verdict.sentence) < 600
    assert verdict.sentence.isprintable()
    assert verdict.sentence.startswith(
        "The API refused the request (HTTP 400 invalid_value): a [31mb x"
    )


@given(
    status=st.integers(100, 599),
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["error", "message", "type", "code", "detail", "moderation_details"]
                ),
                inner,
            )
        ),
        max_leaves=8,
    ),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "date", "x-request-id"]), st.text()
    ),
)
def test_nothing_that_a_server_sends_breaks_the_judgement(
    status: int, body: object, headers: dict[str, str]
) -> None:
    verdict = classify(None, Facts.of_answer(status, body, headers))
    assert verdict.sentence.isprintable()
    assert verdict.retry_after_s is None or 0 < verdict.retry_after_s < 1e12


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120ms", 0.12), ("58.891s", 58.891), ("6m0s", 360.0), ("1d", 86400.0), ("", None)],
)
def test_a_span_is_read_as_the_api_writes_it(text: str, seconds: float | None) -> None:
    assert span_s(text) == pytest.approx(seconds)
    assert span_s(f"{text} or so") is None
