"""What is done about a damaged file of a shard: the step that wrote it is done anew, once a run.

Nothing is paid for again: answers come from the store, and who was rejected stays so.
"""

import logging
from collections.abc import Callable, Iterable
from threading import Lock
from typing import TypeVar

from editcorpus.errors import ShardDamaged, ShardError
from editcorpus.shards import PLAN

_Made = TypeVar("_Made")
_log = logging.getLogger(__name__)


class Mending:
    """Which steps over which shards are to be done anew; safe from any thread."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._due: set[tuple[str, str]] = set()
        self._lock = Lock()

    def take(self, damage: ShardDamaged) -> None:
        """Have a damaged file made anew, and tell it once.

        Raises:
            ShardError: It was made anew in this run already, or it belongs to the plan, which no
                step makes.
        """
        if damage.step == PLAN:
            raise ShardError(str(damage)) from damage
        with self._lock:
            if damage.path in self._told:
                raise ShardError(f"{damage} It was made anew in this run before.") from damage
            self._told.add(damage.path)
            self._due.add((damage.folder, damage.step))
        _log.warning("%s The step %s is done anew.", damage, damage.step)

    def due(self, folder: str, step: str) -> bool:
        """Whether a step over the shard in this folder is to be done anew."""
        return (folder, step) in self._due

    def done(self, folder: str, step: str) -> None:
        """A step was done."""
        with self._lock:
            self._due.discard((folder, step))


def healed(mending: Mending, stages: Iterable[Callable[[], _Made]]) -> list[_Made]:
    """Run the stages of a shard in order, and again from the first where a file is damaged.

    Raises:
        ShardError: A file that was made anew in this run is damaged again, or belongs to the plan.
    """
    runs = tuple(stages)
    while True:
        try:
            return [run() for run in runs]
        except ShardDamaged as damage:
            mending.take(damage)
