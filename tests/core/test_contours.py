"""Whether the contours of two pictures agree, however they are drawn."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from editcorpus.contours import CELLS, agreement, agreements, contours, shifts

SIZE = (480, 320)


@cache
def scene(seed: int) -> Image.Image:
    """Shapes of many sizes and colours, one over the other."""
    rng = np.random.default_rng(seed)
    made = Image.new("RGB", SIZE, "#7a8a99")
    draw = ImageDraw.Draw(made)
    for size in (200, 140, 100, 70, 50, 40, 30, 24, 20, 16) * 3:
        x, y = (int(rng.integers(-20, side)) for side in SIZE)
        colour = tuple(int(level) for level in rng.integers(0, 256, 3))
        wide, high = (max(4, int(size * share)) for share in rng.uniform(0.4, 1, 2))
        (draw.rectangle if size % 3 else draw.ellipse)((x, y, x + wide, y + high), fill=colour)
    return made.filter(ImageFilter.GaussianBlur(1))


def _drawn(image: Image.Image) -> Image.Image:
    return ImageOps.invert(image.convert("L").filter(ImageFilter.FIND_EDGES)).convert("RGB")


RESTYLED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "drawn": _drawn,
    "negative": ImageOps.invert,
    "poster": lambda image: ImageOps.posterize(image.filter(ImageFilter.ModeFilter(7)), 2),
    "engraved": lambda image: image.convert("L").filter(ImageFilter.EMBOSS),
    "dark": lambda image: image.point(lambda level: level // 4),
}


def between(one: Image.Image, other: Image.Image) -> float:
    return agreement(contours(one), contours(other))


def test_a_picture_agrees_with_itself() -> None:
    assert between(scene(0), scene(0)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("way", RESTYLED)
def test_a_restyled_picture_agrees_with_its_source(way: str) -> None:
    restyled = RESTYLED[way](scene(0))
    assert between(scene(0), restyled) > 0.3
    assert between(scene(1), restyled) < 0.12


def test_two_pictures_with_nothing_in_common_hardly_agree() -> None:
    found = [between(scene(one), scene(other)) for one in range(4) for other in range(one)]
    assert max(found) < 0.12


@pytest.mark.parametrize("cells", [0, 1, 3])
def test_a_shift_within_reach_is_found_and_one_beyond_it_is_not(cells: int) -> None:
    step = SIZE[0] // CELLS
    moved = Image.new("RGB", SIZE)
    moved.paste(scene(0), (cells * step, 0))
    assert between(scene(0), moved) > 0.5
    moved.paste(scene(0), (12 * step, 0))
    assert between(scene(0), moved) < 0.3


def test_a_box_is_looked_at_as_if_it_were_cut_out() -> None:
    box = (60, 40, 348, 256)
    inside = contours(scene(0).convert("L"), box)
    assert agreement(inside, contours(scene(0).crop(box))) > 0.95


@pytest.mark.parametrize("colour", ["white", "black", "teal"])
def test_a_flat_picture_agrees_with_none(colour: str) -> None:
    flat = Image.new("RGB", SIZE, colour)
    assert not contours(flat).any()
    assert between(flat, flat) == between(scene(0), flat) == 0


def test_many_sources_are_compared_at_once() -> None:
    known = np.stack([contours(scene(seed)).ravel() for seed in range(3)])
    found = agreements(known, shifts(contours(RESTYLED["poster"](scene(1)))))
    assert found.argmax() == 1
    assert found[1] > 0.3
    assert max(found[0], found[2]) < 0.12
