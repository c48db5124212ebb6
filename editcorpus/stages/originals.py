"""The source images of a shard, as published or as made: wherever this run has them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from editcorpus.errors import ShardError, SourceError
from editcorpus.records import Triplet
from editcorpus.rows import Unread
from editcorpus.shards import FETCH
from editcorpus.stages.stage import Piece
from editcorpus.steps import synthesize

Original = bytes | ShardError | SourceError | None
"""A source image as it was published; None where the row has none. Or why it cannot be read: its row is
damaged, or the paid answer that it is lies no more in the store."""


@contextmanager
def originals(
    piece: Piece, triplets: Sequence[Triplet]
) -> Iterator[Iterator[tuple[Triplet, Original]]]:
    """The source images of triplets, each triplet once; those that a stage before has dropped are left out.

    Their order is that of the triplets where the run made or copied them, else one that suits the input.
    """
    if piece.shop.goes_through(FETCH):
        rows = {key: row for row, key in enumerate(piece.columns.ids(FETCH))}
        with piece.columns.pictures(FETCH, "source") as found:
            yield ((one, found[rows[one.id]]) for one in triplets if one.id in rows)
    elif piece.shop.goes_through(synthesize.NAME):
        made = piece.columns.facts(synthesize.NAME, synthesize.Synthesized)
        keys = {row.id: row.response for row in made}
        yield ((one, _answer(piece, keys[one.id])) for one in triplets if one.id in keys)
    else:
        read = piece.shop.originals.read(triplets, ("source",))
        yield (
            (one, found if isinstance(found, Unread) else found["source"]) for one, found in read
        )


def _answer(piece: Piece, key: str) -> Original:
    try:
        return piece.shop.responses.picture(key)
    except ShardError as error:
        return error
