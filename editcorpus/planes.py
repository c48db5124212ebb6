"""Pictures as planes of local contrast, at several sizes, and laid on each other by zoom and shift.

What registration works on: luminance of shape (h, w), float32, 0 to 255.
"""

import math
from typing import NamedTuple

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
    deviation += 6
    rest /= deviation
    return rest


def alike(pair: Pair) -> Mask:
    """(h, w): where both pictures look alike."""
    return likeness(pair) >= LIKENESS


def likeness(pair: Pair) -> Plane:
    """(h, w): how much each neighbourhood is alike, by its correlation, -1 to 1."""
    source_contrast, edited = pair
    radius = max(3, max(edited.shape) // 48)
    products = (source_contrast * edited, source_contrast * source_contrast, edited * edited)
    both, source, other = (_mean(product, radius) for product in products)
    found: Plane = both / np.sqrt(np.maximum(source * other, np.float32(1e-12)))
    return found


def _mean(plane: Plane, radius: int) -> Plane:
    """Mean over a square of about 2 * radius + 1 px; the outermost px go on beyond the edge.

    Large squares are taken over means of blocks, and interpolated: they change slowly.
    """
    block = max(1, radius // 3)
    height, width = plane.shape
    blocks = _blocks(plane, block)
    reach = round(radius / block)
    size = 2 * reach + 1
    sums = np.pad(blocks, ((reach + 1, reach), (reach + 1, reach)), "edge").astype(np.float64)
    sums = sums.cumsum(axis=0).cumsum(axis=1)
    rows = sums[size:] - sums[:-size]
    means = ((rows[:, size:] - rows[:, :-size]) / size**2).astype(np.float32)
    wide = _interpolated(means.T, block).T
    return _interpolated(wide, block)[:height, :width]


def _blocks(plane: Plane, block: int) -> Plane:
    """The mean of each block of so many px each way."""
    if block == 1:
        return plane
    beyond = tuple((0, -side % block) for side in plane.shape)
    whole = np.pad(plane, beyond, "edge") if np.any(beyond) else plane
    rows = whole.reshape(-1, block, whole.shape[1]).sum(axis=1)
    found: Plane = rows.reshape(len(rows), -1, block).sum(axis=2) / np.float32(block * block)
    return found


def _interpolated(means: Plane, block: int) -> Plane:
    """So many rows for each row, by linear interpolation."""
    if block == 1:
        return means
    beyond = np.concatenate((means[:1], means, means[-1:]))
    steps = np.diff(beyond, axis=0)
    made = np.empty((len(means), block, means.shape[1]), np.float32)
    for row in range(block):
        at = (row + 0.5) / block + 0.5
        first = int(at)
        np.multiply(steps[first : first + len(means)], np.float32(at - first), out=made[:, row])
        made[:, row] += beyond[first : first + len(means)]
    return made.reshape(-1, means.shape[1])


def extent(fit: Fit, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The frame of the source in px of the edited picture."""
    left, top = (0.5 + fit.shift_x - (1 + fit.zoom_x) / 2, 0.5 + fit.shift_y - (1 + fit.zoom_y) / 2)
    return (
        size[0] * left,
        size[1] * top,
        size[0] * (left + 1 + fit.zoom_x),
        size[1] * (top + 1 + fit.zoom_y),
    )


def laid(pair: Pair, fit: Fit) -> Pair:
    """Both pictures, zoom and shift of the edited one undone; 0 where it does not reach."""
    if fit == Fit():
        return pair
    height, width = pair.edited.shape
    left, share_x = _neighbours(width, fit.zoom_x, fit.shift_x)
    top, share_y = _neighbours(height, fit.zoom_y, fit.shift_y)
    rows = _between(pair.edited[top], pair.edited[top + 1], share_y[:, None])
    made = _between(rows[:, left], rows[:, left + 1], share_x)
    made[np.isnan(made)] = 0
    return Pair(pair.source, made)


def sampled(edited: Plane, rows: NDArray[np.intp], columns: NDArray[np.intp], fit: Fit) -> Plane:
    """(n,): what `laid` gives at some px alone."""
    height, width = edited.shape
    left, share_x = _neighbours(width, fit.zoom_x, fit.shift_x)
    top, share_y = _neighbours(height, fit.zoom_y, fit.shift_y)
    flat, x, y = edited.ravel(), share_x[columns], share_y[rows]
    first = (top * width)[rows] + left[columns]
    upper, lower = (_between(flat[at], flat[at + 1], x) for at in (first, first + width))
    found = _between(upper, lower, y)
    found[np.isnan(found)] = 0
    return found


def _between(one: Plane, other: Plane, share: Plane) -> Plane:
    found: Plane = one + (other - one) * share
    return found


def _neighbours(side: int, zoom: float, shift: float) -> tuple[NDArray[np.intp], Plane]:
    """Of each px along a side, the px before it in the edited picture, and how far it lies beyond."""
    px = np.arange(side)
    at = px + zoom * (px + 0.5 - side / 2) + shift * side
    first = np.clip(np.floor(at), 0, side - 2).astype(np.intp)
    share = np.where((at < -0.5) | (at >= side - 0.5), np.nan, np.clip(at - first, 0, 1))
    return first, share.astype(np.float32)


def inside(shape: tuple[int, ...]) -> tuple[slice, slice]:
    """All of a plane but its margin."""
    margin = max(2, int(MARGIN * min(shape)))
    return slice(margin, -margin), slice(margin, -margin)


def correlation(pair: Pair) -> float:
    """Of local contrast over all of the pictures, -1 to 1."""
    inner = inside(pair.source.shape)
    planes = (pair.source[inner], pair.edited[inner])
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
