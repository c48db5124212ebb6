"""Shift and zoom of a result, found in spite of the edit."""

import numpy as np
import pytest
from PIL import Image

from editcorpus.registration import (
    IDENTITY,
    Plane,
    Registration,
    displacement,
    register,
    source_box,
)

WIDTH, HEIGHT = 384, 256


def scene(seed: int = 0) -> Image.Image:
    """Structure at all scales, twice the working size."""
    rng = np.random.default_rng(seed)
    total = np.zeros((2 * HEIGHT, 2 * WIDTH), np.float32)
    for cells in (6, 12, 24, 48, 96):
        noise = rng.random((cells * 2 // 3, cells)).astype(np.float32)
        layer = Image.fromarray(noise).resize((2 * WIDTH, 2 * HEIGHT), Image.Resampling.BICUBIC)
        total += np.asarray(layer) * (6 / cells) ** 0.5
    total = (total - total.min()) / (total.max() - total.min()) * 255
    return Image.fromarray(total)


def moved(picture: Image.Image, zoom: tuple[float, float], shift: tuple[float, float]) -> Plane:
    """The content zoomed about the centre, then shifted by shares of the sides."""
    width, height = picture.size
    left, right = (0.5 + (edge - 0.5 - shift[0]) / zoom[0] for edge in (0, 1))
    top, bottom = (0.5 + (edge - 0.5 - shift[1]) / zoom[1] for edge in (0, 1))
    box = (left * width, top * height, right * width, bottom * height)
    made = picture.transform(picture.size, Image.Transform.EXTENT, box, Image.Resampling.BICUBIC)
    return small(made)


def small(picture: Image.Image) -> Plane:
    return np.asarray(picture.resize((WIDTH, HEIGHT), Image.Resampling.BOX))


def corner_error(
    found: Registration, zoom: tuple[float, float], shift: tuple[float, float]
) -> float:
    """Largest miss of a corner, in px of the working size."""
    x = abs(found.scale_x - zoom[0]) / 2 + abs(found.shift_x - shift[0])
    y = abs(found.scale_y - zoom[1]) / 2 + abs(found.shift_y - shift[1])
    return max(x * WIDTH, y * HEIGHT)


CASES = [
    ((1.0, 1.0), (0.0, 0.0)),
    ((1.0, 1.0), (0.004, -0.003)),
    ((1.0, 1.0), (0.06, 0.05)),
    ((1.02, 1.02), (0.0, 0.0)),
    ((0.97, 0.974), (-0.012, 0.01)),
    ((1.03, 1.026), (0.015, -0.015)),
]


@pytest.mark.parametrize(("zoom", "shift"), CASES)
def test_zoom_and_shift_are_found(zoom: tuple[float, float], shift: tuple[float, float]) -> None:
    found = register(small(scene()), moved(scene(), zoom, shift))
    assert found.accepted
    assert corner_error(found, zoom, shift) < 0.15


@pytest.mark.parametrize(("zoom", "shift"), CASES[1:])
def test_an_edit_of_a_fifth_of_the_picture_has_no_vote(
    zoom: tuple[float, float], shift: tuple[float, float]
) -> None:
    edited = scene()
    edited.paste(scene(seed=9).crop((0, 0, 350, 230)), (300, 200))
    found = register(small(scene()), moved(edited, zoom, shift))
    assert found.accepted
    assert corner_error(found, zoom, shift) < 0.3


def test_a_change_of_tone_does_no_harm() -> None:
    darker = scene().point(lambda value: value * 0.5 + 20)
    found = register(small(scene()), moved(darker, (1.02, 1.02), (0.01, 0.0)))
    assert found.accepted
    assert corner_error(found, (1.02, 1.02), (0.01, 0.0)) < 0.3


def test_an_untouched_picture_has_not_moved() -> None:
    found = register(small(scene()), small(scene()))
    assert displacement(found) < 1e-6
    assert found.ncc == pytest.approx(1)
    assert displacement(IDENTITY) == 0


def test_portraits_are_measured_as_well() -> None:
    upright = small(scene()).T.copy()
    found = register(upright, moved(scene(), (1.0, 1.0), (0.02, -0.01)).T.copy())
    assert found.accepted
    assert found.shift_y == pytest.approx(0.02, abs=0.0005)
    assert found.shift_x == pytest.approx(-0.01, abs=0.0005)


def test_two_pictures_with_nothing_in_common_are_not_registered() -> None:
    assert not register(small(scene()), small(scene(seed=5))).accepted


@pytest.mark.parametrize("level", [0.0, 128.0])
def test_a_flat_picture_is_not_registered(level: float) -> None:
    flat = np.full((HEIGHT, WIDTH), level, np.float32)
    assert not register(small(scene()), flat).accepted
    assert not register(flat, flat).accepted


def test_displacement_is_that_of_the_farthest_corner() -> None:
    found = Registration(1.02, 1.0, -0.015, 0.004, 0.9, 0.5, accepted=True)
    assert displacement(found) == pytest.approx(0.025)


def test_the_source_box_shows_what_the_source_showed() -> None:
    found = Registration(1.02, 1.0, 0.01, 0.0, 0.9, 0.5, accepted=True)
    assert source_box(found, (1000, 500)) == pytest.approx((0.0, 0.0, 1020.0, 500.0))


def test_pictures_of_two_shapes_cannot_be_registered() -> None:
    with pytest.raises(ValueError, match="shape"):
        register(small(scene()), small(scene())[:100])
