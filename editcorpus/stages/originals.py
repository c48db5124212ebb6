"""The source images of a shard, as published or as made: wherever this run has them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from editcorpus.errors import RowsDamaged, ShardError, SourceError
from editcorpus.records import Failed, Reason, Rejected, Triplet
from editcorpus.rows import Unread
from editcorpus.shards import FETCH
from editcorpus.stages.workshop import Piece
from editcorpus.steps import synthesize

Original = bytes | ShardError | SourceError | None
"""A source image as it was published; None where the row has none. Or why it cannot be read: its row is
damaged, or the paid answer that it is lies no more in the store."""
Found = Iterator[tuple[Triplet, Original]]


@contextmanager
def originals(piece: Piece, triplets: Sequence[Triplet]) -> Iterator[Found]:
    """The source images of triplets, each triplet once; those that a stage before has dropped are left out.

    Their order is that of the triplets where the run made or copied them, else one that suits the input.
    """
    if not piece.shop.goes_through(synthesize.NAME):
        with published(piece, triplets) as found:
            yield found
        return
    made = piece.columns.facts(synthesize.NAME, synthesize.Synthesized)
    keys = {row.id: row.response for row in made}
    with published(piece, [one for one in triplets if keys.get(one.id) == ""]) as later:
        yield (
            (one, _answer(piece, keys[one.id])) if keys[one.id] else next(later)
            for one in triplets
            if one.id in keys
        )


@contextmanager
def published(piece: Piece, triplets: Sequence[Triplet]) -> Iterator[Found]:
    """The same, but as the input has them; of a later turn, what the turn before it has become."""
    if piece.shop.goes_through(FETCH):
        rows = {key: row for row, key in enumerate(piece.columns.ids(FETCH))}
        with piece.columns.pictures(FETCH, "source") as found:
            yield ((one, found[rows[one.id]]) for one in triplets if one.id in rows)
    elif triplets:
        read = piece.shop.originals.read(triplets, ("source",))
        yield (
            (one, found if isinstance(found, Unread) else found["source"]) for one, found in read
        )
    else:
        yield iter(())


def in_order_of(triplets: Iterable[Triplet], found: Found) -> Found:
    """The same in the order of triplets; of those that came before their turn the images are held.

    Raises:
        ShardError: One of them is not there.
    """
    early: dict[str, Original] = {}
    for wanted in triplets:
        while wanted.id not in early:
            one, data = next(found, (None, None))
            if one is None:
                raise ShardError(f"No source image is found of {wanted.id!r}.")
            early[one.id] = data
        yield wanted, early.pop(wanted.id)


def gone(key: str, step: str, why: ShardError | SourceError) -> Rejected | Failed:
    """The verdict of a step on a triplet whose source image cannot be read."""
    if isinstance(why, RowsDamaged):
        return Rejected(key, step, Reason.ROW_UNREADABLE, str(why))
    if isinstance(why, SourceError):
        return Rejected(key, step, why.reason, why.detail)
    return Failed(key, step, Reason.UNAVAILABLE, str(why))  # the step that asked for it asks again


def _answer(piece: Piece, key: str) -> Original:
    try:
        return piece.shop.responses.picture(key)
    except ShardError as error:
        return error
