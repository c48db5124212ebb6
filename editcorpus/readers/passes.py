"""Passes through row groups that are too large to be gone through twice.

A pass goes through the rows of a row group from its first row on, and is held open from shard to shard.
Whoever wants a row that it has left behind begins another one; what that reads again is counted.
"""

import json
import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from editcorpus.errors import RowsDamaged, ShardError
from editcorpus.records import Triplet
from editcorpus.rows import Found, Role, Unread

Group = tuple[str, int]
"""File and row group."""
_MOST_PASSES = 4
"""Passes under way at once: shards in progress may lie in several files, and each pass holds one open."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Pass:
    """One pass through a row group, from its first row on.

    Attributes:
        roles: Which pictures are read.
        position: Number in the file of the row that comes next.
        end: Number of the row behind its last.
        rows: Each row's number in the file and its pictures, from `position` on.
        opened: What is held open meanwhile.
    """

    roles: tuple[Role, ...]
    position: int
    end: int
    rows: Iterator[tuple[int, Found]]
    opened: ExitStack

    def __iter__(self) -> "Pass":
        return self

    def __next__(self) -> tuple[int, Found]:
        number, found = next(self.rows)
        self.position = number + 1
        return number, found


@dataclass(slots=True)
class Passes:
    """The passes that are under way, and what is known of those before them; for one thread at a time.

    Attributes:
        begin: Opens a row group at its first row.
    """

    begin: Callable[[Group, tuple[Role, ...]], Pass]
    _open: dict[Group, Pass] = field(default_factory=dict)  # the one that was used last is the last
    _furthest: dict[Group, int] = field(default_factory=dict)
    _damaged: dict[Group, tuple[int, RowsDamaged]] = field(default_factory=dict)
    _again: tuple[int, int] = (0, 0)

    def reached(self, where: Group) -> int:
        """The place of the pass through a row group; 0 where there is none."""
        under_way = self._open.get(where)
        return under_way.position if under_way is not None else 0

    def passed(self, where: Group, row: int) -> None:
        """Be told that the rows before one were gone through before, by any process."""
        self._furthest[where] = max(row, self._furthest.get(where, 0))

    def repeated(self) -> tuple[int, int]:
        """Rows, and bytes of their pictures, that were read again since it was asked last."""
        found, self._again = self._again, (0, 0)
        return found

    def take(
        self, where: Group, wanted: dict[int, Triplet], roles: tuple[Role, ...]
    ) -> Iterator[tuple[Triplet, Found]]:
        """The pictures of some triplets of a row group, by the number of their row.

        Those behind a damage come with what is wrong; it is not looked for twice.

        Raises:
            ShardError: The row group ends before the last of them.
        """
        place, damage = self._damaged.get(where, (0, None))
        if damage is None or min(wanted) < place:
            damage = yield from self._sound(where, wanted, roles)
        if damage is not None:
            yield from ((one, damage) for one in wanted.values())

    def close(self) -> None:
        """Close every file."""
        for where in list(self._open):
            self._drop(where)

    def _sound(
        self, where: Group, wanted: dict[int, Triplet], roles: tuple[Role, ...]
    ) -> Generator[tuple[Triplet, Found], None, RowsDamaged | None]:
        """Those that come before the damage of the row group; gives the damage, if others need it."""
        under_way = self._pass(where, min(wanted), roles)
        try:
            yield from taken(self._counted(under_way, where), wanted, where[0])
        except RowsDamaged as damage:
            self._damaged[where] = under_way.position, damage
            self._drop(where)
            return damage
        if under_way.position >= under_way.end:
            self._drop(where)
        return None

    def _pass(self, where: Group, first: int, roles: tuple[Role, ...]) -> Pass:
        """The pass through a row group, which has not yet come to the first row that is wanted."""
        known = self._open.get(where)
        if known is not None and (known.position > first or known.roles != roles):
            self._drop(where)
            known = None
        if known is None:
            while len(self._open) >= _MOST_PASSES:
                self._drop(next(iter(self._open)))
            known = self.begin(where, roles)
            self._tell(known, where)
        self._open.pop(where, None)
        self._open[where] = known
        return known

    def _tell(self, begun: Pass, where: Group) -> None:
        furthest = self._furthest.get(where, 0)
        if furthest > begun.position:
            _log.info(
                "%s, row group %d: rows %d to %d are gone through again, since a pass begins at the "
                "first row.",
                *(*where, begun.position, furthest - 1),
            )

    def _counted(self, under_way: Pass, where: Group) -> Iterator[tuple[int, Found]]:
        """The rows of a pass; those that were gone through before are counted."""
        before = self._furthest.get(where, 0)
        for number, found in under_way:
            if number >= before:
                self._furthest[where] = number + 1
            elif not isinstance(found, Unread):
                rows, size = self._again
                self._again = rows + 1, size + sum(len(data or b"") for data in found.values())
            yield number, found

    def _drop(self, where: Group) -> None:
        under_way = self._open.pop(where, None)
        if under_way is not None:
            under_way.opened.close()


def taken(
    rows: Iterator[tuple[int, Found]], wanted: dict[int, Triplet], url: str
) -> Iterator[tuple[Triplet, Found]]:
    """Of the rows those that are wanted, taken out of the mapping, up to the last of them.

    Raises:
        ShardError: The rows end before that.
    """
    for number, found in rows:
        if one := wanted.pop(number, None):
            yield one, _less(found, one.paths)
        if not wanted:
            return
    raise ShardError(f"{url} has fewer rows than when it was planned.")


def _less(found: Found, paths: str) -> Found:
    """The pictures of a row without those of which its triplet says that they lie nowhere."""
    if not paths or isinstance(found, Unread):
        return found
    named = json.loads(paths)
    return {role: None if named.get(role) == "" else data for role, data in found.items()}
