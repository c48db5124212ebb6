"""Work that is begun before its turn, and comes in its turn."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from editcorpus.ahead import ahead, side_by_side


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def test_results_come_in_the_order_of_the_items(pool: ThreadPoolExecutor) -> None:
    assert list(ahead(pool, str, range(50), 4)) == [str(number) for number in range(50)]


def test_items_are_worked_on_side_by_side(pool: ThreadPoolExecutor) -> None:
    together = Barrier(3, timeout=60)
    assert len(list(ahead(pool, lambda _: together.wait(), range(3), 3))) == 3


def test_no_more_items_are_taken_than_may_wait(pool: ThreadPoolExecutor) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10):
            taken.append(number)
            yield number

    results = ahead(pool, str, items(), 3)
    assert next(results) == "0"
    assert taken == [0, 1, 2]


def test_what_goes_wrong_is_raised_in_its_turn(pool: ThreadPoolExecutor) -> None:
    results = ahead(pool, lambda number: 1 // (number - 2), range(5), 4)
    assert [next(results), next(results)] == [-1, -1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_what_comes_of_an_item_is_there_before_all_of_it_is(pool: ThreadPoolExecutor) -> None:
    gate = Event()

    def work(number: int) -> Iterator[str]:
        yield f"{number} begins"
        assert gate.wait(60)
        yield f"{number} ends"

    streams = side_by_side(pool, work, range(3), 2)
    first = next(streams)
    assert next(first) == "0 begins"
    gate.set()
    assert [*first, *(one for stream in streams for one in stream)] == [
        f"{number} {word}" for number in range(3) for word in ("begins", "ends")
    ][1:]


def test_what_goes_wrong_with_an_item_comes_after_what_was_right(pool: ThreadPoolExecutor) -> None:
    def work(number: int) -> Iterator[int]:
        yield number
        yield 1 // (number - 1)

    streams = side_by_side(pool, work, range(3), 3)
    assert list(next(streams)) == [0, -1]
    second = next(streams)
    assert next(second) == 1
    with pytest.raises(ZeroDivisionError):
        next(second)
