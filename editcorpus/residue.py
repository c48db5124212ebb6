"""Padding that is left at the edge of a result after the crop.

The paper rejects a result "if more than 0.5% of its border is uniform padding" (appendix A.2) and
says no more. Read plainly it counts px of the padding's colour, which `border_fraction` does, and rejects
a third of real pictures: product shots, snow, paper, clipped skies. The rule that is applied looks for
bars (`residual_padding`). Residual padding on a side is a region that begins at the outermost line, is
flat and of the colour that was padded with (or of another one along the whole side), ends in a sharp
straight line along that side, is not there already in the source, and lies on a side that was padded.
Error rates on real pictures: `make bench-vision`, and docs/vision.md.

Every side is looked at as if it were the top: `depth` counts from the outermost line inwards, `column`
along the side. Pictures are arrays of shape (H, W, 3), uint8, RGB.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from editcorpus.fringes import THICKEST, is_fringe
from editcorpus.strips import (
    BREACH,
    LEAST_SHARE,
    TOLERANCES,
    Depths,
    Line,
    Mask,
    Pixels,
    Tolerance,
    apart,
    bar_on,
    least,
    leaving,
    line_of,
    lines_of,
    outer,
    strip_of,
    without,
)

__all__ = [
    "SIDES",
    "Kind",
    "Pixels",
    "Residue",
    "Side",
    "border_fraction",
    "residual_padding",
    "ring_share",
]

MAX_BORDER_FRACTION = 0.005
"""Share of the border that may be padding (arXiv 2507.21033, appendix A.2)."""
PLAIN_LEVELS = 8
"""Levels of a channel by which a px may stray from the padding's colour to be counted by the plain rule."""
SIDES = ("left", "top", "right", "bottom")
WHOLE = 0.90
"""Share of the outermost line that must have one colour where it is not the one that was padded with."""
MARGIN = 4
"""Px from which on a margin of the source is known by where it ends, or by going on, in whatever colours."""
SAME = 2.0
"""Px by which the thickness of a bar may differ from one that the source has there, in any colour: what
a codec does to a line of one px is more than to change its colour a little."""
DRIFT = 0.01
"""Share of a side by which it may differ besides where nobody knows how the content moved."""
GROUND = 0.60
"""Share of columns below which a bar before flat ground is ground itself: it goes on between objects."""
FLAT = 4
"""Levels by which the outermost line of a source with a margin strays from its colour."""


class Kind(StrEnum):
    """What lies at a side."""

    CLEAN = "clean"
    NATURAL = "natural"
    """A margin that the source has as well."""
    BAR = "bar"
    WEDGE = "wedge"
    """A bar whose inner edge is tilted: the content was turned."""
    DEEP = "deep"
    """A flat margin deeper than a quarter of the picture."""


BARS = {Kind.BAR, Kind.WEDGE}


@dataclass(frozen=True, slots=True)
class Side:
    """What was found at one side: `columns` of padding, their `thickness` in px."""

    kind: Kind
    columns: int = 0
    thickness: float = 0.0


@dataclass(frozen=True, slots=True)
class Residue:
    """What was found at all sides.

    Attributes:
        share: Columns of padding by px of the outermost ring, 0 to 1.
        reject: Whether that is more than the paper allows.
        sides: By name, the sides that were looked at.
    """

    share: float
    reject: bool
    sides: Mapping[str, Side]


def residual_padding(
    edited: Pixels,
    source: Pixels | None,
    sides: Iterable[str],
    color: tuple[int, int, int] = (255, 255, 255),
    *,
    registered: bool = True,
) -> Residue:
    """Find padding that is left at the sides of a picture that was cropped.

    Args:
        edited: The result, cropped to its content but not resampled yet.
        source: What it was made from, the same size; None looks at the result alone, which takes
            pictures with a frame of their own for padded ones (5% of real pictures instead of 0.4%).
        sides: Which sides were padded: of `left`, `top`, `right`, `bottom`.
        color: The colour that was padded with, RGB.
        registered: Whether the result lies on the source; else a margin of its own may have another
            thickness by now.

    Returns:
        What was found; `deep` margins count as padding unless the whole border has that colour,
        as on a picture that was set on white.

    Raises:
        ValueError: The two pictures differ in size.
    """
    if source is not None and source.shape != edited.shape:
        raise ValueError(f"The source has shape {source.shape}, the result {edited.shape}.")
    drift = 0.0 if registered else DRIFT
    found = {
        side: _look(edited, source, side, color, SAME + drift * lines_of(edited, side))
        for side in sides
    }
    columns = sum(side.columns for side in found.values() if side.kind is not Kind.DEEP)
    margins = sum(side.columns for side in found.values() if side.kind is Kind.DEEP)
    if margins and not _all_round(edited, color):
        columns += margins
    share = ring_share(columns, edited.shape[1], edited.shape[0])
    return Residue(share, share > MAX_BORDER_FRACTION, found)


def border_fraction(edited: Pixels, color: tuple[int, int, int] = (255, 255, 255)) -> float:
    """The border rule read plainly: the share of the outermost ring that has the padding's colour, 0 to 1.

    Where it is in the source as well counts for nothing here: a product on white ground has 1.0.

    Args:
        edited: The result, cropped to its content but not resampled yet.
        color: The colour that was padded with, RGB.
    """
    ring = np.ones(edited.shape[:2], bool)
    ring[1:-1, 1:-1] = False
    return float((apart(edited[ring], color) <= PLAIN_LEVELS).mean())


def ring_share(columns: int, width: int, height: int) -> float:
    """Columns of padding as a share of the outermost ring of pixels, 0 to 1."""
    return min(1.0, columns / max(1, 2 * (width + height) - 4))


def _look(
    edited: Pixels,
    source: Pixels | None,
    side: str,
    color: tuple[int, int, int],
    near: float,
    peeled: int = 0,
) -> Side:
    """A bar of the colour that was padded with, or of one that the whole outermost line has.

    What is a mere fringe of the padding is taken off, line by line, and what lies behind it looked at.
    """
    padding = np.asarray(color, np.uint8)
    found, fringed = _look_for(edited, source, side, padding, LEAST_SHARE, near), peeled > 0
    if found.kind not in BARS:
        own = np.median(outer(edited, side, 1)[0], axis=0).round().astype(np.uint8)
        if apart(own, color) > TOLERANCES[0].edge:
            other = _look_for(edited, source, side, own, WHOLE, near)
            if other.kind in BARS:
                found, fringed = other, is_fringe(edited, side, other.thickness, padding)
        if fringed and peeled < THICKEST and found.kind is not Kind.NATURAL:
            behind = None if source is None else without(source, side)
            inner = _look(without(edited, side), behind, side, color, near, peeled + 1)
            return replace(inner, thickness=inner.thickness + 1) if inner.columns else inner
    if source is None or found.kind not in BARS:
        return found
    before = _look(source, None, side, color, near)
    same = before.kind in BARS and abs(before.thickness - found.thickness) <= near
    return Side(Kind.NATURAL) if same and 2 * before.columns >= found.columns else found


def _look_for(
    edited: Pixels, source: Pixels | None, side: str, color: Pixels, share: float, near: float
) -> Side:
    """What the two tolerances find: a bar in either, else what the tighter one says."""
    found = Side(Kind.CLEAN)
    for tolerance in TOLERANCES:
        line = outer(edited, side, 1)[0]
        alike = apart(line, color) <= tolerance.edge
        if alike.sum() < least(len(line), share):
            return found
        shade = np.median(line[alike], axis=0).round().astype(np.uint8)
        if source is not None and _flat_line(source, side, shade):
            return Side(Kind.NATURAL)
        found = _examine(edited, source, side, shade, tolerance, near)
        if found.kind in BARS:
            return found
    return found


def _examine(
    edited: Pixels,
    source: Pixels | None,
    side: str,
    shade: Pixels,
    tolerance: Tolerance,
    near: float,
) -> Side:
    strip = strip_of(edited, side, shade, tolerance)
    line, deep = line_of(strip, tolerance), False
    if line is None and (strip.ends >= len(strip.deviation)).mean() >= 1 - BREACH:
        strip, deep = strip_of(edited, side, shade, tolerance, share=1.0), True
        line = line_of(strip, tolerance)
    if line is None:
        return Side(Kind.CLEAN)
    bar = bar_on(line, strip.ends)
    if not bar.any():
        return Side(Kind.CLEAN)
    if source is not None:
        reach = int(np.median(strip.ends[bar])), tolerance.edge
        natural = _natural(source, side, shade, reach)
        if natural[bar].mean() >= 0.5:
            return Side(Kind.NATURAL)
        bar &= ~natural
        on = bar & line.on
        margin = on.any() and np.median(strip.ends[on]) >= MARGIN
        if margin and (_ground(source, side, line) or _flat_to(source, side, strip.ends, on, near)):
            return Side(Kind.NATURAL)
    kind = Kind.DEEP if deep else Kind.WEDGE if line.slope else Kind.BAR
    ends = strip.ends[bar & line.on] if (bar & line.on).any() else strip.ends[bar]
    return Side(kind, int(bar.sum()), float(np.median(ends)))


def _natural(source: Pixels, side: str, shade: Pixels, reach: tuple[int, int]) -> Mask:
    """Columns in which the source is as flat, down to a depth and within so many levels."""
    depth, edge = reach
    strip = apart(outer(source, side, max(1, depth)), shade)
    natural: Mask = (strip <= edge).mean(axis=0) >= 0.7
    return natural


def _ground(source: Pixels, side: str, line: Line) -> bool:
    """Whether the source has flat ground in whatever colour, that goes on between what ends the bar."""
    shade = np.median(outer(source, side, 1)[0], axis=0).astype(np.uint8)
    return not line.slope and line.on.mean() < GROUND and _flat_line(source, side, shade)


def _flat_to(source: Pixels, side: str, ends: Depths, on: Mask, near: float) -> bool:
    """Whether the source is flat just as far in, each of these columns in a colour of its own."""
    lines = outer(source, side, int(ends[on].max() + near) + 2)[:, on]
    deviation = apart(lines, np.median(lines[:MARGIN], axis=0).astype(np.uint8))
    own = leaving(deviation, TOLERANCES[0])
    before = deviation[np.maximum(own - 2, 0), np.arange(len(own))]
    same = (np.abs(own - ends[on]) <= near) & (before <= TOLERANCES[0].flat)
    return bool(same.mean() >= 0.5)


def _flat_line(source: Pixels, side: str, shade: Pixels) -> bool:
    return bool((apart(outer(source, side, 1)[0], shade) <= FLAT).mean() >= 0.9)


def _all_round(edited: Pixels, color: tuple[int, int, int]) -> bool:
    """Whether the outermost line has the colour on every side."""
    edge = TOLERANCES[0].edge
    lines = (outer(edited, side, 1)[0] for side in SIDES)
    return all((apart(line, color) <= edge).mean() >= 1 - BREACH for line in lines)
