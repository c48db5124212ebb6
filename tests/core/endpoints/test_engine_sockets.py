"""The engine against servers that do to a connection what no API should."""

import json
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from threading import Thread

import pytest

from editcorpus.endpoints.requests import Answered, Dropped, Unanswered
from editcorpus.errors import EndpointStopped

Behaviour = Callable[[socket.socket], None]


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def never(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def says(status: str, body: bytes, length: int | None = None, extra: str = "") -> Behaviour:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\n{extra}content-length: {size}\r\nconnection: close\r\n\r\n"
    return lambda connection: connection.sendall(head.encode() + body)


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """A server that reads each request whole, and then does what it is told; one at a time."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                if not (taken := connection.recv(65536)):
                    return
                while not taken.endswith(b"}"):
                    taken += connection.recv(65536)
                behaviour(connection)

    thread = Thread(target=serve)
    thread.start()
    address = listener.getsockname()
    try:
        yield f"http://127.0.0.1:{address[1]}/v1"
    finally:
        socket.create_connection(address).close()
        thread.join()
        listener.close()


CHAT = json.dumps({"choices": [{"message": {"content": "Yes"}}], "usage": None}).encode()


@pytest.mark.parametrize(
    ("behaviour", "ends", "outcome"),
    [
        (reset, Unanswered, "possibly"),
        (lambda _: None, Unanswered, "possibly"),
        (never, Unanswered, "possibly"),
        (says("200 OK", CHAT, length=1000), Unanswered, "possibly"),
        (says("200 OK", b"<html>Sign in</html>"), Dropped, "damaged"),
        (says("200 OK", b"[" * 100_000), Dropped, "damaged"),
        (says("200 OK", b'{"choices": [1]}'), Dropped, "damaged"),
        (
            says("200 OK", b'{"choices": [{}], "usage": {"prompt_tokens": 1e9}}'),
            Answered,
            "settled",
        ),
        (says("200 OK", CHAT), Answered, "settled"),
        (says("200 OK", CHAT, extra="x-ratelimit-limit-tokens: many\r\n"), Answered, "settled"),
        (says("502 Bad Gateway", b"<html>"), Unanswered, "possibly"),
        (says("413 Too Large", b"<html>"), Dropped, "free"),
        (says("429 Slow", b'{"error": {"code": "server_error"}}'), Unanswered, "free"),
    ],
)
def test_whatever_a_server_does_a_call_ends_and_is_booked(
    lab, behaviour: Behaviour, ends: type, outcome: str
) -> None:
    members = {"call_attempts": 1, "deadline_s": 0.5}
    with serving(behaviour) as url, lab.engine(url, **members) as engine:
        taken = lab.take(engine, [lab.make.chat(1)])
    history = lab.history()
    assert [type(one) for one in taken.outcomes] == [ends]
    assert {record.outcome for record in history.records} == {outcome}
    worst = engine._endpoints["rewrite"].worst(lab.make.chat(1).what)
    usd = {record.usd for record in history.records}
    assert usd == {Decimal(0)} if outcome == "free" else max(usd) <= worst


def test_an_answer_without_usage_is_booked_at_what_it_can_cost(lab) -> None:
    with serving(says("200 OK", CHAT)) as url, lab.engine(url) as engine:
        lab.take(engine, [lab.make.chat(1)])
    (record,) = lab.history().records
    assert record.usd > 0 and record.usage == {}


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "http://nowhere.invalid/v1"])
def test_a_call_that_was_never_sent_costs_nothing(lab, url) -> None:
    with lab.engine(url, call_attempts=2) as engine:
        taken = lab.take(engine, lab.make.chats(3))
    assert taken.kinds() == {"Unanswered": 3}
    assert Counter(one.outcome for one in lab.history().records) == {"free": 6}
    assert engine.books.ledger.spent == 0


def test_a_redirect_is_not_followed_and_stops_the_run(lab) -> None:
    with ExitStack() as stack:
        target = stack.enter_context(serving(says("200 OK", CHAT)))
        moved = says("307 Moved", b"", extra=f"location: {target}\r\n")
        url = stack.enter_context(serving(moved))
        engine = stack.enter_context(lab.engine(url, call_attempts=1))
        taken = lab.take(engine, [lab.make.chat(1)])
    assert isinstance(taken.stopped, EndpointStopped) and "HTTP 307" in str(taken.stopped)
    assert lab.history().spent == 0
