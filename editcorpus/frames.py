"""What of a source an edited image shows, and the one cut that brings it back.

A result that is shifted or zoomed is brought back by the very resampling that undoes the canvas: the box
that is cut out of the answer follows the content. Content may have moved onto what was padding, and is
found there; what has left the answer is lost, and is cut off the source as well, by whole px, so that
each px of the source that stays is the published one.
"""

import math
from dataclasses import replace
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from PIL import Image

from editcorpus.geometry import way_back
from editcorpus.records import Geometry
from editcorpus.registration import (
    JUDGED_SIDE,
    WORKING_SIDE,
    Registration,
    corner_px,
    displacement,
    luminance,
    register,
    remaining_px,
    shrunk,
)

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in px."""

ALIGNED_PX = 0.5
"""Movement of a corner up to which a result counts as aligned, in px of the edited image or, where they
are fewer, of the content box: below it a correction blurs more than it mends."""
MOVED = 0.5 / JUDGED_SIDE
"""Displacement from which on pictures are laid on each other before they are compared: half a px of the
size at which that is done."""
LASTING = 0.0005
"""What may be left once shift and zoom are undone, as a share of the long side: half a px of 1024, as much as
counts as aligned. Right fits leave a third of it; wrong ones were fitted to what differs in both pictures."""
FINEST_PX = 0.25
"""What may be left in any case, in px of the pictures that are compared: small ones tell no less."""
UNKNOWN = -1.0
"""What is left of a displacement of which nothing can be said."""


class Standing(StrEnum):
    """How a result lies on its source."""

    ALIGNED = "aligned"
    CORRECTED = "corrected"
    """It was shifted or zoomed, which is undone."""
    DISPLACED = "displaced"
    """It is shifted or zoomed, and left as it is."""
    MOVING = "moving"
    """Shift and zoom are known and left as they are: the task is one that moves the frame."""
    UNREGISTERED = "unregistered"
    """Too little is alike for shift and zoom to be known."""


class Frame(NamedTuple):
    """What of a source an edited image shows, and where that lies in the answer.

    Attributes:
        kept: Left, top, right and bottom in whole px of the source.
        box: The same in px of the answer; it may leave the answer by half a px of the source.
    """

    kept: tuple[int, int, int, int]
    box: Box

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is kept, in px of the source."""
        left, top, right, bottom = self.kept
        return right - left, bottom - top

    def lost_share(self, size: tuple[int, int]) -> float:
        """The share of a source of that width and height that is left out, 0 to 1."""
        width, height = self.size
        return float(1 - Fraction(width * height, size[0] * size[1]))


class Pair(NamedTuple):
    """A source and its result in one frame, of one size, whole and shrunk to the working size; RGB.

    Attributes:
        kept: What of the source's content they show: left, top, right, bottom in px of the canvas'
            content box.
    """

    source: Image.Image
    edited: Image.Image
    small_source: Image.Image
    small_edited: Image.Image
    kept: tuple[int, int, int, int]


class Settled(NamedTuple):
    """A result laid on its source.

    Attributes:
        found: Where the content went.
        standing: What is made of it.
        frame: What of the source the edited image is to show, and where that lies in the answer.
        written: Both pictures as they are to be written, but of the content box' size.
        pair: The same, shift and zoom undone wherever they are known.
        left_px: How far a corner of the edited image is still off, in its px; measured again where it
            is corrected, `UNKNOWN` where it is unregistered.
    """

    found: Registration
    standing: Standing
    frame: Frame
    written: Pair
    pair: Pair
    left_px: float


def whole_frame(geometry: Geometry, answer: tuple[int, int]) -> Frame:
    """All of the source, where it lies in an answer of that size that moved nothing."""
    kept = (0, 0, geometry.source_width, geometry.source_height)
    return Frame(kept, way_back(geometry, answer))


def common_frame(
    found: Registration, size: tuple[int, int], content: Box, answer: tuple[int, int]
) -> Frame:
    """What of a source an answer shows, once shift and zoom are undone.

    A px is shown if its middle lies in the answer.

    Args:
        found: Where the content went.
        size: Of the source in px, by whose whole px the frame is cut.
        content: Where the source would lie in the answer if nothing had moved, in px.
        answer: Size of the answer in px.
    """
    left, right, from_x, to_x = _span(
        size[0], (content[0], content[2]), answer[0], (found.scale_x, found.shift_x)
    )
    top, bottom, from_y, to_y = _span(
        size[1], (content[1], content[3]), answer[1], (found.scale_y, found.shift_y)
    )
    return Frame((left, top, right, bottom), (from_x, from_y, to_x, to_y))


def _span(
    pixels: int, content: tuple[float, float], limit: int, moved: tuple[float, float]
) -> tuple[int, int, float, float]:
    """Along one axis: first and last px of the source that are shown, and where they lie."""
    scale, shift = moved
    long = content[1] - content[0]
    zero, step = content[0] + long * (0.5 + shift - scale / 2), long * scale / pixels
    first = max(0, math.ceil(-zero / step - 0.5))
    last = min(pixels, math.floor((limit - zero) / step + 0.5))
    return first, last, zero + step * first, zero + step * last


def whole_pair(geometry: Geometry, canvas: Image.Image, answer: Image.Image) -> Pair:
    """The source and the result in the content box, as they are."""
    size = (geometry.box_width, geometry.box_height)
    frame = Frame((0, 0, *size), way_back(geometry, answer.size))
    return _pair(geometry, canvas, answer, frame)


def settled_pair(
    geometry: Geometry, canvas: Image.Image, answer: Image.Image, found: Registration
) -> Pair:
    """The same once shift and zoom are undone, as far as both show something."""
    size = (geometry.box_width, geometry.box_height)
    frame = common_frame(found, size, way_back(geometry, answer.size), answer.size)
    return _pair(geometry, canvas, answer, frame)


def settled(
    geometry: Geometry, pictures: tuple[Image.Image, Image.Image], shown: Pair, limit: float
) -> Settled:
    """Measure shift and zoom of a result, and undo them.

    Args:
        geometry: Where the source lies on its canvas.
        pictures: The canvas and the answer, RGB.
        shown: The same as `whole_pair` gives them.
        limit: Largest movement of a corner that is undone, as a share of its side.
    """
    canvas, answer = pictures
    found = register(luminance(shown.source), luminance(shown.edited))
    size = (geometry.source_width, geometry.source_height)
    standing, frame = _standing(geometry, found, limit), whole_frame(geometry, answer.size)
    as_it_is = Settled(found, standing, frame, shown, shown, UNKNOWN)
    if not found.accepted:
        return as_it_is
    as_it_is = as_it_is._replace(left_px=round(corner_px(found, size), 3))
    corrected = standing is Standing.CORRECTED
    if not corrected and displacement(found) <= MOVED:
        return as_it_is
    pair = settled_pair(geometry, canvas, answer, found)
    common = common_frame(found, size, frame.box, answer.size)
    left = remaining_px(luminance(pair.source), luminance(pair.edited), common.size)
    if not lasts(left, common.size):
        found, standing = replace(found, accepted=False), Standing.UNREGISTERED
        return Settled(found, standing, frame, shown, shown, UNKNOWN)
    if not corrected:
        return as_it_is._replace(pair=pair)
    return Settled(found, standing, common, pair, pair, round(left, 3))


def registered(source: Image.Image, edited: Image.Image) -> Registration:
    """Where the content of two whole pictures of one size went, as `settled` trusts it.

    A fit that does not hold once it is undone is not accepted.
    """
    before, after = (shrunk(one.convert("L"), WORKING_SIDE) for one in (source, edited))
    found = register(luminance(before), luminance(after))
    if not found.accepted or displacement(found) <= MOVED:
        return found
    frame = common_frame(found, before.size, (0, 0, *before.size), before.size)
    back = cut(after, frame.box, frame.size)
    left = remaining_px(luminance(before.crop(frame.kept)), luminance(back), frame.size)
    if left <= FINEST_PX or lasts(left, frame.size):
        return found
    return replace(found, accepted=False)


def lasts(left_px: float, size: tuple[int, int]) -> bool:
    """Whether a fit still holds once it is undone.

    Args:
        left_px: How far a corner is still off then, as `remaining_px` gives it.
        size: Of the picture it is measured in, in px.
    """
    return left_px <= LASTING * max(size)


def _standing(geometry: Geometry, found: Registration, limit: float) -> Standing:
    if not found.accepted:
        return Standing.UNREGISTERED
    fewest = (
        min(geometry.source_width, geometry.box_width),
        min(geometry.source_height, geometry.box_height),
    )
    if corner_px(found, fewest) <= ALIGNED_PX:
        return Standing.ALIGNED
    return Standing.CORRECTED if displacement(found) <= limit else Standing.DISPLACED


def _pair(geometry: Geometry, canvas: Image.Image, answer: Image.Image, frame: Frame) -> Pair:
    x, y = geometry.box_x, geometry.box_y
    left, top, right, bottom = frame.kept
    source = cut(canvas, (x + left, y + top, x + right, y + bottom), frame.size)
    edited = cut(answer, frame.box, frame.size)
    small = shrunk(source, JUDGED_SIDE), shrunk(edited, JUDGED_SIDE)
    return Pair(source, edited, *small, frame.kept)


def cut(
    image: Image.Image,
    box: Box,
    size: tuple[int, int],
    resample: Image.Resampling = Image.Resampling.LANCZOS,
) -> Image.Image:
    """A box of a picture at another size, in one resampling.

    Nothing outside the box is seen: `Image.resize(box=...)` alone would mix what lies around it into
    the edges. Where a side of the box cuts through px, or lies beyond the picture, the last whole px go
    on up to it.

    Raises:
        ValueError: The box holds no whole px of the picture.
    """
    inner = (
        max(0, math.ceil(box[0])),
        max(0, math.ceil(box[1])),
        min(image.width, math.floor(box[2])),
        min(image.height, math.floor(box[3])),
    )
    if inner[0] >= inner[2] or inner[1] >= inner[3]:
        raise ValueError(f"The box {box} holds no px of a picture of {image.width}x{image.height}.")
    part = image.crop(inner)
    if inner == box:
        return part if part.size == size else part.resize(size, resample)
    left, top = (max(1, inner[axis] - math.floor(box[axis])) for axis in (0, 1))
    right, bottom = (max(1, math.ceil(box[axis]) - inner[axis]) for axis in (2, 3))
    pixels = np.asarray(part)
    margins = ((top, bottom), (left, right), (0, 0))[: pixels.ndim]
    part = Image.fromarray(np.pad(pixels, margins, "edge"))
    x, y = inner[0] - left, inner[1] - top
    return part.resize(size, resample, box=(box[0] - x, box[1] - y, box[2] - x, box[3] - y))
