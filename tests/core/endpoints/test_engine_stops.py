"""The engine when the run must not go on: nothing is lost, nothing hangs, and one sentence says why."""

import itertools
import threading
import time
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.engine import Engine
from editcorpus.endpoints.requests import Answered, Outcome, Unanswered
from editcorpus.errors import (
    BudgetExceeded,
    EndpointStopped,
    Interrupted,
    RunStopped,
    StorageError,
    StorageFull,
)
from editcorpus.records import Reason


def unreached(outcomes: list[Outcome]) -> int:
    return sum(isinstance(one, Unanswered) and one.reason is Reason.NOT_REACHED for one in outcomes)


def test_a_budget_is_never_passed_by_a_cent_and_a_higher_one_goes_on(lab) -> None:
    lab.config(latency_s=0.05)
    asks = lab.make.chats(300) + lab.make.edits(40)
    budget = Decimal("0.03")
    with lab.engine(budget=str(budget), in_flight=64) as engine:
        first = lab.take(engine, asks)
        ledger = engine.books.ledger
    proven = lab.audit()
    assert isinstance(first.stopped, BudgetExceeded) and "higher budget" in str(first.stopped)
    assert proven.usd() <= ledger.spent <= budget and ledger.reserved == 0
    answered = len(first.of(Answered))
    assert answered == proven.by_outcome()["settled"] == lab.calls() > 0
    assert answered + unreached(first.outcomes) == 340
    with lab.engine(budget="1", in_flight=64) as engine:
        second = lab.take(engine, asks)
    assert second.kinds() == {"Answered": 340}
    assert sum(one.paid for one in second.of(Answered)) == 340 - answered
    assert lab.audit().by_outcome() == {"settled": 340}


def test_a_budget_for_so_many_calls_pays_for_about_so_many(lab) -> None:
    """Their worst cases are many times their price, so most of them wait for others to end."""
    with lab.engine(in_flight=1) as engine:
        lab.take(engine, lab.make.chats(1, "First"))
        price = engine.books.ledger.spent
        worst = engine.endpoints["rewrite"].worst(lab.make.chat(199).what)
    assert worst > 3 * price
    budget = 41 * price + worst
    lab.config(latency_s=0.02)
    with lab.engine(budget=str(budget), in_flight=64) as engine:
        taken = lab.take(engine, lab.make.chats(200))
        ledger = engine.books.ledger
        assert engine.standing().in_flight == 0
    assert isinstance(taken.stopped, BudgetExceeded) and "nothing is in flight" in str(
        taken.stopped
    )
    assert lab.audit().usd() == ledger.spent and 0 <= budget - ledger.spent < worst
    assert 38 <= len(taken.of(Answered)) <= 41 + worst // price


def test_a_lane_that_waits_for_money_lets_a_cheaper_one_go_on(lab) -> None:
    chats = lab.make.chats(30)
    with lab.engine(budget="0.004", in_flight=4) as engine:
        taken = lab.take(engine, [*lab.make.edits(3, quality="high"), *chats])
    assert isinstance(taken.stopped, BudgetExceeded)
    assert {one.ask.step for one in taken.of(Answered)} == {"rewrite"}
    assert len(taken.of(Answered)) == 30 and unreached(taken.outcomes) == 3


def test_a_budget_that_is_used_up_pays_for_nothing(lab) -> None:
    with lab.engine(budget="0") as engine:
        taken = lab.take(engine, lab.make.chats(5))
    assert unreached(taken.outcomes) == 5 and lab.calls() == 0
    assert lab.audit().by_outcome() == {}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"keys_revoked": True}, "The key was refused"),
        ({"quota_after_usd": "0.00005"}, "No money or quota is left"),
    ],
)
def test_what_no_call_can_heal_stops_the_run(lab, config: dict[str, Any], says: str) -> None:
    with lab.engine(in_flight=8) as engine:
        before = lab.take(engine, lab.make.chats(10))
        lab.config(**config)
        after = lab.take(engine, lab.make.chats(200))
        later = lab.take(engine, lab.make.chats(5, "Later"))
    assert before.stopped is None
    assert isinstance(after.stopped, EndpointStopped) and says in str(after.stopped)
    assert lab.make.key not in str(after.stopped) and "\n" not in str(after.stopped)
    assert lab.calls() <= 10 + 8 + 8, "what was out, and no more"
    assert unreached(after.outcomes) >= 170
    assert later.stopped is after.stopped and unreached(later.outcomes) == 5
    lab.config(keys_revoked=False, quota_after_usd=None)
    with lab.engine() as engine:
        again = lab.take(engine, lab.make.chats(200))
    assert again.kinds() == {"Answered": 200}
    assert lab.audit().by_outcome()["settled"] == 200


def test_a_stop_lets_answers_in_flight_be_stored(lab) -> None:
    lab.config(latency_s=0.3)
    quick = lab.make.chat(99, "Say it [[emulate key_revoked]]")
    with lab.engine(in_flight=8) as engine:
        asks = [*lab.make.chats(7), quick, *lab.make.chats(20, "More")]
        taken = lab.take(engine, asks)
    assert isinstance(taken.stopped, EndpointStopped)
    assert len(taken.of(Answered)) >= 7
    assert lab.audit().by_outcome()["settled"] == len(taken.of(Answered))


def test_who_has_all_answers_may_finish_though_the_run_has_stopped(lab) -> None:
    with lab.engine() as engine:
        outcomes = engine.answers(lab.make.chats(3))
        taken = [next(outcomes), next(outcomes), next(outcomes)]
        engine.stop()
        assert lab.take(engine, lab.make.chats(1, "More")).stopped is engine.stopped
        assert list(outcomes) == []
    assert all(isinstance(one, Answered) for one in taken)


def test_a_model_that_is_gone_stops_the_run(lab) -> None:
    with lab.engine(tariff="free", in_flight=2) as engine:
        taken = lab.take(engine, lab.make.chats(30, model="gpt-4o-2024-05-13"))
    assert "The model is not served" in str(taken.stopped)
    assert lab.calls() <= 4


def test_a_model_without_a_price_stops_the_run_before_it_is_called(lab) -> None:
    with lab.engine() as engine:
        taken = lab.take(engine, lab.make.chats(3, model="gpt-7"))
    assert "has no model 'gpt-7'" in str(taken.stopped) and "failed with" not in str(taken.stopped)
    assert lab.calls() == 0 and unreached(taken.outcomes) == 3


def test_an_interrupt_from_another_thread_waits_for_what_is_in_flight(lab) -> None:
    lab.config(latency_s=0.2)
    with lab.engine(in_flight=8) as engine:
        outcomes = engine.answers(lab.make.chats(100))
        taken = [next(outcomes)]
        lab.thread(engine.stop).join()
        with pytest.raises(Interrupted, match="interrupted"):
            taken.extend(outcomes)
    answered = [one for one in taken if isinstance(one, Answered)]
    assert len(taken) == 100 and 8 <= len(answered) < 100
    assert lab.audit().by_outcome()["settled"] == len(answered) == lab.calls()


def test_patience_ends_and_what_is_still_out_counts_as_possibly_billed(lab) -> None:
    asks = lab.make.edits(3, "Do it [[emulate hang]]") + lab.make.chats(3)
    with lab.engine(patience_s=0.3) as engine:
        outcomes = engine.answers(asks)
        taken = [next(outcomes) for _ in range(3)]
        engine.stop()
        with pytest.raises(Interrupted):
            taken.extend(outcomes)
        assert engine.books.ledger.possibly == 3
        assert engine.books.ledger.reserved == 0
    assert unreached(taken) == 3 and len(taken) == 6
    assert lab.audit().by_outcome() == {"settled": 3, "possibly": 3}


def test_an_interrupt_shortens_the_wait_after_another_stop(lab) -> None:
    with lab.engine(patience_s=0.2) as engine:
        outcomes = engine.answers(lab.make.chats(2, "Say it [[emulate hang]]"))
        engine.stop(RunStopped("The run belongs to somebody else now."))
        engine.stop()
        with pytest.raises(RunStopped, match="somebody else"):
            list(outcomes)
    assert engine.books.ledger.possibly <= 2


def test_leaving_the_block_does_not_wait_for_ever(lab) -> None:
    """A consumer that goes away half way neither hangs the engine nor loses what was paid."""
    asks = lab.make.chats(4) + lab.make.chats(2, "Say it [[emulate hang]]")
    with lab.engine(patience_s=0.2) as engine:
        outcomes = engine.answers(asks)
        next(outcomes)
        outcomes.close()
    assert lab.audit().by_outcome()["possibly"] == 2


def test_an_answer_that_comes_while_the_engine_ends_is_stored(lab) -> None:
    lab.config(latency_s=0.3)
    with lab.engine() as engine:
        outcomes = engine.answers(lab.make.edits(1) + lab.make.chats(15))  # all out at once
        next(outcomes)
        outcomes.close()
    settled = lab.audit().by_outcome()
    assert settled == {"settled": lab.calls()}


def test_an_engine_that_has_ended_answers_nobody(lab) -> None:
    with lab.engine() as engine:
        lab.take(engine, lab.make.chats(1))
    with pytest.raises(Interrupted, match="closed"):
        list(engine.answers(lab.make.chats(1)))


def test_callers_in_other_threads_are_told_when_the_engine_ends(lab) -> None:
    lab.config(latency_s=0.1)
    told: list[Interrupted] = []
    with lab.engine(in_flight=2, patience_s=0.1) as engine:

        def ask_for_ever(name: str) -> None:
            try:
                for turn in itertools.count():
                    list(engine.answers(lab.make.chats(5, f"{name} {turn}")))
            except Interrupted as reason:
                told.append(reason)

        threads = [lab.thread(partial(ask_for_ever, name)) for name in "abc"]
        while lab.calls() < 4:
            time.sleep(0.005)
    for thread in threads:
        thread.join(300)
    assert len(told) == 3


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ZeroDivisionError("a bug"), "regenerate: the call for regenerate/0 failed with ZeroDivis"),
        (KeyError("sk-planted-key"), "failed with KeyError: '[key]'"),
        (StorageError("The source file is gone."), "The source file is gone."),
        (StorageFull("No space is left."), "No space is left."),
    ],
)
def test_a_picture_that_cannot_be_read_stops_the_run(lab, error: Exception, says: str) -> None:
    def load() -> bytes:
        raise error

    with lab.engine() as engine:
        taken = lab.take(engine, [lab.make.edit(0, load=load), *lab.make.chats(40)])
    assert says in str(taken.stopped) and isinstance(taken.stopped, RunStopped)
    assert lab.make.key not in str(taken.stopped)
    assert engine.books.ledger.reserved == 0
    lab.audit()


def test_a_bug_outside_of_calls_leaves_nobody_waiting(lab) -> None:
    broken = lab.make.chat(1)
    object.__setattr__(broken, "what", None)
    with lab.engine() as engine:
        taken = lab.take(engine, [broken, *lab.make.chats(5, "Other")])
    assert "failed with AttributeError" in str(taken.stopped)
    assert unreached(taken.outcomes) >= 1


def test_an_engine_that_cannot_open_leaves_nothing_behind(lab) -> None:
    with lab.engine() as engine:
        books = engine.books
    broken = Endpoint(name="images", base_url="").model_copy(update={"api_key": None})
    with pytest.raises(AttributeError), Engine({"regenerate": broken}, books):
        pass
    assert "editcorpus-engine" not in {thread.name for thread in threading.enumerate()}
