"""How far a plan is: for those who begin on its first shards before it is whole."""

from collections.abc import Callable, Generator
from threading import Condition
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from editcorpus.stages.plan import Plan


class Growth:
    """The plan of one run while it is made; one thread makes it, others wait for it.

    Attributes:
        plan: The whole plan; None until it is there.
    """

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self._changed = Condition()
        self._shards = 0
        self._over = False

    @property
    def shards(self) -> int:
        """How many shards are planned, from the first one on; all of them once the plan is whole."""
        return self._shards if self.plan is None else self.plan.shards

    def follow(
        self, steps: Generator[int, None, "Plan"], prove_going: Callable[[], None]
    ) -> "Plan":
        """Make the plan to its end, and tell those who wait of each shard.

        Args:
            steps: Ends a step with each shard that is written, in their order (see `planning`).
            prove_going: Is called after each step; what it raises ends the work.
        """
        try:
            while True:
                next(steps)
                self._add()
                prove_going()
        except StopIteration as end:
            made: Plan = end.value
            self.plan = made
            return made
        finally:
            steps.close()
            self._end()

    def reached(self, shards: int) -> bool:
        """Wait until so many shards are planned, or no more come; whether they are there.

        Not if the plan came to no end: it is not known then what is wrong with the rest.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._shards >= shards)
            failed = self._over and self.plan is None
            return not failed and self.shards >= shards

    def _add(self) -> None:
        with self._changed:
            self._shards += 1
            self._changed.notify_all()

    def _end(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()
