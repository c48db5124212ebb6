"""The frame that every step runs in over shards."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from editcorpus.errors import ShardDamaged
from editcorpus.records import Failed, Rejected
from editcorpus.shards import (
    Columns,
    Manifest,
    ShardRef,
    Tally,
    Written,
    fingerprint,
    ref,
    write_columns,
    write_manifest,
)
from editcorpus.stages.workshop import Piece, Stage, Workshop

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Row = TypeVar("_Row", bound="DataclassInstance")
_log = logging.getLogger(__name__)
_EXAMPLE = 200
"""Characters of a detail that a stage tells of whom it failed."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a step over a shard stands.

    Attributes:
        fingerprint: Of the result that it is to have.
        old: The result that it has, of whatever it was made.
        stands: That result, if there is nothing to do.
    """

    piece: Piece
    fingerprint: str
    old: Manifest | None
    stands: Manifest | None


def columns_of(
    name: str, cls: type[_Row], rows: Callable[[Piece], Iterator[_Row]]
) -> Callable[[Piece], Written]:
    """The `write` of a step that adds columns: `rows` makes its records in the order of the ids."""

    def proven(piece: Piece) -> Iterator[_Row]:
        yield from rows(piece)
        piece.columns.check()  # a picture that the engine could not read has spoilt an answer

    def write(piece: Piece) -> Written:
        return write_columns(piece.shop.store, piece.folder, name, cls, proven(piece))

    return write


def run_stage(shop: Workshop, shard: int, stage: Stage) -> ShardRef:
    """Run a step over a shard, unless its result is there already.

    A result with failed ids, or one that is damaged, is done again: what was answered before comes
    from the store, and who was rejected by the same step over the same columns stays so, unless a
    redrive names him.

    Raises:
        RunStopped: The run must not go on; the shard keeps what it had.
        ShardDamaged: Columns before it are damaged (see `mending.healed`).
        ShardError: The step before it is not done.
    """
    found = look(shop, shard, stage)
    turn = stage.turn(shop) if found.stands is None else None
    if turn is None:
        return _done(found, stage)
    with turn:  # whoever had it before may have done this shard, too
        return _done(look(shop, shard, stage), stage)


def _done(found: Look, stage: Stage) -> ShardRef:
    piece, tally = found.piece, found.piece.tally
    shop, shard = piece.shop, piece.shard
    if found.stands is not None:
        return _ref(piece, found.stands, skipped=True)
    began = shop.clocks.seconds()
    usd = shop.ledger.usd(stage.name, shard)
    written = stage.write(piece)
    event = {
        "at": shop.clocks.now(),
        "seconds": round(shop.clocks.seconds() - began, 3),
        "usd": format(shop.ledger.usd(stage.name, shard) - usd, "f"),
        **shop.redriving.mark(),
        **tally.facts,
    }
    past = found.old.history if found.old else ()
    made = _manifest(stage, found.fingerprint, tally, written, (*past, event))
    write_manifest(shop.store, piece.folder, made)
    shop.mending.done(piece.folder, stage.name)
    _tell(shard, made)
    return _ref(piece, made, skipped=False)


def look(shop: Workshop, shard: int, stage: Stage) -> Look:
    """See what there is to do for a step over a shard.

    Raises:
        ShardDamaged: Columns before it are damaged.
        ShardError: The step before it is not done.
    """
    columns = Columns(shop.store, shop.folder(shard))
    before = columns.manifest(stage.after)
    print_ = fingerprint(before.digest, stage.name, stage.version, shop.configs[stage.name])
    old = _known(shop, columns, stage.name)
    same = old if old is not None and old.fingerprint == print_ else None
    tally = Tally(before.kept, shop.redriving.decided(stage.name, old, same))
    piece = Piece(shop, shard, columns, tally)
    stands = None if same is None or _is_open(piece, stage, same) else same
    return Look(piece, print_, old, stands)


def _ref(piece: Piece, made: Manifest, *, skipped: bool) -> ShardRef:
    """What a stage returns: nobody is called failed whom it was not to ask about."""
    held = {item.id for item in piece.tally.earlier}
    failed = [item for item in made.failed if item.id not in held]
    return replace(
        ref(made, piece.shop.run, piece.shard, skipped=skipped),
        failed=len(failed),
        rejected_for=_counts(made.rejected),
        failed_for=_counts(failed),
        example=failed[0].detail[:_EXAMPLE] if failed else "",
    )


def _counts(items: Iterable[Rejected | Failed]) -> dict[str, int]:
    return dict(Counter(item.reason.value for item in items).most_common())


def _known(shop: Workshop, columns: Columns, step: str) -> Manifest | None:
    """The manifest of a step; one that is damaged counts for nothing."""
    try:
        return columns.known(step)
    except ShardDamaged as damage:
        shop.mending.take(damage)
        return None


def _is_open(piece: Piece, stage: Stage, same: Manifest) -> bool:
    """Whether a result is to be made anew, though it is made of the same things."""
    shop, decided = piece.shop, {item.id for item in piece.tally.earlier}
    if shop.mending.due(piece.folder, stage.name) or shop.redriving.due(stage.name, same):
        return True
    return not decided.issuperset(same.gone) or not stage.whole(piece, same)


def _manifest(
    stage: Stage,
    print_: str,
    tally: Tally,
    written: Written,
    history: tuple[dict[str, Any], ...],
) -> Manifest:
    return Manifest(
        stage.name,
        stage.version,
        print_,
        tally.entered,
        written.records,
        tuple(tally.rejected),
        tuple(tally.failed),
        written.sha256,
        written.size,
        history,
        written.pictures_sha256,
        written.pictures_size,
    )


def _tell(shard: int, made: Manifest) -> None:
    """One line a shard and step, for whoever reads the log."""
    event = made.history[-1]
    _log.info(
        "shard %05d %s: %d kept, %d rejected, %d failed, $%s, %.1f s",
        shard,
        made.step,
        made.kept,
        len(made.rejected),
        len(made.failed),
        f"{Decimal(event['usd']).normalize():f}",
        event["seconds"],
        extra={"shard": shard, "step": made.step, "usd": event["usd"]},
    )
