"""Who does the work of uniting: one piece of it a call, several side by side."""

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Protocol

from editcorpus.errors import RunStopped

Work = Callable[[int], int]
"""Does a batch by its number; how many records it holds."""


class Hands(Protocol):
    """Carries work out: in threads, or as task runs."""

    def over(self, step: str, work: Work, count: int, stop: Callable[[], None]) -> None:
        """Return once all is done.

        Args:
            step: What is done, for people: `digest` or `copy`.
            work: Takes a number from 0.
            count: How many there are.
            stop: Has work that is under way end soon; for when not all can be done.
        """


class Guard:
    """Has work end where it stands once it may not go on."""

    def __init__(self) -> None:
        self._why = ""
        self._over = threading.Event()

    def stop(self, why: str) -> None:
        """Have everybody who asks end; the first reason counts."""
        self._why = self._why or why
        self._over.set()

    def alive(self) -> None:
        """Return if the work may go on.

        Raises:
            RunStopped: It may not.
        """
        if self._over.is_set():
            raise RunStopped(f"{self._why} Files that are whole stay; the same command goes on.")


class Threads:
    """Hands of this process."""

    def __init__(self, side_by_side: int, told: Callable[[str, int, int], None]) -> None:
        """Nothing is started yet.

        Args:
            side_by_side: Batches in work at a time; each holds two row groups or so in memory.
            told: Hears after each batch its step, how many are done, and of how many.
        """
        self._width = side_by_side
        self._told = told

    def over(self, step: str, work: Work, count: int, stop: Callable[[], None]) -> None:
        """Return once all is done; of several errors the first is raised."""
        with ThreadPoolExecutor(self._width) as pool:
            running = {pool.submit(work, number) for number in range(count)}
            done = 0
            try:
                while running:
                    ended, running = wait(running, return_when=FIRST_COMPLETED)
                    for one in ended:
                        one.result()
                        done += 1
                        self._told(step, done, count)
            except BaseException:
                stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
