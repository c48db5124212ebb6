"""What an edit changed, and whether it kept all else: of two small pictures, one laid on the other."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from editcorpus.changemap import cleaned
from editcorpus.changes import Changes, Mask, Pixels, changes_of, difference
from editcorpus.doubts import DRIFT, LEAST_PSNR, LEAST_SSIM
from editcorpus.fidelity import UNKNOWN, Fidelity, fidelity, outside
from editcorpus.linting.checks import TINY, Check
from editcorpus.linting.finding import Box, Finding
from editcorpus.taxonomy import Family
from editcorpus.verdicts import Config

WHOLE = {
    *(Family.STYLE_TRANSFER, Family.TONE_ADJUSTMENT, Family.BACKGROUND_REPLACEMENT),
    *(Family.VIEWPOINT_TRANSFORMATION, Family.VISUAL_BEAUTIFICATION),
}
"""Families that may change all of a picture."""
LOCAL = {
    *(Family.OBJECT_ADDITION, Family.OBJECT_REMOVAL, Family.OBJECT_REPLACEMENT),
    *(Family.COLOR_CHANGE, Family.MATERIAL_CHANGE, Family.COUNT_CHANGE, Family.SIZE_CHANGE),
    *(Family.MOVIE_POSTER_TEXT, Family.GUI_TEXT, Family.OBJECT_SURFACE_TEXT),
    Family.BUILDING_SURFACE_TEXT,
}
"""Families that change a part of it, and are to keep the rest."""
LIMITS = Config()
"""Those of a build's filter, which hold here as well."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What differs between two pictures.

    Attributes:
        area: Where it was edited, (h, w), a change of tone over all of the picture left out.
        kept: How well the rest was kept.
    """

    changes: Changes
    area: Mask
    kept: Fidelity


def compared(source: Pixels, edited: Pixels) -> Edit:
    """What differs between two small pictures of the same shape, (h, w, 3)."""
    found = difference(source, edited)
    area = cleaned(found.visible(tone=False))
    return Edit(changes_of(found), area, fidelity(source, edited, found, outside(area)))


def edit_findings(edit: Edit, part: Box, family: str) -> Iterator[Finding]:
    """What is wrong with an edit.

    Args:
        edit: As `compared` gives it.
        part: Which part of the frame its pictures show.
        family: Of the task; empty where nobody tells.
    """
    changes, whole = edit.changes, family in WHOLE
    share = changes.changed_share if whole else changes.changed_share_no_tone
    figures = (
        f"{share:.2%} of the picture changed visibly; its colours differ by {changes.mae:.1%} of their "
        "range on average."
    )
    if share < LIMITS.unchanged_share and changes.mae < LIMITS.unchanged_difference:
        yield Finding(Check.NO_EDIT, figures)
    elif share < TINY:
        yield Finding(Check.TINY_EDIT, figures, _where(edit.area, part))
    if family not in LOCAL:
        return
    if changes.changed_share_no_tone > LIMITS.max_changed_share:
        yield Finding(Check.EVERYTHING_CHANGED, f"{family}: {figures}")
    else:
        yield from _not_kept(edit.kept)


def _not_kept(kept: Fidelity) -> Iterator[Finding]:
    if kept.drift >= DRIFT:
        told = (
            f"Outside of the edit a channel changed by {kept.drift:.1%} or more on half of the px."
        )
        yield Finding(Check.TONE_DRIFT, told)
    if UNKNOWN != kept.psnr < LEAST_PSNR or UNKNOWN != kept.ssim < LEAST_SSIM:
        told = f"Outside of the edit PSNR is {kept.psnr:.1f} dB and SSIM {kept.ssim:.3f}."
        yield Finding(Check.UNLIKE_OUTSIDE, told)


def _where(area: Mask, part: Box) -> tuple[Box, ...]:
    """The box around what changed, in shares of the whole frame; none where nothing did."""
    rows, columns = np.flatnonzero(area.any(axis=1)), np.flatnonzero(area.any(axis=0))
    if not len(rows):
        return ()
    left, top, right, bottom = part
    width, height = (right - left) / area.shape[1], (bottom - top) / area.shape[0]
    return (
        (
            left + float(columns[0]) * width,
            top + float(rows[0]) * height,
            left + float(columns[-1] + 1) * width,
            top + float(rows[-1] + 1) * height,
        ),
    )
