"""Fetch a shard: copy its pictures out of the input, as published, where they are needed more than once.

An archive, or a table with one row group of gigabytes, is gone through once and not for each look at a
picture; a base pair needs its edited image, too; and the source image of a later turn of a conversation
is the edited image of the turn before it, which lies in the shard before this one.
"""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.errors import Interrupted, ShardDamaged, ShardError, SourceError
from editcorpus.readers.parquet import ParquetShelf
from editcorpus.records import Failed, Reason, Rejected, Triplet
from editcorpus.rows import Found, Role, Unread
from editcorpus.shards import FETCH, PLAN, Columns, Manifest, Written
from editcorpus.stages.filter import Filtered
from editcorpus.stages.stage import columns_of, look, run_stage
from editcorpus.stages.workshop import Piece, Stage, Workshop
from editcorpus.steps import align
from editcorpus.steps import filter as filter_step

NAME = FETCH
VERSION = 1


class Config(BaseModel):
    """Which pictures are copied; the variant decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: tuple[Role, ...] = Field(("source",), description="Pictures of a row that are copied.")
    chained: bool = Field(
        True, description="Whether a later turn starts from the new edited image of the one before."
    )


@dataclass(frozen=True, slots=True)
class Fetched:
    """The columns that this stage adds: pictures as published; None where a row has none."""

    id: str
    source: bytes | None
    edited: bytes | None
    mask: bytes | None


def _rows(piece: Piece) -> Iterator[Fetched]:
    shop, config = piece.shop, piece.shop.config(NAME, Config)
    triplets = piece.columns.facts(PLAN, Triplet)
    if config.chained and any(one.previous for one in triplets):
        yield from _turned(piece, triplets)
        return
    waiting = deque(triplets)
    held: dict[str, Fetched | None] = {}
    for triplet, found in shop.originals.read(triplets, config.roles):
        if shop.stopping.is_set():
            raise Interrupted("The run was interrupted.")
        held[triplet.id] = _copied(piece, triplet, found)
        while waiting and waiting[0].id in held:
            made = held.pop(waiting.popleft().id)
            if made is not None:
                yield made
    if waiting:
        raise ShardError(f"{len(waiting)} of {len(triplets)} rows were not given by the input.")


def _copied(piece: Piece, triplet: Triplet, found: Found) -> Fetched | None:
    if isinstance(found, Unread):
        reason = found.reason if isinstance(found, SourceError) else Reason.ROW_UNREADABLE
        piece.tally.rejected.append(Rejected(triplet.id, NAME, reason, str(found)))
        return None
    return Fetched(triplet.id, found.get("source"), found.get("edited"), found.get("mask"))


def _turned(piece: Piece, triplets: list[Triplet]) -> Iterator[Fetched]:
    """Later turns, with the edited images of the turns before them."""
    before = _Before(piece)
    with before.columns.pictures(filter_step.NAME, "edited") as edits:
        for one in triplets:
            row = before.kept.get(one.previous)
            if row is not None:
                yield Fetched(one.id, edits.need(row), None, None)
            elif one.previous in before.open:
                detail = f"{one.previous} has no verdict yet."
                piece.tally.failed.append(Failed(one.id, NAME, Reason.NOT_REACHED, detail))
            else:
                detail = f"{one.previous} is not in the corpus."
                piece.tally.rejected.append(Rejected(one.id, NAME, Reason.EARLIER_TURN, detail))


class _Before:
    """The shard with the turns before those of a shard.

    Attributes:
        kept: Row of each published turn in the columns of the filter, by its id.
        open: Turns that have no verdict yet.

    Raises:
        ShardError: It is not published.
    """

    def __init__(self, piece: Piece) -> None:
        self.columns = Columns(piece.shop.store, piece.shop.folder(piece.shard - 1))
        steps = [PLAN, *(stage.name for stage in piece.shop.stages)]
        manifests = [self.columns.manifest(step) for step in steps]
        self.open = {item.id for made in manifests for item in made.failed}
        gone = {item.id for item in manifests[-1].rejected}
        passed = {row.id for row in self.columns.facts(align.NAME, align.Aligned)} - gone
        filtered = self.columns.facts(filter_step.NAME, Filtered)
        self.kept = {row.id: number for number, row in enumerate(filtered) if row.id in passed}

    def sources(self, triplets: list[Triplet]) -> dict[str, str | None]:
        """The hash of each later turn's source image, by the turn's id."""
        hashes = self.columns.hashes(filter_step.NAME, "edited")
        rows = {one.id: self.kept[one.previous] for one in triplets if one.previous in self.kept}
        return {key: hashes[row] for key, row in rows.items()}


_plain = columns_of(NAME, Fetched, _rows)


def _turn(shop: Workshop) -> AbstractContextManager[object] | None:
    """Who reads an input that is gone through in one pass has to be alone at its place."""
    return shop.passing if shop.originals.ordered else None


def _write(piece: Piece) -> Written:
    """Write a shard; of an input that is gone through in one pass, what comes before it first.

    Shards are worked on side by side, but the pass has one place at a time: whoever comes to it writes
    the shards that the pass would otherwise leave behind. What is read again, since an earlier process
    was killed or another one has the shards before, is in the history of the manifest.
    """
    shop, shelf = piece.shop, piece.shop.originals
    own = _of_input(piece.columns, shop)
    if not (own and shelf.ordered):
        return _plain(piece)
    where = own[0].file, own[0].row_group
    stage, passed = shop.stage(NAME), 0
    for shard, row in _before(piece, where)[::-1]:
        with suppress(ShardError):  # it says so itself when its own turn comes
            if shard not in shop.mine or look(shop, shard, stage).stands is not None:
                passed = row + 1
            else:
                run_stage(shop, shard, stage)
    if not isinstance(shelf, ParquetShelf):
        return _plain(piece)
    shelf.passes.passed(where, passed)
    shelf.passes.repeated()
    written = _plain(piece)
    rows, size = shelf.passes.repeated()
    piece.tally.facts += Counter({"rows_again": rows, "bytes_again": size})
    return written


def _before(piece: Piece, where: tuple[str, int]) -> list[tuple[int, int]]:
    """The shards before this one that the pass through a row group has not come to, the last one first.

    Each with its last row there. Of those that are not this process's, one is enough.
    """
    shop, found = piece.shop, []
    reached = shop.originals.reached(*where)
    for shard in range(piece.shard - 1, -1, -1):
        with suppress(ShardDamaged):
            rows = _of_input(Columns(shop.store, shop.folder(shard)), shop)
            if rows and (rows[-1].file, rows[-1].row_group) != where:
                break
            if rows and rows[-1].row < reached:
                break
            found += [(shard, rows[-1].row)] if rows else []
        if shard not in shop.mine and found:
            break
    return found


def _of_input(columns: Columns, shop: Workshop) -> list[Triplet]:
    """The triplets of a shard whose pictures are those of the input."""
    chained = shop.config(NAME, Config).chained
    triplets = columns.facts(PLAN, Triplet)
    return [one for one in triplets if not (one.previous and chained)]


def _whole(piece: Piece, _manifest: Manifest) -> bool:
    """Whether later turns still start from what the turns before them have become."""
    if not piece.shop.config(NAME, Config).chained:
        return True
    triplets = piece.columns.facts(PLAN, Triplet)
    if not any(one.previous for one in triplets):
        return True
    try:
        wanted = _Before(piece).sources(triplets)
        ids = piece.columns.ids(NAME)
        found = piece.columns.hashes(NAME, "source")
    except ShardError:  # not published, or damaged
        return False
    return dict(zip(ids, found, strict=True)) == wanted


STAGE = Stage(NAME, VERSION, PLAN, _write, _whole, turn=_turn)
