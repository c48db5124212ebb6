"""What a terminal shows of a build: how far it is, and what it cost."""

from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from editcorpus.endpoints.bulk import BatchFacts
from editcorpus.records import Reason, Rejected
from editcorpus.stages.summary import Standing
from editcorpus.stages.workshop import Clocks
from editcorpus.tariffs import PUBLISHED
from flows import progress
from flows.outcome import Outcome
from flows.progress import Pace, Progress, cost, report, time_left
from flows.running import Ended

CLOCKS = Clocks(lambda: "2026-11-20T10:12:00.000+00:00", lambda: 0.0)


def outcome(paid: int, usd: str, *, emulated: bool = False, kept: int = 3) -> Outcome:
    rejected = [Rejected("omniedit/r", "pad", Reason.TOO_MUCH_PADDING, "")]
    standing = Standing(entered=kept + 1, kept=kept, rejected=rejected)
    calls = {"paid": paid, "cached": 4, "possibly_billed": 0}
    return Outcome("spring", standing, calls, Decimal(usd), "", "", "", emulated)


def test_time_left_comes_early_from_finished_calls() -> None:
    pace = Pace(shards=10, calls_each=100)
    assert pace.left_s(0, 0) is None
    assert pace.left_s(5, 1) is None  # the clock starts with the first answer
    assert pace.left_s(10, 2) is None  # too few to tell
    assert pace.left_s(105, 100) == pytest.approx(900)


def test_time_left_counts_a_shard_once() -> None:
    pace = Pace(shards=4)
    pace.left_s(0, 1)
    for _ in range(2):
        pace.ended.add(0)
        assert pace.left_s(10, 1) == pytest.approx(30)


def test_shards_that_were_done_before_are_no_speed() -> None:
    pace = Pace(shards=100, calls_each=10, ended=set(range(90)))
    pace.left_s(0, 1)
    assert pace.left_s(60, 50) == pytest.approx(60)
    pace.ended.update(range(90, 98))
    assert pace.left_s(80, 60) == pytest.approx(20)


def test_nobody_knows_how_long_a_second_pass_takes() -> None:
    pace = Pace(shards=2, calls_each=10)
    pace.left_s(0, 1)
    pace.ended.update({0, 1})
    assert pace.left_s(10, 20) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (5, "  less than a minute left"),
        (60, "  about a minute left"),
        (600, "  about 10 min left"),
        (9000, "  about 2.5 h left"),
    ],
)
def test_time_left_is_told_in_round_figures(seconds: float | None, text: str) -> None:
    assert time_left(seconds) == text


def test_a_second_pass_does_not_count_shards_again() -> None:
    shown = Progress(live=False)
    plan: Any = SimpleNamespace(shards=3, entered=9)
    shown.planned(plan)
    for number in (0, 1, 1, 0):
        shown.shard_ended(number)
    assert shown._pace.ended == {0, 1}


def test_before_the_plan_is_whole_nobody_knows_of_how_many() -> None:
    shown = Progress(live=False)
    plan: Any = SimpleNamespace(shards=150, entered=300)
    assert shown._pace.told == "0/0 shards"
    shown.begun(100)
    for number in range(12):
        shown.shard_ended(number)
    assert shown._pace.told == "12/100+ shards"
    assert shown._pace.left_s(0, 50) is None
    shown.planned(plan)
    assert shown._pace.told == "12/150 shards"


def test_calls_before_the_plan_was_whole_are_no_speed() -> None:
    pace = Pace(calls_each=10, begun=10, ended=set(range(10)))
    assert pace.left_s(0, 100) is None
    pace.shards = 110
    assert pace.left_s(100, 100) is None
    assert pace.left_s(160, 350) == pytest.approx(180)


@pytest.fixture
def first_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """The first line that is written of a run where nobody watches."""

    def written(*batches: BatchFacts) -> str:
        monkeypatch.setattr(progress, "_PLAIN_S", 0.01)
        shown = Progress(live=False)
        told: list[str] = []
        engine = SimpleNamespace(standing=lambda: SimpleNamespace(in_flight=told.append("x") or 5))
        ledger = SimpleNamespace(calls={"settled": 0}, spent=Decimal("1.5"))
        shop: Any = SimpleNamespace(engine=engine, ledger=ledger, batches=batches, clocks=CLOCKS)
        shown.opened(shop)
        with shown:
            while len(told) < 2:
                shown._over.wait(0.001)
        said = capsys.readouterr()
        assert said.out == ""
        return said.err.splitlines()[0]

    return written


def test_without_a_terminal_it_writes_plain_lines(first_line: Callable[..., str]) -> None:
    assert first_line() == "0/0 shards  5 calls in flight  $1.5000"


def test_batches_that_are_waited_for_are_told_by_step(first_line: Callable[..., str]) -> None:
    def batch(step: str, status: str, done: int) -> BatchFacts:
        made = "2026-11-20T10:00:00.000+00:00"
        usd = Decimal("1.25")
        return BatchFacts("b", step, "images", "m", status, "batch_1", 60, done, 1, usd, made)

    assert first_line(
        batch("regenerate", "in_progress", 39),
        batch("regenerate", "validating", 0),
        batch("align", "in_progress", 9),
    ) == (
        "0/0 shards  5 calls in flight  $1.5000"
        "  align: 10/60 lines of 1 batch (in_progress), $1.25 reserved, for 12 min"
        "  regenerate: 41/120 lines of 2 batches (in_progress, validating), $2.50 reserved, for 12 min"
    )


def test_a_paid_run_says_what_is_booked() -> None:
    assert cost(outcome(7, "0.25")) == (
        "7 calls paid for, 4 answers from the store, 0 possibly billed; $0.2500 booked for this run."
    )


def test_a_rehearsal_says_that_nothing_was_paid() -> None:
    found = cost(outcome(7, "0.25", emulated=True))
    assert found.endswith(
        f"would have cost $0.2500 at the list prices of {PUBLISHED.as_of}; nothing was really paid."
    )
    assert "paid for" not in found


def test_a_run_that_was_done_says_so() -> None:
    assert cost(outcome(0, "0.25")).startswith("Nothing was paid for: all was done before. 4 ans")
    assert cost(outcome(0, "0", kept=0)).startswith("Nothing was paid for. 4 answers")


@pytest.mark.parametrize(("columns", "sentences"), [(80, False), (140, True)])
def test_sentences_are_shown_where_there_is_room(
    columns: int,
    sentences: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    report(Ended(outcome(1, "0.25")))
    lines = capsys.readouterr().err.splitlines()
    row = next(line for line in lines if "rejected: too_much_padding" in line)
    assert (len(row.split("│")) == 5) is sentences
    assert max(map(len, lines)) <= columns
