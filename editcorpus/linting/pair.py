"""Two pictures that were decoded, held against each other: everything that only both together tell.

Unlike the filter of a build, which knows what was padded and refuses a result at the first fault, this
looks at a pair that anybody made: all four sides may have been padded, sizes may differ, and nothing is
left out because something else was found before.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from editcorpus.changes import is_blank
from editcorpus.fidelity import Fidelity
from editcorpus.frames import MOVED, registered
from editcorpus.linting.checks import MOVED_PX, SMALLEST, Check
from editcorpus.linting.edit import WHOLE, compared, edit_findings
from editcorpus.linting.finding import Box, Finding
from editcorpus.registration import (
    JUDGED_SIDE,
    Registration,
    corner_px,
    displacement,
    shrunk,
    source_box,
)
from editcorpus.residue import SIDES, Residue, residual_padding
from editcorpus.verdicts import MOVING_FAMILIES, WHITE_GROUND_FAMILIES

Size = tuple[int, int]
_ASPECT = 0.06
"""Difference of the logarithms of two aspect ratios up to which pictures are laid on each other."""


@dataclass(slots=True)
class Measured:
    """What was found and measured of a pair; what could not be measured is None.

    Attributes:
        border: Share of the border that is residual padding, 0 to 1.
        moved_px: How far the corner that moved most has moved, in px of the edited image.
        registered: Whether that could be measured with confidence.
        changed: Share of the picture that changed visibly once that is undone, 0 to 1.
        kept: How well what lies outside of the edit was kept.
    """

    findings: list[Finding] = field(default_factory=list)
    border: float | None = None
    moved_px: float | None = None
    registered: bool | None = None
    changed: float | None = None
    kept: Fidelity | None = None


def measure(source: Image.Image, edited: Image.Image, family: str) -> Measured:
    """Measure a pair.

    Args:
        source: RGB.
        edited: RGB, of any size.
        family: Of the task, in the vocabulary of `taxonomy.py`; empty where nobody tells.
    """
    made = Measured()
    made.findings += [*_small(source, edited), *_blank(source, edited, family)]
    if source.size != edited.size:
        told = f"{source.width} x {source.height} px became {edited.width} x {edited.height} px."
        made.findings.append(Finding(Check.SIZES_DIFFER, told))
    elif source.tobytes() == edited.tobytes():
        told = "The edited image equals its source in every px."
        made.findings.append(Finding(Check.ECHO, told))
        made.border, made.moved_px, made.registered, made.changed = 0.0, 0.0, True, 0.0
        return made
    if _comparable(source.size, edited.size) and not _is(made, Check.BLANK):
        if source.size != edited.size:
            source = source.resize(edited.size, Image.Resampling.BICUBIC)
        _compared(source, edited, family, made)
    return made


def _is(made: Measured, check: Check) -> bool:
    return any(one.check is check for one in made.findings)


def _comparable(one: Size, other: Size) -> bool:
    if min(*one, *other) < SMALLEST // 4:
        return False
    return abs(math.log(one[0] * other[1] / (one[1] * other[0]))) <= _ASPECT


def _small(source: Image.Image, edited: Image.Image) -> Iterator[Finding]:
    for name, image in (("source", source), ("edited", edited)):
        if min(image.size) < SMALLEST:
            told = f"The {name} image has {image.width} x {image.height} px."
            yield Finding(Check.TOO_SMALL, told)


def _blank(source: Image.Image, edited: Image.Image, family: str) -> Iterator[Finding]:
    if is_blank(shrunk(source, JUDGED_SIDE)):
        yield Finding(Check.BLANK, "The source image is one flat colour.")
    if family not in WHITE_GROUND_FAMILIES and is_blank(shrunk(edited, JUDGED_SIDE)):
        yield Finding(Check.BLANK, "The edited image is one flat colour.", ((0, 0, 1, 1),))


def _compared(source: Image.Image, edited: Image.Image, family: str, made: Measured) -> None:
    if family not in WHITE_GROUND_FAMILIES:
        residue = residual_padding(np.asarray(edited), np.asarray(source), SIDES)
        made.border = residue.share
        made.findings += _padding(residue, edited.size)
    found = registered(source, edited)
    made.registered = found.accepted
    made.findings += _placed(found, edited.size, family, made)
    small = shrunk(source, JUDGED_SIDE), shrunk(edited, JUDGED_SIDE)
    before, after, part = _settled(*small, found)
    edit = compared(np.asarray(before), np.asarray(after))
    made.changed, made.kept = edit.changes.changed_share, edit.kept
    made.findings += edit_findings(edit, part, family)


def _padding(residue: Residue, size: Size) -> Iterator[Finding]:
    if not residue.reject:
        return
    bars = {name: side for name, side in residue.sides.items() if side.columns}
    told = ", ".join(f"{name} {side.thickness:.0f} px" for name, side in bars.items())
    boxes = tuple(_bar(name, side.thickness, size) for name, side in bars.items())
    share = f"{residue.share:.1%} of the border is a flat bar: {told}."
    yield Finding(Check.RESIDUAL_PADDING, share, boxes)


def _bar(side: str, thickness: float, size: Size) -> Box:
    x, y = min(1.0, thickness / size[0]), min(1.0, thickness / size[1])
    boxes: dict[str, Box] = {
        "left": (0, 0, x, 1),
        "top": (0, 0, 1, y),
        "right": (1 - x, 0, 1, 1),
        "bottom": (0, 1 - y, 1, 1),
    }
    return boxes[side]


def _placed(found: Registration, size: Size, family: str, made: Measured) -> Iterator[Finding]:
    if not found.accepted:
        told = f"Local contrast correlates by {found.ncc:.2f} at best."
        if family not in WHOLE:
            yield Finding(Check.UNREGISTERED, told)
        return
    made.moved_px = corner_px(found, size)
    if made.moved_px <= MOVED_PX or family in MOVING_FAMILIES:
        return
    left, top, right, bottom = source_box(found, size)
    frame = (left / size[0], top / size[1], right / size[0], bottom / size[1])
    told = (
        f"A corner lies {made.moved_px:.1f} px off: shifted by {found.shift_x * size[0]:+.1f}, "
        f"{found.shift_y * size[1]:+.1f} px, zoomed by {found.scale_x - 1:+.2%}, {found.scale_y - 1:+.2%}."
    )
    yield Finding(Check.DISPLACED, told, (frame,))


def _settled(
    source: Image.Image, edited: Image.Image, found: Registration
) -> tuple[Image.Image, Image.Image, Box]:
    """Both small pictures with displacement undone, and which part of the frame they show."""
    moved = displacement(found)
    if not found.accepted or moved <= MOVED:
        return source, edited, (0, 0, 1, 1)
    size = source.size
    edited = edited.transform(
        size, Image.Transform.EXTENT, source_box(found, size), Image.Resampling.BICUBIC
    )
    margin = min(int(moved * max(size)) + 2, min(size) // 4)
    inner = margin, margin, size[0] - margin, size[1] - margin
    box = inner[0] / size[0], inner[1] / size[1], inner[2] / size[0], inner[3] / size[1]
    return source.crop(inner), edited.crop(inner), box
