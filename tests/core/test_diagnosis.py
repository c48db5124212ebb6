"""Why a server could not be used, by the errors that clients raise."""

import socket
import ssl
from datetime import UTC, datetime
from typing import Any

import pytest

from editcorpus.diagnosis import refused, skewed, unreached

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def wrapped(cause: BaseException) -> OSError:
    """An error of a client, two layers above what happened."""
    inner, outer = RuntimeError("connection failed"), OSError("cannot connect")
    inner.__context__, outer.__cause__ = cause, inner
    return outer


def s3_error(code: str, **more: str) -> OSError:
    """As s3fs raises it: the client's error with the server's answer is its cause."""
    answered: Any = RuntimeError("refused")
    answered.response = {"Error": {"Code": code, **more}}
    return wrapped(answered)


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (socket.gaierror(-2, "Name or service not known"), "its host is not known"),
        (ConnectionRefusedError(111, "Connection refused"), "refuses the connection"),
        (ssl.SSLError(1, "wrong version number"), "does not speak TLS"),
        (TimeoutError("timed out"), "no answer came in time"),
        (ValueError("no URL"), ""),
    ],
)
def test_tells_why_no_connection_came_about(cause: BaseException, told: str) -> None:
    found = unreached(wrapped(cause))
    assert told in found
    assert bool(found) == bool(told)


def test_tells_what_is_wrong_with_a_certificate() -> None:
    error = ssl.SSLCertVerificationError(1, "failed")
    error.verify_message = "certificate has expired"
    assert unreached(wrapped(error)).endswith("not accepted: certificate has expired")


def test_a_chain_of_causes_that_bites_its_tail_ends() -> None:
    one, other = OSError("one"), OSError("other")
    one.__cause__, other.__cause__ = other, one
    assert unreached(one) == refused(one) == ""


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("NoSuchBucket", "does not exist"),
        ("AccessDenied", "may not read and write"),
        ("InvalidAccessKeyId", "does not know this access key"),
        ("SignatureDoesNotMatch", "does not fit"),
        ("RequestTimeTooSkewed", "set it by NTP"),
        ("SlowDown", ""),
        ("", ""),
    ],
)
def test_tells_what_s3_means_by_its_codes(code: str, told: str) -> None:
    found = refused(s3_error(code))
    assert told in found
    assert bool(found) == bool(told)


def test_tells_by_how_much_the_clock_is_wrong_where_s3_says_both_times() -> None:
    times = {"RequestTime": "20261121T114000Z", "ServerTime": "2026-11-21T12:00:00Z"}
    assert refused(s3_error("RequestTimeTooSkewed", **times)) == (
        "this machine's clock is 20 min behind the server's; set it by NTP"
    )
    odd = {"RequestTime": "noon", "ServerTime": "later"}
    assert refused(s3_error("RequestTimeTooSkewed", **odd)).startswith(
        "this machine's clock is wrong"
    )


@pytest.mark.parametrize(
    ("date", "told"),
    [
        ("Sat, 21 Nov 2026 12:00:30 GMT", ""),
        ("Sat, 21 Nov 2026 12:05:00 GMT", ""),
        ("Sat, 21 Nov 2026 12:20:00 GMT", "20 min behind"),
        ("Sat, 21 Nov 2026 11:30:00 GMT", "30 min ahead of"),
        ("Sat, 21 Nov 2026 11:30:00 -0000", "30 min ahead of"),
        ("some day", ""),
        ("", ""),
    ],
)
def test_compares_clocks_by_the_header_of_an_answer(date: str, told: str) -> None:
    assert skewed(date, NOON) == told
