"""Pictures as planes of local contrast, at several sizes, and laid on each other by zoom and shift.

What registration works on: luminance of shape (h, w), float32, 0 to 255.
"""

import math
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

LIKENESS = 0.5
"""Correlation of a neighbourhood from which on it counts as the same in both pictures."""
MARGIN = 0.03
"""Share of each side that has no vote: content moves out of sight there."""

PEAK, FARTHEST = 1.15, 0.12
"""A phase peak is used where it is so much higher than the next, and no farther than this share."""


class Fit(NamedTuple):
    """Zoom less 1 and shift in shares of a side, per axis."""

    zoom_x: float = 0.0
    shift_x: float = 0.0
    zoom_y: float = 0.0
    shift_y: float = 0.0


class Pair(NamedTuple):
    """Local contrast of both pictures at one level."""

    source: Plane
    edited: Plane


def level(source: Plane, edited: Plane, side: int) -> Pair:
    """Both pictures, so long on their long side in px, or as they are if they are smaller."""
    return Pair(_contrast(_shrunk(source, side)), _contrast(_shrunk(edited, side)))


class Levels:
    """Both pictures at whatever level is asked for; each is made once."""

    def __init__(self, source: Plane, edited: Plane) -> None:
        self._whole = source, edited
        self._made: dict[int, Pair] = {}

    def at(self, side: int) -> Pair:
        """As `level` gives it."""
        if side not in self._made:
            self._made[side] = level(*self._whole, side)
        return self._made[side]

    def finest(self) -> Pair:
        """As they are."""
        return self.at(max(self._whole[0].shape))

    def turned(self) -> Self:
        """The same with source and result exchanged."""
        made = type(self)(*self._whole[::-1])
        made._made = {side: Pair(pair.edited, pair.source) for side, pair in self._made.items()}
        return made


def _shrunk(plane: Plane, side: int) -> Plane:
    height, width = plane.shape
    longest = max(height, width)
    if side >= longest:
        return plane
    size = (max(8, round(width * side / longest)), max(8, round(height * side / longest)))
    made = Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)
    return np.asarray(made)


def _contrast(plane: Plane) -> Plane:
    """Local contrast: what is left when the local mean is taken off, in units of local deviation."""
    radius = max(3, max(plane.shape) // 32)
    rest = plane - _mean(plane, radius)
    deviation = np.sqrt(np.maximum(_mean(rest * rest, radius), 1))
    contrast: Plane = rest / (deviation + 6)
    return contrast


def alike(pair: Pair, fit: Fit) -> Mask:
    """(h, w): where both pictures look alike after a fit."""
    return likeness(pair, fit) >= LIKENESS


def likeness(pair: Pair, fit: Fit) -> Plane:
    """(h, w): how much each neighbourhood is alike after a fit, by its correlation, -1 to 1."""
    edited = warped(pair.edited, fit)
    radius = max(3, max(edited.shape) // 48)
    products = (pair.source * edited, pair.source * pair.source, edited * edited)
    both, source, other = (_mean(product, radius) for product in products)
    found: Plane = both / np.sqrt(np.maximum(source * other, np.float32(1e-12)))
    return found


def _mean(plane: Plane, radius: int) -> Plane:
    """Mean over a square of about 2 * radius + 1 px; the outermost px go on beyond the edge.

    Large squares are taken over means of blocks, and interpolated: they change slowly.
    """
    block = max(1, radius // 3)
    height, width = plane.shape
    blocks = np.asarray(Image.fromarray(plane).reduce(block)) if block > 1 else plane
    reach = round(radius / block)
    size = 2 * reach + 1
    sums = np.pad(blocks, ((reach + 1, reach), (reach + 1, reach)), "edge").astype(np.float64)
    sums = sums.cumsum(axis=0).cumsum(axis=1)
    rows = sums[size:] - sums[:-size]
    means = ((rows[:, size:] - rows[:, :-size]) / size**2).astype(np.float32)
    if block == 1:
        return means
    box = (0.0, 0.0, width / block, height / block)
    made = Image.fromarray(means).resize((width, height), Image.Resampling.BILINEAR, box=box)
    return np.asarray(made)


def extent(fit: Fit, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The frame of the source in px of the edited picture."""
    left, top = (0.5 + fit.shift_x - (1 + fit.zoom_x) / 2, 0.5 + fit.shift_y - (1 + fit.zoom_y) / 2)
    return (
        size[0] * left,
        size[1] * top,
        size[0] * (left + 1 + fit.zoom_x),
        size[1] * (top + 1 + fit.zoom_y),
    )


def warped(edited: Plane, fit: Fit) -> Plane:
    """The edited picture with zoom and shift undone, by linear interpolation."""
    if fit == Fit():
        return edited
    height, width = edited.shape
    picture = Image.fromarray(edited).transform(
        (width, height),
        Image.Transform.EXTENT,
        extent(fit, (width, height)),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(picture)


def inside(shape: tuple[int, ...]) -> tuple[slice, slice]:
    """All of a plane but its margin."""
    margin = max(2, int(MARGIN * min(shape)))
    return slice(margin, -margin), slice(margin, -margin)


def correlation(pair: Pair, fit: Fit) -> float:
    """Of local contrast over all of the pictures after a fit, -1 to 1."""
    inner = inside(pair.source.shape)
    planes = (pair.source[inner], warped(pair.edited, fit)[inner])
    a, b = (plane - plane.mean(dtype=np.float64) for plane in planes)
    return float((a * b).sum()) / math.sqrt(float((a * a).sum()) * float((b * b).sum()) + 1e-9)


def by_phase(pair: Pair) -> Fit:
    """The shift at which the phases agree best; none where no peak stands out."""
    height, width = pair.source.shape
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    cross = np.fft.rfft2(pair.edited * window) * np.conj(np.fft.rfft2(pair.source * window))
    surface = np.fft.irfft2(cross / (np.abs(cross) + 1e-6), s=(height, width))
    y, x = (int(i) for i in np.unravel_index(surface.argmax(), surface.shape))
    peak = surface[y, x]
    rest = np.roll(surface, (3 - y, 3 - x), axis=(0, 1))
    rest[:7, :7] = -1
    shift_x, shift_y = _signed(x, width), _signed(y, height)
    if peak <= PEAK * max(rest.max(), 1e-9) or max(abs(shift_x), abs(shift_y)) > FARTHEST:
        return Fit()
    return Fit(shift_x=shift_x, shift_y=shift_y)


def _signed(place: int, side: int) -> float:
    return (place - side if place > side / 2 else place) / side
