"""Filter a shard: decode each answer once, judge it on its canvas, bring it back to the source."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from pydantic import BaseModel, ConfigDict, Field

from editcorpus import images
from editcorpus.errors import ShardError, SourceError
from editcorpus.pictures import Pictures
from editcorpus.records import Failed, Reason, Rejected, Triplet
from editcorpus.shards import PLAN
from editcorpus.stages.stage import Piece, Stage, columns_of
from editcorpus.stages.workshop import Workshop
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
    edited: bytes
    edited_format: str
    edited_width: int
    edited_height: int
    passed_through: bool
    edited_view: bytes
    edited_view_hash: str


@dataclass(frozen=True, slots=True)
class _Item:
    row: int
    triplet: Triplet
    padded: pad.Padded
    response: str


def _rows(piece: Piece) -> Iterator[Filtered]:
    shop, columns, tally = piece.shop, piece.columns, piece.tally
    triplets = {item.id: item for item in columns.facts(PLAN, Triplet)}
    padded = {item.id: (row, item) for row, item in enumerate(columns.facts(pad.NAME, pad.Padded))}
    answers = columns.facts(regenerate.NAME, regenerate.Regenerated)
    config = shop.config(filter_step.NAME, Config)
    items = [
        _Item(padded[item.id][0], triplets[item.id], padded[item.id][1], item.response)
        for item in answers
    ]
    with columns.pictures(pad.NAME, "canvas") as canvases:
        for made in shop.in_order(lambda item: _filtered(shop, item, canvases, config), items):
            if isinstance(made, Rejected):
                tally.rejected.append(made)
            elif isinstance(made, Failed):
                tally.failed.append(made)
            else:
                yield made


def _filtered(
    shop: Workshop, item: _Item, canvases: Pictures, config: Config
) -> Filtered | Rejected | Failed:
    try:
        answer_bytes = shop.responses.picture(item.response)
        answer = images.decode(answer_bytes)
    except ShardError as error:  # lost or damaged in the store: regenerate asks for it again
        return Failed(item.triplet.id, filter_step.NAME, Reason.UNAVAILABLE, str(error))
    except SourceError as error:
        return Rejected(item.triplet.id, filter_step.NAME, Reason.ANSWER_DAMAGED, error.detail)
    canvas = images.decode(canvases.need(item.row))
    geometry = item.padded.geometry
    measures = filter_step.judge(item.triplet, geometry, canvas, answer, config.judge)
    if isinstance(measures, Rejected):
        return measures
    restored = restore_step.restore(geometry, answer, answer_bytes, config.restore)
    return Filtered(item.triplet.id, **asdict(measures), **asdict(restored))


STAGE = Stage(
    filter_step.NAME,
    filter_step.VERSION,
    regenerate.NAME,
    columns_of(filter_step.NAME, Filtered, _rows),
)
