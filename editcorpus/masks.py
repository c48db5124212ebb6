"""Where an edit may go: masks from outside, masks for the image API, and what lies outside them.

A mask is a picture of mode L and the size of its upright source: 255 where the edit goes, 0 elsewhere
(white is edit in UltraEdit's release). The image API has it the other way round: transparent is edit.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from editcorpus import images
from editcorpus.changes import grown
from editcorpus.errors import SourceError
from editcorpus.records import Geometry, Reason

API_BYTES = 4 * 1024 * 1024
"""Bytes below which the mask of an edit must stay (image API reference, `mask`)."""
COMPARED_SIDE = 384
"""Long side in px at which pictures are compared, as everywhere (see `changes.py`)."""
MARGIN = 8
"""Px, at `COMPARED_SIDE`, by which a mask is grown before one looks outside it. Image models work on
patches of 16 px, which are 6 px here where the canvas is 1,024 px wide, and take a mask for soft: they
blend within the patch that its edge crosses. Scaling and the mean over 3 x 3 px take one px more each.
Of a smaller picture it is the same share, but no less than those two px."""
_EDIT, _KEEP = 0, 255
"""Alpha of a px that the image API may edit, and of one that it is to keep (`mask`)."""


def read_mask(
    data: bytes | None, size: tuple[int, int], max_pixels: int = images.MAX_PIXELS
) -> Image.Image | None:
    """The mask of a source picture; None where the whole picture may be edited.

    Grey, as JPEG leaves it along edges, counts as white from 128 on. A mask of another size than the
    source is brought to it by nearest neighbours, so that nothing becomes grey again.

    Args:
        data: As published, in whatever format; None or empty where the row has no mask.
        size: Width and height of the upright source, in px.
        max_pixels: Most px that the mask may declare.

    Raises:
        SourceError: `MASK_UNUSABLE`: the bytes are broken, declare too many px, or allow no edit.
    """
    if not data:
        return None
    try:
        mask = images.decode_mask(data, images.Limits(max_pixels, 1))
    except SourceError as error:
        raise SourceError(Reason.MASK_UNUSABLE, f"The mask: {error.detail}") from error
    if mask.size != size:
        mask = mask.resize(size, Image.Resampling.NEAREST)
    lowest, highest = mask.getextrema()
    if highest == 0:
        raise SourceError(Reason.MASK_UNUSABLE, "The mask is black: it allows no edit anywhere.")
    return None if lowest == 255 else mask


def canvas_mask(mask: Image.Image, geometry: Geometry) -> Image.Image:
    """A mask as the image API takes it: RGBA of the canvas' size, alpha 0 where it may edit.

    Padding and all that lies outside the mask is opaque. Where the canvas is smaller than the source,
    a px is editable if any part of it is, so that no fine line gets lost.

    Args:
        mask: Of the source, as `read_mask` gives it.
        geometry: Where the source lies on the canvas.

    Raises:
        ValueError: The mask has not the size of the source.
    """
    if mask.size != (geometry.source_width, geometry.source_height):
        raise ValueError(
            f"The mask has {mask.width}x{mask.height} px, its source "
            f"{geometry.source_width}x{geometry.source_height}."
        )
    alpha = Image.new("L", (geometry.canvas_width, geometry.canvas_height), _KEEP)
    edits = _shrunk(mask, (geometry.box_width, geometry.box_height))
    inside = np.where(edits, np.uint8(_EDIT), np.uint8(_KEEP))
    alpha.paste(Image.fromarray(inside), (geometry.box_x, geometry.box_y))
    laid = Image.new("RGBA", alpha.size)
    laid.putalpha(alpha)
    return laid


def api_mask(mask: Image.Image, geometry: Geometry) -> bytes:
    """`canvas_mask` as PNG, ready to be sent; errors as there.

    Two levels of one channel stay far below `API_BYTES` even where they are noise.
    """
    return images.encode_png(canvas_mask(mask, geometry), 6)


def mask_hash(mask: Image.Image, geometry: Geometry) -> str:
    """Hash of the px of `canvas_mask`, by which a request knows it; errors as there."""
    return images.pixel_hash(canvas_mask(mask, geometry))


def outside_of(mask: Image.Image | None, size: tuple[int, int]) -> NDArray[np.bool_] | None:
    """What lies outside a mask, (h, w) at a size in px; None where nothing does, or there is no mask.

    Outside begins `MARGIN` beyond the mask's edge.
    """
    if mask is None:
        return None
    margin = max(2, round(MARGIN * max(size) / COMPARED_SIDE))
    outside = ~grown(_shrunk(mask, size), margin)
    return outside if outside.any() else None


def _shrunk(mask: Image.Image, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask at another size: true where any part of a px is in it."""
    if mask.size == size:
        return np.asarray(mask) > 0
    enlarged = size[0] >= mask.width and size[1] >= mask.height
    way = Image.Resampling.NEAREST if enlarged else Image.Resampling.BOX
    return np.asarray(mask.resize(size, way)) > 0
