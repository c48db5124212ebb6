"""How far the content of a result is shifted and zoomed against its source.

Image models redraw every pixel and let the picture drift by some pixels and percents. The fit has four
parameters, zoom and shift per axis. It compares local contrast, not brightness, so that a change of tone
does no harm; begins with a phase correlation, that large shifts are found; and continues with a
Gauss-Newton fit on a pyramid, with Tukey weights. Only px of structure vote: on a page or a chart most px
are flat, agree with everything, and would make what is off by two px look like an edit. Nor do places
vote that do not look alike once the fit is nearly right: they are the edit.

Pictures are luminance of shape (h, w), float32, about 768 px on the long side. Error rates on real
pictures: `make bench-vision`, and docs/vision.md.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from editcorpus.planes import (
    FARTHEST,
    Fit,
    Levels,
    Mask,
    Pair,
    Plane,
    alike,
    by_phase,
    correlation,
    extent,
    inside,
    likeness,
    warped,
)

WORKING_SIDE = 768
"""Long side in px at which the fit ends: half of it leaves three times the error on charts."""
JUDGED_SIDE = 384
"""Likewise, at which it is judged whether the fit can be trusted."""
MIN_NCC = 0.40
"""Correlation from which on a fit is trusted: of 16 fits that were off by more than a px, 13 were below."""
DOUBTFUL_NCC, RETURN = 0.20, 0.0003
"""Correlation from which on a fit is trusted as well if the fit of the source against the result leads
back to where it began, but for so large a share of a side: with 40% of the area replaced, none of 99
that came back so was off by half a px; two pictures with nothing in common never do."""
CLOSE, SAME, LEAST_CLOSE, LEAST_SAME = 0.80, 0.90, 0.25, 0.75
"""Correlation of a neighbourhood that is close, and of one that is the same; share of the px of structure
that must be close; and share of these that must be the same, else the picture was redrawn as a whole.
Contours that were drawn anew lie beside those of the source: they correlate by 0.6 where they are off
by 8 px, and the way back agrees with them."""
NCC_SLACK = 0.002
"""How much a fit may lose against no fit at all: resampling blurs."""
ITERATIONS = 12
DIGITS = 6
"""Digits behind the point of what is given: the last ones of sums depend on the kind of CPU."""
CONVERGED = 0.01
"""Movement of a corner in px of a level below which the fit has settled."""
SETTLED = 0.05
"""Likewise, below which a picture counts as aligned from the outset..."""
ALIGNED_NCC = 0.8
"""... if it correlates so well; then neither phase nor coarser levels are asked."""
TUKEY, MAD = 4.685, 1.4826
"""Tukey's constant for 95% efficiency; median absolute deviation to standard deviation."""
STRUCTURE = 0.1
"""Squared steps between neighbours from which on a px votes, in parts of their mean over the picture."""
LEAST_VOTES = 200
"""Px of like neighbourhoods below which all px of structure vote."""


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


class _Votes(NamedTuple):
    """The px that vote, as places in the plane, and how each answers to each parameter, (4, px)."""

    places: NDArray[np.intp]
    rows: NDArray[np.float64]

    @classmethod
    def of(cls, plane: Plane, same: Mask | None = None) -> Self:
        """By central differences; computed once per level, as the source stays where it is.

        Args:
            plane: Local contrast of the source.
            same: Where the pictures look alike; else all of it may vote.
        """
        along_y, along_x = np.gradient(plane)
        inner = inside(plane.shape)
        energy = np.square(along_x) + np.square(along_y)
        structure = np.zeros(plane.shape, bool)
        structure[inner] = energy[inner] > STRUCTURE * energy[inner].mean(dtype=np.float64)
        if same is not None and (structure & same).sum() >= LEAST_VOTES:
            structure &= same
        places = np.flatnonzero(structure)
        height, width = plane.shape
        row, column = np.divmod(places, width)
        x, y = (column + 0.5) / width - 0.5, (row + 0.5) / height - 0.5
        step_x, step_y = along_x.ravel()[places] * width, along_y.ravel()[places] * height
        return cls(places, np.stack((step_x * x, step_x, step_y * y, step_y)).astype(np.float64))


def luminance(image: Image.Image) -> Plane:
    """What `register` takes of a picture: its luminance at `WORKING_SIDE`, or as it is if smaller."""
    return np.asarray(shrunk(image.convert("L"), WORKING_SIDE), np.float32)


def shrunk(image: Image.Image, longest: int) -> Image.Image:
    """The picture with its long side at most `longest` px, and no side below 8 px, to be compared."""
    side = max(image.size)
    if side <= longest:
        return image
    width, height = (max(8, round(one * longest / side)) for one in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)


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
    levels = Levels(source, edited)
    fit, judged = _fitted(levels), levels.at(JUDGED_SIDE)
    before, after = correlation(judged, Fit()), correlation(judged, fit)
    zoom_x, shift_x, zoom_y, shift_y = (round(part, DIGITS) for part in fit)
    close, same = _closeness(judged, fit)
    alike_enough = close >= LEAST_CLOSE and same >= LEAST_SAME * close
    likely = alike_enough and after >= max(DOUBTFUL_NCC, before - NCC_SLACK)
    return Registration(
        scale_x=1 + zoom_x,
        scale_y=1 + zoom_y,
        shift_x=shift_x,
        shift_y=shift_y,
        ncc=round(after, DIGITS),
        ncc_before=round(before, DIGITS),
        accepted=likely and (after >= MIN_NCC or _returns(levels, fit)),
    )


def _closeness(judged: Pair, fit: Fit) -> tuple[float, float]:
    """The shares of the px of structure whose neighbourhoods are close, and the same."""
    places = _Votes.of(judged.source).places
    if not len(places):
        return 0.0, 0.0
    found = likeness(judged, fit).ravel()[places]
    return float((found >= CLOSE).mean()), float((found >= SAME).mean())


def _fitted(levels: Levels) -> Fit:
    judged = levels.at(JUDGED_SIDE)
    fit = _refined(judged, _Votes.of(judged.source), _begun(levels))
    if correlation(judged, fit) < DOUBTFUL_NCC:
        return fit
    return _refined(levels.finest(), _like_votes(levels, fit), fit)


def _like_votes(levels: Levels, fit: Fit) -> _Votes:
    """The px of the finest level, of those that look alike after a fit."""
    same = Image.fromarray(alike(levels.at(JUDGED_SIDE), fit))
    source = levels.finest().source
    return _Votes.of(source, np.asarray(same.resize(source.shape[::-1])))


def _returns(levels: Levels, fit: Fit) -> bool:
    """Whether the way back, which other px vote on, ends where the way there began."""
    back = _fitted(levels.turned())
    x = _farthest((fit.zoom_x, fit.shift_x), (back.zoom_x, back.shift_x))
    y = _farthest((fit.zoom_y, fit.shift_y), (back.zoom_y, back.shift_y))
    return max(x, y) <= RETURN


def _farthest(there: tuple[float, float], back: tuple[float, float]) -> float:
    """How far an end of a side comes to lie from where it was after both, as a share of it."""
    zoom = (1 + there[0]) * (1 + back[0])
    return abs(zoom - 1) / 2 + abs(back[1] + (1 + back[0]) * there[1])


def _begun(levels: Levels) -> Fit:
    """A fit that is good to a px or so; none at all where the pictures seem to be aligned."""
    middle = levels.at(JUDGED_SIDE // 2)
    votes = _Votes.of(middle.source)
    moved, fit = _step(middle, votes, Fit())
    if moved <= SETTLED and correlation(middle, Fit()) >= ALIGNED_NCC:
        return fit
    coarse = levels.at(JUDGED_SIDE // 4)
    return _refined(middle, votes, _refined(coarse, _Votes.of(coarse.source), by_phase(coarse)))


def displacement(registration: Registration) -> float:
    """How far the corner that moved most has moved along one axis, as a share of that side."""
    return max(
        abs(registration.scale_x - 1) / 2 + abs(registration.shift_x),
        abs(registration.scale_y - 1) / 2 + abs(registration.shift_y),
    )


def corner_px(registration: Registration, size: tuple[int, int]) -> float:
    """How far the corner that moved most has moved, in px of a picture of that width and height."""
    x = (registration.scale_x - 1, registration.shift_x)
    return _corner(x, (registration.scale_y - 1, registration.shift_y), size)


def _corner(x: tuple[float, float], y: tuple[float, float], size: tuple[int, int]) -> float:
    across, along = (abs(zoom) / 2 + abs(shift) for zoom, shift in (x, y))
    return math.hypot(across * size[0], along * size[1])


def remaining_px(source: Plane, edited: Plane, size: tuple[int, int]) -> float:
    """How far a corner is still off in pictures that are nearly aligned, in px of that width and height.

    What `register` gives, of the finest level alone; planes as there.
    """
    levels = Levels(source, edited)
    fit = _refined(levels.finest(), _like_votes(levels, Fit()), Fit())
    return _corner((fit.zoom_x, fit.shift_x), (fit.zoom_y, fit.shift_y), size)


def source_box(registration: Registration, size: tuple[int, int]) -> tuple[float, ...]:
    """Where the frame of the source lies in the edited picture: left, top, right, bottom in px."""
    fit = Fit(
        registration.scale_x - 1,
        registration.shift_x,
        registration.scale_y - 1,
        registration.shift_y,
    )
    return extent(fit, size)


def _refined(pair: Pair, votes: _Votes, fit: Fit) -> Fit:
    for _ in range(ITERATIONS):
        moved, fit = _step(pair, votes, fit)
        if moved < CONVERGED:
            break
    return fit


def _step(pair: Pair, votes: _Votes, fit: Fit) -> tuple[float, Fit]:
    """One robust Gauss-Newton step: by how many px a corner moved, and the new fit."""
    if not len(votes.places):
        return 0.0, fit
    miss = (pair.source - warped(pair.edited, fit)).ravel()[votes.places].astype(np.float64)
    sigma = MAD * float(np.median(np.abs(miss[::3]))) + 1e-3
    weight = np.square(np.maximum(1 - np.square(miss / (TUKEY * sigma)), 0))
    weighted = votes.rows * weight
    hessian = np.einsum("in,jn->ij", weighted, votes.rows)
    hessian[np.diag_indices(4)] *= 1 + 1e-6
    try:
        delta = np.linalg.solve(hessian, (weighted * miss).sum(axis=1))
    except np.linalg.LinAlgError:
        return 0.0, fit
    height, width = pair.source.shape
    moved = max(
        width * (abs(delta[0]) / 2 + abs(delta[1])), height * (abs(delta[2]) / 2 + abs(delta[3]))
    )
    new = np.clip(np.asarray(fit) + delta, -FARTHEST * 2, FARTHEST * 2)
    return float(moved), Fit(*(float(part) for part in new))
