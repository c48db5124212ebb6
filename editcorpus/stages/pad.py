"""Pad a shard: read its pixels once, refuse what cannot be used, store canvases and views."""

from collections.abc import Iterator

from editcorpus.inputs import read_pictures
from editcorpus.records import Rejected, Triplet
from editcorpus.shards import PLAN
from editcorpus.stages.workshop import Piece, Stage, columns_of
from editcorpus.steps import pad


def _rows(piece: Piece) -> Iterator[pad.Padded]:
    shop = piece.shop
    triplets = piece.columns.facts(PLAN, Triplet)
    config = shop.config(pad.NAME, pad.Config)

    def work(item: tuple[Triplet, bytes | None]) -> pad.Padded | Rejected:
        return pad.pad(*item, config)

    sources = read_pictures(shop.source.image_column, triplets, shop.inputs)
    for made in shop.in_order(work, sources):
        if isinstance(made, Rejected):
            piece.tally.rejected.append(made)
        else:
            yield made


STAGE = Stage(pad.NAME, pad.VERSION, PLAN, columns_of(pad.NAME, pad.Padded, _rows))
