"""How batches are waited for: when they are looked at, what is told of them, what ends the wait."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from editcorpus.endpoints.bulk import BatchFacts
from editcorpus.errors import Interrupted, RunStopped
from editcorpus.stages.awaiting import Awaiting, batch_lines, under_way

ONE = BatchFacts(
    name="b1",
    step="regenerate",
    endpoint="images",
    model="m",
    status="validating",
    batch_id="batch_1",
    lines=1200,
    done=0,
    failed=0,
    usd=Decimal("3.5"),
    created="2026-11-20T10:00:00.000+00:00",
)
Looks = Callable[..., Any]


class Told:
    """A `Bulk` that says what it was told to say, look by look."""

    def __init__(self, looks: tuple[tuple[BatchFacts, ...], ...]) -> None:
        self._looks = list(looks)

    def adopt(self) -> tuple[BatchFacts, ...]:
        return self._looks[0]

    def look(self) -> tuple[BatchFacts, ...]:
        return self._looks.pop(0)


@pytest.fixture
def shop() -> Looks:
    """A workshop whose batches stand as given, look by look."""

    def made(*looks: tuple[BatchFacts, ...]) -> Any:
        engine = SimpleNamespace(bulk=Told(looks), stopped=None)
        return SimpleNamespace(engine=engine, batches=(), stopping=threading.Event())

    return made


def test_each_change_of_a_batch_is_one_line(shop: Looks, caplog: pytest.LogCaptureFixture):
    looks = [(ONE,), (ONE,), (replace(ONE, status="in_progress"),), ()]
    here = shop(*looks)
    with caplog.at_level(logging.INFO):
        Awaiting(here, 0.001).wait()
    ours = [record for record in caplog.records if record.name.startswith("editcorpus.")]
    assert [record.message for record in ours] == [
        "batch b1 (batch_1) of regenerate: validating; 1,200 lines of m, $3.5000 reserved",
        "batch b1 (batch_1) of regenerate: in_progress; 1,200 lines of m, $3.5000 reserved",
        "batch b1 has ended",
    ]
    assert here.batches == ()


def test_where_nothing_is_under_way_nobody_waits(shop: Looks):
    Awaiting(shop(()), 3600).wait()


def test_what_an_earlier_start_left_is_known_at_once(shop: Looks):
    here = shop((ONE,))
    assert Awaiting(here, 3600).adopt()
    assert here.batches == (ONE,)


def test_an_interrupt_ends_a_long_wait_at_once(shop: Looks):
    here = shop((ONE,))
    here.stopping.set()
    with pytest.raises(Interrupted):
        Awaiting(here, 3600).wait()
    assert here.batches == (ONE,)


def test_a_run_that_must_stop_waits_no_longer(shop: Looks):
    here = shop((ONE,))
    here.engine.stopped = RunStopped("The lock is lost.")
    with pytest.raises(RunStopped, match="The lock is lost"):
        Awaiting(here, 3600).wait()


def test_the_last_sentence_names_some_batches_and_says_what_becomes_of_them():
    assert under_way(()) == ""
    assert under_way((ONE,)) == (
        "1 batch is under way (batch_1; 1,200 requests): the API goes on with it, and the same "
        "command takes the answers."
    )
    many = tuple(replace(ONE, name=f"b{n}", batch_id=f"batch_{n}" if n else "") for n in range(5))
    assert "5 batches are under way (b0, batch_1, batch_2 and 2 more; 6,000 req" in under_way(many)


def test_words_of_the_api_are_told_in_one_line():
    odd = replace(ONE, status="in\nprogress", batch_id="x\x1b[31m\n" + "y" * 9000)
    for text in (*batch_lines([odd], ""), under_way((odd,))):
        assert text.isprintable()
        assert len(text) < 800


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ("2026-11-20T10:00:20.000+00:00", ", for 0 min"),
        ("2026-11-20T11:20:00.000+00:00", ", for 80 min"),
        ("2026-11-20T16:00:00.000+00:00", ", for 6.0 h"),
        ("2026-11-20T16:00:00", ""),
        ("later", ""),
    ],
)
def test_how_long_a_step_waits_is_told_in_round_figures(now: str, told: str):
    (line,) = batch_lines([ONE], now)
    assert line == f"regenerate: 0/1,200 lines of 1 batch (validating), $3.50 reserved{told}"
