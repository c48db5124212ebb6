"""A seeded sample of rows, stratified by task, that reads few row groups.

The published files are sorted by task and hold pictures of megabytes in row groups of hundreds. So
each task gets its part of the limit (`sampling.quotas`); a task's row groups are put in seeded
order and give up to `rows_per_group` rows each, one group after the other, until the part is full
(`sampling.spread`); inside a group the rows with the lowest seeded hash are taken, or the first ones
where a row is reached through all before it (`Source.keeps`). The sample of a higher limit holds that
of a lower one: what was paid for a small trial serves the large run.

Where statistics prove that a row group has only one task, nothing but the footer is read, else its
task column.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from heapq import nsmallest
from pathlib import PurePosixPath

from editcorpus.ahead import ahead
from editcorpus.errors import RowsDamaged
from editcorpus.inputs import Inputs
from editcorpus.rows import Place, Row, Rows, Source
from editcorpus.sampling import number, quotas, spread

_SIDE_BY_SIDE = 16
"""Files behind a network whose footers are read at once: each of them waits longer than it works."""
Quota = dict[str, int]
"""How many rows of each task to draw from a row group; one empty name stands for all tasks."""


def choose_groups(
    source: Source, inputs: Inputs, *, limit: int, seed: int, stratify: bool, rows_per_group: int
) -> dict[str, dict[int, Quota]]:
    """How many rows to draw from which row groups: by file, row group and task.

    Args:
        source: Whose task column stratifies.
        inputs: All files of the input.
        limit: Rows to take in all, at least 1.
        seed: Decides the order of row groups.
        stratify: Whether each task gets its part; else rows are rows.
        rows_per_group: How many a row group gives before another one is drawn from.

    Raises:
        ConfigError: A file is not in the layout of the source.
        StorageError, ShardError: A file cannot be read, or is damaged.
    """
    by_task: dict[str, list[tuple[str, int, int]]] = {}
    for url, groups in _each(source, inputs, stratify=stratify):
        for group, counts in enumerate(groups):
            for task, rows in counts.items():
                by_task.setdefault(task, []).append((url, group, rows))
    sizes = {task: sum(rows for *_, rows in groups) for task, groups in by_task.items()}
    chosen: dict[str, dict[int, Quota]] = {}
    for task, part in quotas(sizes, limit).items():
        drawn = sorted(by_task[task], key=lambda one: _rank(seed, "group", one[0], one[1]))
        takes = spread([rows for *_, rows in drawn], part, rows_per_group)
        for (url, group, _), take in zip(drawn, takes, strict=True):
            if take:
                chosen.setdefault(url, {}).setdefault(group, {})[task] = take
    return chosen


def seeded_groups(source: Source, inputs: Inputs, seed: int) -> list[tuple[str, int, int]]:
    """All groups of rows in seeded order: file, number and rows of each.

    Raises:
        ConfigError: A file is not in the layout of the source.
        StorageError, ShardError: A file cannot be read, or is damaged.
    """
    found = [
        (url, group, counts.total())
        for url, groups in _each(source, inputs, stratify=False)
        for group, counts in enumerate(groups)
    ]
    return sorted(found, key=lambda one: _rank(seed, "group", one[0], one[1]))


def count_tasks(source: Source, inputs: Inputs) -> Counter[str]:
    """Rows by task of the whole input; under one empty name where the source has no tasks.

    Raises:
        ConfigError: A file is not in the layout of the source.
        StorageError, ShardError: A file cannot be read, or is damaged.
    """
    stratify = bool(source.task_column)
    each = _each(source, inputs, stratify=stratify)
    return sum((group for _, groups in each for group in groups), Counter[str]())


def count_rows(source: Source, inputs: Inputs) -> int:
    """Rows of the whole input; errors as `count_tasks`."""
    each = _each(source, inputs, stratify=False)
    return sum(group.total() for _, groups in each for group in groups)


def draw_rows(
    rows: Iterable[tuple[Row, Place]], quota: Mapping[str, int], task_column: str, seed: int | None
) -> list[tuple[Row, Place]]:
    """Of each task in a row group as many rows as its quota says, in row order.

    Args:
        rows: All rows of the row group.
        quota: From `choose_groups`.
        task_column: Holds the task; empty where rows are rows.
        seed: Decides which rows; None takes the first ones, where those behind cost a pass.
    """
    by_task: dict[str, list[tuple[Row, Place]]] = {}
    for row, place in rows:
        task = (row[task_column] or "") if task_column else ""
        by_task.setdefault(task, []).append((row, place))
    drawn = [
        member
        for task, take in quota.items()
        for member in _drawn(by_task.get(task, []), take, seed)
    ]
    return sorted(drawn, key=lambda one: one[1].row)


def _drawn(
    members: list[tuple[Row, Place]], take: int, seed: int | None
) -> list[tuple[Row, Place]]:
    if seed is None:
        return members[:take]
    return nsmallest(take, members, key=lambda one: _row_rank(seed, one))


def _row_rank(seed: int, member: tuple[Row, Place]) -> tuple[int, str, int]:
    return _rank(seed, "row", member[1].file, member[1].row)


def _rank(seed: int, what: str, url: str, position: int) -> tuple[int, str, int]:
    """Seeded order that does not change when a whole input moves to another folder or bucket."""
    return number(seed, what, PurePosixPath(url).name, position), url, position


def _each(
    source: Source, inputs: Inputs, *, stratify: bool
) -> Iterator[tuple[str, list[Counter[str]]]]:
    """The files in their order, and `_tasks` of each; those behind a network are read side by side."""

    def look(url: str) -> list[Counter[str]]:
        return _tasks(source, inputs, url, stratify)

    width = _SIDE_BY_SIDE if inputs.far else 1
    with ThreadPoolExecutor(width, "editcorpus-inputs") as pool:
        yield from zip(inputs.files, ahead(pool, look, inputs.files, width), strict=True)


def _tasks(source: Source, inputs: Inputs, url: str, stratify: bool) -> list[Counter[str]]:
    """Rows by task of each row group of a file; under one empty name where tasks play no part."""
    with source.reader.rows(inputs, url) as table:
        table.check(source)
        sizes = table.sizes
        if not (stratify and source.task_column):
            return [Counter({"": size}) for size in sizes]
        return [_count(table, group, source.task_column) for group in range(len(sizes))]


def _count(table: Rows, group: int, column: str) -> Counter[str]:
    """Rows by task; those of a damaged row group are of no task, as if they named none."""
    try:
        if (only := table.only_text(group, column)) is not None:
            return Counter({only: table.sizes[group]})
        return Counter(row[column] or "" for row in table.records(group, [column]))
    except RowsDamaged:
        return Counter({"": table.sizes[group]})
