"""One side of a picture as if it were the top, and how far a colour reaches in from there.

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
ENDING = 0.30
"""Share of columns that must end on the line; content behind a bar may be white as well."""


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


def strip_of(edited: Pixels, side: str, shade: Pixels, tolerance: Tolerance) -> Strip:
    """The outer lines: a few, and the whole reach where most columns do not end in them."""
    whole = edited.shape[0 if side in {"top", "bottom"} else 1]
    reach = max(8, math.ceil(whole * REACH))
    for depth in (min(FIRST_DEPTH, reach), reach):
        deviation = apart(outer(edited, side, depth), shade)
        outside = deviation > tolerance.edge
        ends = np.where(outside.any(axis=0), outside.argmax(axis=0), len(deviation))
        if (ends < len(deviation) - 3).mean() > ENDING:
            break
    return Strip(deviation, ends)


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


def outer(image: Pixels, side: str, lines: int) -> Pixels:
    """The outermost `lines` of a side, (depth, column, 3), without copying."""
    if side == "top":
        return image[:lines]
    if side == "bottom":
        return image[: -lines - 1 : -1]
    turned = image.transpose(1, 0, 2)
    return turned[:lines] if side == "left" else turned[: -lines - 1 : -1]


def apart(pixels: Pixels, color: tuple[int, int, int] | Pixels) -> Pixels:
    """Largest difference of a channel from a colour, 0 to 255, without the last axis."""
    red, green, blue = (
        np.maximum(pixels[..., channel], level) - np.minimum(pixels[..., channel], level)
        for channel, level in enumerate(np.asarray(color, np.uint8))
    )
    furthest: Pixels = np.maximum(np.maximum(red, green), blue)
    return furthest
