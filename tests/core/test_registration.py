"""Shift and zoom of a result, found in spite of the edit."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from editcorpus.planes import Plane
from editcorpus.registration import (
    IDENTITY,
    Registration,
    corner_px,
    displacement,
    register,
    remaining_px,
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
    """The content zoomed about the centre, then shifted by shares of the sides; of half the size."""
    return small(moved_whole(picture, zoom, shift))


def moved_whole(
    picture: Image.Image, zoom: tuple[float, float], shift: tuple[float, float]
) -> Image.Image:
    """The same at the size of the picture."""
    width, height = picture.size
    left, right = (0.5 + (edge - 0.5 - shift[0]) / zoom[0] for edge in (0, 1))
    top, bottom = (0.5 + (edge - 0.5 - shift[1]) / zoom[1] for edge in (0, 1))
    box = (left * width, top * height, right * width, bottom * height)
    return picture.transform(picture.size, Image.Transform.EXTENT, box, Image.Resampling.BICUBIC)


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


def chart() -> Image.Image:
    """A few thin lines and boxes on white: nearly every px is flat."""
    rng = np.random.default_rng(3)
    drawn = np.full((2 * HEIGHT, 2 * WIDTH), 255, np.uint8)
    for top in range(60, 2 * HEIGHT - 60, 90):
        drawn[top : top + 2, 60:-60] = 0
        for left in range(80, 2 * WIDTH - 100, 140):
            tall = int(rng.integers(20, 70))
            drawn[top - tall : top, left : left + 40] = 120
    return Image.fromarray(drawn).filter(ImageFilter.GaussianBlur(1)).convert("F")


@pytest.mark.parametrize(("zoom", "shift"), CASES[1:2] + CASES[3:])
def test_a_chart_is_measured_by_its_lines(
    zoom: tuple[float, float], shift: tuple[float, float]
) -> None:
    edited = moved_whole(chart(), zoom, shift)
    found = register(np.asarray(chart(), np.float32), np.asarray(edited, np.float32))
    assert found.accepted
    assert 2 * corner_error(found, zoom, shift) < 0.5


@pytest.mark.parametrize(("zoom", "shift"), CASES[1:2] + CASES[3:])
def test_of_large_pictures_every_px_counts(
    zoom: tuple[float, float], shift: tuple[float, float]
) -> None:
    edited = scene()
    edited.paste(scene(seed=9).crop((0, 0, 350, 230)), (300, 200))
    made = moved_whole(edited, zoom, shift)
    found = register(np.asarray(scene(), np.float32), np.asarray(made, np.float32))
    assert found.accepted
    assert 2 * corner_error(found, zoom, shift) < 0.2


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


def half_replaced(picture: Image.Image) -> Image.Image:
    made = picture.copy()
    made.paste(scene(seed=9).crop((0, 0, 480, 330)), (190, 120))
    return made


def test_where_most_is_replaced_the_way_back_has_to_confirm_the_way_there() -> None:
    zoom, shift = (1.02, 1.018), (0.01, -0.008)
    source = np.asarray(scene(), np.float32)
    found = register(
        source, np.asarray(moved_whole(half_replaced(scene()), zoom, shift), np.float32)
    )
    assert 0.2 < found.ncc < 0.6
    assert found.accepted
    assert 2 * corner_error(found, zoom, shift) < 0.5


def contours(picture: Image.Image) -> Plane:
    """Flat levels, and black where there are edges."""
    grey = picture.convert("L").filter(ImageFilter.GaussianBlur(2))
    edges = grey.filter(ImageFilter.FIND_EDGES).point([0] * 10 + [255] * 246)
    drawn = grey.point([level // 64 * 64 + 30 for level in range(256)])
    drawn.paste(0, (2, 2), edges.crop((2, 2, grey.width - 2, grey.height - 2)))
    return np.asarray(drawn, np.float32)


def test_contours_that_were_drawn_anew_are_not_trusted() -> None:
    assert not register(np.asarray(scene(), np.float32), contours(scene())).accepted


def test_what_is_left_is_measured_in_px_of_the_picture() -> None:
    source, edited = small(scene()), moved(scene(), (1.0, 1.0), (0.002, 0.0))
    left = remaining_px(source, edited, (1000, 500))
    assert left == pytest.approx(2.0, abs=0.2)
    assert corner_px(register(source, edited), (1000, 500)) == pytest.approx(2.0, abs=0.2)
    assert remaining_px(source, source, (1000, 500)) == 0


def test_the_corner_counts_both_axes() -> None:
    found = Registration(1.02, 1.0, -0.02, 0.008, 0.9, 0.5, accepted=True)
    assert corner_px(found, (1000, 500)) == pytest.approx(np.hypot(30, 4))
