"""Edits of real pictures, as they were asked for and as they should not be."""

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageFilter, ImageOps

Change = Callable[[Image.Image, Image.Image, np.random.Generator], Image.Image]
"""Makes of a picture, another one to take from, and chance, an edited picture."""


def patched(share: float) -> Change:
    """Another picture in a rectangle of that share of the area."""

    def edit(image: Image.Image, other: Image.Image, rng: np.random.Generator) -> Image.Image:
        box = place(image.size, share, rng)
        made = image.copy()
        made.paste(other.resize(image.size).crop(box), box[:2])
        return made

    return edit


def place(
    size: tuple[int, int], share: float, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """A rectangle of that share of the area, anywhere."""
    width, height = (max(1, round(side * share**0.5)) for side in size)
    x, y = int(rng.integers(size[0] - width + 1)), int(rng.integers(size[1] - height + 1))
    return x, y, x + width, y + height


def toned(image: Image.Image, _: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Another light over all of the picture."""
    gain, lift = rng.uniform(0.6, 1.25, 3), rng.uniform(-30, 30, 3)
    made = 255 * (np.asarray(image) / 255) ** rng.uniform(0.6, 1.6) * gain + lift
    return Image.fromarray(made.clip(0, 255).astype(np.uint8))


def recoloured(image: Image.Image, _: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Another colour for an ellipse of a twelfth of the area or so."""
    left, top, right, bottom = place(image.size, 0.1, rng)
    y, x = np.mgrid[: image.height, : image.width]
    far = ((x - (left + right) / 2) * 2 / (right - left)) ** 2
    far = far + ((y - (top + bottom) / 2) * 2 / (bottom - top)) ** 2
    tint = ImageOps.colorize(image.convert("L"), (90, 0, 30), (255, 190, 90))
    return Image.composite(tint, image, Image.fromarray(far < 1))


def styled(image: Image.Image, _: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A drawing, a poster, a negative or an engraving of the picture."""
    light, kind = image.convert("L"), int(rng.integers(4))
    if kind == 0:
        return ImageOps.invert(_filtered(light, ImageFilter.FIND_EDGES())).convert("RGB")
    if kind == 1:
        return ImageOps.posterize(image.filter(ImageFilter.ModeFilter(9)), 3)
    if kind == 2:
        return ImageOps.invert(image)
    return ImageOps.colorize(_filtered(light, ImageFilter.EMBOSS()), "navy", "gold")


def _filtered(light: Image.Image, kernel: ImageFilter.BuiltinFilter) -> Image.Image:
    """All of a picture: Pillow alone would leave its outermost px as they are, a line of one px."""
    wide = Image.fromarray(np.pad(np.asarray(light), 1, "edge")).filter(kernel)
    return wide.crop((1, 1, light.width + 1, light.height + 1))


def backed(image: Image.Image, other: Image.Image, _: np.random.Generator) -> Image.Image:
    """Another picture around an ellipse in the middle."""
    width, height = image.size
    y, x = np.mgrid[:height, :width]
    inside = ((x / width - 0.5) / 0.36) ** 2 + ((y / height - 0.5) / 0.36) ** 2 < 1
    return Image.composite(image, other.resize(image.size), Image.fromarray(inside))


def _tinted(image: Image.Image, other: Image.Image, rng: np.random.Generator) -> Image.Image:
    made = np.asarray(patched(0.1)(image, other, rng)) * np.array((1.0, 0.93, 0.8)) + 6
    return Image.fromarray(made.clip(0, 255).astype(np.uint8))


def _redrawn(image: Image.Image, other: Image.Image, rng: np.random.Generator) -> Image.Image:
    """An edit of a tenth, and all else lost its detail."""
    return patched(0.1)(image.filter(ImageFilter.MedianFilter(11)), other, rng)


def _blank(image: Image.Image, _: Image.Image, rng: np.random.Generator) -> Image.Image:
    flat = rng.integers(0, 256, 3) + rng.normal(0, 1.5, (image.height, image.width, 3))
    return Image.fromarray(flat.clip(0, 255).astype(np.uint8))


CLEAN: Mapping[str, tuple[str, Change]] = {
    "0.7% of the area": ("addition", patched(0.007)),
    "10% of the area": ("swap", patched(0.10)),
    "40% of the area": ("swap", patched(0.40)),
    "recoloured": ("attribute_modification", recoloured),
    "tone": ("env", toned),
    "style": ("style", styled),
    "background": ("background", backed),
}
"""Edits as they were asked for: task and change."""
SWAPPED = ("10% of the area", "recoloured", "tone", "40% of the area", "background", "style")
"""Edits of another source of the shard that a triplet gets in place of its own."""
PLANTED: Mapping[str, tuple[Change, str]] = {
    "echo": (lambda image, *_: image, "no_edit"),
    "no edit": (lambda image, *_: image, "no_edit"),
    "blank": (_blank, "answer_blank"),
    "unrelated": (lambda image, other, _: other.resize(image.size), "everything_changed"),
    "0.3% of the area": (patched(0.003), "tiny_edit"),
    "tone drift": (_tinted, "tone_drift"),
    "detail lost": (_redrawn, "unlike_outside"),
}
"""Results that are unfit: the change, and the reason or the doubt that is to name it."""
AS_IT_IS = ("echo", "blank")
