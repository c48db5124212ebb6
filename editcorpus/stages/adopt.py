"""Adopt a shard's published edits: the base variant, in which no model is asked for a picture.

It stands in the place of regenerate, whose columns it writes without an answer: the filter takes the
published edited image where there is none.
"""

import json
from collections.abc import Iterator

from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.shards import PLAN
from editcorpus.stages.stage import columns_of
from editcorpus.stages.workshop import Piece, Stage
from editcorpus.steps import pad, regenerate

VERSION = 2


def _rows(piece: Piece) -> Iterator[regenerate.Regenerated]:
    triplets = {one.id: one for one in piece.columns.facts(PLAN, Triplet)}
    for row in piece.columns.facts(pad.NAME, pad.Padded):
        facts = triplets[row.id].facts
        told = piece.shop.source.below(json.loads(facts)) if facts else ""
        if told:
            name = regenerate.NAME
            piece.tally.rejected.append(Rejected(row.id, name, Reason.LOW_SOURCE_SCORE, told))
        else:
            yield regenerate.Regenerated(row.id, "", "", "", "", 0, 0, 0, "")


STAGE = Stage(
    regenerate.NAME,
    VERSION,
    pad.NAME,
    columns_of(regenerate.NAME, regenerate.Regenerated, _rows),
)
