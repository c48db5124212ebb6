"""Work that is begun before its turn, and comes in its turn."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def ahead(
    pool: Executor, work: Callable[[_In], _Out], items: Iterable[_In], width: int
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
