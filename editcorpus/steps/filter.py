"""Filter: judge a result by its pixels, on the canvas, the cheapest check first.

Blank, echo of the source, residual padding, nothing changed, displaced, everything changed. All is
measured in the content box, before anything is resampled to the source's size; figures that compare
come from one pair of pictures of 384 px.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from editcorpus import images
from editcorpus.changes import Changes, compare, is_blank
from editcorpus.geometry import padded_sides, way_back
from editcorpus.records import Geometry, Reason, Rejected, Triplet
from editcorpus.registration import (
    WORKING_SIDE,
    Registration,
    displacement,
    register,
    source_box,
)
from editcorpus.residue import MAX_BORDER_FRACTION, residual_padding

NAME = "filter"
VERSION = 1
MOVED = 0.5 / WORKING_SIDE
"""Displacement from which on the pictures are laid on each other before they are compared again: half
a px of the working size."""


class Config(BaseModel):
    """When a result is refused. Tasks are known by their name, their sub-task, or a word of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    border_fraction: float = Field(
        MAX_BORDER_FRACTION,
        ge=0,
        le=1,
        description="Most residual padding, as a share of the border's pixels, 0 to 1 (arXiv "
        "2507.21033, appendix A.2).",
    )
    unchanged_share: float = Field(
        0.002,
        ge=0,
        le=1,
        description="Share of the picture, 0 to 1, below which nothing has changed visibly, if "
        "unchanged_difference agrees; true edits measured 0.005 and more.",
    )
    unchanged_difference: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Mean difference, 0 to 1, below which nothing has changed, if unchanged_share "
        "agrees.",
    )
    max_changed_share: float = Field(
        0.60,
        ge=0,
        le=1,
        description="Largest share of the picture, 0 to 1, that a local task may change; unrelated "
        "pictures measured 0.71 and more.",
    )
    max_displacement: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Largest movement of a corner, as a share of its side, 0 to 1, where shift and "
        "zoom were measured with confidence.",
    )
    local_tasks: tuple[str, ...] = Field(
        ("addition", "removal", "swap", "attribute_modification"),
        description="Tasks that change a part of the picture.",
    )
    whole_tasks: tuple[str, ...] = Field(
        ("env", "style", "background", "bg", "tone"),
        description="Tasks that may change all of it, light and colour included; stronger than "
        "local_tasks.",
    )
    white_ground_tasks: tuple[str, ...] = Field(
        ("extract", "extraction"),
        description="Tasks that ask for flat ground: neither blank nor residual padding is asked.",
    )
    moving_tasks: tuple[str, ...] = Field(
        ("camera", "crop", "move", "outpainting", "viewpoint", "zoom"),
        description="Tasks that move the frame: displacement is measured, not judged.",
    )


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured of a result that is kept, all in its content box.

    Attributes:
        border_fraction: Share of the border that is residual padding, 0 to 1.
        changed_share: Share of the picture that changed visibly, 0 to 1; once shift and zoom are
            undone, where they are known.
        mean_difference: Mean absolute difference likewise, 0 to 1.
        scale_x: Zoom of the edited content along x; 1 is none.
        shift_x: Shift of its centre, as a share of the width; positive is right.
        registration_ncc: Correlation of local contrast after the fit, -1 to 1.
        registered: Whether zoom and shift can be trusted.
    """

    border_fraction: float
    changed_share: float
    mean_difference: float
    scale_x: float
    scale_y: float
    shift_x: float
    shift_y: float
    registration_ncc: float
    registered: bool


class _Pair(NamedTuple):
    """Source and result in the content box, whole, and shrunk to the working size."""

    source: Image.Image
    edited: Image.Image
    small_source: Image.Image
    small_edited: Image.Image


class _Refusal(NamedTuple):
    reason: Reason
    detail: str


def judge(
    triplet: Triplet, geometry: Geometry, canvas: Image.Image, answer: Image.Image, config: Config
) -> Measures | Rejected:
    """Measure a result, or say why it is refused; the detail names the figure and its limit.

    Args:
        triplet: Gives id and task.
        geometry: Where the source lies on its canvas.
        canvas: What the model was shown, RGB.
        answer: The result, RGB; of another size than the canvas it is scaled to its box.
        config: Limits and exemptions.
    """
    shown = _pair(geometry, canvas, answer)
    fraction, refusal = _by_sight(triplet, geometry, shown, config)
    if refusal is not None:
        return Rejected(triplet.id, NAME, *refusal)
    changes = compare(np.asarray(shown.small_source), np.asarray(shown.small_edited))
    refusal = _unchanged(triplet, changes, config)
    if refusal is not None:
        return Rejected(triplet.id, NAME, *refusal)
    found = register(_light(shown.small_source), _light(shown.small_edited))
    refusal = _displaced(triplet, found, config)
    if refusal is None:
        changes = _settled(shown, found, changes)
        refusal = _unchanged(triplet, changes, config) or _all_changed(triplet, changes, config)
    if refusal is not None:
        return Rejected(triplet.id, NAME, *refusal)
    return Measures(
        border_fraction=fraction,
        changed_share=changes.changed_share,
        mean_difference=changes.mae,
        scale_x=found.scale_x,
        scale_y=found.scale_y,
        shift_x=found.shift_x,
        shift_y=found.shift_y,
        registration_ncc=found.ncc,
        registered=found.accepted,
    )


def pair(
    geometry: Geometry, canvas: Image.Image, answer: Image.Image
) -> tuple[Image.Image, Image.Image]:
    """The source and the result in the content box, RGB, both of its size in pixels."""
    size = (geometry.box_width, geometry.box_height)
    source = images.cut(canvas, way_back(geometry, canvas.size), size)
    return source, images.cut(answer, way_back(geometry, answer.size), size)


def _pair(geometry: Geometry, canvas: Image.Image, answer: Image.Image) -> _Pair:
    source, edited = pair(geometry, canvas, answer)
    return _Pair(source, edited, _small(source), _small(edited))


def _small(image: Image.Image) -> Image.Image:
    longest = max(image.size)
    if longest <= WORKING_SIDE:
        return image
    width, height = (max(8, round(side * WORKING_SIDE / longest)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)


def _light(image: Image.Image) -> NDArray[np.float32]:
    return np.asarray(image.convert("L"), np.float32)


def _by_sight(
    triplet: Triplet, geometry: Geometry, pair: _Pair, config: Config
) -> tuple[float, _Refusal | None]:
    """Share of residual padding; and blank, echo or padding, where it is one of them."""
    white_ground = _is(triplet, config.white_ground_tasks)
    if not white_ground and is_blank(pair.small_edited):
        return 0.0, _Refusal(Reason.ANSWER_BLANK, "The result is one flat colour.")
    source, edited = np.asarray(pair.source), np.asarray(pair.edited)
    if np.array_equal(source, edited):
        return 0.0, _Refusal(Reason.NO_EDIT, "The result equals the source in every pixel.")
    if white_ground:
        return 0.0, None
    residue = residual_padding(edited, source, padded_sides(geometry))
    fraction = residue.border_fraction
    if fraction <= config.border_fraction:
        return fraction, None
    sides = ", ".join(f"{name} {side.kind}" for name, side in residue.sides.items() if side.columns)
    return fraction, _Refusal(
        Reason.RESIDUAL_PADDING,
        f"{fraction:.4f} of the border is padding ({sides}); the limit is "
        f"{config.border_fraction:.4f}.",
    )


def _unchanged(triplet: Triplet, changes: Changes, config: Config) -> _Refusal | None:
    whole = _is(triplet, config.whole_tasks)
    share = changes.changed_share if whole else changes.changed_share_no_tone
    if share >= config.unchanged_share or changes.mae >= config.unchanged_difference:
        return None
    return _Refusal(
        Reason.NO_EDIT,
        f"{share:.4f} of the picture changed, by {changes.mae:.4f} in the mean; below "
        f"{config.unchanged_share:.4f} and {config.unchanged_difference:.4f} is no edit.",
    )


def _all_changed(triplet: Triplet, changes: Changes, config: Config) -> _Refusal | None:
    local = _is(triplet, config.local_tasks) and not _is(triplet, config.whole_tasks)
    if not local or changes.changed_share_no_tone <= config.max_changed_share:
        return None
    return _Refusal(
        Reason.EVERYTHING_CHANGED,
        f"{changes.changed_share_no_tone:.3f} of the picture changed; the limit of a local task is "
        f"{config.max_changed_share:.3f}.",
    )


def _displaced(triplet: Triplet, found: Registration, config: Config) -> _Refusal | None:
    moved = displacement(found)
    judged = found.accepted and not _is(triplet, config.moving_tasks)
    if not judged or moved <= config.max_displacement:
        return None
    return _Refusal(
        Reason.DISPLACED,
        f"A corner moved by {moved:.4f} of its side; the limit is {config.max_displacement:.4f}.",
    )


def _settled(pair: _Pair, found: Registration, changes: Changes) -> Changes:
    """What changed once shift and zoom are undone, where both pictures show something."""
    moved = displacement(found)
    if not found.accepted or moved <= MOVED:
        return changes
    size = pair.small_source.size
    edited = pair.small_edited.transform(
        size, Image.Transform.EXTENT, source_box(found, size), Image.Resampling.BICUBIC
    )
    margin = min(int(moved * max(size)) + 2, min(size) // 4)
    inner = np.s_[margin:-margin, margin:-margin]
    return compare(np.asarray(pair.small_source)[inner], np.asarray(edited)[inner])


def _is(triplet: Triplet, names: tuple[str, ...]) -> bool:
    """Whether the task, the sub-task or a word of it is among the names."""
    own = {triplet.task, triplet.subtask, *triplet.subtask.split("_")}
    return not own.isdisjoint(names)
