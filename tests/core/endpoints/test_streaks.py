"""What many calls have in common: a wrong setting, or a danger to the account."""

import pytest

from editcorpus.endpoints.classify import Verdict, classify
from editcorpus.endpoints.facts import Facts
from editcorpus.endpoints.streaks import LEAST, LONGEST, WINDOW, Streaks
from editcorpus.errors import EndpointStopped
from editcorpus.records import Reason


def verdict(code: str, status: int = 400) -> Verdict:
    body = {"error": {"code": code, "message": "No."}}
    return classify(None, Facts.of_answer(status, body, {}))


BLOCKED = verdict("moderation_blocked")
REFUSED = verdict("invalid_value")
BUSY = verdict("rate_limit_exceeded", 429)
GONE = verdict("invalid_api_key", 401)


def calls(streaks: Streaks, blocked: int, answered: int) -> None:
    for number in range(blocked):
        streaks.failed("regenerate", f"b{number}", BLOCKED)
    for _ in range(answered):
        streaks.answered("regenerate")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.015])
def test_a_share_of_blocked_calls_above_the_limit_stops_the_run(share: float) -> None:
    streaks = Streaks("images", share)
    allowed = int(share * WINDOW)
    for _ in range(WINDOW - allowed):
        streaks.answered("regenerate")
    calls(streaks, allowed, 0)
    with pytest.raises(EndpointStopped, match=rf"blocked {allowed + 1} of the last 1000 calls.*"):
        calls(streaks, 1, 0)


def test_the_sentence_is_one_and_names_the_setting() -> None:
    streaks = Streaks("images", 0.2)
    with pytest.raises(EndpointStopped) as caught:
        calls(streaks, LEAST, 0)
    assert caught.value.kind == "blocked"
    assert str(caught.value) == (
        "images: the safety system blocked 100 of the last 100 calls, more than max_blocked_share "
        "allows (0.2); providers close accounts over that. The last one: The safety system refused "
        "the request (HTTP 400 moderation_blocked): No."
    )


def test_fewer_calls_than_a_share_can_be_taken_of_say_nothing() -> None:
    calls(Streaks("images", 0.01), LEAST - 1, 0)


def test_only_the_last_calls_count() -> None:
    streaks = Streaks("images", 0.2)
    for _ in range(20):
        calls(streaks, 0, 81)
        calls(streaks, 19, 0)
    calls(streaks, 0, WINDOW)
    calls(streaks, 200, 0)
    with pytest.raises(EndpointStopped, match="blocked 201 of the last 1000"):
        calls(streaks, 1, 0)


def test_what_never_reached_the_safety_system_counts_for_nothing() -> None:
    streaks = Streaks("images", 0.5)
    calls(streaks, LEAST - 1, 0)
    for _ in range(1000):
        streaks.failed("regenerate", "x", BUSY)
    with pytest.raises(EndpointStopped, match="100 of the last 100"):
        calls(streaks, 1, 0)


def test_a_share_of_one_never_stops_the_run() -> None:
    calls(Streaks("images", 1.0), 3 * WINDOW, 0)


def test_a_streak_names_the_requests_that_made_it() -> None:
    streaks, longest = Streaks("images", 0.2), LONGEST[Reason.REQUEST_REFUSED]
    streaks.failed("regenerate", "before", REFUSED)
    streaks.answered("regenerate")
    assert streaks.doubtful("regenerate") == []
    for number in range(longest - 1):
        streaks.failed("regenerate", str(number), REFUSED)
        streaks.failed("rewrite", "other", BLOCKED)
    with pytest.raises(EndpointStopped, match=f"{longest} calls of regenerate in a row") as caught:
        streaks.failed("regenerate", "last", REFUSED)
    assert caught.value.kind == "settings"
    assert streaks.doubtful("regenerate") == [*map(str, range(longest - 1)), "last"]


def test_what_no_call_can_heal_stops_at_once() -> None:
    with pytest.raises(EndpointStopped, match=r"^images: The key was refused") as caught:
        Streaks("images", 0.2).failed("regenerate", "x", GONE)
    assert caught.value.kind == "key"
