"""Padding that a blur or a codec has drawn into the outermost lines of the content: no bar.

What lies beside the padding is mixed with it over a line or two: its light by a blur, and its colour, which
JPEG and WebP keep at half the size, for as much again. Before a flat border of the source such lines look
like a thin bar in a colour of its own. But they are what lies behind them, with one share of the padding
all along the side; a bar has nothing of what lies behind it.
"""

import numpy as np
from numpy.typing import NDArray

from editcorpus.strips import Pixels, outer

Levels = NDArray[np.float32]

THICKEST = 3
"""Lines that a fringe may take: two of colour kept at half the size, and one of its interpolation."""
MOST_LIGHT, MOST_COLOR = 0.30, 0.60
"""Largest share of the padding in the outermost line. A Gaussian blur of 0.6 px brings in 0.2 of its light;
of its colour it may be half, where px on both sides of the border have one sample."""
STRAY, FOLLOWING = 8.0, 0.90
"""Levels by which the line may miss that mix, and the share of its px that must not."""
YCC = np.array(
    ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312)),
    np.float32,
)
"""RGB to light and the two differences of colour (ITU-R BT.601, as JPEG has it)."""


def is_fringe(edited: Pixels, side: str, thickness: float, color: Pixels) -> bool:
    """Whether the outermost lines are what lies behind them, mixed with the padding.

    Args:
        edited: The result, (H, W, 3), uint8, RGB.
        side: Of `left`, `top`, `right`, `bottom`.
        thickness: Of what looks like a bar there, in px.
        color: That of the padding, RGB.
    """
    deep = round(thickness)
    if deep > THICKEST:
        return False
    lines = outer(edited, side, deep + 2).astype(np.float32) @ YCC.T
    padding = color.astype(np.float32) @ YCC.T
    follows = np.zeros(lines.shape[1], bool)
    for behind in lines[deep:]:
        change, room = lines[0] - behind, padding - behind
        follows |= (_missed(change[:, :1], room[:, :1], MOST_LIGHT) <= STRAY) & (
            _missed(change[:, 1:], room[:, 1:], MOST_COLOR) <= STRAY
        )
    return bool(follows.mean() >= FOLLOWING)


def _missed(change: Levels, room: Levels, most: float) -> Levels:
    """By how many levels each px misses the share of the padding that fits all of them best."""
    share = float((change * room).sum()) / max(float((room * room).sum()), 1.0)
    missed: Levels = np.abs(change - min(max(share, 0.0), most) * room).max(axis=1)
    return missed
