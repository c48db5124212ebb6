"""Filter a shard: decode each answer once, judge it on its canvas, bring it back to the source."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from editcorpus import images
from editcorpus.errors import ShardError, SourceError
from editcorpus.masks import UNKNOWN, outside_change, read_mask
from editcorpus.records import Failed, Reason, Rejected, Triplet
from editcorpus.shards import FETCH, PLAN
from editcorpus.stages.stage import Piece, Stage, columns_of
from editcorpus.steps import filter as filter_step
from editcorpus.steps import pad, regenerate
from editcorpus.steps import restore as restore_step


class Config(BaseModel):
    """Which results are refused, and how the others are written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    judge: filter_step.Config = Field(
        default_factory=filter_step.Config, description="When a result is refused."
    )
    restore: restore_step.Config = Field(
        default_factory=restore_step.Config, description="How a result is brought back and encoded."
    )


@dataclass(frozen=True, slots=True)
class Filtered:
    """The columns that filter and restore add: what was measured, and the edited image."""

    id: str
    border_fraction: float
    changed_share: float
    mean_difference: float
    scale_x: float
    scale_y: float
    shift_x: float
    shift_y: float
    registration_ncc: float
    registered: bool
    outside_mask: float
    edited: bytes
    edited_format: str
    edited_width: int
    edited_height: int
    passed_through: bool
    edited_view: bytes
    edited_view_hash: str


@dataclass(frozen=True, slots=True)
class _Item:
    triplet: Triplet
    padded: pad.Padded
    row: int
    response: str


@dataclass(frozen=True, slots=True)
class _Shown:
    """The result that is judged: its bytes as they came, and its pixels."""

    data: bytes
    image: Image.Image


class _Shelf:
    """The pictures of a shard that the filter looks at."""

    def __init__(self, piece: Piece, stack: ExitStack) -> None:
        self._piece = piece
        self._columns = columns = piece.columns
        self._canvases = stack.enter_context(columns.pictures(pad.NAME, "canvas"))
        self._rows: dict[str, int] = {}
        if piece.shop.goes_through(FETCH):
            self._edits = stack.enter_context(columns.pictures(FETCH, "edited"))
            self._masks = stack.enter_context(columns.pictures(FETCH, "mask"))
            self._rows = {key: row for row, key in enumerate(columns.ids(FETCH))}

    def canvas(self, item: _Item) -> Image.Image:
        """What the model was shown."""
        return images.decode(self._canvases.need(item.row))

    def result(self, item: _Item) -> _Shown | Rejected | Failed:
        """What the model made of it; where no model was asked, what was published."""
        return self._answered(item) if item.response else self._published(item)

    def outside_mask(self, item: _Item, canvas: Image.Image, result: Image.Image) -> float:
        """Share of what lies outside the row's mask that changed; -1 where it has none to go by."""
        row = self._rows.get(item.triplet.id)
        data = None if row is None else self._masks[row]
        if data is None:
            return UNKNOWN
        source, edited = filter_step.pair(item.padded.geometry, canvas, result)
        try:
            return outside_change(source, edited, read_mask(data, source.size))
        except SourceError:  # no edit was made with it: regenerate would have refused the row
            return UNKNOWN

    def _answered(self, item: _Item) -> _Shown | Rejected | Failed:
        key = item.triplet.id
        try:
            data = self._piece.shop.responses.picture(item.response)
            return _Shown(data, images.decode(data))
        except ShardError as error:  # lost or damaged in the store: regenerate asks for it again
            return Failed(key, filter_step.NAME, Reason.UNAVAILABLE, str(error))
        except SourceError as error:
            return Rejected(key, filter_step.NAME, Reason.ANSWER_DAMAGED, error.detail)

    def _published(self, item: _Item) -> _Shown | Rejected:
        key, config = item.triplet.id, self._piece.shop.config(pad.NAME, pad.Config)
        data = self._edits[self._rows[key]]
        try:
            found = images.decode_source(data, images.Limits(config.max_pixels, config.min_side))
        except SourceError as error:
            reason = Reason.EDITED_UNREADABLE if data else Reason.EDITED_MISSING
            return Rejected(key, filter_step.NAME, reason, error.detail)
        return _Shown(data or b"", found.image)


def _rows(piece: Piece) -> Iterator[Filtered]:
    shop, columns, tally = piece.shop, piece.columns, piece.tally
    triplets = {item.id: item for item in columns.facts(PLAN, Triplet)}
    padded = {item.id: (item, row) for row, item in enumerate(columns.facts(pad.NAME, pad.Padded))}
    answers = columns.facts(regenerate.NAME, regenerate.Regenerated)
    config = shop.config(filter_step.NAME, Config)
    items = [_Item(triplets[one.id], *padded[one.id], one.response) for one in answers]
    with ExitStack() as stack:
        shelf = _Shelf(piece, stack)
        for made in shop.in_order(lambda item: _filtered(item, shelf, config), items):
            if isinstance(made, Rejected):
                tally.rejected.append(made)
            elif isinstance(made, Failed):
                tally.failed.append(made)
            else:
                yield made


def _filtered(item: _Item, shelf: _Shelf, config: Config) -> Filtered | Rejected | Failed:
    shown = shelf.result(item)
    if not isinstance(shown, _Shown):
        return shown
    geometry, canvas = item.padded.geometry, shelf.canvas(item)
    measures = filter_step.judge(item.triplet, geometry, canvas, shown.image, config.judge)
    if isinstance(measures, Rejected):
        return measures
    if item.response:
        restored = restore_step.restore(geometry, shown.image, shown.data, config.restore)
    else:
        restored = restore_step.untouched(shown.image, shown.data, config.restore)
    outside = shelf.outside_mask(item, canvas, shown.image)
    return Filtered(item.triplet.id, **asdict(measures), **asdict(restored), outside_mask=outside)


STAGE = Stage(
    filter_step.NAME,
    filter_step.VERSION,
    regenerate.NAME,
    columns_of(filter_step.NAME, Filtered, _rows),
)
