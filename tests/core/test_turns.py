"""Whose work the threads do first that work for many shards."""

from collections.abc import Callable
from threading import Barrier, Event

import pytest

from editcorpus.ahead import ahead
from editcorpus.turns import Turns


@pytest.fixture
def gate() -> Event:
    return Event()


def noted(done: list[str]) -> Callable[[str], str]:
    def note(what: str) -> str:
        done.append(what)
        return what

    return note


def test_the_earliest_shard_is_done_first_and_its_items_in_their_order(gate: Event) -> None:
    turns, done = Turns(1, "test"), list[str]()
    held = turns.of(0).submit(lambda _: gate.wait(60), "")
    later = [turns.of(2).submit(noted(done), f"2-{number}") for number in range(3)]
    first = [turns.of(1).submit(noted(done), f"1-{number}") for number in range(3)]
    gate.set()
    assert held.result(60)
    assert [one.result(60) for one in (*later, *first)] == [
        "2-0",
        "2-1",
        "2-2",
        "1-0",
        "1-1",
        "1-2",
    ]
    assert done == ["1-0", "1-1", "1-2", "2-0", "2-1", "2-2"]
    turns.shutdown()


def test_all_threads_work() -> None:
    turns, together = Turns(3, "test"), Barrier(3, timeout=60)
    assert len(list(ahead(turns.of(1), lambda _: together.wait(), range(3), 3))) == 3
    turns.shutdown()


def test_what_goes_wrong_is_raised_by_whoever_asked() -> None:
    turns = Turns(2, "test")
    with pytest.raises(ZeroDivisionError):
        turns.of(1).submit(lambda number: 1 // number, 0).result(60)
    assert turns.of(1).submit(str, 1).result(60) == "1"
    turns.shutdown()


def test_what_was_cancelled_is_not_done(gate: Event) -> None:
    turns, done = Turns(1, "test"), list[str]()
    turns.of(0).submit(lambda _: gate.wait(60), "")
    dropped = turns.of(1).submit(noted(done), "dropped")
    kept = turns.of(2).submit(noted(done), "kept")
    assert dropped.cancel()
    gate.set()
    assert kept.result(60) == "kept"
    assert done == ["kept"]
    turns.shutdown()
