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
from editcorpus.ledger import read_history
from editcorpus.storage import Store

NOBODY = "http://127.0.0.1:9/v1"


def test_books_agree_with_the_servers_to_the_cent(
    sandbox, store, start_engine, make, take, audit
) -> None:
    asks = make.edits(6) + make.chats(30)
    with start_engine(store, sandbox.url, in_flight=16) as engine:
        taken = take(engine, asks)
        assert engine.books.ledger.reserved == 0
    assert all(one.paid for one in taken.of(Answered)) and taken.kinds() == {"Answered": 36}
    proven = audit()
    assert proven.by_outcome() == {"settled": 36}
    assert engine.books.ledger.spent == proven.history.spent == proven.usd() > 0


def test_an_answer_is_what_the_api_sent(sandbox, store, start_engine, make, take) -> None:
    with start_engine(store, sandbox.url) as engine:
        taken = take(engine, [make.edit(1), make.chat(1)])
    answers = {one.ask.step: one.answer for one in taken.of(Answered)}
    assert answers["regenerate"].load().startswith(b"\x89PNG")
    assert '"choices"' in answers["rewrite"].body
    record = answers["regenerate"].record
    assert record.request_id.startswith("req_") and record.usage["image_out"] > 0
    assert record.seconds > 0


def test_what_was_answered_costs_neither_money_nor_a_slot(
    sandbox, store, start_engine, make, take
) -> None:
    asks = make.edits(3) + make.chats(40)
    with start_engine(store, sandbox.url) as engine:
        take(engine, asks)
    with start_engine(store, NOBODY) as engine:
        taken = take(engine, asks)
        calls = engine.books.ledger.calls
    assert taken.kinds() == {"Answered": 43} and not any(one.paid for one in taken.outcomes)
    assert calls == {"cached": 43}
    assert sandbox.admin("summary")["calls"] == 43


def test_the_same_request_from_two_threads_goes_out_once(
    sandbox, store, start_engine, make, take, in_thread
) -> None:
    sandbox.admin("config", {"latency_s": 0.1})
    asks, taken = make.chats(24), []
    with start_engine(store, sandbox.url) as engine:
        threads = [in_thread(lambda: taken.append(take(engine, asks))) for _ in range(4)]
        for thread in threads:
            thread.join(30)
        calls = engine.books.ledger.calls
    assert sandbox.admin("summary")["calls"] == 24
    assert [one.kinds() for one in taken] == [{"Answered": 24}] * 4
    paid = Counter(item.ask.id for one in taken for item in one.outcomes if item.paid)
    assert paid == {ask.id: 1 for ask in asks}, "one of the four has paid for each"
    assert calls == {"settled": 24, "cached": 72}


def test_a_request_that_was_answered_a_moment_ago_is_not_paid_again(
    sandbox, store, start_engine, make, in_thread
) -> None:
    """Whoever looks it up just before the answer is stored must not send it just after."""
    asks = make.chats(300)
    with start_engine(store, sandbox.url, in_flight=8) as engine:

        def one_after_the_other() -> None:
            for ask in asks:
                list(engine.answers([ask]))

        for thread in [in_thread(one_after_the_other) for _ in range(3)]:
            thread.join(60)
    assert sandbox.admin("summary")["calls"] == 300


def test_an_ask_that_is_given_twice_gets_two_outcomes_and_one_call(
    sandbox, store, start_engine, make
) -> None:
    ask = make.chat(1)
    with start_engine(store, sandbox.url) as engine:
        outcomes = list(engine.answers([ask, ask]))
    assert [outcome.paid for outcome in outcomes] == [True, False]
    assert sandbox.admin("summary")["calls"] == 1


def test_outcomes_come_as_they_arrive(sandbox, store, start_engine, make) -> None:
    sandbox.admin("config", {"latency_s": 0.05})
    with start_engine(store, sandbox.url, in_flight=1) as engine:
        outcomes = engine.answers(make.chats(8))
        next(outcomes)
        assert sandbox.admin("summary")["calls"] < 8
        assert len(list(outcomes)) == 7


def test_nobody_asked_is_nobody_answered(store, start_engine) -> None:
    with start_engine(store, NOBODY) as engine:
        assert list(engine.answers([])) == []


def test_no_more_calls_are_out_than_allowed(sandbox, store, start_engine, make, take) -> None:
    sandbox.admin("config", {"latency_s": 0.1})
    with start_engine(store, sandbox.url, in_flight=6) as engine:
        take(engine, make.chats(60))
    assert sandbox.admin("summary")["most_in_flight"] == 6


def test_more_than_a_hundred_calls_can_be_out(sandbox, store, start_engine, make, take) -> None:
    """aiohttp opens no more than 100 connections unless it is told to."""
    sandbox.admin("config", {"latency_s": 1.5})
    with start_engine(store, sandbox.url, in_flight=160) as engine:
        take(engine, make.chats(200))
    assert sandbox.admin("summary")["most_in_flight"] == 160


def test_pictures_sent_per_minute_are_limited(sandbox, store, start_engine, make, take) -> None:
    sandbox.admin("config", {"limits": {"input_images_per_minute": 120}})
    began = time.monotonic()
    with start_engine(store, sandbox.url, input_images_per_minute=120) as engine:
        take(engine, make.edits(23))
        refused = engine.standing().refused
    assert time.monotonic() - began >= 1.4, "ten seconds' worth at once, then two a second"
    assert refused == 0


def test_a_storm_of_refusals_neither_loses_calls_nor_much_time(
    sandbox, store, start_engine, make, take, audit
) -> None:
    sandbox.admin("config", {"latency_s": 0.2, "limits": {"concurrent": 16}})
    began = time.monotonic()
    with start_engine(store, sandbox.url, in_flight=64) as engine:
        taken = take(engine, make.chats(300))
        refused = engine.standing().refused
    ideal_s = 300 * 0.2 / 16
    assert taken.kinds() == {"Answered": 300}
    assert refused < 80
    assert time.monotonic() - began < 3 * ideal_s
    assert audit().by_outcome() == {"settled": 300, "free": refused}


def test_a_body_is_read_when_its_call_has_a_slot(sandbox, store, start_engine, make, take) -> None:
    sandbox.admin("config", {"latency_s": 0.02})
    body, lock, ahead, loaded = make.edit(0).what.picture.load(), threading.Lock(), [], []

    def load() -> bytes:
        with lock:
            loaded.append(1)
            ahead.append(len(loaded) - sandbox.admin("summary")["calls"])
        return body

    with start_engine(store, sandbox.url, in_flight=4) as engine:
        take(engine, make.edits(24, load=load))
    assert len(loaded) == 24
    assert max(ahead) <= 4


def test_an_engine_that_nobody_asks_ends(store, start_engine) -> None:
    with start_engine(store, NOBODY) as engine:
        assert engine.stopped is None
    assert isinstance(engine.stopped, Interrupted)
    engine.stop()


def test_a_step_without_an_endpoint_is_refused(store, start_engine, make) -> None:
    with start_engine(store, NOBODY) as engine, pytest.raises(ConfigError, match="align"):
        list(engine.answers([make.chat(1, step="align")]))


def test_two_endpoints_of_one_name_must_be_one(store, start_engine) -> None:
    with start_engine(store, NOBODY) as engine:
        books = engine.books
    one = Endpoint(name="images", base_url=NOBODY)
    other = one.model_copy(update={"deadline_s": 1.0})
    with pytest.raises(ConfigError, match="both named 'images'"):
        Engine({"regenerate": one, "rewrite": other}, books)


class UnreadableStore(Store):
    """A store that cannot say what it has."""

    def exists(self, path: str) -> bool:
        raise StorageError(f"{path} cannot be looked up.")


def test_a_store_that_cannot_be_asked_is_told_after_all_outcomes(
    store, start_engine, make, take, audit
) -> None:
    broken = UnreadableStore(store.root)
    with start_engine(store, NOBODY, responses_in=broken) as engine:
        taken = take(engine, make.edits(3))
        again = take(engine, make.edits(3))
    for one in (taken, again):
        assert one.kinds() == {"Unanswered": 3}
        assert isinstance(one.stopped, StorageError)
    assert audit().by_outcome() == {}


def test_dollars_of_a_step_over_a_shard_add_up(sandbox, store, start_engine, make, take) -> None:
    with start_engine(store, sandbox.url) as engine:
        take(engine, make.chats(5) + make.edits(1))
        ledger = engine.books.ledger
    spent = ledger.usd("rewrite", 0) + ledger.usd("regenerate", 0)
    assert spent == ledger.spent == read_history(store, "r").spent > Decimal(0)
