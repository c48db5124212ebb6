"""The way back: exact, in one resampling, or not at all."""

import io

import numpy as np
import pytest
from PIL import Image

from editcorpus import images
from editcorpus.frames import Frame, whole_frame
from editcorpus.geometry import fixed_canvas, free_canvas
from editcorpus.records import Geometry
from editcorpus.steps.pad import lay
from editcorpus.steps.restore import Config, Cropped, Restored, cropped, cropped_source, restore

CONFIG = Config()


def picture(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 200, (6, 8, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def restored(geometry: Geometry, answer: Image.Image, config: Config = CONFIG) -> Restored:
    data = b"never looked at unless it may pass through"
    return restore(geometry, whole_frame(geometry, answer.size), answer, data, config)


def through(geometry: Geometry, answer: Image.Image, data: bytes) -> Restored:
    return restore(geometry, whole_frame(geometry, answer.size), answer, data, CONFIG)


def pixels(made: Restored) -> np.ndarray:
    return np.asarray(images.decode(made.edited))


@pytest.mark.parametrize("size", [(1365, 1024), (1024, 837), (1536, 864), (864, 1536)])
def test_a_model_that_changes_nothing_gives_back_every_pixel(size: tuple[int, int]) -> None:
    source = picture(*size)
    geometry = fixed_canvas(*size)
    made = restored(geometry, lay(source, geometry))
    assert (pixels(made) == np.asarray(source)).all()
    assert (made.edited_format, made.passed_through) == ("png", False)


@pytest.mark.parametrize("size", [(512, 512), (451, 300), (640, 481), (700, 1023), (1920, 1080)])
def test_after_scaling_the_picture_is_still_in_its_place(size: tuple[int, int]) -> None:
    source = picture(*size)
    geometry = fixed_canvas(*size)
    made = restored(geometry, lay(source, geometry))
    assert (made.edited_width, made.edited_height) == size
    apart = np.abs(pixels(made).astype(int) - np.asarray(source))
    assert apart.mean() < 1
    assert np.percentile(apart, 99) <= 4


def test_the_bytes_of_the_api_pass_through_where_nothing_is_to_be_done() -> None:
    answer = picture(1024, 1024)
    data = images.encode_png(answer, 6)
    made = through(fixed_canvas(1024, 1024), answer, data)
    assert made.edited is data
    assert (made.edited_format, made.passed_through) == ("png", True)


def test_webp_passes_through_as_well() -> None:
    geometry = free_canvas(1280, 720)
    answer = picture(1280, 720)
    made = through(geometry, answer, images.encode_jpeg(answer, 95))
    assert (made.edited_format, made.passed_through) == ("jpeg", True)


def test_bytes_with_transparency_do_not_pass_through() -> None:
    answer = picture(1024, 1024)
    data = images.encode_png(answer.convert("RGBA"))
    made = through(fixed_canvas(1024, 1024), answer, data)
    assert not made.passed_through
    assert images.is_plain(made.edited)
    assert (pixels(made) == np.asarray(answer)).all()


def test_no_padding_is_left_at_the_edge() -> None:
    geometry = fixed_canvas(640, 480)
    answer = Image.new("RGB", (1536, 1024), "white")
    box = (geometry.box_x, 0, geometry.box_x + geometry.box_width, 1024)
    answer.paste((10, 20, 30), box)
    assert (pixels(restored(geometry, answer)) == (10, 20, 30)).all()


@pytest.mark.parametrize("factor", [0.5, 2])
def test_an_answer_of_another_size_is_brought_back_too(factor: float) -> None:
    source = picture(640, 480)
    geometry = fixed_canvas(640, 480)
    canvas = lay(source, geometry)
    other = canvas.resize(
        (int(1536 * factor), int(1024 * factor)), Image.Resampling.BICUBIC, reducing_gap=None
    )
    made = restored(geometry, other)
    apart = np.abs(pixels(made)[4:-4, 4:-4].astype(int) - np.asarray(source)[4:-4, 4:-4])
    assert (made.edited_width, made.edited_height) == (640, 480)
    assert apart.mean() < 1.5


def test_the_view_is_what_judges_see() -> None:
    made = restored(fixed_canvas(640, 480), picture(1536, 1024), Config(view_longest=128))
    assert images.sniff(made.edited_view) == "jpeg"
    assert images.decode(made.edited_view).size == (128, 96)
    shown = images.fit(images.decode(made.edited), 128)
    assert made.edited_view_hash == images.pixel_hash(shown)


def test_the_filter_is_a_parameter() -> None:
    geometry, answer = fixed_canvas(640, 480), picture(1536, 1024)
    sharp = restored(geometry, answer)
    assert sharp != restored(geometry, answer, Config(resample="bicubic"))
    assert sharp == restored(geometry, answer)


PART = Frame((40, 0, 640, 470), (0.0, 3.5, 1400.0, 1010.25))


def test_a_frame_that_is_not_whole_gives_a_picture_of_its_size() -> None:
    answer = picture(1536, 1024)
    made = restore(fixed_canvas(640, 480), PART, answer, images.encode_png(answer), CONFIG)
    assert (made.edited_width, made.edited_height) == PART.size == (600, 470)
    assert not made.passed_through


def test_a_whole_frame_that_was_moved_does_not_pass_through() -> None:
    answer = picture(1024, 1024)
    moved = Frame((0, 0, 1024, 1024), (0.3, 0.0, 1024.3, 1024.0))
    data = images.encode_png(answer)
    assert not restore(fixed_canvas(1024, 1024), moved, answer, data, CONFIG).passed_through


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_cropped_source_keeps_every_px(kind: str) -> None:
    out = io.BytesIO()
    picture(640, 480).save(out, kind)
    made = cropped_source(out.getvalue(), PART.kept)
    assert images.sniff(made) == "png"
    whole = np.asarray(images.decode(out.getvalue()))
    assert (np.asarray(images.decode(made)) == whole[0:470, 40:640]).all()


def test_judges_see_the_part_of_the_source_that_is_kept() -> None:
    source = picture(640, 480)
    geometry = fixed_canvas(640, 480)
    canvas = lay(source, geometry)
    made = cropped(geometry, PART, canvas, 1024, 95)
    assert made.cropped_view is not None
    view = images.decode(made.cropped_view)
    assert view.size == PART.size
    apart = np.abs(np.asarray(view).astype(int) - np.asarray(source)[0:470, 40:640])
    assert apart.mean() < 2
    assert images.decode(cropped(geometry, PART, canvas, 300, 95).cropped_view or b"").width == 300


def test_of_a_whole_source_the_published_view_serves() -> None:
    geometry = fixed_canvas(640, 480)
    canvas = lay(picture(640, 480), geometry)
    assert cropped(geometry, whole_frame(geometry, canvas.size), canvas, 64, 90) == Cropped()
