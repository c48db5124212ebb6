"""What a decoded picture holds beside its colours, and how any mode becomes the one that is worked in."""

import numpy as np
from PIL import Image

WHITE = (255, 255, 255)
HALF = 128
"""Level from which on a px of a mask counts. UltraEdit's generator writes masks as JPEG of quality 100,
whose edges are fringed with grey (its `data_generation/data_generation.py`)."""


def to_rgb(image: Image.Image) -> tuple[Image.Image, bool]:
    """A picture as RGB of 8 bits, alpha flattened on white, and whether any was to be flattened."""
    image.load()
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled(image).convert("RGB"), False
    if not image.has_transparency_data:
        return (image.copy() if image.mode == "RGB" else image.convert("RGB")), False
    rgba = image.convert("RGBA")
    alpha = rgba.getchannel("A")
    flat = Image.new("RGB", image.size, WHITE)
    flat.paste(rgba, mask=alpha)
    lowest, _ = alpha.getextrema()
    return flat, lowest < 255  # type: ignore[operator]


def to_grey(image: Image.Image, side: int) -> tuple[Image.Image, bool]:
    """The luminance of a picture as `to_rgb` has it; a JPEG not yet read comes reduced, see `decode_grey`."""
    image.draft("L", (side, side))
    if image.mode == "L" and not image.has_transparency_data:
        return image.copy(), False
    made, flattened = to_rgb(image)
    return made.convert("L"), flattened


def to_mask(image: Image.Image) -> tuple[Image.Image, bool]:
    """A mask as L, 255 where it says so, and whether it lay in the alpha channel.

    Some of UltraEdit's masks are white all over and differ in alpha alone. So alpha is the mask where
    it lies on both sides of `HALF`; else luminance is, alpha left out.
    """
    image.load()
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        found = _halves(rgba.getchannel("A"))
        if found.getextrema() == (0, 255):
            return found, True
        image = rgba.convert("RGB")
    return _halves(to_rgb(image)[0].convert("L")), False


def _halves(image: Image.Image) -> Image.Image:
    return image.point([0] * HALF + [255] * (256 - HALF))


def _scaled(image: Image.Image) -> Image.Image:
    """A grey picture of more than 8 bits as L: its nominal range becomes 0 to 255."""
    values = np.nan_to_num(np.asarray(image, np.float64), posinf=0, neginf=0)
    ranges = [65535.0] if image.mode.startswith("I;16") else [1.0, 255.0, 65535.0, 2.0**31]
    if image.mode == "I":
        del ranges[0]
    top = next((limit for limit in ranges if values.max() <= limit), float(values.max()))
    return Image.fromarray(np.rint(values.clip(0, top) * (255 / top)).astype(np.uint8))
