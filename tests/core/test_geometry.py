"""The canvas, the place of the source on it, and the way back."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.geometry import (
    FIXED_SIZES,
    fixed_canvas,
    free_canvas,
    padded_share,
    padded_sides,
    to_canvas,
    to_source,
    way_back,
)
from editcorpus.records import Geometry

SIDES = st.integers(64, 6000)


def box(geometry: Geometry) -> tuple[int, int]:
    return geometry.box_width, geometry.box_height


def canvas(geometry: Geometry) -> tuple[int, int]:
    return geometry.canvas_width, geometry.canvas_height


@pytest.mark.parametrize(
    ("source", "size", "content"),
    [
        ((512, 512), (1024, 1024), (1024, 1024)),
        ((640, 480), (1536, 1024), (1365, 1024)),
        ((480, 640), (1024, 1536), (1024, 1365)),
        ((1920, 1080), (1536, 1024), (1536, 864)),
        ((1080, 1920), (1024, 1536), (864, 1536)),
        ((1000, 800), (1536, 1024), (1280, 1024)),
        ((800, 1000), (1024, 1536), (1024, 1280)),
        ((1224, 1000), (1024, 1024), (1024, 837)),
        ((1225, 1000), (1536, 1024), (1254, 1024)),
        ((3000, 1000), (1536, 1024), (1536, 512)),
        ((728, 1019), (1024, 1536), (1024, 1433)),
    ],
)
def test_the_canvas_with_the_least_padding_is_taken(
    source: tuple[int, int], size: tuple[int, int], content: tuple[int, int]
) -> None:
    geometry = fixed_canvas(*source)
    assert (canvas(geometry), box(geometry)) == (size, content)


def test_a_hairline_of_padding_is_stretched_away() -> None:
    assert padded_sides(fixed_canvas(1020, 1024)) == ()
    assert padded_sides(fixed_canvas(1019, 1024)) == ("left", "right")


def test_shares_of_padding_are_exact() -> None:
    assert padded_share(fixed_canvas(1600, 900)) == Fraction(5, 32)
    assert padded_share(fixed_canvas(3000, 1000)) == Fraction(1, 2)
    assert padded_share(fixed_canvas(64, 64)) == 0


@given(width=SIDES, height=SIDES)
def test_padding_is_even_small_and_on_one_axis(width: int, height: int) -> None:
    geometry = fixed_canvas(width, height)
    right = geometry.canvas_width - geometry.box_x - geometry.box_width
    bottom = geometry.canvas_height - geometry.box_y - geometry.box_height
    assert min(geometry.box_x, geometry.box_y, right, bottom) >= 0
    assert right - geometry.box_x in {0, 1}
    assert bottom - geometry.box_y in {0, 1}
    assert not (right and bottom)
    assert len(padded_sides(geometry)) <= 2


@given(width=SIDES, height=SIDES)
def test_no_other_canvas_needs_less_padding(width: int, height: int) -> None:
    ratio = Fraction(width, height)
    mismatches = []
    for tw, th in FIXED_SIZES:
        target = Fraction(tw, th)
        mismatches.append((max(ratio / target, target / ratio), tw * th, (tw, th)))
    assert canvas(fixed_canvas(width, height)) == min(mismatches)[2]


@given(width=SIDES, height=SIDES)
def test_the_ratio_of_the_content_is_kept(width: int, height: int) -> None:
    geometry = fixed_canvas(width, height)
    if padded_share(geometry) > Fraction(1, 2):
        return
    ratio = Fraction(geometry.box_width * height, geometry.box_height * width)
    assert abs(ratio - 1) <= Fraction(44, 10_000)


@given(width=SIDES, height=SIDES, x=st.fractions(0, 1), y=st.fractions(0, 1))
def test_there_and_back_is_the_identity(width: int, height: int, x: Fraction, y: Fraction) -> None:
    for geometry in (fixed_canvas(width, height), free_canvas(width, height)):
        there = to_canvas(geometry, x * width, y * height)
        assert geometry.box_x <= there[0] <= geometry.box_x + geometry.box_width
        assert geometry.box_y <= there[1] <= geometry.box_y + geometry.box_height
        assert to_source(geometry, *there) == (x * width, y * height)


@pytest.mark.parametrize(
    ("source", "size"),
    [
        ((512, 512), (1024, 1024)),
        ((1024, 683), (1248, 832)),
        ((683, 1024), (832, 1248)),
        ((640, 480), (1152, 864)),
        ((1280, 720), (1280, 720)),
        ((500, 1500), (592, 1776)),
    ],
)
def test_the_free_canvas_has_the_nearest_allowed_ratio(
    source: tuple[int, int], size: tuple[int, int]
) -> None:
    geometry = free_canvas(*source)
    assert canvas(geometry) == box(geometry) == size
    assert padded_share(geometry) == 0


@given(width=SIDES, height=SIDES)
def test_every_free_canvas_is_one_that_the_api_takes(width: int, height: int) -> None:
    geometry = free_canvas(width, height)
    long, short = max(canvas(geometry)), min(canvas(geometry))
    assert long % 16 == short % 16 == 0
    assert short <= long <= 3 * short
    assert long <= 3840
    assert 655_360 <= long * short <= 8_294_400
    if max(width, height) <= 3 * min(width, height):
        assert padded_share(geometry) == 0
        stretched = Fraction(geometry.canvas_width * height, geometry.canvas_height * width)
        assert abs(stretched - 1) < Fraction(1, 50)


def test_beyond_three_to_one_a_free_canvas_is_padded() -> None:
    geometry = free_canvas(4000, 1000)
    assert canvas(geometry) == (1776, 592)
    assert box(geometry) == (1776, 444)
    assert padded_sides(geometry) == ("top", "bottom")


def test_the_way_back_scales_with_the_answer() -> None:
    geometry = fixed_canvas(640, 480)
    assert way_back(geometry, (1536, 1024)) == (85.0, 0.0, 1450.0, 1024.0)
    assert way_back(geometry, (768, 512)) == (42.5, 0.0, 725.0, 512.0)


@pytest.mark.parametrize("lay", [fixed_canvas, free_canvas])
def test_a_source_without_pixels_is_an_error(lay: object) -> None:
    with pytest.raises(ValueError, match="0x5"):
        lay(0, 5)  # type: ignore[operator]
