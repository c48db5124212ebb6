"""A sample that is even over the kinds of edit, where a model has to tell the kind of each row.

Source: GPT-IMAGE-EDIT-1.5M took 11,112 rows of each of nine categories out of UltraEdit, whose rows do
not name theirs. Rows are gone through in a seeded order, some of each row group as in `selection.py`,
and their kinds are asked for, a window of rows at a time, until each kind has its part of the limit.
The kinds of rows that were told are kept in the response store: a larger sample pays for new rows alone.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from editcorpus.errors import RowsDamaged
from editcorpus.inputs import Inputs
from editcorpus.records import Triplet
from editcorpus.rows import Place, Source
from editcorpus.selection import draw_rows, seeded_groups

Classify = Callable[[Sequence[Triplet]], Mapping[str, str]]
"""Tells the kind of edit of triplets, by their ids."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """Who tells the kind of edit of rows that do not name it.

    Attributes:
        names: All kinds that there are.
        classify: Asks for the kinds of some rows.
    """

    names: tuple[str, ...]
    classify: Classify


class Draw(NamedTuple):
    """How many rows are drawn: in all, at least 1; by which seed; and of a row group before another."""

    limit: int
    seed: int
    rows_per_group: int


WINDOW = 512
"""Rows whose kinds are asked for at once."""
_log = logging.getLogger(__name__)


def classified(triplets: Sequence[Triplet], classify: Classify) -> list[Triplet]:
    """The triplets with their kind of edit as their task."""
    told = classify(triplets)
    return [replace(one, task=told.get(one.id, one.task)) for one in triplets]


def balanced(source: Source, inputs: Inputs, draw: Draw, kinds: Kinds) -> list[Triplet]:
    """As many rows of each kind as of every other, in the order of files and rows.

    Where a kind is too rare in all of the input, it has fewer; a line in the log says so. Rows that are
    rejected for their text are not drawn.

    Args:
        source: Reads the rows.
        inputs: All files of the input.
        draw: How many rows, and in which order.
        kinds: Who tells the kinds; the first of them take what does not divide evenly.

    Raises:
        ConfigError: A file is not in the layout of the source.
        StorageError, ShardError: A file cannot be read, or is damaged.
    """
    least, more = divmod(draw.limit, len(kinds.names))
    open_ = {kind: least + (place < more) for place, kind in enumerate(kinds.names)}
    drawn: dict[str, Triplet] = {}
    asked = Counter[str]()
    window: list[Triplet] = []
    for one in _candidates(source, inputs, draw):
        window.append(one)
        if len(window) >= WINDOW:
            _take(classified(window, kinds.classify), open_, drawn, asked)
            window = []
        if not any(open_.values()):
            break
    _take(classified(window, kinds.classify), open_, drawn, asked)
    if missing := {kind: count for kind, count in open_.items() if count}:
        told = ", ".join(f"{kind} {count} short" for kind, count in missing.items())
        _log.warning("All %d rows were classified, and there are too few: %s.", asked.total(), told)
    return sorted(drawn.values(), key=lambda one: (one.file, one.row_group, one.row))


def _take(
    found: Sequence[Triplet], open_: dict[str, int], drawn: dict[str, Triplet], asked: Counter[str]
) -> None:
    """Take of each kind what is still wanted of it."""
    for one in found:
        asked[one.task] += 1
        if open_.get(one.task) and one.id not in drawn:
            open_[one.task] -= 1
            drawn[one.id] = one


def _candidates(source: Source, inputs: Inputs, draw: Draw) -> Iterator[Triplet]:
    """Every usable row once: some of each row group in turn, until all are through."""
    turn, some = 0, draw.rows_per_group
    sizes = seeded_groups(source, inputs, draw.seed)
    while left := [one for one in sizes if one[2] > turn * some]:
        for url, group, rows in left:
            which = turn * some, min(rows, (turn + 1) * some)
            try:
                yield from _some(source, inputs, (url, group), which, draw.seed)
            except RowsDamaged as damage:
                _log.warning("%s", damage)
        turn += 1


def _some(
    source: Source, inputs: Inputs, where: tuple[str, int], which: tuple[int, int], seed: int
) -> Iterator[Triplet]:
    """Of the seeded order of a row group's rows those from one place to another."""
    url, group = where
    with source.reader.rows(inputs, url) as table:
        first = table.first_row(group)
        records = table.records(group, source.plan_columns)
        rows = [(row, Place(url, group, first + number)) for number, row in enumerate(records)]
    before = {place.row for _, place in draw_rows(rows, {"": which[0]}, "", seed)}
    for row, place in draw_rows(rows, {"": which[1]}, "", seed):
        if place.row not in before:
            made = source.triplet(row, place, seed)
            if isinstance(made, Triplet):
                yield made
