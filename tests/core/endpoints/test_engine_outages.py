"""The engine when an endpoint cannot be reached: what waits stays waiting, and goes on by itself."""

import json
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from editcorpus.endpoints.requests import Answered, Unanswered
from editcorpus.errors import Interrupted
from editcorpus.records import Reason

CHAT = json.dumps({"choices": [{"message": {"content": "Yes"}}], "usage": None}).encode()
PATIENCE_S = 300
SCALED = {"call_attempts": 2, "probe_s": 0.2, "in_flight": 8}


@dataclass
class Flaky:
    """A server on one port that can go away, return, and cut calls off."""

    port: int
    cut: frozenset[str] = frozenset()
    seen: Counter[str] = field(default_factory=Counter)
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def go(self) -> None:
        """Serve no more; the port refuses connections."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def come(self, cut: frozenset[str] = frozenset()) -> None:
        """Serve, and reset the connections of these methods."""
        self.go()
        flaky, self.cut = self, cut

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                flaky.seen[self.command] += 1
                if self.command in flaky.cut:
                    gone = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, gone)
                    self.connection.close()
                    return
                self.send_response(200 if self.command == "POST" else 404)
                self.end_headers()
                self.wfile.write(CHAT)

            do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def finish(self) -> None:
                if getattr(self, "command", "") not in flaky.cut:
                    super().finish()

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def flaky(free_port: int) -> Iterator[Flaky]:
    made = Flaky(free_port)
    yield made
    made.go()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [record.getMessage() for record in caplog.records if "be reached" in record.getMessage()]
    return [" ".join(text.split()[1:4]) for text in said]


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end, "It did not happen in time."
        time.sleep(0.01)


def wait_until_down(caplog: pytest.LogCaptureFixture) -> None:
    until(lambda: told(caplog)[-1:] == ["cannot be reached:"])


def test_calls_wait_for_an_endpoint_that_goes_away_and_go_on_when_it_returns(
    lab, flaky: Flaky, caplog
) -> None:
    flaky.come()
    taken = []
    with lab.engine(flaky.url, **SCALED) as engine:
        taken.append(lab.take(engine, lab.make.chats(5)))
        flaky.go()
        thread = lab.thread(lambda: taken.append(lab.take(engine, lab.make.chats(40, "Later"))))
        wait_until_down(caplog)
        until(lambda: engine.standing().waiting > 30)
        assert len(engine.standing().away) == 1
        flaky.come()
        thread.join(PATIENCE_S)
        assert engine.books.ledger.reserved == 0
        assert engine.standing().away == frozenset()
    assert [one.kinds() for one in taken] == [{"Answered": 5}, {"Answered": 40}]
    assert told(caplog) == ["cannot be reached:", "can be reached"]
    outcomes = Counter(record.outcome for record in lab.history().records)
    assert outcomes["settled"] == 45 == flaky.seen["POST"] and outcomes["free"] < 40


def test_connections_that_are_cut_are_not_probed_with_calls_that_cost(
    lab, flaky: Flaky, caplog
) -> None:
    flaky.come(frozenset({"GET", "POST"}))
    taken = []
    with lab.engine(flaky.url, **SCALED) as engine:
        thread = lab.thread(lambda: taken.append(lab.take(engine, lab.make.chats(40))))
        wait_until_down(caplog)
        until(lambda: flaky.seen["GET"] >= 4)
        paid = flaky.seen["POST"]
        until(lambda: flaky.seen["GET"] >= 7)
        assert flaky.seen["POST"] == paid <= 4 + 8
        flaky.come()
        thread.join(PATIENCE_S)
    assert taken[0].kinds() == {"Answered": 40}
    assert Counter(one.outcome for one in lab.history().records) == {
        "possibly": paid,
        "settled": 40,
    }


def test_calls_that_break_a_server_which_is_there_end_one_by_one(lab, flaky: Flaky, caplog) -> None:
    flaky.come(frozenset({"POST"}))
    with lab.engine(flaky.url, **{**SCALED, "probe_s": 0.1}) as engine:
        taken = lab.take(engine, lab.make.chats(6))
    assert {one.reason for one in taken.of(Unanswered)} == {Reason.UNAVAILABLE}
    assert taken.kinds() == {"Unanswered": 6}
    assert told(caplog)[0] == "cannot be reached:"  # a busy machine may take a slow look for a call


def test_a_few_requests_that_are_lost_are_no_outage(lab, flaky: Flaky, caplog) -> None:
    with lab.engine(flaky.url, **SCALED) as engine:
        taken = lab.take(engine, lab.make.chats(3))
    assert taken.kinds() == {"Unanswered": 3} and told(caplog) == []


def test_a_run_that_waits_for_an_endpoint_can_be_stopped(lab, flaky: Flaky, caplog) -> None:
    with lab.engine(flaky.url, **SCALED) as engine:
        outcomes = engine.answers(lab.make.chats(20))
        thread = lab.thread(lambda: (wait_until_down(caplog), engine.stop()))
        with pytest.raises(Interrupted):
            list(outcomes)
        thread.join(PATIENCE_S)
    assert engine.books.ledger.spent == engine.books.ledger.reserved == 0


def test_another_endpoint_goes_on_meanwhile(lab, flaky: Flaky, caplog) -> None:
    own = {"rewrite": {"base_url": flaky.url, **SCALED}}
    taken = []
    with lab.engine(own=own) as engine:
        thread = lab.thread(lambda: taken.append(lab.take(engine, lab.make.chats(10))))
        wait_until_down(caplog)
        assert lab.take(engine, lab.make.edits(5)).kinds() == {"Answered": 5}
        flaky.come()
        thread.join(PATIENCE_S)
    assert all(isinstance(one, Answered) for one in taken[0].outcomes)
