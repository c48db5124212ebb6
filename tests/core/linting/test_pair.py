"""What a pair that anybody made tells of where its content lies."""

import numpy as np
import pytest
from PIL import Image

from editcorpus.linting.checks import Check
from editcorpus.linting.pair import measure


def picture() -> Image.Image:
    """Structure at several scales."""
    rng = np.random.default_rng(7)
    total = np.zeros((512, 768, 3), np.float32)
    for cells in (8, 24, 64):
        noise = rng.integers(0, 256, (cells * 2 // 3, cells, 3)).astype(np.uint8)
        layer = Image.fromarray(noise).resize((768, 512), Image.Resampling.BICUBIC)
        total += np.asarray(layer, np.float32) * (8 / cells) ** 0.5
    return Image.fromarray((total / total.max() * 255).astype(np.uint8))


def wavy(image: Image.Image, by: float) -> Image.Image:
    """Shifted right by 12 px, and each row by up to so many more or fewer, as a wave."""
    rows, columns = np.ogrid[: image.height, : image.width]
    shifts = np.rint(12 + by * np.sin(2 * np.pi * rows / image.height)).astype(int)
    return Image.fromarray(np.asarray(image)[rows, (columns - shifts).clip(0, image.width - 1)])


@pytest.mark.parametrize(
    ("by", "check"), [(0.0, Check.DISPLACED), (7.0, Check.UNREGISTERED)], ids=["shift", "wave"]
)
def test_a_shift_is_told_only_if_nothing_is_left_of_it_once_it_is_undone(
    by: float, check: Check
) -> None:
    made = measure(picture(), wavy(picture(), by), "object_addition")
    places = {Check.DISPLACED, Check.UNREGISTERED}
    assert {one.check for one in made.findings} & places == {check}
    assert made.registered == (check is Check.DISPLACED)
    assert (made.moved_px is not None) == made.registered
