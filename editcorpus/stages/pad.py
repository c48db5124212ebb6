"""Pad a shard: read its pixels once, refuse what cannot be used, store canvases and views."""

from collections.abc import Iterator

from editcorpus.records import Failed, Rejected, Triplet
from editcorpus.shards import PLAN
from editcorpus.stages.originals import Original, gone, originals
from editcorpus.stages.stage import columns_of
from editcorpus.stages.workshop import Piece, Stage
from editcorpus.steps import pad


def _rows(piece: Piece) -> Iterator[pad.Padded]:
    shop = piece.shop
    triplets = piece.columns.facts(PLAN, Triplet)
    config = shop.config(pad.NAME, pad.Config)

    def work(item: tuple[Triplet, Original]) -> pad.Padded | Rejected | Failed:
        triplet, data = item
        if isinstance(data, Exception):
            return gone(triplet.id, pad.NAME, data)
        return pad.pad(triplet, data, config)

    with originals(piece, triplets) as sources:
        yield from piece.tally.sifted(shop.in_order(piece.shard, work, sources))


STAGE = Stage(pad.NAME, pad.VERSION, PLAN, columns_of(pad.NAME, pad.Padded, _rows))
