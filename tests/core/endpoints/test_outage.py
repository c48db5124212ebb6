"""When an endpoint counts as out of reach."""

import pytest

from editcorpus.endpoints.classify import Verdict, classify
from editcorpus.endpoints.facts import Facts
from editcorpus.endpoints.outage import SEVERAL, Outage

LOST = classify(ConnectionResetError())
REFUSED = classify(ConnectionRefusedError())
LATE = classify(TimeoutError())
PROXY = classify(None, Facts.of_answer(502, "<html>", {}))
BUSY = classify(None, Facts.of_answer(429, {"error": {"code": "rate_limit_exceeded"}}, {}))


def after(*verdicts: Verdict) -> Outage:
    """An outage that saw calls of one request each."""
    made = Outage("images")
    for number, verdict in enumerate(verdicts):
        made.missed(str(number), verdict)
    return made


@pytest.mark.parametrize("verdict", [LOST, REFUSED, PROXY])
def test_several_lost_requests_are_an_outage(verdict: Verdict) -> None:
    assert not after(*[verdict] * (SEVERAL - 1)).down
    assert after(*[verdict] * SEVERAL).down


def test_one_request_alone_is_never_to_blame_the_endpoint_for() -> None:
    made = Outage("images")
    for _ in range(600):
        made.missed("same", LOST)
    assert not made.down


def test_whatever_the_endpoint_says_itself_shows_that_it_is_there() -> None:
    almost = [LOST] * (SEVERAL - 1)
    assert not after(*almost, BUSY, LOST).down
    assert after(*almost, LATE, LOST).down, "no answer in time says nothing"
    made = after(*almost, LOST)
    made.answered()
    assert not made.down


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the engine has said; threads that other tests leave behind may write, too."""
    ours = [record for record in caplog.records if record.name.startswith("editcorpus.")]
    return [record.getMessage().split(":")[0] for record in ours]


def test_each_change_is_told_once_and_a_false_alarm_not_at_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = after(*[LOST] * SEVERAL)
    made.answered()
    made.looked()
    assert told(caplog) == []
    made = after(*[LOST] * SEVERAL)
    assert not made.told
    made.looked()
    made.looked()
    assert made.told
    made.missed("x", BUSY)
    made.answered()
    assert not made.told
    assert told(caplog) == [
        "images cannot be reached",
        "images can be reached again",
    ]
    made.missed("x", LOST)
    assert not made.down
