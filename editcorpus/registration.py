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
from typing import NamedTuple, Self

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
ITERATIONS = 12
CONVERGED = 0.01
"""Movement of a corner in px of a level below which the fit has settled."""
SETTLED = 0.05
"""Likewise, below which a picture counts as aligned from the outset..."""
ALIGNED_NCC = 0.8
"""... if it correlates so well; then neither phase nor coarser levels are asked."""
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


class _Pair(NamedTuple):
    """Local contrast of both pictures at one level."""

    source: Plane
    edited: Plane


class _Jacobian(NamedTuple):
    """How each px of the source answers to each parameter, (4, px)."""

    rows: Plane

    @classmethod
    def of(cls, plane: Plane) -> Self:
        """By central differences; computed once per level, as the source stays where it is."""
        height, width = plane.shape
        inner = _inner(plane.shape)
        along_y, along_x = np.gradient(plane, axis=0), np.gradient(plane, axis=1)
        x = ((np.arange(width) + 0.5) / width - 0.5).astype(np.float32)
        y = ((np.arange(height) + 0.5) / height - 0.5).astype(np.float32)
        along_x, along_y = along_x * np.float32(width), along_y * np.float32(height)
        parts = (along_x * x, along_x, along_y * y[:, None], along_y)
        rows: Plane = np.stack([part[inner].ravel() for part in parts])
        return cls(rows)


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
    fine = _level(source, edited, max(source.shape))
    middle = _level(source, edited, max(source.shape) // 2)
    moved, fit = _step(middle, _Jacobian.of(middle.source), _Fit())
    if moved > SETTLED or _ncc(middle, _Fit()) < ALIGNED_NCC:
        coarse = _level(source, edited, max(source.shape) // 4)
        fit = _refined(middle, _refined(coarse, _by_phase(coarse)))
    fit = _refined(fine, fit)
    before, after = _ncc(fine, _Fit()), _ncc(fine, fit)
    return Registration(
        scale_x=1 + fit.zoom_x,
        scale_y=1 + fit.zoom_y,
        shift_x=fit.shift_x,
        shift_y=fit.shift_y,
        ncc=after,
        ncc_before=before,
        accepted=after >= MIN_NCC and after >= before - NCC_SLACK,
    )


def displacement(registration: Registration) -> float:
    """How far the corner that moved most has moved along one axis, as a share of that side."""
    return max(
        abs(registration.scale_x - 1) / 2 + abs(registration.shift_x),
        abs(registration.scale_y - 1) / 2 + abs(registration.shift_y),
    )


def source_box(registration: Registration, size: tuple[int, int]) -> tuple[float, ...]:
    """Where the frame of the source lies in the edited picture: left, top, right, bottom in px."""
    fit = _Fit(
        registration.scale_x - 1,
        registration.shift_x,
        registration.scale_y - 1,
        registration.shift_y,
    )
    return _extent(fit, size)


def _level(source: Plane, edited: Plane, side: int) -> _Pair:
    return _Pair(_contrast(_shrunk(source, side)), _contrast(_shrunk(edited, side)))


def _shrunk(plane: Plane, side: int) -> Plane:
    height, width = plane.shape
    longest = max(height, width)
    if side >= longest:
        return plane
    size = (max(8, round(width * side / longest)), max(8, round(height * side / longest)))
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR), np.float32)


def _contrast(plane: Plane) -> Plane:
    """Local contrast: what is left when the local mean is taken off, in units of local deviation."""
    radius = max(3, max(plane.shape) // 32)
    rest = plane - _mean(plane, radius)
    deviation = np.sqrt(np.maximum(_mean(rest * rest, radius), 1))
    contrast: Plane = rest / (deviation + 6)
    return contrast


def _mean(plane: Plane, radius: int) -> Plane:
    """Mean over a square of 2 * radius + 1 px; the outermost px go on beyond the edge."""
    size = 2 * radius + 1
    sums = np.pad(plane, ((radius + 1, radius), (radius + 1, radius)), "edge").astype(np.float64)
    sums = sums.cumsum(axis=0).cumsum(axis=1)
    rows = sums[size:] - sums[:-size]
    return ((rows[:, size:] - rows[:, :-size]) / size**2).astype(np.float32)


def _by_phase(pair: _Pair) -> _Fit:
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
        return _Fit()
    return _Fit(shift_x=shift_x, shift_y=shift_y)


def _signed(place: int, side: int) -> float:
    return (place - side if place > side / 2 else place) / side


def _refined(pair: _Pair, fit: _Fit) -> _Fit:
    jacobian = _Jacobian.of(pair.source)
    for _ in range(ITERATIONS):
        moved, fit = _step(pair, jacobian, fit)
        if moved < CONVERGED:
            break
    return fit


def _step(pair: _Pair, jacobian: _Jacobian, fit: _Fit) -> tuple[float, _Fit]:
    """One robust Gauss-Newton step: by how many px a corner moved, and the new fit."""
    inner = _inner(pair.source.shape)
    miss = (pair.source - _warped(pair.edited, fit))[inner].ravel()
    sigma = MAD * float(np.median(np.abs(miss[::3]))) + 1e-3
    weight = np.square(np.maximum(1 - np.square(miss / np.float32(TUKEY * sigma)), 0))
    weighted = jacobian.rows * weight
    hessian = (weighted @ jacobian.rows.T).astype(np.float64)
    hessian[np.diag_indices(4)] *= 1 + 1e-6
    try:
        delta = np.linalg.solve(hessian, (weighted @ miss).astype(np.float64))
    except np.linalg.LinAlgError:
        return 0.0, fit
    height, width = pair.source.shape
    moved = max(
        width * (abs(delta[0]) / 2 + abs(delta[1])), height * (abs(delta[2]) / 2 + abs(delta[3]))
    )
    new = np.clip(np.asarray(fit) + delta, -FARTHEST * 2, FARTHEST * 2)
    return float(moved), _Fit(*(float(part) for part in new))


def _extent(fit: _Fit, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The frame of the source in px of the edited picture."""
    left, top = (0.5 + fit.shift_x - (1 + fit.zoom_x) / 2, 0.5 + fit.shift_y - (1 + fit.zoom_y) / 2)
    return (
        size[0] * left,
        size[1] * top,
        size[0] * (left + 1 + fit.zoom_x),
        size[1] * (top + 1 + fit.zoom_y),
    )


def _warped(edited: Plane, fit: _Fit) -> Plane:
    if fit == _Fit():
        return edited
    height, width = edited.shape
    picture = Image.fromarray(edited).transform(
        (width, height),
        Image.Transform.EXTENT,
        _extent(fit, (width, height)),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(picture)


def _inner(shape: tuple[int, ...]) -> tuple[slice, slice]:
    margin = max(2, int(MARGIN * min(shape)))
    return slice(margin, -margin), slice(margin, -margin)


def _ncc(pair: _Pair, fit: _Fit) -> float:
    inner = _inner(pair.source.shape)
    a, b = pair.source[inner], _warped(pair.edited, fit)[inner]
    a, b = (a - a.mean()).ravel(), (b - b.mean()).ravel()
    return float(a @ b) / math.sqrt(float(a @ a) * float(b @ b) + 1e-9)
