"""Regenerate a shard: one paid edit per canvas; what comes back is recorded, its pixels stay put."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from editcorpus.endpoints.requests import Answered, ImageEdit, Picture
from editcorpus.errors import SourceError
from editcorpus.masks import api_mask, mask_hash, read_mask
from editcorpus.records import Rejected
from editcorpus.responses import ImageAnswer
from editcorpus.shards import FETCH
from editcorpus.stages.asking import Again, Inquiry, answers_whole, ask_all, dropped_by
from editcorpus.stages.stage import columns_of
from editcorpus.stages.wording import Wording
from editcorpus.stages.workshop import Piece, Stage
from editcorpus.steps import pad, regenerate


def _rows(piece: Piece) -> Iterator[regenerate.Regenerated]:
    columns = piece.columns
    config = piece.shop.config(regenerate.NAME, regenerate.Config)
    triplets = Wording(piece).triplets
    padded = {item.id: (row, item) for row, item in enumerate(columns.facts(pad.NAME, pad.Padded))}
    with ExitStack() as stack:
        canvases = stack.enter_context(columns.pictures(pad.NAME, "canvas"))
        masks = _masks(piece, stack)
        edits: dict[str, ImageEdit] = {}
        for key in _entering(piece, padded):
            place, item = padded[key]
            mask = masks(item)
            if isinstance(mask, Rejected):
                piece.tally.rejected.append(mask)
                continue
            load = partial(canvases.need, place)
            edit = regenerate.request(triplets[key], item.geometry, item.canvas_hash, load, config)
            edits[key] = replace(edit, mask=mask)

        def read(
            key: str, answers: Mapping[str, Answered], _last: bool
        ) -> regenerate.Regenerated | Rejected | Again:
            answer = answers[""].answer
            if not isinstance(answer, ImageAnswer):
                raise TypeError(f"{key}: an edit was answered with text.")
            return regenerate.regenerated(triplets[key], edits[key], answer, config)

        questions = {key: {"": edit} for key, edit in edits.items()}
        inquiry = Inquiry(regenerate.NAME, questions, read, dropped_by(regenerate.NAME))
        for _, row in ask_all(piece.shop, piece.shard, inquiry, piece.tally):
            yield row


def _entering(piece: Piece, padded: Iterable[str]) -> Iterable[str]:
    """The ids that the step before has kept: that of the canvases, or of the instructions."""
    before = piece.shop.stage(regenerate.NAME).after
    return padded if before == pad.NAME else piece.columns.ids(before)


def _masks(piece: Piece, stack: ExitStack) -> Callable[[pad.Padded], Picture | Rejected | None]:
    """Where a canvas may be edited; None where the row does not say."""
    if not piece.shop.goes_through(FETCH):
        return lambda _: None
    rows = {key: row for row, key in enumerate(piece.columns.ids(FETCH))}
    found = stack.enter_context(piece.columns.pictures(FETCH, "mask"))

    def of(item: pad.Padded) -> Picture | Rejected | None:
        data, geometry = found[rows[item.id]], item.geometry
        size = (geometry.source_width, geometry.source_height)
        try:
            mask = read_mask(data, size)
        except SourceError as error:
            return Rejected(item.id, regenerate.NAME, error.reason, error.detail)
        if mask is None:
            return None

        def load() -> bytes:
            again = read_mask(found[rows[item.id]], size)
            return b"" if again is None else api_mask(again, geometry)

        canvas = (geometry.canvas_width, geometry.canvas_height)
        return Picture(mask_hash(mask, geometry), "image/png", 0, canvas, load)

    return of


STAGE = Stage(
    regenerate.NAME,
    regenerate.VERSION,
    pad.NAME,
    columns_of(regenerate.NAME, regenerate.Regenerated, _rows),
    answers_whole(regenerate.NAME),
    _rows,
)
