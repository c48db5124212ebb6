"""View a shard: look at its published source images once, and keep what is shown of them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from editcorpus.records import Failed, Rejected, Triplet
from editcorpus.shards import FETCH, PLAN
from editcorpus.stages.originals import Original, gone, published
from editcorpus.stages.stage import columns_of
from editcorpus.stages.workshop import Piece, Stage
from editcorpus.steps import pad, view


def config_of(padding: pad.Config) -> view.Config:
    """The Config of the step: what is taken of new source images is taken of published ones, too."""
    return view.Config(
        max_pixels=padding.max_pixels,
        min_side=padding.min_side,
        longest=padding.view_longest,
        quality=padding.view_quality,
    )


def _rows(piece: Piece) -> Iterator[view.Viewed]:
    shop = piece.shop
    config = shop.config(view.NAME, view.Config)
    with ExitStack() as stack:
        masks = _masks(piece, stack)

        def work(item: tuple[Triplet, Original]) -> view.Viewed | Rejected | Failed:
            triplet, data = item
            if isinstance(data, Exception):
                return gone(triplet.id, view.NAME, data)
            return view.view(triplet, data, masks(triplet.id), config)

        found = stack.enter_context(published(piece, piece.columns.facts(PLAN, Triplet)))
        yield from piece.tally.sifted(shop.in_order(piece.shard, work, found))


def _masks(piece: Piece, stack: ExitStack) -> Callable[[str], bytes | None]:
    """The mask of each row; where rows have masks, they were copied."""
    if not piece.shop.goes_through(FETCH):
        return lambda _: None
    rows = {key: row for row, key in enumerate(piece.columns.ids(FETCH))}
    found = stack.enter_context(piece.columns.pictures(FETCH, "mask"))
    return lambda key: found[rows[key]]


STAGE = Stage(view.NAME, view.VERSION, PLAN, columns_of(view.NAME, view.Viewed, _rows))
