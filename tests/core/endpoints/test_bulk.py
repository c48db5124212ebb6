"""Batches over real sockets: what is queued comes back once, at half the price, and leaves nothing behind."""

import json
from collections import Counter
from decimal import Decimal

import pytest

from editcorpus.budgets import PATH
from editcorpus.endpoints.requests import Answered, Dropped, Unanswered
from editcorpus.errors import (
    BudgetExceeded,
    ConfigError,
    EndpointStopped,
    Interrupted,
    RunStopped,
)
from editcorpus.leases import Owner
from editcorpus.records import Reason
from editcorpus.treasury import Treasury


def test_edits_come_back_at_half_the_price(bulk) -> None:
    asks = bulk.make.edits(5)
    bulk.config(time_scale=1.0)
    with bulk.engine() as engine:
        queued = bulk.queue(engine, asks)
        assert queued.kinds() == {"Unanswered": 5}
        assert {one.reason for one in queued.outcomes} == {Reason.NOT_REACHED}
        (facts,) = engine.bulk.look()
        assert (facts.step, facts.model, facts.lines) == ("regenerate", "gpt-image-2", 5)
        assert facts.usd == engine.books.ledger.reserved > 0
        bulk.config(time_scale=1e-3)
        bulk.wait(engine)
        assert engine.books.ledger.reserved == 0
        taken = bulk.take(engine, asks)
        again = bulk.queue(engine, asks)
    assert taken.kinds() == again.kinds() == {"Answered": 5}
    assert not any(one.paid for one in taken.of(Answered))
    proven = bulk.audit()
    assert proven.by_outcome() == {"settled": 5}
    assert {call["tariff"] for call in proven.calls} == {"batch"}
    assert engine.books.ledger.spent == proven.history.spent == proven.usd() > 0
    bulk.prove_clean()


def test_questions_come_back_in_another_order_with_what_they_said(bulk) -> None:
    asks = bulk.make.chats(12)
    with bulk.engine() as engine:
        bulk.queue(engine, asks)
        bulk.wait(engine)
        taken = bulk.take(engine, asks)
    assert taken.kinds() == {"Answered": 12}
    for one in taken.of(Answered):
        assert one.answer.record.key == one.ask.key and '"choices"' in one.answer.body
        assert one.answer.record.id == one.ask.id
    proven = bulk.audit()
    order = [call["custom_id"].rpartition("-")[2] for call in proven.calls]
    assert order != sorted(order, key=int)
    assert proven.by_outcome() == {"settled": 12} and proven.usd() == proven.history.spent
    bulk.prove_clean()


def test_an_answer_is_the_one_that_the_api_gives_online(bulk) -> None:
    asks = [bulk.make.edit(1), bulk.make.chat(1)]
    with bulk.engine() as engine:
        bulk.queue(engine, asks)
        bulk.wait(engine)
        responses = engine.books.responses
        picture = responses.picture(asks[0].key)
        batched = json.loads(responses.text(asks[1].key).body)
    online = bulk.on_another_store()
    with online.engine() as engine:
        online.take(engine, asks)
        assert engine.books.responses.picture(asks[0].key) == picture
        assert json.loads(engine.books.responses.text(asks[1].key).body) == batched


def test_a_picture_is_uploaded_once_and_read_before_answers_returns(bulk) -> None:
    body, reads = bulk.make.edit(0).what.picture.load(), []

    def load() -> bytes:
        reads.append(1)
        return body

    asks = bulk.make.edits(6, load=load)
    with bulk.engine() as engine:
        list(engine.bulk.answers(asks))
        assert len(reads) == 1
        assert bulk.sandbox.admin("summary")["files"] == 1
        engine.bulk.flush()
        bulk.wait(engine)
    assert len(reads) == 1
    assert bulk.audit().by_outcome() == {"settled": 6}
    bulk.prove_clean()


def test_the_same_request_from_two_threads_goes_out_once(bulk) -> None:
    asks = bulk.make.chats(40)
    kinds: list[Counter[str]] = []
    with bulk.engine() as engine:
        threads = [
            bulk.thread(lambda: kinds.append(Counter(map(_kind, engine.bulk.answers(asks)))))
            for _ in range(4)
        ]
        for thread in threads:
            thread.join(300)
        bulk.queue(engine, [*asks, *asks[:0]])
        bulk.wait(engine)
    assert kinds == [{"Unanswered": 40}] * 4
    assert bulk.audit().by_outcome() == {"settled": 40}
    assert bulk.calls() == 40


def _kind(outcome: object) -> str:
    return type(outcome).__name__


def test_what_a_batch_is_asking_is_not_asked_online(bulk) -> None:
    asks = bulk.make.chats(3)
    with bulk.engine() as engine:
        bulk.queue(engine, asks)
        online = bulk.take(engine, asks)
        assert online.kinds() == {"Unanswered": 3} and online.stopped is None
        assert engine.bulk.holds(asks[0].key)
        bulk.wait(engine)
        assert not engine.bulk.holds(asks[0].key)
        assert bulk.take(engine, asks).kinds() == {"Answered": 3}
    assert bulk.audit().by_outcome() == {"settled": 3}


def test_the_same_request_of_two_triplets_is_one_line(bulk) -> None:
    ask = bulk.make.chat(1)
    other = bulk.twin(ask)
    with bulk.engine() as engine:
        bulk.queue(engine, [ask, other])
        bulk.wait(engine)
        again = bulk.queue(engine, [ask, other])
    assert again.kinds() == {"Answered": 2}
    assert {one.ask.id for one in again.outcomes} == {ask.id, other.id}
    assert bulk.audit().by_outcome() == {"settled": 1}


def test_what_the_api_refuses_is_refused_for_good_and_free(bulk) -> None:
    marked = [
        bulk.make.edit(1, "Add [[emulate moderation_input]]"),
        bulk.make.edit(2, size=(512, 512)),
    ]
    with bulk.engine() as engine:
        bulk.queue(engine, [*marked, bulk.make.edit(3)])
        bulk.wait(engine)
        dropped = bulk.queue(engine, marked)
        assert bulk.take(engine, marked).kinds() == {"Dropped": 2}
    reasons = {one.ask.id: one.reason for one in dropped.of(Dropped)}
    assert set(reasons.values()) == {Reason.MODERATION_INPUT, Reason.REQUEST_REFUSED}
    assert bulk.audit().by_outcome() == {"settled": 1, "free": 2}
    bulk.prove_clean()


@pytest.mark.parametrize("fault", ["empty_data", "truncated_image", "bad_b64", "wrong_size"])
def test_a_damaged_answer_is_paid_for_and_asked_again_twice_at_most(bulk, fault: str) -> None:
    always = bulk.make.edit(1, f"Add [[emulate {fault}]]")
    once = bulk.make.edit(2, f"Add [[emulate {fault}:1]]")
    with bulk.engine() as engine:
        for _ in range(3):
            bulk.queue(engine, [always, once])
            bulk.wait(engine)
        taken = bulk.queue(engine, [always, once])
    kinds = {one.ask.id: type(one) for one in taken.outcomes}
    assert kinds == {always.id: Dropped, once.id: Answered}
    assert taken.of(Dropped)[0].reason is Reason.ANSWER_DAMAGED
    proven = bulk.audit()
    assert proven.by_outcome() == {"settled": 1, "damaged": 4}
    assert proven.usd() == proven.history.spent


def test_withheld_results_are_asked_for_twice_more_and_then_no_more(bulk) -> None:
    ask = bulk.make.edit(1, "Add [[emulate moderation_output]]")
    with bulk.engine() as engine:
        for _ in range(3):
            assert bulk.queue(engine, [ask]).kinds() == {"Unanswered": 1}
            bulk.wait(engine)
        (dropped,) = bulk.queue(engine, [ask]).outcomes
    assert isinstance(dropped, Dropped) and dropped.reason is Reason.MODERATION_OUTPUT
    assert bulk.audit().by_outcome() == {"possibly": 3}


def test_a_step_without_an_endpoint_is_refused_in_batches_too(bulk) -> None:
    with bulk.engine() as engine, pytest.raises(ConfigError, match="align"):
        list(engine.bulk.answers([bulk.make.chat(1, step="align")]))


def test_a_run_that_never_asked_in_batches_asks_nobody_about_them(bulk) -> None:
    with bulk.engine("http://127.0.0.1:9/v1") as engine:
        assert engine.bulk.adopt() == engine.bulk.look() == ()
        engine.bulk.flush()
        engine.bulk.cancel()


def test_an_engine_that_is_closed_takes_nothing(bulk) -> None:
    with bulk.engine() as engine:
        pass
    with pytest.raises(Interrupted):
        list(engine.bulk.answers(bulk.make.chats(1)))
    with pytest.raises(Interrupted):
        engine.bulk.look()


def test_a_stop_while_a_batch_is_under_way_leaves_it_to_the_next_run(bulk) -> None:
    asks = bulk.make.chats(4)
    with bulk.engine() as engine:
        bulk.queue(engine, asks)
        engine.stop()
        with pytest.raises(Interrupted):
            bulk.wait(engine)
    assert bulk.audit().by_outcome() == {"open": 4}
    with bulk.engine() as engine:
        spent = engine.books.ledger.spent
        assert [facts.lines for facts in engine.bulk.adopt()] == [4]
        assert engine.books.ledger.reserved == spent > 0 == engine.books.ledger.spent
        assert bulk.queue(engine, asks).kinds() == {"Unanswered": 4}
        bulk.wait(engine)
        assert bulk.take(engine, asks).kinds() == {"Answered": 4}
        assert engine.books.ledger.possibly == 0
    proven = bulk.audit()
    assert proven.by_outcome() == {"settled": 4}
    assert engine.books.ledger.spent == proven.usd() and bulk.calls() == 4
    bulk.prove_clean()


def test_no_key_and_no_picture_is_in_the_records(bulk) -> None:
    with bulk.engine() as engine:
        bulk.queue(engine, bulk.make.edits(2))
        paths = bulk.store.list("runs")
        assert len(paths) == 3
        text = b"".join(bulk.store.read(path) for path in paths)
        bulk.wait(engine)
    assert bulk.make.key.encode() not in text and b"b64" not in text and b"PNG" not in text


def test_a_key_that_is_revoked_stops_the_run_and_loses_nothing(bulk) -> None:
    asks = bulk.make.chats(3)
    with bulk.engine() as engine:
        bulk.queue(engine, asks)
        bulk.config(keys_revoked=True)
        with pytest.raises(EndpointStopped, match="key was refused"):
            bulk.wait(engine)
        assert isinstance(engine.stopped, EndpointStopped)
    bulk.config(keys_revoked=False)
    with bulk.engine() as engine:
        engine.bulk.adopt()
        bulk.wait(engine)
        assert bulk.take(engine, asks).kinds() == {"Answered": 3}
    assert bulk.audit().by_outcome() == {"settled": 3}


def test_an_upload_with_a_revoked_key_stops_the_run(bulk) -> None:
    bulk.config(keys_revoked=True)
    with bulk.engine() as engine, pytest.raises(EndpointStopped, match="key was refused"):
        list(engine.bulk.answers(bulk.make.edits(2)))
    with bulk.engine() as engine, pytest.raises(EndpointStopped, match="key was refused"):
        bulk.queue(engine, bulk.make.chats(2))
    bulk.config(keys_revoked=False)
    assert bulk.audit().by_outcome() == {"free": 2} and bulk.batches() == []


def test_a_budget_holds_and_what_fits_is_submitted(bulk) -> None:
    asks = bulk.make.chats(40)
    with bulk.engine() as engine:
        worst = engine.endpoints["rewrite"].worst(asks[-1].what, batch=True)
    budget = worst * 4
    with bulk.engine(budget=str(budget)) as engine:
        taken = bulk.queue(engine, asks)
        short = [one for one in taken.of(Unanswered) if "budget" in one.detail]
        assert len(short) == 36
        with pytest.raises(BudgetExceeded):
            while True:
                bulk.wait(engine)
                bulk.queue(engine, asks)
        assert engine.books.ledger.spent <= budget
    proven = bulk.audit()
    assert proven.usd() == proven.history.spent <= budget
    assert proven.by_outcome()["settled"] >= 6
    assert Decimal(budget) - proven.usd() < worst


def test_a_question_takes_its_pictures_along(bulk) -> None:
    ask = bulk.make.question(1)
    with bulk.engine() as engine:
        bulk.queue(engine, [ask])
        bulk.wait(engine)
        (batched,) = bulk.take(engine, [ask]).of(Answered)
    online = bulk.on_another_store()
    with online.engine() as engine:
        (answered,) = online.take(engine, [ask]).of(Answered)
    assert json.loads(batched.answer.body) == json.loads(answered.answer.body)
    assert batched.answer.record.usd * 2 == answered.answer.record.usd
    bulk.prove_clean()


def test_refusals_for_want_of_room_are_waited_for(bulk) -> None:
    asks = bulk.make.edits(3)
    bulk.config(faults={"rate_limit": 0.4})
    with bulk.engine() as engine:
        bulk.queue(engine, asks)
        bulk.wait(engine)
        assert bulk.take(engine, asks).kinds() == {"Answered": 3}
    assert bulk.audit().by_outcome() == {"settled": 3}


def test_adopting_when_something_is_queued_changes_nothing(bulk) -> None:
    with bulk.engine() as engine:
        list(engine.bulk.answers(bulk.make.chats(2)))
        assert engine.bulk.adopt() == ()
        engine.bulk.flush()
        assert [facts.lines for facts in engine.bulk.adopt()] == [2]
        bulk.wait(engine)
    assert bulk.audit().by_outcome() == {"settled": 2}
    bulk.prove_clean()


def test_money_that_all_runs_share_is_drawn_for_batches(bulk) -> None:
    asks = bulk.make.chats(6)
    with bulk.engine() as engine:
        ledger = engine.books.ledger
        treasury = Treasury(bulk.store, "r", Owner("a", "here", 1))
        treasury.join(Decimal(1))
        treasury.open(Decimal(0))
        ledger.fund = treasury
        assert bulk.queue(engine, asks).kinds() == {"Unanswered": 6}
        bulk.wait(engine)
        assert bulk.take(engine, asks).kinds() == {"Answered": 6}
    treasury.close(ledger.spent)


def test_a_shared_budget_that_nobody_can_read_stops_the_run(bulk) -> None:
    with bulk.engine() as engine:
        treasury = Treasury(bulk.store, "r", Owner("a", "here", 1))
        treasury.join(Decimal(1))
        treasury.open(Decimal(0))
        engine.books.ledger.fund = treasury
        bulk.store.write(PATH, b"rotten")
        with pytest.raises(RunStopped, match=r"budget\.json is damaged"):
            bulk.queue(engine, bulk.make.chats(2))
    assert bulk.batches() == []
