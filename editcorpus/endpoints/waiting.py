"""Who waits for which request: the same request from two callers goes out once."""

from collections.abc import Sequence
from dataclasses import replace
from queue import SimpleQueue
from threading import Lock

from editcorpus.endpoints.requests import Answered, Ask, Outcome
from editcorpus.errors import RunStopped

Mailbox = SimpleQueue[Outcome]
"""Where a caller takes its outcomes from, as they come."""


class Waiting:
    """Requests that are being looked up or are on their way, with all who wait; any thread may call.

    A request is claimed before anybody looks whether it was answered, and given up after its answer
    is in the store. So whoever finds no answer there and no claim here is the first to ask.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._callers: dict[str, list[tuple[Ask, Mailbox]]] = {}
        self._closed: RunStopped | None = None

    def claim(self, asks: Sequence[Ask], mailbox: Mailbox) -> list[Ask]:
        """Wait for these; returns those that nobody waited for, each request once.

        Raises:
            RunStopped: No more is taken.
        """
        with self._lock:
            if self._closed is not None:
                raise self._closed
            first = []
            for ask in asks:
                callers = self._callers.setdefault(ask.key, [])
                if not callers:
                    first.append(ask)
                callers.append((ask, mailbox))
            return first

    def settle(self, outcome: Outcome) -> int:
        """Hand an outcome to all who wait for it; returns how many of them it cost nothing.

        The first of them has paid for it, if anybody has.
        """
        with self._lock:
            callers = self._callers.pop(outcome.ask.key, [])
        paid = isinstance(outcome, Answered) and outcome.paid
        for number, (ask, mailbox) in enumerate(callers):
            if number and isinstance(outcome, Answered):
                outcome = replace(outcome, paid=False)
            mailbox.put(outcome if ask is outcome.ask else replace(outcome, ask=ask))
        return len(callers) - paid if isinstance(outcome, Answered) else 0

    def close(self, reason: RunStopped) -> None:
        """Take no more; the first reason counts."""
        with self._lock:
            self._closed = self._closed or reason

    def left(self) -> list[Ask]:
        """One ask for each request that somebody still waits for."""
        with self._lock:
            return [callers[0][0] for callers in self._callers.values()]
