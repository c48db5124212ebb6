"""How much of a picture changed, by cheap figures at a small size.

Pictures are compared at about 384 px on the long side and after a mean over 3x3 px, so that what an
encoder or a regeneration does to single pixels is not counted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

VISIBLE = 25
"""Levels of 255 by which a channel must differ to count: regenerated pictures without an edit stay
below it (95% of them everywhere), the smallest true edits reach it on 0.5% of the picture."""
BLANK_SIDE = 64
BLANK_DEVIATION = 2.0
"""Levels of deviation per channel below which a picture is blank; solid colours have 0, white with
noise 0.5, the flattest photograph measured 7.5."""
BLANK_ENTROPY, BLANK_GRADIENT = 0.2, 0.3
"""Bits of entropy of the luminance (in 64 bins) and mean step between neighbours at 256 px, below both
of which a picture is blank as well: a colour with a speck on it."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed between two pictures.

    Attributes:
        mae: Mean absolute difference over px and channels, 0 to 1.
        changed_share: Share of px that changed visibly, 0 to 1.
        changed_share_no_tone: The same after each channel's median difference is taken off: a
            brighter or warmer picture has not changed.
    """

    mae: float
    changed_share: float
    changed_share_no_tone: float


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much a picture differs from another, px by px.

    Attributes:
        levels: -255 to 255, (3, h, w): the edited picture less the source, both after a mean over 3x3 px.
        tone: The median of each channel, (3, 1, 1): what a change of tone over all of the picture adds.
    """

    levels: NDArray[np.int16]
    tone: NDArray[np.int16]

    def visible(self, *, tone: bool) -> Mask:
        """Which px differ visibly, (h, w); with or without the change of tone."""
        levels = self.levels if tone else self.levels - self.tone
        return np.asarray(np.abs(levels).max(axis=0) > VISIBLE)


def difference(source: Pixels, edited: Pixels) -> Difference:
    """The difference between two small pictures.

    Args:
        source: RGB, (h, w, 3), about 384 px on the long side.
        edited: The same shape.

    Raises:
        ValueError: The shapes differ.
    """
    if source.shape != edited.shape:
        raise ValueError(f"The source has shape {source.shape}, the result {edited.shape}.")
    levels = _smooth(edited) - _smooth(source)
    tone = [[[_median(channel)]] for channel in levels]
    return Difference(levels, np.array(tone, np.int16))


def compare(source: Pixels, edited: Pixels) -> Changes:
    """Measure the difference between two small pictures; arguments and errors as `difference`."""
    return changes_of(difference(source, edited))


def changes_of(found: Difference) -> Changes:
    """What a difference comes to."""
    return Changes(
        mae=float(np.abs(found.levels).mean() / 255),
        changed_share=float(found.visible(tone=True).mean()),
        changed_share_no_tone=float(found.visible(tone=False).mean()),
    )


def changed(source: Pixels, edited: Pixels) -> Mask:
    """Which px of two small pictures, as `compare` takes them, differ visibly: (h, w).

    Raises:
        ValueError: The shapes differ.
    """
    return difference(source, edited).visible(tone=True)


def grown(mask: Mask, margin: int) -> Mask:
    """The mask with all px that lie at most `margin` px away along each axis."""
    return _widened(_widened(mask, margin).T, margin).T


def is_blank(image: Image.Image) -> bool:
    """Whether a picture shows nothing but one flat colour, give or take noise or a speck."""
    side = min(256, *image.size)
    small = image.resize((side, side), Image.Resampling.BOX)
    tiny = np.asarray(small.resize((BLANK_SIDE, BLANK_SIDE), Image.Resampling.BOX), np.float32)
    if tiny.reshape(-1, 3).std(axis=0).max() < BLANK_DEVIATION:
        return True
    light = np.asarray(small.convert("L"))
    shares = np.bincount(light.ravel() // 4, minlength=64) / light.size
    shares = shares[shares > 0]
    entropy = float(-(shares * np.log2(shares)).sum())
    gradient = float(np.abs(np.diff(light.astype(np.int16), axis=1)).mean())
    return entropy < BLANK_ENTROPY and gradient < BLANK_GRADIENT


def _widened(mask: Mask, margin: int) -> Mask:
    width = mask.shape[1]
    padded = np.pad(mask, ((0, 0), (margin, margin)))
    found = np.zeros_like(mask)
    for shift in range(2 * margin + 1):
        found |= padded[:, shift : shift + width]
    return found


def _smooth(pixels: Pixels) -> NDArray[np.int16]:
    """(3, h, w)."""
    mean = np.asarray(Image.fromarray(pixels).filter(ImageFilter.BoxBlur(1)))
    return np.ascontiguousarray(mean.transpose(2, 0, 1), np.int16)


def _median(apart: NDArray[np.int16]) -> int:
    """The median of differences from -255 to 255, by counting them."""
    counts = np.bincount(apart.ravel() + 255, minlength=511)
    return int(np.searchsorted(counts.cumsum(), apart.size / 2)) - 255
