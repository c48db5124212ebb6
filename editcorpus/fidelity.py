"""How well a result keeps what it was not to change: by PSNR, SSIM and tone, outside of the edit.

Pictures are RGB of shape (h, w, 3), uint8, about 384 px on the long side, one laid on the other. At that
size what an encoder or a regeneration does to single px is nearly gone: pictures that were regenerated
without an edit have 30 to 41 dB and an SSIM of 0.92 to 0.99, real local edits 0.93 to 0.99 outside.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from editcorpus.changes import Difference, Mask, Pixels, grown

UNKNOWN = -1.0
"""What is said of a picture of which too little lies outside."""
LEAST_OUTSIDE = 0.05
"""Share of the picture that has to lie outside for anything to be said of it."""
REACH = 3
"""Px by which an edit is grown before one looks outside it: half a window of SSIM."""
MOST_DB = 60.0
"""PSNR of pictures that are the same."""
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""Constants of SSIM (Wang et al., 2004)."""
_LIGHT = np.array((0.299, 0.587, 0.114))
"""Luminance of RGB (ITU-R BT.601)."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What was measured outside of an edit; all `UNKNOWN` where too little lies there.

    Attributes:
        psnr: In dB over px and channels, 0 to `MOST_DB`.
        ssim: Mean over windows of 7 x 7 px of luminance, -1 to 1; `UNKNOWN` in pictures below 7 px.
        drift: Of the channel that changed most, by how much half of the px or more changed, 0 to 1.
    """

    psnr: float
    ssim: float
    drift: float


def outside(changed: Mask) -> Mask:
    """What lies outside of what changed, (h, w)."""
    return ~grown(changed, REACH)


def fidelity(source: Pixels, edited: Pixels, found: Difference, where: Mask) -> Fidelity:
    """Measure what a result keeps.

    Args:
        source: Before the edit.
        edited: After it, of the same shape.
        found: Their difference.
        where: What is looked at, (h, w); as `outside` gives it.
    """
    if where.mean() < LEAST_OUTSIDE:
        return Fidelity(UNKNOWN, UNKNOWN, UNKNOWN)
    return Fidelity(
        psnr=round(_psnr(source, edited, where), 2),
        ssim=round(_ssim(source, edited, where), 4),
        drift=round(_drift(found, where), 4),
    )


def _psnr(source: Pixels, edited: Pixels, where: Mask) -> float:
    apart = source[where].astype(np.int32) - edited[where]
    error = float(np.square(apart).mean())
    return min(MOST_DB, 10 * math.log10(255**2 / max(error, 1e-9)))


def _ssim(source: Pixels, edited: Pixels, where: Mask) -> float:
    inner = where[REACH:-REACH, REACH:-REACH]
    if not inner.any():
        return UNKNOWN
    one, other = source @ _LIGHT, edited @ _LIGHT
    planes = np.stack((one, other, one * one, other * other, one * other))
    mean_one, mean_other, square_one, square_other, product = _means(planes)
    both, squares = mean_one * mean_other, np.square(mean_one) + np.square(mean_other)
    likeness = (2 * both + _C1) * (2 * (product - both) + _C2)
    likeness /= (squares + _C1) * (square_one + square_other - squares + _C2)
    return float(likeness[inner].mean())


def _means(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over windows that lie wholly in the picture: (n, h, w) to (n, h - 6, w - 6)."""
    size = 2 * REACH + 1
    sums = np.pad(planes, ((0, 0), (1, 0), (1, 0))).cumsum(axis=1).cumsum(axis=2)
    rows = sums[:, size:] - sums[:, :-size]
    made: NDArray[np.float64] = (rows[:, :, size:] - rows[:, :, :-size]) / size**2
    return made


def _drift(found: Difference, where: Mask) -> float:
    """The largest median of a channel's absolute difference."""
    least = where.sum() / 2
    medians = []
    for channel in np.abs(found.levels):
        counts = np.bincount(channel[where], minlength=256)
        medians.append(int(np.searchsorted(counts.cumsum(), least)))
    return max(medians) / 255
