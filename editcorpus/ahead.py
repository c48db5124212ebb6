"""Work that is begun before its turn, and comes in its turn."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Hands(Protocol):
    """Whoever does work in threads: a pool, or what a shard has of one."""

    def submit(self, work: Callable[[_In], _Out], item: _In, /) -> Future[_Out]:
        """Do work about an item."""
        ...


def ahead(
    pool: Hands, work: Callable[[_In], _Out], items: Iterable[_In], width: int
) -> Iterator[_Out]:
    """Do `work` about items in the threads of a pool; results come in the order of the items.

    Args:
        pool: Its threads do the work.
        work: What is done; what it raises is raised in its turn.
        items: Taken as they are needed.
        width: Most items that are worked on or wait for their turn.
    """
    waiting: deque[Future[_Out]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) >= width:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def side_by_side(
    pool: Executor, work: Callable[[_In], Iterable[_Out]], items: Iterable[_In], width: int
) -> Iterator[Iterator[_Out]]:
    """What `work` gives of each item, one thing after the other as it comes; in the order of the items.

    Those of an item are to be taken before the next item is.

    Args:
        pool: Its threads do the work, and do not wait for whoever takes what they find.
        work: What is done; what it raises is raised in its turn.
        items: Taken as they are needed.
        width: Most items that are worked on, or of which something waits for its turn.
    """
    waiting: deque[_Stream[_Out]] = deque()
    for item in items:
        waiting.append(_Stream(pool, work, item))
        if len(waiting) >= width:
            yield waiting.popleft().taken()
    while waiting:
        yield waiting.popleft().taken()


class _Stream(Generic[_Out]):
    """What work about an item has given so far."""

    def __init__(self, pool: Executor, work: Callable[[_In], Iterable[_Out]], item: _In) -> None:
        self._found: SimpleQueue[tuple[_Out] | None] = SimpleQueue()
        self._filled = pool.submit(self._fill, work, item)

    def _fill(self, work: Callable[[_In], Iterable[_Out]], item: _In) -> None:
        try:
            for one in work(item):
                self._found.put((one,))
        finally:
            self._found.put(None)

    def taken(self) -> Iterator[_Out]:
        """Each thing once, as soon as it is there."""
        while (one := self._found.get()) is not None:
            yield one[0]
        self._filled.result()
