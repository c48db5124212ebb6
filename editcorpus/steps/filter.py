"""Filter: judge a result by its pixels, on the canvas, before anything is resampled to its size.

Everything is measured, then judged by the figures alone (`verdicts.py`): nothing changed, displaced, out
of the frame, residual padding, everything changed; blank results and echoes of the source are refused at
once. A result that is shifted or zoomed a little is corrected, and the figures are those of the corrected
one. What compares two pictures compares them at 384 px, shift and zoom undone.
"""

import json
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from editcorpus.changemap import ChangeMap, change_map, cleaned
from editcorpus.changes import Changes, Difference, Mask, Pixels, changes_of, difference, is_blank
from editcorpus.contours import agreement, contours
from editcorpus.doubts import doubts
from editcorpus.fidelity import UNKNOWN, Fidelity, fidelity, outside
from editcorpus.frames import Frame, Pair, Settled, Standing, settled, whole_pair
from editcorpus.geometry import padded_sides
from editcorpus.masks import outside_of
from editcorpus.records import Geometry, Reason, Rejected, Triplet
from editcorpus.residue import Residue, border_fraction, residual_padding
from editcorpus.verdicts import Config, Measures, Refusal, refusal, task_is

__all__ = [
    "NAME",
    "VERSION",
    "Beyond",
    "Config",
    "Judged",
    "Measures",
    "beyond",
    "judge",
    "suspected",
]

NAME = "filter"
VERSION = 4
MUCH = 0.60
"""Share of the picture from which on a change makes one ask whether the result is that of another request."""
_SUSPECT = {
    Reason.RESIDUAL_PADDING,
    Reason.DISPLACED,
    Reason.CONTENT_LOST,
    Reason.EVERYTHING_CHANGED,
}
"""Reasons that a result of another request would be refused for."""


class Judged(NamedTuple):
    """A result that passed.

    Attributes:
        frame: What of the source its edited image is to show, and where that lies in the answer.
        pair: Both pictures, shift and zoom undone where they are known.
        edit: Where it was edited.
        doubts: What makes it worth a look (`doubts.py`).
    """

    measures: Measures
    frame: Frame
    pair: Pair
    edit: ChangeMap
    doubts: str


@dataclass(frozen=True, slots=True)
class Beyond:
    """What was measured outside of a mask that came with the row; -1 each where there is nothing.

    Attributes:
        outside_mask: Share of it that changed visibly, 0 to 1.
        psnr_outside_mask: PSNR there in dB, 0 to 60.
        ssim_outside_mask: SSIM there, -1 to 1.
    """

    outside_mask: float = UNKNOWN
    psnr_outside_mask: float = UNKNOWN
    ssim_outside_mask: float = UNKNOWN


class _Compared(NamedTuple):
    """Both pictures at the working size, one laid on the other: what changed, and what did not."""

    changes: Changes
    edit: Mask
    kept: Fidelity


def judge(
    triplet: Triplet, geometry: Geometry, canvas: Image.Image, answer: Image.Image, config: Config
) -> Judged | Rejected:
    """Measure a result, or say why it is refused; who is refused for a figure bears all of them.

    Args:
        triplet: Gives id and task.
        geometry: Where the source lies on its canvas.
        canvas: What the model was shown, RGB.
        answer: The result, RGB; of another size than the canvas it is scaled to its box.
        config: Limits and exemptions.
    """
    shown = whole_pair(geometry, canvas, answer)
    refused = _at_once(triplet, shown, config)
    if refused is not None:
        return Rejected(triplet.id, NAME, *refused)
    moving = task_is(triplet, config.moving_tasks)
    limit = config.max_displacement if config.correct and not moving else 0.0
    laid = settled(geometry, (canvas, answer), shown, limit)
    compared = _compared(laid.pair, whole=task_is(triplet, config.whole_tasks))
    measures = _measures(triplet, geometry, laid, compared, config)
    refused = refusal(triplet, measures, config)
    if refused is not None:
        return Rejected(triplet.id, NAME, *refused, json.dumps(asdict(measures)))
    edit = _located(geometry, laid, compared.edit)
    told = doubts(triplet, measures, config, _agreement(triplet, laid, config))
    return Judged(measures, laid.frame, laid.pair, edit, told)


def suspected(made: Judged | Rejected) -> bool:
    """Whether a result may be that of another request (see `neighbours.py`)."""
    if isinstance(made, Rejected):
        return made.reason in _SUSPECT
    return not made.measures.registered or made.measures.changed_share_no_tone > MUCH


def beyond(pair: Pair, mask: Image.Image | None) -> Beyond:
    """What was measured outside of a mask.

    Args:
        pair: As `judge` gives it.
        mask: Of what the pair shows, mode L, as `masks.read_mask` gives it; None where there is none.
    """
    where = outside_of(mask, pair.small_source.size)
    if where is None:
        return Beyond()
    source, edited, found = _difference(pair)
    kept = fidelity(source, edited, found, where)
    return Beyond(float(found.visible(tone=True)[where].mean()), kept.psnr, kept.ssim)


def _at_once(triplet: Triplet, shown: Pair, config: Config) -> Refusal | None:
    """Blank or echo, of which nothing else need be known."""
    if not task_is(triplet, config.white_ground_tasks) and is_blank(shown.small_edited):
        return Refusal(Reason.ANSWER_BLANK, "The result is one flat colour.")
    if np.array_equal(np.asarray(shown.source), np.asarray(shown.edited)):
        return Refusal(Reason.NO_EDIT, "The result equals the source in every pixel.")
    return None


def _difference(pair: Pair) -> tuple[Pixels, Pixels, Difference]:
    source, edited = np.asarray(pair.small_source), np.asarray(pair.small_edited)
    return source, edited, difference(source, edited)


def _compared(pair: Pair, *, whole: bool) -> _Compared:
    source, edited, found = _difference(pair)
    edit = cleaned(found.visible(tone=whole))
    return _Compared(changes_of(found), edit, fidelity(source, edited, found, outside(edit)))


def _located(geometry: Geometry, laid: Settled, edit: Mask) -> ChangeMap:
    """The map of the edit, in px of what of the source is published."""
    wide = geometry.source_width / geometry.box_width
    high = geometry.source_height / geometry.box_height
    x, y = laid.frame.kept[:2]
    left, top, right, bottom = laid.pair.kept
    place = (left * wide - x, top * high - y, right * wide - x, bottom * high - y)
    return change_map(edit, place, laid.frame.size)


def _measures(
    triplet: Triplet, geometry: Geometry, laid: Settled, compared: _Compared, config: Config
) -> Measures:
    source, edited = np.asarray(laid.written.source), np.asarray(laid.written.edited)
    white_ground = task_is(triplet, config.white_ground_tasks)
    sides = () if white_ground else padded_sides(geometry)
    residue = residual_padding(edited, source, sides, registered=laid.found.accepted)
    changes, kept = compared.changes, compared.kept
    found, (left, top, right, bottom) = laid.found, laid.frame.kept
    width, height = geometry.source_width, geometry.source_height
    return Measures(
        border_fraction=border_fraction(edited),
        residual_padding=residue.share,
        residual_sides=_told(residue),
        changed_share=changes.changed_share,
        changed_share_no_tone=changes.changed_share_no_tone,
        mean_difference=changes.mae,
        change_area=float(compared.edit.mean()),
        psnr_outside=kept.psnr,
        ssim_outside=kept.ssim,
        tone_drift=kept.drift,
        scale_x=found.scale_x,
        scale_y=found.scale_y,
        shift_x=found.shift_x,
        shift_y=found.shift_y,
        registration_ncc=found.ncc,
        registered=found.accepted,
        registration=_standing(triplet, laid, config),
        displacement_px=laid.left_px,
        lost_share=laid.frame.lost_share((width, height)),
        crop_left=left,
        crop_top=top,
        crop_right=width - right,
        crop_bottom=height - bottom,
    )


def _agreement(triplet: Triplet, laid: Settled, config: Config) -> float:
    """How well contours agree, of a result that is not registered and may change all; 1 of all others."""
    if laid.found.accepted or not task_is(triplet, config.whole_tasks):
        return 1.0
    return agreement(contours(laid.pair.small_source), contours(laid.pair.small_edited))


def _standing(triplet: Triplet, laid: Settled, config: Config) -> Standing:
    moving = laid.found.accepted and task_is(triplet, config.moving_tasks)
    return Standing.MOVING if moving else laid.standing


def _told(residue: Residue) -> str:
    return ", ".join(f"{name} {side.kind}" for name, side in residue.sides.items() if side.columns)
