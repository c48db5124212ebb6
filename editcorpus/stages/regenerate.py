"""Regenerate a shard: one paid edit per canvas; what comes back is recorded, its pixels stay put."""

from collections.abc import Iterator, Mapping
from functools import partial

from editcorpus.endpoints.requests import Answered, Dropped
from editcorpus.errors import ShardError
from editcorpus.records import Rejected, Triplet
from editcorpus.responses import ImageAnswer
from editcorpus.shards import Manifest, Tally, pictures, read_facts
from editcorpus.stages.asking import Again, Inquiry, ask_all
from editcorpus.stages.workshop import Stage, Workshop, columns_of
from editcorpus.steps import pad, regenerate
from editcorpus.tables import Pictures


def _rows(shop: Workshop, shard: int, tally: Tally) -> Iterator[regenerate.Regenerated]:
    folder = shop.folder(shard)
    config = shop.config(regenerate.NAME, regenerate.Config)
    triplets = {item.id: item for item in read_facts(shop.store, folder, "plan", Triplet)}
    padded = read_facts(shop.store, folder, pad.NAME, pad.Padded)
    with pictures(shop.store, folder, pad.NAME, "canvas") as canvases:
        edits = {
            item.id: regenerate.request(
                triplets[item.id],
                item.geometry,
                item.canvas_hash,
                partial(_canvas, canvases, row),
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
        for _, row in ask_all(shop, shard, inquiry, tally):
            yield row


def _canvas(canvases: Pictures, row: int) -> bytes:
    picture = canvases[row]
    if picture is None:
        raise ShardError(f"Row {row} of a pad column has no canvas.")
    return picture


def _dropped(key: str, outcome: Dropped) -> Rejected:
    return Rejected(key, regenerate.NAME, outcome.reason, outcome.detail)


def _whole(shop: Workshop, shard: int, _manifest: Manifest) -> bool:
    """Whether no answer of this shard was found damaged since it was recorded."""
    damaged = shop.responses.damaged
    if not damaged:
        return True
    rows = read_facts(shop.store, shop.folder(shard), regenerate.NAME, regenerate.Regenerated)
    return not any(row.response in damaged for row in rows)


STAGE = Stage(
    regenerate.NAME,
    regenerate.VERSION,
    pad.NAME,
    columns_of(regenerate.NAME, regenerate.Regenerated, _rows),
    _whole,
)
