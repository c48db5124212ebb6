"""A picture sheet: random pairs of each family, kept ones on the left, rejected ones on the right."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from editcorpus.errors import RecordError
from editcorpus.images import decode, encode_jpeg, fit

PER_SIDE = 3
"""Pairs of a family on each side."""
MOST_FAMILIES = 23
"""Families that are shown."""

_THUMB, _GAP, _TEXT = 104, 4, 20
_PAIR = 2 * _THUMB + _GAP
_SIDE = PER_SIDE * (_PAIR + 3 * _GAP)
_MARGIN = 10
_QUALITY = 82
_LINE = (221, 218, 210)
_GROUND, _INK, _DIM, _REJECTED = (250, 249, 246), (30, 32, 35), (105, 108, 112), (168, 74, 18)


class Sample(NamedTuple):
    """A pair that is shown.

    Attributes:
        reason: Why it was rejected; empty where it was kept.
        source: Encoded.
        edited: Encoded.
    """

    reason: str
    source: bytes
    edited: bytes


def draw_sheet(families: Mapping[str, Sequence[Sample]]) -> bytes:
    """The sheet as JPEG; the same samples give the same sheet.

    Args:
        families: Samples of each family, in the order in which they are shown; of each family at most
            `PER_SIDE` kept and as many rejected ones, and of families `MOST_FAMILIES`.
    """
    shown = list(families.items())[:MOST_FAMILIES]
    row = _TEXT + _THUMB + _TEXT
    size = (2 * _MARGIN + 2 * _SIDE + 2 * _MARGIN, 2 * _MARGIN + _TEXT + row * len(shown))
    sheet = Image.new("RGB", size, _GROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    draw.text((_MARGIN, _MARGIN), "kept (source | edited)", _DIM, font)
    draw.text((_right(), _MARGIN), "rejected (source | edited)", _DIM, font)
    for number, (family, samples) in enumerate(shown):
        top = _MARGIN + _TEXT + row * number
        draw.line((_MARGIN, top, size[0] - _MARGIN, top), _LINE)
        draw.text((_MARGIN, top + 4), family or "family not told", _INK, font)
        kept = [one for one in samples if not one.reason][:PER_SIDE]
        gone = [one for one in samples if one.reason][:PER_SIDE]
        for left, some in ((_MARGIN, kept), (_right(), gone)):
            for place, sample in enumerate(some):
                at = left + place * (_PAIR + 3 * _GAP), top + _TEXT
                _paste(sheet, sample, at)
                where = (at[0], at[1] + _THUMB + 1)
                draw.text(where, sample.reason[:34], _REJECTED, font)
    return encode_jpeg(sheet, _QUALITY)


def _right() -> int:
    return 3 * _MARGIN + _SIDE


def _paste(sheet: Image.Image, sample: Sample, at: tuple[int, int]) -> None:
    for place, data in enumerate((sample.source, sample.edited)):
        try:
            small = fit(decode(data), _THUMB)
        except RecordError:  # the audit says of a picture that it is broken
            continue
        left = at[0] + place * (_THUMB + _GAP) + (_THUMB - small.width) // 2
        sheet.paste(small, (left, at[1] + (_THUMB - small.height) // 2))
