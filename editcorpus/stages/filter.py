"""Filter a shard: decode each answer once, judge it on its canvas, bring it back to the source."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from editcorpus import images
from editcorpus.errors import ShardError, SourceError
from editcorpus.frames import Frame, Pair, Standing
from editcorpus.masks import read_mask
from editcorpus.neighbours import Neighbour, Neighbours
from editcorpus.records import Failed, Geometry, Reason, Rejected, Triplet
from editcorpus.shards import FETCH, PLAN, Pictures
from editcorpus.stages.stage import columns_of
from editcorpus.stages.workshop import Piece, Stage
from editcorpus.steps import filter as filter_step
from editcorpus.steps import pad, regenerate
from editcorpus.steps import restore as restore_step
from editcorpus.steps.restore import Cropped


class Config(BaseModel):
    """Which results are refused, and how the others are written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    judge: filter_step.Config = Field(
        default_factory=filter_step.Config, description="When a result is refused."
    )
    restore: restore_step.Config = Field(
        default_factory=restore_step.Config, description="How a result is brought back and encoded."
    )
    neighbours: bool = Field(
        True,
        description="Whether a result that has little in common with its source is compared with the "
        "other sources of its shard, since it may be the result of another request.",
    )


@dataclass(frozen=True, slots=True)
class Filtered:
    """The columns that filter and restore add: what was measured, and the edited image.

    Attributes:
        doubts: What makes it worth a look: names of `doubts.Doubt` between spaces; empty without any.

    The others are those of `verdicts.Measures`, `changemap.ChangeMap`, `filter.Beyond`,
    `restore.Restored` and `restore.Cropped`.
    """

    id: str
    border_fraction: float
    residual_padding: float
    residual_sides: str
    changed_share: float
    changed_share_no_tone: float
    mean_difference: float
    change_area: float
    psnr_outside: float
    ssim_outside: float
    tone_drift: float
    scale_x: float
    scale_y: float
    shift_x: float
    shift_y: float
    registration_ncc: float
    registered: bool
    registration: Standing
    displacement_px: float
    lost_share: float
    crop_left: int
    crop_top: int
    crop_right: int
    crop_bottom: int
    change_x: int
    change_y: int
    change_width: int
    change_height: int
    change_mask: str
    doubts: str
    outside_mask: float
    psnr_outside_mask: float
    ssim_outside_mask: float
    edited: bytes
    edited_format: str
    edited_width: int
    edited_height: int
    passed_through: bool
    edited_view: bytes
    edited_view_hash: str
    cropped_view: bytes | None
    cropped_view_hash: str

    @property
    def kept(self) -> tuple[int, int, int, int] | None:
        """Left, top, right and bottom, in px of the upright source, of what is kept of it; None: all."""
        if not self.lost_share:
            return None
        left, top = self.crop_left, self.crop_top
        return left, top, left + self.edited_width, top + self.edited_height


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

    def __init__(self, piece: Piece, items: Sequence[_Item], stack: ExitStack) -> None:
        self._piece = piece
        columns = piece.columns
        self._canvases = stack.enter_context(columns.pictures(pad.NAME, "canvas"))
        views = stack.enter_context(columns.pictures(pad.NAME, "source_view"))
        self.neighbours = Neighbours(
            [
                Neighbour(one.triplet.id, one.padded.geometry, partial(_grey, views, one.row))
                for one in items
                if one.response
            ]
        )
        self._rows: dict[str, int] = {}
        if piece.shop.goes_through(FETCH):
            self._edits = stack.enter_context(columns.pictures(FETCH, "edited"))
            self._masks = stack.enter_context(columns.pictures(FETCH, "mask"))
            self._rows = {key: row for row, key in enumerate(columns.ids(FETCH))}

    def canvas(self, item: _Item) -> Image.Image:
        """What the model was shown."""
        return images.decode(self._canvases.need(item.row))

    def cropped(self, geometry: Geometry, frame: Frame, canvas: Image.Image) -> Cropped:
        """The source as judges see it, where it is cropped: as the pad step shows it."""
        config = self._piece.shop.config(pad.NAME, pad.Config)
        return restore_step.cropped(
            geometry, frame, canvas, config.view_longest, config.view_quality
        )

    def result(self, item: _Item) -> _Shown | Rejected | Failed:
        """What the model made of it; where no model was asked, what was published."""
        return self._answered(item) if item.response else self._published(item)

    def mask(self, item: _Item, pair: Pair) -> Image.Image | None:
        """The row's mask, of what a pair shows; None where it has none to go by."""
        row = self._rows.get(item.triplet.id)
        data = None if row is None else self._masks[row]
        try:
            mask = read_mask(data, (item.padded.box_width, item.padded.box_height))
        except SourceError:  # no edit was made with it: regenerate would have refused the row
            return None
        return mask and mask.crop(pair.kept)

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


def _grey(views: Pictures, row: int, side: int) -> Image.Image:
    return images.decode_grey(views.need(row), images.Limits(images.MOST_PIXELS, 1), side)


def _rows(piece: Piece) -> Iterator[Filtered]:
    shop, columns = piece.shop, piece.columns
    triplets = {item.id: item for item in columns.facts(PLAN, Triplet)}
    padded = {item.id: (item, row) for row, item in enumerate(columns.facts(pad.NAME, pad.Padded))}
    answers = columns.facts(regenerate.NAME, regenerate.Regenerated)
    config = shop.config(filter_step.NAME, Config)
    items = [_Item(triplets[one.id], *padded[one.id], one.response) for one in answers]
    with ExitStack() as stack:
        shelf = _Shelf(piece, items, stack)
        made = shop.in_order(piece.shard, lambda item: _filtered(item, shelf, config), items)
        yield from piece.tally.sifted(made)


def _filtered(item: _Item, shelf: _Shelf, config: Config) -> Filtered | Rejected | Failed:
    shown = shelf.result(item)
    if not isinstance(shown, _Shown):
        return shown
    geometry, canvas = item.padded.geometry, shelf.canvas(item)
    limits = config.judge if item.response else config.judge.model_copy(update={"correct": False})
    judged = filter_step.judge(item.triplet, geometry, canvas, shown.image, limits)
    if item.response and config.neighbours and filter_step.suspected(judged):
        judged = _exchanged(item, shelf, shown.image) or judged
    if isinstance(judged, Rejected):
        return judged
    if item.response:
        restored = restore_step.restore(
            geometry, judged.frame, shown.image, shown.data, config.restore
        )
    else:
        restored = restore_step.untouched(shown.image, shown.data, config.restore)
    return Filtered(
        item.triplet.id,
        **asdict(judged.measures),
        **asdict(restored),
        **asdict(shelf.cropped(geometry, judged.frame, canvas)),
        **asdict(judged.edit),
        **asdict(filter_step.beyond(judged.pair, shelf.mask(item, judged.pair))),
        doubts=judged.doubts,
    )


def _exchanged(item: _Item, shelf: _Shelf, answer: Image.Image) -> Rejected | None:
    """The verdict on a result that is an edit of another source of the shard; None if it is not."""
    found = shelf.neighbours.whose(item.triplet.id, answer)
    if found is None:
        return None
    detail = (
        f"Correlation of {found.of}: {found.ncc:.2f} with the source of {found.id}, "
        f"{found.own_ncc:.2f} with its own."
    )
    return Rejected(item.triplet.id, filter_step.NAME, Reason.WRONG_PICTURE, detail)


STAGE = Stage(
    filter_step.NAME,
    filter_step.VERSION,
    regenerate.NAME,
    columns_of(filter_step.NAME, Filtered, _rows),
)
