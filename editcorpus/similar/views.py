"""The parts of a picture that are hashed: all of it, what bars enclose, and crops that others make."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from editcorpus.images import Limits, decode_grey
from editcorpus.similar.bars import Array, content_box
from editcorpus.similar.hashes import WORDS, hash_grey

REDUCED = 256
"""Px that the short side of a picture keeps before it is hashed, unless it has fewer."""
RATIOS = {"1:1": 1.0, "4:3": 4 / 3, "3:4": 3 / 4, "3:2": 3 / 2, "2:3": 2 / 3, "16:9": 16 / 9}
"""Width by height of crops about the middle, as data sets make them."""
ZOOMS = {"95%": 0.95, "90%": 0.9}
"""Sides of crops about the middle."""
_PLACES = {"left": (0.0, 0.5), "right": (1.0, 0.5), "top": (0.5, 0.0), "bottom": (0.5, 1.0)}
_SHIFTED = 0.92
_LEAST = 0.45
"""Share of a picture that a crop keeps at least."""
_ALIKE = 0.97
"""A crop that keeps more than this share is found by the hash of the whole."""

Box = tuple[float, float, float, float]


def read_grey(data: bytes, limits: Limits) -> Image.Image:
    """The luminance of an encoded picture, upright, its short side at most `REDUCED` px; mode L.

    Raises:
        SourceError: As `images.decode_source`.
    """
    grey = decode_grey(data, limits, REDUCED)
    short = min(grey.size)
    if short <= REDUCED:
        return grey
    width, height = (max(1, round(side * REDUCED / short)) for side in grey.size)
    return grey.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0)


def hash_views(grey: Image.Image, *, crops: bool = False) -> tuple[list[str], Array]:
    """Names of the views of a picture, `whole` and, if it has bars, `content`, and their hashes (N, 12).

    Args:
        grey: As `read_grey` gives it.
        crops: Whether crops are views, too: of the pictures that a whole corpus is held against, so that a
            crop of one is found without hashing crops of the corpus.
    """
    boxes = dict(_views(grey, crops=crops))
    hashes = [hash_grey(grey, box) for box in boxes.values()]
    return list(boxes), np.array(hashes, "<u8").reshape(-1, WORDS)


def _views(grey: Image.Image, *, crops: bool) -> Iterator[tuple[str, Box]]:
    whole = (0, 0, *grey.size)
    box = content_box(np.asarray(grey))
    yield "whole", whole
    if box != whole:
        yield "content", box
    if crops:
        yield from _crops(box)


def _crops(box: Box) -> Iterator[tuple[str, Box]]:
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    shares = {name: (zoom, zoom) for name, zoom in ZOOMS.items()}
    for name, ratio in RATIOS.items():
        wide = width / (ratio * height)
        shares[name] = (min(1.0, 1 / wide), min(1.0, wide))
    for name, (across, down) in shares.items():
        if _LEAST <= across * down <= _ALIKE:
            yield name, _cut(box, (across, down), (0.5, 0.5))
    for name, place in _PLACES.items():
        yield name, _cut(box, (_SHIFTED, _SHIFTED), place)


def _cut(box: Box, share: tuple[float, float], place: tuple[float, float]) -> Box:
    """The part of a box with that share of its sides, at a place from 0 (left, top) to 1."""
    left, top, right, bottom = box
    width, height = (right - left) * share[0], (bottom - top) * share[1]
    x = left + (right - left - width) * place[0]
    y = top + (bottom - top - height) * place[1]
    return x, y, x + width, y + height
