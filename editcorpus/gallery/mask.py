"""Where the edited picture differs from its source, drawn to be laid over either."""

import io

import numpy as np
from PIL import Image, ImageFilter

LONGEST = 384
"""Long side of the mask, in pixels: as fine as the no-edit and all-changed filters look."""

THRESHOLD = 25
"""Least difference in any channel, of 255, after a 3 x 3 mean, that counts as a change: noise and
JPEG blocks of a regenerated picture stay below it, recoloured areas do not."""

_COLOUR = (255, 0, 128)
_OPACITY = 130


def change_mask(source: Image.Image, edited: Image.Image) -> bytes:
    """A small PNG of the source's shape: half-transparent colour where something changed.

    Args:
        source: Any mode and size.
        edited: Any mode; brought to the size of the source first.
    """
    scale = min(1.0, LONGEST / max(source.size))
    size = (max(1, round(source.width * scale)), max(1, round(source.height * scale)))
    difference = np.abs(_small(source, size) - _small(edited, size)).max(axis=2)
    mask = Image.fromarray((difference > THRESHOLD).astype(np.uint8))
    mask.putpalette((*_COLOUR, *_COLOUR))
    out = io.BytesIO()
    mask.save(out, "PNG", bits=1, transparency=bytes((0, _OPACITY)), compress_level=9)
    return out.getvalue()


def _small(
    image: Image.Image, size: tuple[int, int]
) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    reduced = image.convert("RGB").resize(size, Image.Resampling.BOX)
    return np.asarray(reduced.filter(ImageFilter.BoxBlur(1)), dtype=np.int16)
