"""What of a source an edited image shows, and the cut that brings it back."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from editcorpus.frames import (
    UNKNOWN,
    Frame,
    Settled,
    common_frame,
    cut,
    lasts,
    registered,
    settled,
    settled_pair,
    whole_frame,
    whole_pair,
)
from editcorpus.geometry import fixed_canvas, free_canvas, way_back
from editcorpus.registration import Registration, luminance, register, remaining_px
from editcorpus.steps.pad import lay


def found(
    zoom: tuple[float, float] = (1.0, 1.0), shift: tuple[float, float] = (0.0, 0.0)
) -> Registration:
    return Registration(*zoom, *shift, 0.9, 0.5, accepted=True)


@cache
def scene(width: int, height: int, seed: int = 0) -> Image.Image:
    """Structure at several scales, nothing white."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for cells in (8, 16, 32, 64):
        noise = rng.integers(0, 256, (cells * 3 // 4, cells, 3)).astype(np.uint8)
        layer = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(layer, np.float32) * (8 / cells) ** 0.5
    return Image.fromarray((total / total.max() * 215).astype(np.uint8))


@pytest.mark.parametrize("box", [(8, 4, 40, 28), (8.5, 4.25, 39.5, 27.75), (7.9, 4.0, 40.0, 28.1)])
@pytest.mark.parametrize("size", [(32, 24), (64, 48), (16, 12), (33, 25)])
def test_nothing_outside_a_box_is_seen(
    box: tuple[float, float, float, float], size: tuple[int, int]
) -> None:
    image = Image.new("RGB", (48, 32), "white")
    left, top = (int(np.ceil(edge)) for edge in box[:2])
    image.paste((10, 20, 30), (left, top, int(box[2]), int(box[3])))
    made = cut(image, box, size)
    assert made.size == size
    assert (np.asarray(made) == (10, 20, 30)).all()


@pytest.mark.parametrize("left", [8.5, -1.5, -0.25, 31.75])
def test_a_box_with_broken_edges_keeps_its_place(left: float) -> None:
    ramp = np.repeat(np.tile(np.arange(0, 240, 5, dtype=np.uint8), (32, 1))[..., None], 3, axis=2)
    made = np.asarray(cut(Image.fromarray(ramp), (left, 0, left + 16, 32), (16, 32)), int)
    expected = ((np.arange(16) + left) * 5).clip(0, 235)
    assert np.abs(made[5, 2:-2, 0] - expected[2:-2]).max() <= 2


def test_beyond_the_picture_its_last_px_go_on() -> None:
    image = Image.new("RGB", (20, 20), (9, 9, 9))
    assert (np.asarray(cut(image, (-3.4, -2, 20, 21.5), (40, 40))) == 9).all()


def test_a_box_that_holds_nothing_of_the_picture_is_an_error() -> None:
    with pytest.raises(ValueError, match="holds no px of a picture of 20x10"):
        cut(Image.new("RGB", (20, 10)), (20, 0, 30, 10), (10, 10))


def test_what_moved_onto_the_padding_is_not_lost() -> None:
    geometry = fixed_canvas(640, 480)
    content = way_back(geometry, (1536, 1024))
    frame = common_frame(found(shift=(0.02, 0.0)), (640, 480), content, (1536, 1024))
    assert frame.kept == (0, 0, 640, 480)
    assert frame.box == pytest.approx((85 + 0.02 * 1365, 0, 1450 + 0.02 * 1365, 1024))
    assert frame.lost_share((640, 480)) == 0


def test_what_left_the_answer_is_cut_off_by_whole_px() -> None:
    frame = common_frame(found(shift=(0.0101, 0.0)), (200, 100), (0, 0, 1024, 512), (1024, 512))
    assert frame.kept == (0, 0, 198, 100)  # of px 197 the middle is shown, of 198 it is not
    assert frame.lost_share((200, 100)) == pytest.approx(0.01)
    assert frame.box[2] - frame.box[0] == pytest.approx(198 * 5.12)
    zoomed = common_frame(found(zoom=(1.02, 1.0)), (1000, 500), (0, 0, 1000, 500), (1000, 500))
    assert zoomed.kept == (10, 0, 990, 500)


@settings(deadline=None, max_examples=200)
@given(
    source=st.tuples(st.integers(64, 3000), st.integers(64, 3000)),
    zoom=st.tuples(*[st.floats(0.88, 1.12)] * 2),
    shift=st.tuples(*[st.floats(-0.12, 0.12)] * 2),
    double=st.booleans(),
)
def test_a_px_is_kept_if_its_middle_is_shown(
    source: tuple[int, int],
    zoom: tuple[float, float],
    shift: tuple[float, float],
    double: bool,
) -> None:
    geometry = fixed_canvas(*source)
    times = 2 if double else 1
    answer = (geometry.canvas_width * times, geometry.canvas_height * times)
    content = way_back(geometry, answer)
    frame = common_frame(found(zoom, shift), source, content, answer)
    assert 0 <= frame.lost_share(source) < 1
    for axis in (0, 1):
        long = content[axis + 2] - content[axis]
        px = np.arange(source[axis]) + 0.5
        places = content[axis] + long * (0.5 + shift[axis] + zoom[axis] * (px / source[axis] - 0.5))
        inside = np.flatnonzero((places >= -1e-6) & (places <= answer[axis] + 1e-6))
        first, last = frame.kept[axis], frame.kept[axis + 2]
        assert first in {inside[0], inside[0] + 1}
        assert last in {inside[-1], inside[-1] + 1}
        step = long * zoom[axis] / source[axis]
        assert frame.box[axis] == pytest.approx(places[first] - step / 2, abs=1e-6)
        assert frame.box[axis + 2] == pytest.approx(places[last - 1] + step / 2, abs=1e-6)


@settings(deadline=None, max_examples=15)
@given(side=st.integers(837, 1019), upright=st.booleans())
def test_an_identity_model_without_scaling_gives_back_every_bit(side: int, upright: bool) -> None:
    size = (side, 1024) if upright else (1024, side)
    geometry = fixed_canvas(*size)
    assert (geometry.box_width, geometry.box_height) == size
    source = scene(*size)
    canvas = lay(source, geometry)
    frame = whole_frame(geometry, canvas.size)
    assert np.array_equal(np.asarray(cut(canvas, frame.box, frame.size)), np.asarray(source))


@settings(deadline=None, max_examples=12)
@given(
    size=st.tuples(st.integers(200, 1000), st.integers(200, 1000)),
    free=st.booleans(),
)
def test_an_identity_model_moves_nothing_by_a_thousandth_of_a_px(
    size: tuple[int, int], free: bool
) -> None:
    if max(size) > 3 * min(size):
        size = (max(size), max(size) // 2)
    geometry = (free_canvas if free else fixed_canvas)(*size)
    source = scene(*size)
    canvas = lay(source, geometry)
    frame = whole_frame(geometry, canvas.size)
    back = cut(canvas, frame.box, frame.size)
    assert remaining_px(luminance(source), luminance(back), size) < 0.001


GEOMETRY = fixed_canvas(640, 480)


def moved(canvas: Image.Image, x: float, y: float = 0.0) -> Image.Image:
    """All of a canvas shifted by so many px, with another picture over a part of it."""
    made = canvas.transform(
        canvas.size,
        Image.Transform.EXTENT,
        (-x, -y, canvas.width - x, canvas.height - y),
        Image.Resampling.BICUBIC,
        fillcolor=(255, 255, 255),
    )
    made.paste(scene(640, 480, 5).crop((0, 0, 300, 300)), (600, 300))
    return made


CANVAS = lay(scene(640, 480), GEOMETRY)


def laid(answer: Image.Image, limit: float = 0.06) -> Settled:
    shown = whole_pair(GEOMETRY, CANVAS, answer)
    return settled(GEOMETRY, (CANVAS, answer), shown, limit)


@pytest.mark.parametrize("x", [-40.0, 7.3, 20.5])
def test_a_shift_is_measured_in_shares_of_the_source_and_undone(x: float) -> None:
    made = laid(moved(CANVAS, x))
    assert made.standing == "corrected"
    assert made.found.shift_x == pytest.approx(x / GEOMETRY.box_width, abs=2e-4)
    assert made.frame.kept == (0, 0, 640, 480)
    assert made.frame.box[0] == pytest.approx(GEOMETRY.box_x + x, abs=0.3)
    assert made.left_px < 0.15
    assert made.written is made.pair


def test_a_shift_beyond_the_limit_is_laid_out_but_not_undone() -> None:
    made = laid(moved(CANVAS, 40), limit=0.02)
    assert (made.standing, made.frame) == ("displaced", whole_frame(GEOMETRY, CANVAS.size))
    assert made.left_px == pytest.approx(40 * 640 / GEOMETRY.box_width, abs=0.1)
    kept = made.pair.kept
    assert made.pair.source.size == (kept[2] - kept[0], kept[3] - kept[1])
    apart = np.abs(np.asarray(made.pair.source, int) - np.asarray(made.pair.edited))
    assert np.median(apart) <= 2
    assert made.written.kept == (0, 0, GEOMETRY.box_width, GEOMETRY.box_height)


@pytest.mark.parametrize("x", [0.0, 0.4])
def test_what_lies_where_it_should_is_left_alone(x: float) -> None:
    made = laid(moved(CANVAS, x))
    assert (made.standing, made.frame) == ("aligned", whole_frame(GEOMETRY, CANVAS.size))
    assert made.written is made.pair
    assert made.left_px < 0.5


@pytest.mark.parametrize(
    ("size", "x", "standing"),
    [
        ((160, 120), 3.0, "aligned"),
        ((160, 120), 6.0, "corrected"),
        ((2560, 1920), 0.3, "aligned"),
        ((2560, 1920), 0.8, "corrected"),
    ],
)
def test_half_a_px_is_one_of_the_source_or_of_the_canvas_whichever_is_larger(
    size: tuple[int, int], x: float, standing: str
) -> None:
    geometry = fixed_canvas(*size)
    canvas = lay(scene(640, 480).resize(size, Image.Resampling.BICUBIC), geometry)
    answer = moved(canvas, x)
    made = settled(geometry, (canvas, answer), whole_pair(geometry, canvas, answer), 0.06)
    assert made.standing == standing


def test_of_another_picture_nothing_is_known() -> None:
    made = laid(lay(scene(640, 480, 9), GEOMETRY))
    assert (made.standing, made.left_px) == ("unregistered", UNKNOWN)
    assert made.pair is made.written


def wavy(canvas: Image.Image, by: float) -> Image.Image:
    """Shifted right by 12 px, and each row by up to so many more or fewer, as a wave."""
    rows, columns = np.ogrid[: canvas.height, : canvas.width]
    shifts = np.rint(12 + by * np.sin(2 * np.pi * rows / canvas.height)).astype(int)
    places = (columns - shifts).clip(0, canvas.width - 1)
    return Image.fromarray(np.asarray(canvas)[rows, places])


def test_a_fit_that_does_not_hold_once_it_is_undone_is_not_trusted() -> None:
    answer = wavy(CANVAS, 7)
    shown = whole_pair(GEOMETRY, CANVAS, answer)
    assert register(luminance(shown.source), luminance(shown.edited)).accepted
    made = laid(answer)
    assert (made.standing, made.left_px) == ("unregistered", UNKNOWN)
    assert not made.found.accepted
    assert made.frame == whole_frame(GEOMETRY, CANVAS.size)
    assert made.pair is made.written
    assert laid(wavy(CANVAS, 3)).standing == "corrected"


@pytest.mark.parametrize("size", [(1536, 1024), (300, 200), (64, 48)])
def test_whole_pictures_are_fitted_as_canvases_are(size: tuple[int, int]) -> None:
    picture, content = scene(*size), size[0] * 0.02
    shifted = moved(picture, content)
    assert registered(picture, shifted).accepted
    assert registered(picture, shifted).shift_x == pytest.approx(0.02, abs=0.002)
    assert registered(picture, picture).accepted
    assert not registered(scene(960, 640), wavy(scene(960, 640), 7)).accepted


def test_half_a_px_of_1024_may_be_left() -> None:
    assert lasts(0.512, (768, 1024))
    assert not lasts(0.513, (1024, 768))


def test_an_answer_of_another_size_is_laid_on_its_source_as_well() -> None:
    answer = moved(CANVAS, 20).resize((768, 512), Image.Resampling.BICUBIC)
    made = laid(answer)
    assert made.standing == "corrected"
    assert made.frame.box[0] == pytest.approx((GEOMETRY.box_x + 20) / 2, abs=0.15)


def test_what_two_pictures_share_has_one_size() -> None:
    far = found(zoom=(0.9, 1.1), shift=(0.1, -0.08))
    pair = settled_pair(GEOMETRY, CANVAS, CANVAS, far)
    assert pair.source.size == pair.edited.size
    assert pair.small_source.size == pair.small_edited.size
    assert isinstance(whole_frame(GEOMETRY, (10, 10)), Frame)
