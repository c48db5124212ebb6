"""The plan: which rows enter, under which id, and which shard they are in.

Planning reads footers and the few text columns of the row groups that hold a chosen row; never a
picture. The same input and parameters give the same shards, whatever the machine.

Without a limit every row enters; with one, `selection.py` draws a sample. Chosen rows are cut in
file order: a shard never crosses a file, takes whole row groups while they fit `shard_size`, and a
larger row group is cut into even parts. Of a source of conversations, each cut gives one shard for
every turn, one after the other: the first turns of all its rows, their second turns, and so on.
"""

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby, pairwise, takewhile
from threading import Event

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.ahead import side_by_side
from editcorpus.balancing import Draw, Kinds, balanced, classified
from editcorpus.errors import ConfigError, RowsDamaged, ShardError, StorageError
from editcorpus.inputs import Inputs
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.rows import PLAN, Items, Place, Rows, Source, placed_id
from editcorpus.sampling import number
from editcorpus.selection import Quota, choose_groups, draw_rows


class Selection(BaseModel):
    """Which rows of the input are taken, and how they are cut into shards."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(
        0, ge=0, le=10**9, description="Rows to take, 0 to 1,000,000,000; 0: all, or the preset's."
    )
    seed: int = Field(
        0,
        ge=0,
        le=999_999_999,
        description="Decides the sample and which paraphrase is used, 0 to 999,999,999.",
    )
    stratify: bool = Field(True, description="Take of each task in proportion to its rows.")
    shard_size: int = Field(256, ge=1, le=4096, description="Most rows in a shard, 1 to 4,096.")
    rows_per_group: int = Field(
        64,
        ge=1,
        le=100_000,
        description="Rows drawn from a row group before another one is drawn from, 1 to 100,000.",
    )


_SIDE_BY_SIDE = 4
"""Files behind a network whose rows are read at once: each may hold 50,000, in 75 MB of memory."""
_UNREAD = Reason.ROW_UNREADABLE


@dataclass(frozen=True, slots=True)
class PlannedShard:
    """The rows of one shard: each is a triplet or was rejected from its text alone."""

    number: int
    triplets: tuple[Triplet, ...]
    rejected: tuple[Rejected, ...]


_Members = list[tuple[tuple[Triplet | Rejected, ...], Place]]
"""What chosen rows say, and where they lie."""


def check_columns(source: Source, inputs: Inputs, url: str) -> None:
    """Refuse a file that this source cannot be read from; only its footer is read.

    Raises:
        ConfigError: It cannot be read, is damaged, or lacks a column.
    """
    with _refused(), source.reader.rows(inputs, url) as table:
        table.check(source)


def plan(
    source: Source, inputs: Inputs, selection: Selection, kinds: Kinds | None = None
) -> Generator[PlannedShard, None, None]:
    """Yield the shards of a source, in the order of files and rows.

    Every chosen row is in exactly one shard, under an id that no other row has: the first row
    keeps a duplicate id, later ones enter as `<id>~<row>` and are rejected. The ids seen are kept
    as 64-bit hashes, 90 bytes each in memory; that two different ids of a million rows meet has a
    chance of 3 in 100 million. The rows of a damaged row group are rejected under ids made of their
    places.

    Args:
        source: Reads the rows.
        inputs: All files of the input.
        selection: Which rows.
        kinds: Who tells the kind of edit of each row, where the source does not; a sample is then even
            over the kinds. None leaves the kinds open.

    Raises:
        ConfigError: A file cannot be read, is no whole parquet file, or lacks a column; or all that
            is chosen is damaged.
    """
    with _refused():
        if kinds is None:
            yield from _read_some(_shards(source, inputs, selection))
        elif selection.limit:
            yield from _even_shards(source, inputs, selection, kinds)
        else:
            for one in _read_some(_shards(source, inputs, selection)):
                yield replace(one, triplets=tuple(classified(one.triplets, kinds.classify)))


def _even_shards(
    source: Source, inputs: Inputs, selection: Selection, kinds: Kinds
) -> Iterator[PlannedShard]:
    """The shards of a sample that is even over the kinds of edit."""
    draw = Draw(selection.limit, selection.seed, selection.rows_per_group)
    drawn = balanced(source, inputs, draw, kinds)
    seen: set[int] = set()
    count = 0
    for _, of_file in groupby(drawn, key=lambda one: one.file):
        groups: Iterator[_Members] = (
            [((one,), Place(one.file, one.row_group, one.row)) for one in members]
            for _, members in groupby(of_file, key=lambda one: one.row_group)
        )
        for members in _cut(groups, selection.shard_size):
            yield _shard(count, [_unique(items[0], place, seen) for items, place in members])
            count += 1


def _shards(source: Source, inputs: Inputs, selection: Selection) -> Iterator[PlannedShard]:
    seen: set[int] = set()
    count = 0
    for groups in _each_file(source, inputs, selection):
        for members in _cut(groups, selection.shard_size):
            told = [[_unique(item, place, seen) for item in items] for items, place in members]
            for turn in range(source.rounds):
                yield _shard(count, [items[turn] for items in told if turn < len(items)])
                count += 1


def _each_file(
    source: Source, inputs: Inputs, selection: Selection
) -> Iterator[Iterable[_Members]]:
    """The chosen rows of each file; of those behind a network, the next ones are read meanwhile."""
    chosen = _files(source, inputs, selection)
    if not inputs.far:
        yield from (_groups(source, inputs, url, quota, selection) for url, quota in chosen)
        return

    over = Event()

    def read(file: tuple[str, dict[int, Quota] | None]) -> Iterator[_Members]:
        return takewhile(lambda _: not over.is_set(), _groups(source, inputs, *file, selection))

    with ThreadPoolExecutor(_SIDE_BY_SIDE, "editcorpus-inputs") as pool:
        try:
            yield from side_by_side(pool, read, chosen, _SIDE_BY_SIDE)
        finally:
            over.set()  # whoever takes no more waits for row groups, and not for files


def _read_some(shards: Iterator[PlannedShard]) -> Iterator[PlannedShard]:
    """The shards as they are, if any row of them could be read.

    Raises:
        ShardError: None could.
    """
    unread: list[PlannedShard] = []
    for shard in shards:
        unread.append(shard)
        if shard.triplets or any(one.reason is not _UNREAD for one in shard.rejected):
            yield from unread
            yield from shards
            return
    if unread:
        raise ShardError(unread[0].rejected[0].detail)


def _shard(count: int, items: list[Triplet | Rejected]) -> PlannedShard:
    triplets = tuple(item for item in items if isinstance(item, Triplet))
    rejected = tuple(item for item in items if isinstance(item, Rejected))
    return PlannedShard(count, triplets, rejected)


def _files(
    source: Source, inputs: Inputs, selection: Selection
) -> Iterator[tuple[str, dict[int, Quota] | None]]:
    """Each file that has chosen rows, and how many of which row groups; None means all."""
    if not selection.limit:
        yield from ((url, None) for url in inputs.files)
        return
    chosen = choose_groups(
        source,
        inputs,
        limit=selection.limit,
        seed=selection.seed,
        stratify=selection.stratify and bool(source.task_column),
        rows_per_group=selection.rows_per_group,
    )
    yield from ((url, chosen[url]) for url in inputs.files if url in chosen)


def _groups(
    source: Source,
    inputs: Inputs,
    url: str,
    quota: dict[int, Quota] | None,
    selection: Selection,
) -> Iterator[_Members]:
    """The chosen rows of a file, row group by row group."""
    with source.reader.rows(inputs, url) as table:
        table.check(source)
        sizes = table.sizes
        for group, size in enumerate(sizes):
            if quota is None or group in quota:
                first = Place(url, group, table.first_row(group))
                takes = None if quota is None else quota[group]
                try:
                    yield _drawn(source, table, first, takes, selection)
                except RowsDamaged as damage:
                    rows = size if takes is None else sum(takes.values())
                    yield [_unread(source, first, row, damage) for row in range(rows)]


def _drawn(
    source: Source,
    table: Rows,
    first: Place,
    quota: Quota | None,
    selection: Selection,
) -> _Members:
    """The chosen rows of a row group."""
    seed, column = selection.seed, source.task_column if selection.stratify else ""
    records = table.records(first.row_group, source.plan_columns)
    rows = ((row, first._replace(row=first.row + number)) for number, row in enumerate(records))
    drawn = (
        rows if quota is None else draw_rows(rows, quota, column, None if source.keeps else seed)
    )
    return [(_turns(source.triplet(row, place, seed)), place) for row, place in drawn]


def _turns(items: Items) -> tuple[Triplet | Rejected, ...]:
    return (items,) if isinstance(items, Triplet | Rejected) else tuple(items)


def _unread(
    source: Source, first: Place, row: int, damage: RowsDamaged
) -> tuple[tuple[Rejected], Place]:
    """A row of a row group of which nobody knows what it holds."""
    place = first._replace(row=first.row + row)
    id_ = placed_id(source.name, place, source.recipe)
    return (Rejected(id_, PLAN, _UNREAD, str(damage)),), place


def _cut(groups: Iterable[_Members], size: int) -> Iterator[_Members]:
    """Shards of at most `size` rows: whole row groups together, larger ones in even parts."""
    shard: _Members = []
    for members in groups:
        if shard and len(shard) + len(members) > size:
            yield shard
            shard = []
        if len(members) > size:
            yield from _even(members, size)
        else:
            shard = [*shard, *members]
    if shard:
        yield shard


def _even(members: _Members, size: int) -> Iterator[_Members]:
    parts = -(-len(members) // size)
    ends = [len(members) * part // parts for part in range(parts + 1)]
    for start, end in pairwise(ends):
        yield members[start:end]


def _unique(item: Triplet | Rejected, place: Place, seen: set[int]) -> Triplet | Rejected:
    """The item under an id that no earlier one has; later ones are rejected as duplicates."""
    name, first = item.id, item.id
    while number(0, name) in seen:
        name = f"{first}~{place.row}" if name == first else f"{name}~"
    seen.add(number(0, name))
    if name == first:
        return item
    if isinstance(item, Rejected) and item.reason in {Reason.MALFORMED_ID, _UNREAD}:
        return replace(item, id=name)
    return Rejected(name, PLAN, Reason.DUPLICATE_ID, f"An earlier row has the id {first}.")


@contextmanager
def _refused() -> Iterator[None]:
    """Before a run starts, an input that cannot be read is the caller's matter."""
    try:
        yield
    except (StorageError, ShardError) as error:
        raise ConfigError(str(error)) from error
