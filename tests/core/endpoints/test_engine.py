"""The engine over real sockets, when nothing goes wrong."""

import threading
import time
from collections import Counter
from decimal import Decimal

import pytest

from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.engine import Engine
from editcorpus.endpoints.requests import Answered
from editcorpus.errors import ConfigError, Interrupted, StorageError
from editcorpus.responses import Responses, TextAnswer
from editcorpus.storage import Store

NOBODY = "http://127.0.0.1:9/v1"


def test_books_agree_with_the_servers_to_the_cent(lab) -> None:
    asks = lab.make.edits(6) + lab.make.chats(30)
    with lab.engine(in_flight=16) as engine:
        taken = lab.take(engine, asks)
        assert engine.books.ledger.reserved == 0
    assert all(one.paid for one in taken.of(Answered)) and taken.kinds() == {"Answered": 36}
    proven = lab.audit()
    assert proven.by_outcome() == {"settled": 36}
    assert engine.books.ledger.spent == proven.history.spent == proven.usd() > 0


def test_an_answer_is_what_the_api_sent(lab) -> None:
    with lab.engine() as engine:
        taken = lab.take(engine, [lab.make.edit(1), lab.make.chat(1)])
    answers = {one.ask.step: one.answer for one in taken.of(Answered)}
    picture = engine.books.responses.picture(answers["regenerate"].record.key)
    assert picture.startswith(b"\x89PNG")
    assert '"choices"' in answers["rewrite"].body
    record = answers["regenerate"].record
    assert record.request_id.startswith("req_") and record.usage["image_out"] > 0
    assert record.seconds > 0


def test_what_was_answered_costs_neither_money_nor_a_slot(lab) -> None:
    asks = lab.make.edits(3) + lab.make.chats(40)
    with lab.engine() as engine:
        lab.take(engine, asks)
    with lab.engine(NOBODY) as engine:
        taken = lab.take(engine, asks)
        calls = engine.books.ledger.calls
    assert taken.kinds() == {"Answered": 43} and not any(one.paid for one in taken.outcomes)
    assert calls == {"cached": 43}
    assert lab.calls() == 43


def test_the_same_request_from_two_threads_goes_out_once(lab) -> None:
    lab.config(latency_s=0.1)
    asks, taken = lab.make.chats(24), []
    with lab.engine() as engine:
        threads = [lab.thread(lambda: taken.append(lab.take(engine, asks))) for _ in range(4)]
        for thread in threads:
            thread.join(300)
        calls = engine.books.ledger.calls
    assert lab.calls() == 24
    assert [one.kinds() for one in taken] == [{"Answered": 24}] * 4
    paid = Counter(item.ask.id for one in taken for item in one.outcomes if item.paid)
    assert paid == {ask.id: 1 for ask in asks}, "one of the four has paid for each"
    assert calls == {"settled": 24, "cached": 72}


class SlowToMiss(Responses):
    """Whoever looks the same request up a second time learns late that there was no answer."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.looks = 0
        self.looked = threading.Event()
        self.answered = threading.Event()

    def text(self, key: str) -> TextAnswer | None:
        found = super().text(key)
        self.looks += 1
        self.looked.set()
        if self.looks == 2:
            self.answered.wait(10)
        return found


def test_a_request_that_was_answered_a_moment_ago_is_not_paid_again(lab) -> None:
    """Whoever looks it up just before the answer is stored must not send it just after."""
    lab.config(latency_s=0.3)
    ask = lab.make.chat(1)
    with lab.engine(finder=SlowToMiss) as engine:
        responses = engine.books.responses

        def first() -> None:
            list(engine.answers([ask]))
            responses.answered.set()

        lab.thread(first)
        responses.looked.wait(10)
        list(engine.answers([ask]))
    assert lab.calls() == 1


def test_an_ask_that_is_given_twice_gets_two_outcomes_and_one_call(lab) -> None:
    ask = lab.make.chat(1)
    with lab.engine() as engine:
        outcomes = list(engine.answers([ask, ask]))
    assert [outcome.paid for outcome in outcomes] == [True, False]
    assert lab.calls() == 1


def test_outcomes_come_as_they_arrive(lab) -> None:
    asks = lab.make.chats(3) + lab.make.chats(1, "Say it [[emulate hang]]")
    with lab.engine(patience_s=0.1) as engine:
        outcomes = engine.answers(asks)
        assert {type(next(outcomes)) for _ in range(3)} == {Answered}
        outcomes.close()


def test_nobody_asked_is_nobody_answered(lab) -> None:
    with lab.engine(NOBODY) as engine:
        assert list(engine.answers([])) == []


def most_out(lab, engine, count: int, wanted: int) -> int:
    """How many of so many calls without an end are out at once, as soon as they are as many as wanted."""
    taking = lab.thread(lambda: lab.take(engine, lab.make.chats(count, "Say it [[emulate hang]]")))
    while lab.sandbox.admin("summary")["in_flight"] < wanted:
        taking.join(0.01)
    engine.stop()
    return int(lab.sandbox.admin("summary")["most_in_flight"])


def test_no_more_calls_are_out_than_allowed(lab) -> None:
    with lab.engine(in_flight=6, patience_s=0.1) as engine:
        lab.take(engine, lab.make.chats(60))
        assert most_out(lab, engine, 20, 6) == 6


def test_more_than_a_hundred_calls_can_be_out(lab) -> None:
    """aiohttp opens no more than 100 connections unless it is told to."""
    with lab.engine(in_flight=130, patience_s=0.1) as engine:
        assert most_out(lab, engine, 130, 101) > 100


def test_pictures_sent_per_minute_are_limited(lab) -> None:
    lab.config(limits={"input_images_per_minute": 120})
    began = time.monotonic()
    with lab.engine(input_images_per_minute=120) as engine:
        lab.take(engine, lab.make.edits(23))
        refused = engine.standing().refused
    assert time.monotonic() - began >= 1.4, "ten seconds' worth at once, then two a second"
    assert refused == 0


def test_a_storm_of_refusals_loses_no_call_and_is_short(lab) -> None:
    """How long it takes is measured by tests/benchmarks/storm.py, for it depends on the machine."""
    lab.config(latency_s=0.2, limits={"concurrent": 16})
    with lab.engine(in_flight=64) as engine:
        taken = lab.take(engine, lab.make.chats(300))
        refused = engine.standing().refused
    assert taken.kinds() == {"Answered": 300}
    assert refused < 40, "5 where client and server have a core each"
    assert lab.audit().by_outcome() == {"settled": 300, "free": refused}


def test_a_body_is_read_when_its_call_has_a_slot(lab) -> None:
    lab.config(latency_s=0.02)
    body, lock, ahead, loaded = lab.make.edit(0).what.picture.load(), threading.Lock(), [], []

    def load() -> bytes:
        with lock:
            loaded.append(1)
            ahead.append(len(loaded) - lab.calls())
        return body

    with lab.engine(in_flight=4) as engine:
        lab.take(engine, lab.make.edits(24, load=load))
    assert len(loaded) == 24
    assert max(ahead) <= 4


def test_an_engine_that_nobody_asks_ends(lab) -> None:
    with lab.engine(NOBODY) as engine:
        assert engine.stopped is None
    assert isinstance(engine.stopped, Interrupted)
    engine.stop()


def test_a_step_without_an_endpoint_is_refused(lab) -> None:
    with lab.engine(NOBODY) as engine, pytest.raises(ConfigError, match="align"):
        list(engine.answers([lab.make.chat(1, step="align")]))


def test_two_endpoints_of_one_name_must_be_one(lab) -> None:
    with lab.engine(NOBODY) as engine:
        books = engine.books
    one = Endpoint(name="images", base_url=NOBODY)
    other = one.model_copy(update={"deadline_s": 1.0})
    with pytest.raises(ConfigError, match="both named 'images'"):
        Engine({"regenerate": one, "rewrite": other}, books)


class UnreadableStore(Store):
    """A store that cannot say what it has."""

    def read_range(self, path: str, start: int, length: int) -> bytes:
        raise StorageError(f"{path} cannot be looked up.")


def test_a_store_that_cannot_be_asked_is_told_after_all_outcomes(lab) -> None:
    broken = UnreadableStore(lab.store.root)
    with lab.engine(NOBODY, responses_in=broken) as engine:
        taken = lab.take(engine, lab.make.edits(3))
        again = lab.take(engine, lab.make.edits(3))
    for one in (taken, again):
        assert one.kinds() == {"Unanswered": 3}
        assert isinstance(one.stopped, StorageError)
    assert lab.audit().by_outcome() == {}


def test_dollars_of_a_step_over_a_shard_add_up(lab) -> None:
    with lab.engine() as engine:
        lab.take(engine, lab.make.chats(5) + lab.make.edits(1))
        ledger = engine.books.ledger
    spent = ledger.usd("rewrite", 0) + ledger.usd("regenerate", 0)
    assert spent == ledger.spent == lab.history().spent > Decimal(0)
