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
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from editcorpus.strips import (
    ENDING,
    TOLERANCES,
    Depths,
    Mask,
    Pixels,
    Tolerance,
    apart,
    outer,
    sharp_ends,
    strip_of,
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
LEAST_SHARE, LEAST_COLUMNS = 0.02, 8
"""Columns of the padding colour that make a side worth a look, as a share of it and in all."""
WHOLE = 0.90
"""Share of the outermost line that must have one colour where it is not the one that was padded with."""
SAME = 2.0
"""Px by which the thickness of a bar may differ from one that the source has there, in any colour: what
a codec does to a line of one px is more than to change its colour a little."""
FLAT = 4
"""Levels by which the outermost line of a source with a margin strays from its colour."""
BREACH = 0.02
"""Share of columns in which content may lie inside a bar."""
WEDGE_ENDING, WEDGE_SPAN, CORNER = 0.60, 0.12, 0.03
"""A tilted bar: share that ends on its line, share of the side it spans, its distance from a corner."""
MAX_SLOPE = 0.04
"""Steepest tilt, lines per column: 2.3 degrees."""
NEAR = 1.6
"""Lines by which an end may miss the line."""


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


class _Line(NamedTuple):
    """Where columns end: depth = slope * column + offset, and which columns do."""

    slope: float
    offset: float
    on: Mask


def residual_padding(
    edited: Pixels,
    source: Pixels | None,
    sides: Iterable[str],
    color: tuple[int, int, int] = (255, 255, 255),
) -> Residue:
    """Find padding that is left at the sides of a picture that was cropped.

    Args:
        edited: The result, cropped to its content but not resampled yet.
        source: What it was made from, the same size; None looks at the result alone, which takes
            pictures with a frame of their own for padded ones (5% of real pictures instead of 0.4%).
        sides: Which sides were padded: of `left`, `top`, `right`, `bottom`.
        color: The colour that was padded with, RGB.

    Returns:
        What was found; `deep` margins count as padding unless the whole border has that colour,
        as on a picture that was set on white.

    Raises:
        ValueError: The two pictures differ in size.
    """
    if source is not None and source.shape != edited.shape:
        raise ValueError(f"The source has shape {source.shape}, the result {edited.shape}.")
    found = {side: _look(edited, source, side, color) for side in sides}
    columns = sum(side.columns for side in found.values() if side.kind is not Kind.DEEP)
    deep = sum(side.columns for side in found.values() if side.kind is Kind.DEEP)
    if deep and not _all_round(edited, color):
        columns += deep
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


def _look(edited: Pixels, source: Pixels | None, side: str, color: tuple[int, int, int]) -> Side:
    """A bar of the colour that was padded with, or of one that the whole outermost line has."""
    found = _look_for(edited, source, side, np.asarray(color, np.uint8), LEAST_SHARE)
    if found.kind not in BARS:
        own = np.median(outer(edited, side, 1)[0], axis=0).round().astype(np.uint8)
        if apart(own, color) > TOLERANCES[0].edge:
            other = _look_for(edited, source, side, own, WHOLE)
            found = other if other.kind in BARS else found
    if source is None or found.kind not in BARS:
        return found
    before = _look(source, None, side, color)
    same = before.kind in BARS and abs(before.thickness - found.thickness) <= SAME
    return Side(Kind.NATURAL) if same and 2 * before.columns >= found.columns else found


def _look_for(
    edited: Pixels, source: Pixels | None, side: str, color: Pixels, least: float
) -> Side:
    """What the two tolerances find: a bar in either, else what the tighter one says."""
    found = Side(Kind.CLEAN)
    for tolerance in TOLERANCES:
        line = outer(edited, side, 1)[0]
        near = apart(line, color) <= tolerance.edge
        if near.sum() < max(LEAST_COLUMNS, int(least * len(line))):
            return found
        shade = np.median(line[near], axis=0).round().astype(np.uint8)
        if source is not None and _flat_line(source, side, shade):
            return Side(Kind.NATURAL)
        found = _examine(edited, source, side, shade, tolerance)
        if found.kind in BARS:
            return found
    return found


def _examine(
    edited: Pixels, source: Pixels | None, side: str, shade: Pixels, tolerance: Tolerance
) -> Side:
    strip = strip_of(edited, side, shade, tolerance)
    depth, columns = strip.deviation.shape
    sharp = sharp_ends(strip, tolerance)
    line = _Line(0.0, float(depth), np.zeros(columns, bool))
    bar, kind = strip.ends >= depth, Kind.DEEP
    if sharp.sum() >= _least(columns):
        line = _line(strip.ends, sharp)
        bar, kind = _bar(strip.ends, line), Kind.WEDGE if line.slope else Kind.BAR
    elif bar.mean() < 1 - BREACH:
        return Side(Kind.CLEAN)
    if not bar.any():
        return Side(Kind.CLEAN)
    if source is not None:
        reach = int(np.median(strip.ends[bar])), tolerance.edge
        natural = _natural(source, side, shade, reach)
        if natural[bar].mean() >= 0.5:
            return Side(Kind.NATURAL)
        bar &= ~natural
    ends = strip.ends[bar & line.on] if (bar & line.on).any() else strip.ends[bar]
    return Side(kind, int(bar.sum()), float(np.median(ends)))


def _line(ends: Depths, sharp: Mask) -> _Line:
    """The level line on which most sharp columns end, or the tilted one if it holds more."""
    level = _through(ends, sharp, 0.0, float(np.bincount(ends[sharp]).argmax()))
    columns, depths = np.flatnonzero(sharp), ends[sharp]
    left = columns <= np.median(columns)
    if min(left.sum(), (~left).sum()) <= LEAST_COLUMNS:
        return level
    middles = columns[left].mean(), columns[~left].mean()
    low, high = np.median(depths[left]), np.median(depths[~left])
    slope = float((high - low) / max(middles[1] - middles[0], 1))
    if not 0 < abs(slope) <= MAX_SLOPE:
        return level
    tilted = _through(ends, sharp, slope, float(low - slope * middles[0]))
    return tilted if tilted.on.sum() > level.on.sum() else level


def _through(ends: Depths, sharp: Mask, slope: float, offset: float) -> _Line:
    at = slope * np.arange(len(ends)) + offset
    return _Line(slope, offset, sharp & (np.abs(ends - at) <= NEAR))


def _bar(ends: Depths, line: _Line) -> Mask:
    """Columns of the bar that ends on this line; none where it is no bar."""
    columns = np.arange(len(ends))
    at = line.slope * columns + line.offset
    on = np.flatnonzero(line.on)
    first, last = int(on[0]), int(on[-1]) + 1
    span = slice(first, last) if line.slope else slice(None)
    breach = (ends[span] < np.maximum(at[span], 0) - NEAR).mean()
    ending = line.on[span].mean()
    if breach > BREACH or ending < (WEDGE_ENDING if line.slope else ENDING):
        return np.zeros(len(ends), bool)
    bar: Mask = (ends >= np.maximum(at - NEAR, 1)) & (at > 0.4)
    if line.slope:
        wide = last - first >= WEDGE_SPAN * len(ends)
        cornered = first <= CORNER * len(ends) or last >= (1 - CORNER) * len(ends)
        bar &= (columns >= first) & (columns < last) & wide & cornered
    return bar


def _natural(source: Pixels, side: str, shade: Pixels, reach: tuple[int, int]) -> Mask:
    """Columns in which the source is as flat, down to a depth and within so many levels."""
    depth, edge = reach
    strip = apart(outer(source, side, max(1, depth)), shade)
    natural: Mask = (strip <= edge).mean(axis=0) >= 0.7
    return natural


def _flat_line(source: Pixels, side: str, shade: Pixels) -> bool:
    return bool((apart(outer(source, side, 1)[0], shade) <= FLAT).mean() >= 0.9)


def _all_round(edited: Pixels, color: tuple[int, int, int]) -> bool:
    """Whether the outermost line has the colour on every side."""
    edge = TOLERANCES[0].edge
    lines = (outer(edited, side, 1)[0] for side in SIDES)
    return all((apart(line, color) <= edge).mean() >= 1 - BREACH for line in lines)


def _least(columns: int) -> int:
    return max(LEAST_COLUMNS, int(LEAST_SHARE * columns))
