"""What a single picture shows, in words: as much as its light and its colours tell."""

import numpy as np
from PIL import Image

from editcorpus.sandbox.judge import Plane, colour_name

#: The picture is looked at in so many rows and columns of fields.
_FIELDS = 3

#: Pixels of a side of a field.
_SIDE = 16

#: Levels of light, of 255, above which a picture is bright, and below which it is dark.
_BRIGHT, _DARK = 170, 85

_ROWS = ("upper", "middle", "lower")
_COLUMNS = ("left", "centre", "right")


def description(picture: Image.Image) -> str:
    """Three sentences on an RGB picture; the same pixels give the same words."""
    side = _FIELDS * _SIDE
    small = picture.resize((side, side), Image.Resampling.BOX, reducing_gap=2.0)
    pixels = np.asarray(small, np.float32)
    rows = [colour_name(band.mean(axis=(0, 1))) for band in np.split(pixels, _FIELDS)]
    row, column, colour = _busiest(pixels)
    return (
        f"{_light(float(pixels.mean()))} picture in {_format(picture.size)} format. The upper part is "
        f"{rows[0]}, the middle {rows[1]} and the lower part {rows[2]}. Most is to be seen in the "
        f"{row} {column}, in {colour}."
    )


def _light(level: float) -> str:
    return "A bright" if level > _BRIGHT else "A dark" if level < _DARK else "An evenly lit"


def _format(size: tuple[int, int]) -> str:
    width, height = size
    return "square" if width == height else "landscape" if width > height else "portrait"


def _busiest(pixels: Plane) -> tuple[str, str, str]:
    """Row and column of the field with the most contrast, and its colour."""
    fields = {
        (row, column): field
        for row, band in zip(_ROWS, np.split(pixels, _FIELDS), strict=True)
        for column, field in zip(_COLUMNS, np.split(band, _FIELDS, axis=1), strict=True)
    }
    place = max(fields, key=lambda each: float(fields[each].std()))
    return *place, colour_name(fields[place].mean(axis=(0, 1)))
