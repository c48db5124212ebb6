"""Threads that work for many shards at once, and do what belongs to the earliest of them first.

Were each shard given as much, all shards in progress would be through at about the same time, each late.
So the first ones are finished early, and what they hold is free again.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count
from queue import PriorityQueue
from typing import Any, TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Turns:
    """A pool of threads.

    Args:
        threads: How many.
        name: Theirs.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._waiting: PriorityQueue[tuple[int, int, Callable[[], None]]] = PriorityQueue()
        self._count = count()

    def of(self, shard: int) -> "Turn":
        """The same threads, as work for a shard finds them."""
        return Turn(self, shard)

    def submit(self, shard: int, work: Callable[[_In], _Out], item: _In) -> Future[_Out]:
        """Do work about an item for a shard: after that of earlier shards, and what came before for it."""
        future: Future[_Out] = Future()
        done = partial(_do, future, work, item)
        self._waiting.put((shard, next(self._count), done))
        self._pool.submit(self._next)
        return future

    def _next(self) -> None:
        _, _, done = self._waiting.get()
        done()

    def shutdown(self) -> None:
        """Free the threads, once all is done."""
        self._pool.shutdown()


@dataclass(frozen=True, slots=True)
class Turn:
    """What one shard has of such threads."""

    turns: Turns
    shard: int

    def submit(self, work: Callable[[_In], _Out], item: _In, /) -> Future[_Out]:
        """Do work about an item."""
        return self.turns.submit(self.shard, work, item)


def _do(future: Future[Any], work: Callable[[Any], Any], item: Any) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        made = work(item)
    except BaseException as error:
        future.set_exception(error)
        raise  # into a future of the pool's own, which nobody reads
    else:
        future.set_result(made)
