"""A pair as it is shown: small JPEGs of bounded size, with what was found drawn over the edited image."""

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from editcorpus.images import encode_jpeg, fit
from editcorpus.linting.finding import Box

LONGEST = 300
"""Longer side of a small picture, in px."""
MOST_BYTES = 24_000
"""Of one small picture; where it would be more, its quality is lowered."""
_QUALITIES = (82, 70, 55, 40, 25)
_COLOUR, _HALO = (255, 0, 128), (255, 255, 255)
_LEAST = 4
"""Px that a marked box has at least on each side, so that a bar of one px is seen."""


class Shown(NamedTuple):
    """Both pictures, small, as JPEG."""

    source: bytes
    edited: bytes


def shown(source: Image.Image, edited: Image.Image, boxes: Sequence[Box]) -> Shown:
    """Both pictures, small, the boxes drawn over the edited one."""
    marked = fit(edited, LONGEST)
    if boxes:
        marked = marked.copy()
        draw = ImageDraw.Draw(marked)
        for box in boxes:
            _mark(draw, box, marked.size)
    return Shown(_encoded(fit(source, LONGEST)), _encoded(marked))


def _mark(draw: ImageDraw.ImageDraw, box: Box, size: tuple[int, int]) -> None:
    left, right = _span(box[0], box[2], size[0])
    top, bottom = _span(box[1], box[3], size[1])
    draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_HALO)
    draw.rectangle((left, top, right, bottom), outline=_COLOUR, width=2)


def _span(low: float, high: float, side: int) -> tuple[int, int]:
    """Where a box begins and ends along a side of some px, inside it and not too thin to be seen."""
    last = max(0, side - 1)
    first, end = (min(last, max(0, round(share * last))) for share in (low, high))
    if end - first < _LEAST:
        first = max(0, min(first, last - _LEAST))
        end = min(last, first + _LEAST)
    return first, end


def _encoded(image: Image.Image) -> bytes:
    data = b""
    for quality in _QUALITIES:
        data = encode_jpeg(image, quality)
        if len(data) <= MOST_BYTES:
            break
    return data
