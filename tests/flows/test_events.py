"""Which events a run sends, and what stands in them; docs/events.md says the same."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from editcorpus.records import Failed, Reason, Rejected
from editcorpus.stages.summary import Standing
from flows.events import LEAST, Herald
from flows.outcome import Outcome
from flows.payloads import KINDS, LABELS
from flows.tally import WINDOW_S, Report, Share, Tally, _booked

ROOT = Path(__file__).parents[2]
DEPLOYMENT = {"prefect.resource.id": "prefect.deployment.1", "prefect.resource.role": "deployment"}
REJECTED = ("rejected", "filter", Reason.NO_EDIT)
FAILED = ("failed", "align", Reason.UNAVAILABLE)


@pytest.fixture
def herald() -> Herald:
    made = Herald("spring")
    made.related = [DEPLOYMENT]
    return made


def told(herald: Herald) -> list[tuple[str, dict[str, Any], dict[str, str]]]:
    """Name, payload and own labels of what is to be sent."""
    found = []
    for event in herald.take():
        labels = dict(event.resource.root)
        assert labels.pop("prefect.resource.id") == "editcorpus.run.spring"
        assert labels.pop("prefect.resource.name") == "run spring"
        assert [dict(one.root) for one in event.related] == [DEPLOYMENT]
        assert set(labels) <= set(LABELS)
        payload = KINDS[event.event].model_validate(event.payload).model_dump()
        found.append((event.event.removeprefix("editcorpus."), payload, labels))
    return found


def report(shard: int = 0, entered: int = 100, **counts: int) -> Report:
    gone = {{"rejected": REJECTED, "failed": FAILED}[name]: n for name, n in counts.items()}
    return Report(shard, entered, entered - sum(gone.values()), gone, {}, Decimal("0.5"))


def outcome(**changed: Any) -> Outcome:
    standing = Standing(entered=3, kept=1)
    standing.rejected.append(Rejected("a", "filter", Reason.NO_EDIT, ""))
    standing.failed.append(Failed("b", "align", Reason.UNAVAILABLE, ""))
    calls = {"paid": 1, "cached": 0, "possibly_billed": 0}
    places = {"corpus": "/store/corpora/spring", "gallery": "", "stopped": ""}
    return Outcome("spring", standing, calls, Decimal("9.96"), **{**places, **changed})


def test_a_run_tells_when_it_starts(herald: Herald) -> None:
    herald.started(512, 2, Decimal(10), emulated=True)
    ((name, payload, labels),) = told(herald)
    assert (name, labels) == ("run.started", {})
    assert (payload["entered"], payload["budget_usd"]) == (512, Decimal(10))
    assert told(herald) == []


def test_a_shard_tells_its_counts_and_dollars(herald: Herald) -> None:
    herald.shard(report(7, rejected=3, failed=2), 2)
    ((name, payload, _),) = told(herald)
    assert name == "shard.finished"
    assert payload == {
        "run": "spring",
        "shard": 7,
        "times": 2,
        "entered": 100,
        "kept": 95,
        "rejected": {"no_edit": 3},
        "failed": {"unavailable": 2},
        "usd": Decimal("0.5"),
    }


def test_each_threshold_of_the_budget_is_told_once(herald: Herald) -> None:
    booked = ["4.99", "5", "6", "7.99", "9.6", "9.7"]
    for usd in booked:
        herald.money(Decimal(usd), Decimal("0.1"), Decimal(10))
    found = [
        (payload["percent"], labels["editcorpus.warns"]) for _, payload, labels in told(herald)
    ]
    assert found == [(50, "false"), (95, "true")]
    herald.money(Decimal(9), Decimal(0), None)
    assert told(herald) == []


def test_people_are_warned_at_the_share_that_the_recipe_names() -> None:
    herald = Herald("spring", warn_percent=30)
    for usd in (2, 3, 4, 5):
        herald.money(Decimal(usd), Decimal(0), Decimal(10))
    labels = [dict(event.resource.root) for event in herald.take()]
    assert [(one["editcorpus.percent"], one["editcorpus.warns"]) for one in labels] == [
        ("30", "true"),
        ("50", "true"),
    ]


def test_a_share_of_failures_is_told_when_it_passes_a_step(herald: Herald) -> None:
    shares = [(4, 0), (6, 0), (7, 0), (21, 4), (21, 60), (2, 0), (6, 0)]
    for failed, rejected in shares:
        herald.share(Share(100, failed, rejected))
    found = [
        (labels["editcorpus.failed-percent"], labels["editcorpus.gone-percent"])
        for _, _, labels in told(herald)
    ]
    assert found == [("5", "5"), ("20", "20"), ("20", "80"), ("5", "5")]
    herald.share(Share(LEAST - 1, LEAST - 1, 0))
    assert told(herald) == []


def test_an_endpoint_is_told_of_when_it_goes_and_when_it_comes(herald: Herald) -> None:
    for away in ((), ("images",), ("images", "judge"), ("judge",), ("judge",)):
        herald.endpoints(frozenset(away))
    found = [(name, labels["editcorpus.endpoint"]) for name, _, labels in told(herald)]
    assert found == [
        ("endpoint.down", "images"),
        ("endpoint.down", "judge"),
        ("endpoint.up", "images"),
    ]


def test_a_run_tells_how_it_ended(herald: Herald) -> None:
    herald.ended(outcome(), Decimal(0), None)
    ((name, payload, _),) = told(herald)
    assert name == "run.finished"
    counts = {name: payload[name] for name in ("entered", "kept", "rejected", "failed")}
    assert counts == {"entered": 3, "kept": 1, "rejected": 1, "failed": 1}
    assert payload["corpus"] == "/store/corpora/spring"


def test_a_run_that_its_budget_stops_has_used_all_of_it(herald: Herald) -> None:
    stopped = outcome(stopped="The budget would be passed.", kind="budget")
    herald.ended(stopped, Decimal(0), Decimal(10))
    found = told(herald)
    percents = [payload.get("percent") for _, payload, _ in found]
    assert [name for name, _, _ in found] == ["budget.threshold"] * 2 + ["run.stopped"]
    assert percents[:2] == [95, 100]
    assert found[-1][2] == {"editcorpus.stop": "budget"}
    assert found[-1][1]["sentence"] == "The budget would be passed."


def test_a_tally_takes_the_last_report_on_each_shard() -> None:
    tally = Tally(before=Standing(entered=10, kept=9, rejected=[Rejected("a", *REJECTED[1:], "")]))
    tally.begin(0.0)
    assert tally.a_minute(0.0) == 0
    assert [tally.add(report(0, failed=4), 60.0), tally.add(report(1), 60.0)] == [1, 1]
    assert tally.a_minute(60.0) == 200
    assert tally.window(60.0).percent("failed") == 2.0
    assert tally.add(report(0, failed=1, rejected=2), 90.0) == 2
    assert (tally.entered, tally.kept, tally.usd) == (210, 206, Decimal(1))
    assert tally.gone == {REJECTED: 3, FAILED: 1}
    assert tally.window(61.0 + WINDOW_S) == Share(100, 1, 2)
    assert tally.window(91.0 + WINDOW_S).percent("failed") == 0


@pytest.mark.parametrize(
    "event", [None, {}, {"at": 1, "usd": "1"}, {"at": "3", "usd": "x"}, {"at": "3", "usd": "NaN"}]
)
def test_a_damaged_history_books_nothing(event: Any) -> None:
    assert _booked(event, "2") == 0
    assert _booked({"at": "2", "usd": "0.5"}, "2") == Decimal("0.5")
    assert _booked({"at": "1", "usd": "0.5"}, "2") == 0


def test_the_page_about_events_is_what_the_code_says() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "scripts" / "events.py"], check=True, capture_output=True, cwd=ROOT
    )
    assert made.stdout == (ROOT / "docs" / "events.md").read_bytes(), "Run make docs."
