"""Answers that are bombs end as damaged ones; packed ones that are none are read."""

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from editcorpus.endpoints import bounded
from editcorpus.endpoints.requests import Answered, Dropped

CHAT = json.dumps({"choices": [{"message": {"content": "Yes"}}], "usage": None}).encode()
BOMB = gzip.compress(bytes(20_000_000))


@contextmanager
def answering(body: bytes, packed: str) -> Iterator[str]:
    """A server that gives every request the same answer."""
    listener = socket.create_server(("127.0.0.1", 0))
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
    packing = f"content-encoding: {packed}\r\n" if packed else ""

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                if not (taken := connection.recv(65536)):
                    return
                while not taken.endswith(b"}"):
                    taken += connection.recv(65536)
                try:
                    connection.sendall(f"{head}{packing}\r\n".encode() + body)
                except OSError:
                    continue  # whoever asked has heard enough

    thread = Thread(target=serve)
    thread.start()
    address = listener.getsockname()
    try:
        yield f"http://127.0.0.1:{address[1]}/v1"
    finally:
        socket.create_connection(address).close()
        thread.join()
        listener.close()


CASES = {
    "plain": (CHAT, "", Answered),
    "plain, said so": (CHAT, "identity", Answered),
    "packed": (gzip.compress(CHAT), "gzip", Answered),
    "a packed bomb": (BOMB, "gzip", Dropped),
    "too long": (b" " * 5_000_000 + CHAT, "", Dropped),
    "not packed": (CHAT, "gzip", Dropped),
    "packed and cut": (gzip.compress(CHAT)[:-20], "gzip", Dropped),
    "packed as nobody asked": (zlib.compress(CHAT), "deflate", Dropped),
}


@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_read_as_far_as_it_may_be(lab, monkeypatch, name: str) -> None:
    body, packed, ends = CASES[name]
    monkeypatch.setattr(bounded, "MOST_BYTES", 4_000_000)
    with answering(body, packed) as url, lab.engine(url, call_attempts=1) as engine:
        taken = lab.take(engine, [lab.make.chat(1)])
    assert [type(outcome) for outcome in taken.outcomes] == [ends]
    books = {record.outcome for record in lab.history().records}
    assert books == {"settled" if ends is Answered else "damaged"}
