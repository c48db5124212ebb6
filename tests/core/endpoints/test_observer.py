"""Whoever measures is told of each call that went out, once, and as it was booked."""

import socket
from collections import Counter
from decimal import Decimal

from editcorpus.endpoints.books import Told
from editcorpus.errors import Interrupted


def sorts(told: list[Told]) -> Counter[tuple[str, str, str]]:
    return Counter((one.record.outcome, one.kind, one.operation) for one in told)


def test_each_call_is_told_once_as_it_was_booked(lab) -> None:
    told: list[Told] = []
    asks = [
        *lab.make.chats(3),
        *lab.make.edits(2),
        *lab.make.edits(1, "Do it [[emulate moderation_input]]"),
        *lab.make.edits(1, "Do it [[emulate server_error]]", step="rewrite"),
    ]
    with lab.engine(observer=told.append, call_attempts=1) as engine:
        lab.take(engine, asks)
        booked = engine.books.ledger.spent
    assert sorts(told) == {
        ("settled", "", "chat"): 3,
        ("settled", "", "image_edit"): 2,
        ("free", "moderation_input", "image_edit"): 1,
        ("free", "server", "image_edit"): 1,
    }
    assert sum((one.record.usd for one in told), Decimal(0)) == booked
    assert {one.endpoint.name for one in told} == {"regenerate", "rewrite"}
    assert all(one.record.seconds > 0 and not one.batch for one in told)


def test_what_the_store_has_is_no_call(lab) -> None:
    told: list[Told] = []
    with lab.engine() as engine:
        lab.take(engine, lab.make.chats(2))
    with lab.engine(observer=told.append) as engine:
        lab.take(engine, lab.make.chats(2))
        assert engine.books.ledger.calls == {"cached": 2}
    assert told == []


def test_every_refusal_for_want_of_room_is_told(lab) -> None:
    told: list[Told] = []
    lab.config(limits={"concurrent": 1})
    with lab.engine(observer=told.append) as engine:
        lab.take(engine, lab.make.chats(4))
        refused = engine.standing().refused
        assert engine.standing("rewrite").refused == refused
        assert engine.standing("regenerate").refused == 0
    assert sorts(told)["free", "rate_concurrency", "chat"] == refused
    assert sorts(told)["settled", "", "chat"] == 4


def test_a_call_that_found_no_server_is_told(lab) -> None:
    told: list[Told] = []
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        with lab.engine(url, observer=told.append, call_attempts=1) as engine:
            taking = lab.thread(lambda: lab.take(engine, lab.make.chats(1)))
            while not told:
                taking.join(0.01)
            engine.stop(Interrupted("That is enough."))
    assert set(sorts(told)) == {("free", "transport_unsent", "chat")}


def test_lines_of_batches_are_told_as_such(bulk) -> None:
    told: list[Told] = []
    with bulk.engine(observer=told.append) as engine:
        bulk.queue(engine, bulk.make.chats(3))
        bulk.wait(engine)
        booked = engine.books.ledger.spent
    assert sorts(told) == {("settled", "", "chat"): 3}
    assert all(one.batch and one.record.seconds == 0 for one in told)
    assert sum((one.record.usd for one in told), Decimal(0)) == booked
