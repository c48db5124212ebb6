"""When a result is refused: the figures that were measured of it, and their limits; no picture is asked.

The same figures and limits give the same verdict at any time, so that limits can be tried on figures
that are on record.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.frames import Standing
from editcorpus.records import Reason, Triplet
from editcorpus.residue import MAX_BORDER_FRACTION
from editcorpus.taxonomy import Family, family_of

LOCAL_FAMILIES = tuple(
    str(family)
    for family in (
        *(Family.OBJECT_ADDITION, Family.OBJECT_REMOVAL, Family.OBJECT_REPLACEMENT),
        *(Family.ACTION_EDITING, Family.COLOR_CHANGE, Family.MATERIAL_CHANGE, Family.COUNT_CHANGE),
        *(Family.SIZE_CHANGE, Family.MOVIE_POSTER_TEXT, Family.GUI_TEXT),
        *(Family.OBJECT_SURFACE_TEXT, Family.BUILDING_SURFACE_TEXT),
    )
)
"""Families that change a part of the picture."""
WHOLE_FAMILIES = tuple(
    str(family)
    for family in (Family.STYLE_TRANSFER, Family.TONE_ADJUSTMENT, Family.BACKGROUND_REPLACEMENT)
)
"""Those that may change all of it."""
WHITE_GROUND_FAMILIES = (str(Family.PART_EXTRACTION),)
"""Those that ask for flat ground."""
MOVING_FAMILIES = (str(Family.VIEWPOINT_TRANSFORMATION),)
"""Those that move the frame."""


class Config(BaseModel):
    """When a result is refused, and corrected.

    Tasks are known by their name, by the sub-task or a word of it, and by their family.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    residual_padding: float = Field(
        MAX_BORDER_FRACTION,
        ge=0,
        le=1,
        description="Most residual padding, as a share of the border's pixels, 0 to 1.",
    )
    border_fraction: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Most of the border that may have the colour of the padding, 0 to 1, whatever the "
        "source shows there; 0.005 is the plain rule (arXiv 2507.21033, appendix A.2), which refuses "
        "a third of clean pictures.",
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
        0.06,
        ge=0,
        le=1,
        description="Largest movement of a corner, as a share of its side, 0 to 1, where shift and "
        "zoom were measured with confidence.",
    )
    max_lost_share: float = Field(
        0.03,
        ge=0,
        le=1,
        description="Largest share of the picture, 0 to 1, that shift and zoom may have moved out of "
        "the frame; it is cut off both pictures.",
    )
    correct: bool = Field(
        True, description="Whether shift and zoom are undone where they are known."
    )
    local_tasks: tuple[str, ...] = Field(
        ("addition", "removal", "swap", "attribute_modification", *LOCAL_FAMILIES),
        description="Tasks that change a part of the picture.",
    )
    whole_tasks: tuple[str, ...] = Field(
        ("env", "style", "background", "bg", "tone", *WHOLE_FAMILIES),
        description="Tasks that may change all of it, light and colour included; stronger than "
        "local_tasks.",
    )
    white_ground_tasks: tuple[str, ...] = Field(
        ("extract", "extraction", *WHITE_GROUND_FAMILIES),
        description="Tasks that ask for flat ground: neither blank nor residual padding is asked.",
    )
    moving_tasks: tuple[str, ...] = Field(
        ("camera", "crop", "move", "outpainting", "viewpoint", "zoom", *MOVING_FAMILIES),
        description="Tasks that move the frame: displacement is measured, not judged or undone.",
    )


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured of a result: all that its verdict hangs on.

    Attributes:
        border_fraction: Share of the border that has the colour of the padding, 0 to 1.
        residual_padding: Share of the border that is residual padding, 0 to 1; 0 where the task asks
            for white ground.
        residual_sides: What lies at which side, such as `left bar`; empty where there is none.
        changed_share: Share of the picture that changed visibly, 0 to 1; once shift and zoom are
            undone, where they are known.
        changed_share_no_tone: The same after a change of tone over all of the picture is taken off.
        mean_difference: Mean absolute difference likewise, 0 to 1.
        change_area: Share of the picture that the edit takes, 0 to 1: what changed visibly, without what
            is one px wide; a change of tone counts only where the task may change the whole picture.
        psnr_outside: PSNR outside of the edit in dB, 0 to 60; -1 where next to nothing lies outside.
        ssim_outside: SSIM outside of it, -1 to 1; -1 likewise.
        tone_drift: By how much the colour or light outside of it changed, 0 to 1; -1 likewise.
        scale_x: Zoom of the edited content along x in the answer; 1 is none.
        shift_x: Shift of its centre in the answer, as a share of the width; positive is right.
        registration_ncc: Correlation of local contrast after the fit, -1 to 1.
        registered: Whether zoom and shift can be trusted.
        registration: How the edited image lies on its source.
        displacement_px: How far a corner of the edited image is still off, in its px; measured again
            where it was corrected, `UNKNOWN` where it is unregistered.
        lost_share: Share of the source that was cut off both pictures, 0 to 1.
        crop_left: Px that were cut off the left side of the source; the other sides likewise.
    """

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


class Refusal(NamedTuple):
    """Why a result is refused; the detail names the figure and its limit."""

    reason: Reason
    detail: str


def refusal(triplet: Triplet, measures: Measures, config: Config) -> Refusal | None:
    """Why a result with these figures is refused, or None: no picture is asked."""
    return next(_refusals(triplet, measures, config), None)


def _refusals(triplet: Triplet, measures: Measures, config: Config) -> Iterator[Refusal]:
    for found in (
        _unchanged(triplet, measures, config),
        _displaced(triplet, measures, config),
        _lost(measures, config),
        _padded(triplet, measures, config),
        _all_changed(triplet, measures, config),
    ):
        if found is not None:
            yield found


def _unchanged(triplet: Triplet, measures: Measures, config: Config) -> Refusal | None:
    whole = task_is(triplet, config.whole_tasks)
    share = measures.changed_share if whole else measures.changed_share_no_tone
    difference = measures.mean_difference
    if share >= config.unchanged_share or difference >= config.unchanged_difference:
        return None
    return Refusal(
        Reason.NO_EDIT,
        f"{share:.2%} of the picture changed visibly, and its colours differ by {difference:.2%} of their "
        f"range on average; below {config.unchanged_share:.2%} and {config.unchanged_difference:.2%} "
        "is no edit.",
    )


def _displaced(triplet: Triplet, measures: Measures, config: Config) -> Refusal | None:
    moved = max(
        abs(measures.scale_x - 1) / 2 + abs(measures.shift_x),
        abs(measures.scale_y - 1) / 2 + abs(measures.shift_y),
    )
    judged = measures.registered and not task_is(triplet, config.moving_tasks)
    if not judged or moved <= config.max_displacement:
        return None
    return Refusal(
        Reason.DISPLACED,
        f"A corner moved by {moved:.4f} of its side; the limit is {config.max_displacement:.4f}.",
    )


def _lost(measures: Measures, config: Config) -> Refusal | None:
    if measures.lost_share <= config.max_lost_share:
        return None
    return Refusal(
        Reason.CONTENT_LOST,
        f"{measures.lost_share:.4f} of the picture left the frame; the limit is "
        f"{config.max_lost_share:.4f}.",
    )


def _padded(triplet: Triplet, measures: Measures, config: Config) -> Refusal | None:
    if task_is(triplet, config.white_ground_tasks):
        return None
    if measures.residual_padding > config.residual_padding:
        return Refusal(
            Reason.RESIDUAL_PADDING,
            f"{measures.residual_padding:.4f} of the border is padding ({measures.residual_sides}); "
            f"the limit is {config.residual_padding:.4f}.",
        )
    if measures.border_fraction > config.border_fraction:
        return Refusal(
            Reason.RESIDUAL_PADDING,
            f"{measures.border_fraction:.4f} of the border has the colour of the padding; the limit "
            f"is {config.border_fraction:.4f}.",
        )
    return None


def _all_changed(triplet: Triplet, measures: Measures, config: Config) -> Refusal | None:
    local = task_is(triplet, config.local_tasks) and not task_is(triplet, config.whole_tasks)
    share = measures.changed_share_no_tone
    if not local or share <= config.max_changed_share:
        return None
    return Refusal(
        Reason.EVERYTHING_CHANGED,
        f"{share:.3f} of the picture changed; the limit of a local task is "
        f"{config.max_changed_share:.3f}.",
    )


def task_is(triplet: Triplet, names: tuple[str, ...]) -> bool:
    """Whether the task, the sub-task or a word of it, or the family is among the names."""
    family = family_of(triplet.dataset_source, triplet.task, triplet.subtask)
    own = {triplet.task, triplet.subtask, *triplet.subtask.split("_"), family}
    return not own.isdisjoint(names)
