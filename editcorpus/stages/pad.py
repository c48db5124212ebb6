"""Pad a shard: read its pixels once, refuse what cannot be used, store canvases and views."""

from collections.abc import Iterator

from editcorpus.errors import RowsDamaged
from editcorpus.inputs import read_pictures
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.shards import PLAN
from editcorpus.stages.stage import Piece, Stage, columns_of
from editcorpus.steps import pad


def _rows(piece: Piece) -> Iterator[pad.Padded]:
    shop = piece.shop
    triplets = piece.columns.facts(PLAN, Triplet)
    config = shop.config(pad.NAME, pad.Config)

    def work(item: tuple[Triplet, bytes | RowsDamaged | None]) -> pad.Padded | Rejected:
        triplet, data = item
        if isinstance(data, RowsDamaged):
            return Rejected(triplet.id, pad.NAME, Reason.ROW_UNREADABLE, str(data))
        return pad.pad(triplet, data, config)

    sources = read_pictures(shop.source.image_column, triplets, shop.inputs)
    for made in shop.in_order(work, sources):
        if isinstance(made, Rejected):
            piece.tally.rejected.append(made)
        else:
            yield made


STAGE = Stage(pad.NAME, pad.VERSION, PLAN, columns_of(pad.NAME, pad.Padded, _rows))
