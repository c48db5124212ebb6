"""Padding that is left at the edge of a result after the crop.

The paper rejects a result "if more than 0.5% of its border is uniform padding" (appendix A.2) and
says no more. Here residual padding on a side is a region that begins at the outermost line, is flat and
of the colour that was padded with, ends in a sharp straight line along that side, is not there already
in the source, and lies on a side that was padded. Counting white pixels instead would reject every
fifth real photograph: product shots, snow, paper, clipped skies.

Every side is looked at as if it were the top: `depth` counts from the outermost line inwards, `column`
along the side. Pictures are arrays of shape (H, W, 3), uint8, RGB.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
_Mask = NDArray[np.bool_]
_Depths = NDArray[np.intp]

MAX_BORDER_FRACTION = 0.005
"""Share of the border that may be padding (arXiv 2507.21033, appendix A.2)."""
SIDES = ("left", "top", "right", "bottom")
FIRST_DEPTH = 48
"""Lines that are looked at before the whole reach: most bars are thinner."""
REACH = 0.25
"""Share of the picture's depth that a bar is looked for in; a deeper margin is `deep`."""
LEAST_SHARE, LEAST_COLUMNS = 0.02, 8
"""Columns of the padding colour that make a side worth a look, as a share of it and in all."""
FLAT = 4
"""Levels by which the outermost line of a source with a margin strays from its colour."""
BREACH = 0.02
"""Share of columns in which content may lie inside a bar."""
ENDING = 0.30
"""Share of columns that must end on the line; content behind a bar may be white as well."""
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
        border_fraction: Columns of padding by pixels of the border, 0 to 1.
        reject: Whether that is more than the paper allows.
        sides: By name, the sides that were looked at.
    """

    border_fraction: float
    reject: bool
    sides: Mapping[str, Side]


class _Tolerance(NamedTuple):
    """Levels by which padding may stray: `flat` inside a bar, `edge` where it ends."""

    flat: int
    edge: int


TOLERANCES = (_Tolerance(10, 28), _Tolerance(3, 9))
"""The second look finds white bars against content that is nearly white."""


class _Strip(NamedTuple):
    """The outer lines of a side: deviation from the colour, (depth, columns), and how deep it is."""

    deviation: Pixels
    ends: _Depths
    """Depth at which each column leaves the colour; the strip's depth where it never does."""


class _Line(NamedTuple):
    """Where columns end: depth = slope * column + offset, and which columns do."""

    slope: float
    offset: float
    on: _Mask


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
    fraction = border_fraction(columns, edited.shape[1], edited.shape[0])
    return Residue(fraction, fraction > MAX_BORDER_FRACTION, found)


def border_fraction(columns: int, width: int, height: int) -> float:
    """Columns of padding as a share of the outermost ring of pixels, 0 to 1."""
    return min(1.0, columns / max(1, 2 * (width + height) - 4))


def _look(edited: Pixels, source: Pixels | None, side: str, color: tuple[int, int, int]) -> Side:
    """What the two tolerances find: a bar in either, else what the tighter one says."""
    found = Side(Kind.CLEAN)
    for tolerance in TOLERANCES:
        line = _outer(edited, side, 1)[0]
        near = _deviation(line, color) <= tolerance.edge
        if near.sum() < _least(len(line)):
            return found
        shade = np.median(line[near], axis=0).round().astype(np.uint8)
        if source is not None and _flat_line(source, side, shade):
            return Side(Kind.NATURAL)
        found = _examine(edited, source, side, shade, tolerance)
        if found.kind in {Kind.BAR, Kind.WEDGE}:
            return found
    return found


def _examine(
    edited: Pixels, source: Pixels | None, side: str, shade: Pixels, tolerance: _Tolerance
) -> Side:
    strip = _strip(edited, side, shade, tolerance)
    depth, columns = strip.deviation.shape
    sharp = _sharp(strip, tolerance)
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
        natural = _natural(source, side, shade, (int(np.median(strip.ends[bar])), tolerance.edge))
        if natural.mean() >= 0.5:
            return Side(Kind.NATURAL)
        bar &= ~natural  # fewer than half of all columns, so some are left
    ends = strip.ends[bar & line.on] if (bar & line.on).any() else strip.ends[bar]
    return Side(kind, int(bar.sum()), float(np.median(ends)))


def _strip(edited: Pixels, side: str, shade: Pixels, tolerance: _Tolerance) -> _Strip:
    """The outer lines: a few, and the whole reach where most columns do not end in them."""
    whole = edited.shape[0 if side in {"top", "bottom"} else 1]
    reach = max(8, math.ceil(whole * REACH))
    for depth in (min(FIRST_DEPTH, reach), reach):
        deviation = _deviation(_outer(edited, side, depth), shade)
        outside = deviation > tolerance.edge
        ends = np.where(outside.any(axis=0), outside.argmax(axis=0), len(deviation))
        if (ends < len(deviation) - 3).mean() > ENDING:
            break
    return _Strip(deviation, ends)


def _sharp(strip: _Strip, tolerance: _Tolerance) -> _Mask:
    """Columns that leave the colour within about four pixels, and had it truly before."""
    deviation, ends = strip
    depth, columns = deviation.shape
    every = np.arange(columns)
    after = deviation[np.minimum(ends + 2, depth - 1), every]
    before = deviation[np.maximum(ends - 4, 0), every]
    inside = (ends >= 1) & (ends < depth - 3)
    sharp: _Mask = inside & (after > tolerance.edge + 8) & ((before <= tolerance.flat) | (ends < 4))
    return sharp


def _line(ends: _Depths, sharp: _Mask) -> _Line:
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


def _through(ends: _Depths, sharp: _Mask, slope: float, offset: float) -> _Line:
    at = slope * np.arange(len(ends)) + offset
    return _Line(slope, offset, sharp & (np.abs(ends - at) <= NEAR))


def _bar(ends: _Depths, line: _Line) -> _Mask:
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
    bar: _Mask = (ends >= np.maximum(at - NEAR, 1)) & (at > 0.4)
    if line.slope:
        wide = last - first >= WEDGE_SPAN * len(ends)
        cornered = first <= CORNER * len(ends) or last >= (1 - CORNER) * len(ends)
        bar &= (columns >= first) & (columns < last) & wide & cornered
    return bar


def _natural(source: Pixels, side: str, shade: Pixels, reach: tuple[int, int]) -> _Mask:
    """Columns in which the source is as flat, down to a depth and within so many levels."""
    depth, edge = reach
    strip = _deviation(_outer(source, side, max(1, depth)), shade)
    natural: _Mask = (strip <= edge).mean(axis=0) >= 0.7
    return natural


def _flat_line(source: Pixels, side: str, shade: Pixels) -> bool:
    return bool((_deviation(_outer(source, side, 1)[0], shade) <= FLAT).mean() >= 0.9)


def _all_round(edited: Pixels, color: tuple[int, int, int]) -> bool:
    """Whether the outermost line has the colour on every side."""
    edge = TOLERANCES[0].edge
    lines = (_outer(edited, side, 1)[0] for side in SIDES)
    return all((_deviation(line, color) <= edge).mean() >= 1 - BREACH for line in lines)


def _least(columns: int) -> int:
    return max(LEAST_COLUMNS, int(LEAST_SHARE * columns))


def _outer(image: Pixels, side: str, lines: int) -> Pixels:
    """The outermost `lines` of a side, (depth, column, 3), without copying."""
    if side == "top":
        return image[:lines]
    if side == "bottom":
        return image[: -lines - 1 : -1]
    turned = image.transpose(1, 0, 2)
    return turned[:lines] if side == "left" else turned[: -lines - 1 : -1]


def _deviation(pixels: Pixels, color: tuple[int, int, int] | Pixels) -> Pixels:
    """Largest difference of a channel from a colour, 0 to 255, without the last axis."""
    red, green, blue = (
        np.maximum(pixels[..., channel], level) - np.minimum(pixels[..., channel], level)
        for channel, level in enumerate(np.asarray(color, np.uint8))
    )
    furthest: Pixels = np.maximum(np.maximum(red, green), blue)
    return furthest
