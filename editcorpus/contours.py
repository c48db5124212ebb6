"""Where the contours of a picture run, and how well those of two pictures agree, however they are drawn.

A restyled picture shares neither colours nor light nor, in places, the sign of its contrast with its
source: local contrast, by which `registration.py` compares, finds nothing of a drawing in contours again.
What stays is where contours run, and in which direction. A direction is the double angle of the gradient
(Bigün and Granlund, ICCV 1987), so that dark on light is light on dark, weighted by how steep it is up to a
limit. Directions are averaged over cells, and half whitened, so that what runs all over a page or a wall
counts for no more than what is there once. Small shifts are tried. Error rates: docs/vision.md.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Contours = NDArray[np.float32]
"""Directions of contours in cells, (2, `CELLS`, `CELLS`), of length 1 in all, or 0 of a flat picture."""

SIDE = 144
"""Sides in px of what directions are taken of, whatever the shape of the picture."""
CELLS = 48
"""Cells along a side: 2% of it each."""
REACH = 3
"""Cells along each axis by which the other picture may be shifted: 6%, as what the filter corrects."""
STEEP = 8.0
"""Levels of 255 from px to px at which a contour has half its weight; noise of a codec stays far below."""


def contours(
    picture: Image.Image, box: tuple[float, float, float, float] | None = None
) -> Contours:
    """Where contours run in a picture, or in a box of it in px; any mode."""
    size = (SIDE, SIDE)
    grey = picture if picture.mode == "L" else picture.convert("L")
    small = grey.resize(size, Image.Resampling.BOX, box=box, reducing_gap=2.0)
    along_y, along_x = np.gradient(np.asarray(small, np.float32))
    steps = along_x + 1j * along_y
    steep = np.abs(steps)
    doubled = steps * steps / (np.maximum(steep, 1e-6) * (steep + STEEP))
    part = SIDE // CELLS
    cells = doubled.reshape(CELLS, part, CELLS, part).mean(axis=(1, 3))
    spectrum = np.fft.fft2(cells)
    spectrum[0, 0] = 0  # what all of the picture has in common is no place
    made = np.fft.ifft2(spectrum / np.sqrt(np.maximum(np.abs(spectrum), 1e-6)))
    found = np.stack((made.real, made.imag)).astype(np.float32)
    length = float(np.linalg.norm(found))
    return found / length if length > 1e-6 else np.zeros_like(found)


def shifts(found: Contours) -> NDArray[np.float32]:
    """Contours at every shift within reach, one shift a row."""
    reach = range(-REACH, REACH + 1)
    moved = [np.roll(found, (y, x), axis=(1, 2)).ravel() for y in reach for x in reach]
    return np.stack(moved)


def agreements(sources: NDArray[np.float32], shifted: NDArray[np.float32]) -> NDArray[np.float32]:
    """How well each source agrees with a picture, at the shift that suits it best.

    Args:
        sources: Contours of each, one source a row.
        shifted: Of the picture, as `shifts` gives them.

    Returns:
        As many numbers as there are sources, -1 to 1: 1 of the same picture; of two that have nothing in
        common 0.04 in the mean.
    """
    return np.asarray((sources @ shifted.T).max(axis=1))


def agreement(source: Contours, edited: Contours) -> float:
    """How well the contours of two pictures agree, -1 to 1, as `agreements` has it."""
    return float(agreements(source.reshape(1, -1), shifts(edited))[0])
