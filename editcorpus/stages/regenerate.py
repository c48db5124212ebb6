"""Regenerate a shard: one paid edit per canvas; what comes back is recorded, its pixels stay put."""

from collections.abc import Iterator, Mapping
from functools import partial

from editcorpus.endpoints.requests import Answered, Dropped
from editcorpus.records import Rejected, Triplet
from editcorpus.responses import ImageAnswer
from editcorpus.shards import PLAN, Manifest
from editcorpus.stages.asking import Again, Inquiry, ask_all
from editcorpus.stages.stage import Piece, Stage, columns_of
from editcorpus.steps import pad, regenerate


def _rows(piece: Piece) -> Iterator[regenerate.Regenerated]:
    columns = piece.columns
    config = piece.shop.config(regenerate.NAME, regenerate.Config)
    triplets = {item.id: item for item in columns.facts(PLAN, Triplet)}
    padded = columns.facts(pad.NAME, pad.Padded)
    with columns.pictures(pad.NAME, "canvas") as canvases:
        edits = {
            item.id: regenerate.request(
                triplets[item.id],
                item.geometry,
                item.canvas_hash,
                partial(canvases.need, row),
                config,
            )
            for row, item in enumerate(padded)
        }

        def read(
            key: str, answers: Mapping[str, Answered], _last: bool
        ) -> regenerate.Regenerated | Rejected | Again:
            answer = answers[""].answer
            if not isinstance(answer, ImageAnswer):
                raise TypeError(f"{key}: an edit was answered with text.")
            return regenerate.regenerated(triplets[key], edits[key], answer, config)

        inquiry = Inquiry(
            regenerate.NAME, {key: {"": edit} for key, edit in edits.items()}, read, _dropped
        )
        for _, row in ask_all(piece.shop, piece.shard, inquiry, piece.tally):
            yield row


def _dropped(key: str, outcome: Dropped) -> Rejected:
    return Rejected(key, regenerate.NAME, outcome.reason, outcome.detail)


def _whole(piece: Piece, _manifest: Manifest) -> bool:
    """Whether no answer of this shard was found damaged since it was recorded."""
    damaged = piece.shop.responses.damaged
    if not damaged:
        return True
    rows = piece.columns.facts(regenerate.NAME, regenerate.Regenerated)
    return not any(row.response in damaged for row in rows)


STAGE = Stage(
    regenerate.NAME,
    regenerate.VERSION,
    pad.NAME,
    columns_of(regenerate.NAME, regenerate.Regenerated, _rows),
    _whole,
    _rows,
)
