"""Take shards through their stages: a window of them at a time, each a task run of its own."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from prefect.futures import PrefectFuture

from editcorpus.errors import Interrupted, RunStopped
from tasks.shard import ahead, shard
from tasks.workshop import WORKSHOP

_PATIENCE_S = 20.0
"""How long shards are waited for after an interrupt: Prefect's worker kills a cancelled run 30 s
after it was told so (`grace_seconds`, prefect/runner), and the outcome is yet to be told."""


@dataclass(frozen=True, slots=True)
class Window:
    """How shards are taken through their stages.

    Attributes:
        width: How many are worked on at once.
        retry_delay_s: Seconds before a stage with unanswered calls is tried again.
        rounds: Shards that have to go one after the other: the turns of conversations.
    """

    width: int
    retry_delay_s: float
    rounds: int = 1

    def all_stages(self, number: int) -> PrefectFuture[Any]:
        """Take a shard through every stage."""
        return shard.submit(number, self.retry_delay_s)

    def up_to(self, step: str, number: int) -> PrefectFuture[Any]:
        """Take a shard up to a step, and put what that step lacks into batches."""
        return ahead.submit(number, step, self.retry_delay_s)


def twice_if_needed(
    numbers: Sequence[int],
    window: Window,
    ended: Callable[[int], None],
    between: Callable[[Sequence[int]], None] = lambda _: None,
) -> None:
    """Take shards through their stages, and those with unanswered calls once more.

    Args:
        numbers: Of the shards.
        window: How many at once.
        ended: Is told the number of each shard that has gone through its stages.
        between: Is called with the numbers of the shards that have to go once more.

    Raises:
        RunStopped: The run must not go on; all shards in progress have ended.
        EditcorpusError: All shards have ended, and one of them could not be done.
    """
    unanswered = through(numbers, window.width, window.all_stages, ended, window.rounds)
    if unanswered:
        between(unanswered)
        through(unanswered, window.width, window.all_stages, ended, window.rounds)


def through(
    numbers: Sequence[int],
    width: int,
    start: Callable[[int], PrefectFuture[Any]],
    ended: Callable[[int], None],
    rounds: int = 1,
) -> list[int]:
    """Take shards through some stages; gives those that leave something to be done.

    A shard that cannot be done, since a file of it is damaged, does not hold up the others.

    Args:
        numbers: Of the shards.
        width: How many are worked on at once.
        start: Sets a task about a shard going, whose result says how much it leaves.
        ended: Is told the number of each shard whose task has ended.
        rounds: Shards of which each waits for the one before it.

    Raises:
        RunStopped: The run must not go on; all shards in progress have ended.
        EditcorpusError: All shards have ended, and one of them could not be done.
    """
    waiting = deque(_chains(numbers, rounds))
    running: dict[PrefectFuture[Any], deque[int]] = {}
    done: SimpleQueue[PrefectFuture[Any]] = SimpleQueue()
    unanswered: list[int] = []
    trouble: list[BaseException] = []
    try:
        while waiting or running:
            while waiting and len(running) < width and not _stopped(trouble):
                chain = waiting.popleft()
                future = start(chain[0])
                running[future] = chain
                future.add_done_callback(done.put)
            if not running:
                break
            future = done.get()
            chain = running.pop(future)
            number = chain.popleft()
            result = future.result(raise_on_failure=False)
            ended(number)
            waiting.extendleft([chain] if chain else [])
            if isinstance(result, BaseException):
                _take(trouble, result)
            elif result:
                unanswered.append(number)
    except BaseException:  # a cancel or Ctrl-C: calls in flight are taken, then the signal goes on
        interrupt(list(running))
        raise
    if trouble:
        raise _stopped(trouble) or trouble[0]
    return unanswered


def _chains(numbers: Sequence[int], rounds: int) -> list[deque[int]]:
    """The numbers, in their order, in chains of those that wait for each other."""
    found: dict[int, deque[int]] = {}
    for number in numbers:
        found.setdefault(number // rounds, deque()).append(number)
    return list(found.values())


def _take(trouble: list[BaseException], error: BaseException) -> None:
    """Keep what went wrong; once the run must stop, no stage waits for its second try any more."""
    trouble.append(error)
    if isinstance(error, RunStopped):
        WORKSHOP.get().stopping.set()


def _stopped(trouble: list[BaseException]) -> RunStopped | None:
    return next((error for error in trouble if isinstance(error, RunStopped)), None)


def interrupt(running: list[PrefectFuture[Any]]) -> None:
    """Have the run stop, and wait for a while until tasks have ended."""
    shop = WORKSHOP.get()
    shop.stopping.set()
    shop.engine.stop(Interrupted("The run was interrupted."))
    until = time.monotonic() + _PATIENCE_S
    for future in running:
        future.wait(max(0.0, until - time.monotonic()))
