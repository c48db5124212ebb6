"""Where a picture was edited: a map of what changed, its share, its box, and the map as a text."""

import base64
from dataclasses import dataclass

import numpy as np
from PIL import Image

from editcorpus import images
from editcorpus.changes import Mask
from editcorpus.errors import SourceError

MAP_SIDE = 192
"""Long side in px of a map as it is kept: some hundred bytes."""
QUARTER = 64
"""Level, of 255, from which on a px of the smaller map counts as changed: a quarter of it is."""
_LIMITS = images.Limits(MAP_SIDE**2, 1)


@dataclass(frozen=True, slots=True)
class ChangeMap:
    """Where a picture was edited, in px of the pictures of the corpus.

    Attributes:
        change_x: Left edge of the box that holds all that changed; 0 where nothing did, as of the others.
        change_y: Its upper edge.
        change_width: Its width.
        change_height: Its height.
        change_mask: The map: a PNG of one bit a px in base64, white where the picture changed, its long side
            at most `MAP_SIDE` px; empty where nothing changed.
    """

    change_x: int = 0
    change_y: int = 0
    change_width: int = 0
    change_height: int = 0
    change_mask: str = ""


def cleaned(changed: Mask) -> Mask:
    """What changed, without lines and specks that are one px wide, as edges leave them that are a bit off."""
    solid = changed[1:, 1:] & changed[1:, :-1] & changed[:-1, 1:] & changed[:-1, :-1]
    made = np.zeros_like(changed)
    for rows in (slice(1, None), slice(None, -1)):
        for columns in (slice(1, None), slice(None, -1)):
            made[rows, columns] |= solid
    return made


def change_map(
    changed: Mask, place: tuple[float, float, float, float], size: tuple[int, int]
) -> ChangeMap:
    """The map of an edit.

    Args:
        changed: What changed, (h, w), at any size.
        place: Where its picture lies in the pictures of the corpus: left, top, right, bottom in their px.
        size: Width and height of these.
    """
    if not changed.any():
        return ChangeMap()
    left, right = _ends(np.asarray(changed.any(axis=0)), (place[0], place[2]), size[0])
    top, bottom = _ends(np.asarray(changed.any(axis=1)), (place[1], place[3]), size[1])
    return ChangeMap(left, top, right - left, bottom - top, _text(_laid(changed, place, size)))


def read_map(text: str) -> Mask:
    """What `change_map` wrote: (h, w), true where the picture changed.

    Raises:
        ValueError: The text is empty, or no such map.
    """
    try:
        found = images.decode_mask(base64.b64decode(text, validate=True), _LIMITS)
    except SourceError as error:
        raise ValueError(f"This is no map of changes: {error.detail}") from error
    return np.asarray(found) > 0


def _ends(line: Mask, place: tuple[float, float], limit: int) -> tuple[int, int]:
    """First px along an axis that changed, and the one behind the last."""
    found = np.flatnonzero(line)
    step = (place[1] - place[0]) / len(line)
    first, last = place[0] + step * found[0], place[0] + step * (found[-1] + 1)
    begin = min(max(0, int(first)), limit - 1)
    return begin, max(begin + 1, min(limit, int(np.ceil(last))))


def _laid(
    changed: Mask, place: tuple[float, float, float, float], size: tuple[int, int]
) -> Image.Image:
    """The map of the whole picture, mode L."""
    whole = images.fitted(size, MAP_SIDE)
    step_x, step_y = whole[0] / size[0], whole[1] / size[1]
    left, top = round(place[0] * step_x), round(place[1] * step_y)
    right, bottom = round(place[2] * step_x), round(place[3] * step_y)
    part = Image.fromarray(np.where(changed, np.uint8(255), np.uint8(0)))
    part = part.resize((max(1, right - left), max(1, bottom - top)), Image.Resampling.BOX)
    made = Image.new("L", whole)
    made.paste(part.point([0] * QUARTER + [255] * (256 - QUARTER)), (left, top))
    return made


def _text(laid: Image.Image) -> str:
    bilevel = laid.convert("1", dither=Image.Dither.NONE)
    return base64.b64encode(images.encode_png(bilevel, 9)).decode()
