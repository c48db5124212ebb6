"""Where a picture was edited, drawn to be laid over it or its source."""

import io

import numpy as np
from PIL import Image

from editcorpus.changemap import read_map

_COLOUR = (255, 0, 128)
_OPACITY = 130


def change_overlay(change_mask: str) -> bytes:
    """A small PNG of the picture's shape: half-transparent colour where it was edited.

    Args:
        change_mask: The column of this name.

    Raises:
        ValueError: The text is empty, or no such map.
    """
    mask = Image.fromarray(read_map(change_mask).astype(np.uint8))
    mask.putpalette((*_COLOUR, *_COLOUR))
    out = io.BytesIO()
    mask.save(out, "PNG", bits=1, transparency=bytes((0, _OPACITY)), compress_level=9)
    return out.getvalue()
