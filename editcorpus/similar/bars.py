"""Bars of one colour around a picture, as padding leaves them: pictures are hashed without them."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_MOST = 0.4
"""Share of a side that a bar may take; what is flat beyond that is the picture's own ground."""
_FLAT = 12
"""Levels by which px of a bar differ from its colour: JPEG and noise leave that much after reduction."""
_STRAIGHT = 0.4
"""Share of lines across a bar that end where it does. What lies behind a white bar may be white, too; a
silhouette on a white ground has no straight line."""
_BREACH = 0.02
"""Share of lines that may end before."""
_LEAST = 2
"""Depth of the thinnest bar, in px of the reduced picture."""


def content_box(grey: Array) -> tuple[int, int, int, int]:
    """Left, top, right and bottom, in px, of what bars enclose; the whole picture where there are none.

    Args:
        grey: 8 bits, height x width, reduced to some hundred px a side.
    """
    height, width = grey.shape
    top, bottom = _depth(grey), _depth(grey[::-1])
    left, right = _depth(grey.T), _depth(grey.T[::-1])
    return left, top, width - right, height - bottom


def _depth(grey: Array) -> int:
    """Lines, from the first on, that a bar covers."""
    strip = grey[: max(1, int(len(grey) * _MOST))].astype(np.int16)
    colour = int(np.median(strip[0]))
    away = np.abs(strip - colour) > _FLAT
    ends = np.where(away.any(0), away.argmax(0), len(strip))
    line = int(np.bincount(ends[ends < len(strip)], minlength=1).argmax())
    if line < _LEAST or np.mean(ends < line - 1) > _BREACH:
        return 0
    return line + 1 if np.mean(np.abs(ends - line) <= 1) >= _STRAIGHT else 0
