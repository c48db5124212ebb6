"""The small pictures of the gallery's list; the large view loads the views themselves."""

from PIL import Image

from editcorpus import images
from editcorpus.errors import SourceError

LONGEST = 400
"""Long side in px: what a card of the list is wide."""
MOST_BYTES = 32_768
"""No thumbnail is larger: two of them are at most 64 KiB a triplet."""
_QUALITIES = (75, 55, 35, 15)


def thumbnail(view: bytes) -> bytes | None:
    """A view as a small JPEG; None where it is no larger than that itself, or broken.

    Args:
        view: JPEG, PNG or WebP, of any size.
    """
    if len(view) <= MOST_BYTES:
        return None
    try:
        return _within(images.decode_small(view, LONGEST))
    except SourceError:
        return None


def _within(picture: Image.Image) -> bytes:
    """As JPEG of at most `MOST_BYTES`: of lower quality, then smaller, as noise may need."""
    while True:
        for quality in _QUALITIES:
            made = images.encode_jpeg(picture, quality)
            if len(made) <= MOST_BYTES:
                return made
        picture = images.fit(picture, max(picture.size) // 2)
