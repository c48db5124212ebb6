"""One side of a picture as if it were the top: how far a colour reaches in, and the line on which it ends.

`depth` counts from the outermost line inwards, `column` along the side. Pictures are arrays of shape
(H, W, 3), uint8, RGB.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Depths = NDArray[np.intp]

FIRST_DEPTH = 48
"""Lines that are looked at before the whole reach: most bars are thinner."""
REACH = 0.25
"""Share of the picture's depth that a bar is looked for in; a deeper margin is `deep`."""
LEAST_SHARE, LEAST_COLUMNS = 0.02, 8
"""Columns of the padding colour that make a side worth a look, as a share of it and in all."""
ENDING = 0.30
"""Share of columns that must end on the line; content behind a bar may be white as well."""
BREACH = 0.02
"""Share of columns in which content may lie inside a bar."""
WEDGE_ENDING, WEDGE_SPAN, CORNER = 0.60, 0.12, 0.03
"""A tilted bar: share that ends on its line, share of the side it spans, its distance from a corner."""
MAX_SLOPE = 0.04
"""Steepest tilt, lines per column: 2.3 degrees."""
NEAR = 1.6
"""Lines by which an end may miss the line."""


class Tolerance(NamedTuple):
    """Levels by which padding may stray: `flat` inside a bar, `edge` where it ends."""

    flat: int
    edge: int


TOLERANCES = (Tolerance(10, 28), Tolerance(3, 9))
"""The second look finds white bars against content that is nearly white."""


class Strip(NamedTuple):
    """The outer lines of a side: deviation from the colour, (depth, columns), and how deep it is."""

    deviation: Pixels
    ends: Depths
    """Depth at which each column leaves the colour; the strip's depth where it never does."""


class Line(NamedTuple):
    """Where columns end: depth = slope * column + offset, and which columns do."""

    slope: float
    offset: float
    on: Mask


def strip_of(
    edited: Pixels, side: str, shade: Pixels, tolerance: Tolerance, share: float = REACH
) -> Strip:
    """The outer lines: a few, and that share of all lines where most columns do not end in them."""
    whole = lines_of(edited, side)
    reach = min(whole, max(8, math.ceil(whole * share)))
    for depth in (min(FIRST_DEPTH, reach), reach):
        deviation = apart(outer(edited, side, depth), shade)
        ends = leaving(deviation, tolerance)
        if (ends < len(deviation) - 3).mean() > ENDING:
            break
    return Strip(deviation, ends)


def leaving(deviation: Pixels, tolerance: Tolerance) -> Depths:
    """Depth at which each column leaves the colour; that of all lines where it never does."""
    outside = deviation > tolerance.edge
    ends: Depths = np.where(outside.any(axis=0), outside.argmax(axis=0), len(deviation))
    return ends


def sharp_ends(strip: Strip, tolerance: Tolerance) -> Mask:
    """Columns that leave the colour within about four pixels, and had it truly before."""
    deviation, ends = strip
    depth, columns = deviation.shape
    every = np.arange(columns)
    after = deviation[np.minimum(ends + 2, depth - 1), every]
    before = deviation[np.maximum(ends - 4, 0), every]
    inside = (ends >= 1) & (ends < depth - 3)
    flat = (before <= tolerance.flat) | (ends < 4)
    ending: Mask = inside & (after > tolerance.edge + 8) & flat
    return ending


def line_of(strip: Strip, tolerance: Tolerance) -> Line | None:
    """The line on which most columns end; None where too few end sharply."""
    sharp = sharp_ends(strip, tolerance)
    if sharp.sum() < least(len(strip.ends)):
        return None
    return _line(strip.ends, sharp)


def _line(ends: Depths, sharp: Mask) -> Line:
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


def _through(ends: Depths, sharp: Mask, slope: float, offset: float) -> Line:
    at = slope * np.arange(len(ends)) + offset
    return Line(slope, offset, sharp & (np.abs(ends - at) <= NEAR))


def bar_on(line: Line, ends: Depths) -> Mask:
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


def least(columns: int, share: float = LEAST_SHARE) -> int:
    """Columns of one colour that make a side of so many worth a look."""
    return max(LEAST_COLUMNS, int(share * columns))


def lines_of(image: Pixels, side: str) -> int:
    """How many lines there are from a side to the opposite one."""
    lines: int = image.shape[0 if side in {"top", "bottom"} else 1]
    return lines


def outer(image: Pixels, side: str, lines: int) -> Pixels:
    """The outermost `lines` of a side, (depth, column, 3), without copying."""
    if side == "top":
        return image[:lines]
    if side == "bottom":
        return image[: -lines - 1 : -1]
    turned = image.transpose(1, 0, 2)
    return turned[:lines] if side == "left" else turned[: -lines - 1 : -1]


def without(image: Pixels, side: str) -> Pixels:
    """All but the outermost line of a side, without copying."""
    rows = {"top": slice(1, None), "bottom": slice(-1)}.get(side, slice(None))
    columns = {"left": slice(1, None), "right": slice(-1)}.get(side, slice(None))
    return image[rows, columns]


def apart(pixels: Pixels, color: tuple[int, int, int] | Pixels) -> Pixels:
    """Largest difference of a channel from a colour, 0 to 255, without the last axis.

    The colour may be that of each column, (columns, 3).
    """
    shade = np.asarray(color, np.uint8)
    red, green, blue = (
        np.maximum(pixels[..., channel], shade[..., channel])
        - np.minimum(pixels[..., channel], shade[..., channel])
        for channel in range(3)
    )
    furthest: Pixels = np.maximum(np.maximum(red, green), blue)
    return furthest
