"""How far the content of a result is shifted and zoomed against its source.

Image models redraw every pixel and let the picture drift by some pixels and percents. The fit has four
parameters, zoom and shift per axis. It compares local contrast, not brightness, so that a change of tone
does no harm; begins with a phase correlation, that large shifts are found; and continues with a robust fit
on a pyramid (`votes.py`). Only px of structure vote: on a page or a chart most px are flat, agree with
everything, and would make what is off by two px look like an edit. Nor do places vote that do not look
alike once the fit is nearly right: they are the edit.

Pictures are luminance of shape (h, w), float32, about 768 px on the long side. Error rates on real
pictures: `make bench-vision`, and docs/vision.md.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from editcorpus.planes import (
    Fit,
    Pair,
    Plane,
    alike,
    by_phase,
    correlation,
    extent,
    laid,
    likeness,
)
from editcorpus.votes import Levels, Structure, refined, step

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
DIGITS = 6
"""Digits behind the point of what is given: the last ones of sums depend on the kind of CPU."""
SETTLED = 0.05
"""Likewise, below which a picture counts as aligned from the outset..."""
ALIGNED_NCC = 0.8
"""... if it correlates so well; then neither phase nor coarser levels are asked."""


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
    before, there = correlation(judged), laid(judged, fit)
    after = correlation(there)
    zoom_x, shift_x, zoom_y, shift_y = (round(part, DIGITS) for part in fit)
    close, same = _closeness(there, levels.structure(JUDGED_SIDE))
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


def _closeness(there: Pair, structure: Structure) -> tuple[float, float]:
    """The shares of the px of structure whose neighbourhoods are close, and the same."""
    if not len(structure.rows):
        return 0.0, 0.0
    found = likeness(there)[structure.rows, structure.columns]
    return float((found >= CLOSE).mean()), float((found >= SAME).mean())


def _fitted(levels: Levels) -> Fit:
    fit = _refined(levels, JUDGED_SIDE, _begun(levels))
    there = laid(levels.at(JUDGED_SIDE), fit)
    if correlation(there) < DOUBTFUL_NCC:
        return fit
    return _finest(levels, there, fit)


def _finest(levels: Levels, there: Pair, fit: Fit) -> Fit:
    """A fit made better on the finest level, by the px of what looks alike."""
    votes = levels.structure(levels.finest).votes(alike(there))
    return refined(levels.at(levels.finest).edited, votes, fit)


def _refined(levels: Levels, side: int, fit: Fit) -> Fit:
    """Likewise on some level, by all px of structure."""
    return refined(levels.at(side).edited, levels.structure(side).votes(), fit)


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
    votes = levels.structure(JUDGED_SIDE // 2).votes()
    moved, fit = step(middle.edited, votes, Fit())
    if moved <= SETTLED and correlation(middle) >= ALIGNED_NCC:
        return fit
    begun = by_phase(levels.at(JUDGED_SIDE // 4))
    return refined(middle.edited, votes, _refined(levels, JUDGED_SIDE // 4, begun))


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
    fit = _finest(levels, levels.at(JUDGED_SIDE), Fit())
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
