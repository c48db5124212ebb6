"""How far the content of a result is shifted and zoomed against its source.

Image models redraw every pixel and let the picture drift by some pixels and percents. The fit has four
parameters, zoom and shift per axis. It compares local contrast, not brightness, so that a change of tone
does no harm; begins with a phase correlation, that large shifts are found; and continues with a
Gauss-Newton fit on a pyramid, with Tukey weights, so that the edited part has no vote.

Pictures are luminance of shape (h, w), float32, about 384 px on the long side: a quarter of the work at
the full size, still good to a fraction of its pixel.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float32]

WORKING_SIDE = 384
"""Long side in px at which pictures are compared."""
MIN_NCC = 0.40
"""Correlation from which on a fit is trusted: of 16 fits that were off by more than a px, 13 were below."""
NCC_SLACK = 0.002
"""How much a fit may lose against no fit at all: resampling blurs."""
PYRAMID = (96, 192, 384)
"""Long sides of the levels, in px."""
ITERATIONS = 12
CONVERGED = 0.01
"""Movement of a corner in px of a level below which the fit has settled."""
SETTLED = 0.05
"""Likewise, below which a picture counts as aligned from the outset."""
PEAK, FARTHEST = 1.15, 0.12
"""A phase peak is used where it is so much higher than the next, and no farther than this share."""
TUKEY, MAD = 4.685, 1.4826
"""Tukey's constant for 95% efficiency; median absolute deviation to standard deviation."""
MARGIN = 0.03
"""Share of each side that has no vote: content moves out of sight there."""


@dataclass(frozen=True, slots=True)
class Registration:
    """Where the content went.

    Attributes:
        scale_x: Zoom of the edited content along x; 1 is none, more is larger.
        scale_y: Likewise along y.
        shift_x: Shift of its centre, as a share of the width; positive is right.
        shift_y: Likewise of the height; positive is down.
        ncc: Correlation of local contrast after the fit, -1 to 1.
        ncc_before: The same without it.
        accepted: Whether the fit can be trusted.
    """

    scale_x: float
    scale_y: float
    shift_x: float
    shift_y: float
    ncc: float
    ncc_before: float
    accepted: bool


IDENTITY = Registration(1.0, 1.0, 0.0, 0.0, 1.0, 1.0, accepted=True)
"""What an untouched picture gives."""


class _Fit(NamedTuple):
    """Zoom less 1 and shift in shares of a side, per axis."""

    zoom_x: float = 0.0
    shift_x: float = 0.0
    zoom_y: float = 0.0
    shift_y: float = 0.0


def register(source: Plane, edited: Plane) -> Registration:
    """Fit zoom and shift of `edited` against `source`.

    Args:
        source: Luminance, 0 to 255.
        edited: The same shape.

    Returns:
        The fit; `accepted` is false where the pictures have too little in common, or too little
        in them, for it to mean anything.

    Raises:
        ValueError: The shapes differ.
    """
    if source.shape != edited.shape:
        raise ValueError(f"The source has shape {source.shape}, the result {edited.shape}.")
    levels = [_level(source, edited, side) for side in PYRAMID]
    fit = _start(*levels[0], *levels[1])
    for level in levels:
        if fit is not None and level is not levels[-1]:
            continue
        fit = _refined(*level, fit or _by_phase(*levels[0]))
    return None  # type: ignore[return-value]
