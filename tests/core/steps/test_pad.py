"""Sources on their canvases, and sources that cannot be used."""

import io
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from editcorpus import images
from editcorpus.geometry import fixed_canvas, padded_share
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.steps.pad import Config, Padded, pad

TRIPLET = Triplet("omniedit/1", "omniedit", "swap", "obj_swap", "do", 0, "MIT", "a.parquet", 0, 0)
SMALL = Config(min_side=16, view_longest=64)


def picture(width: int = 320, height: int = 240) -> Image.Image:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 200, (6, 8, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, name: str = "png", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def padded(data: bytes, config: Config = SMALL) -> Padded:
    made = pad(TRIPLET, data, config)
    assert isinstance(made, Padded)
    return made


def refused(data: bytes | None, config: Config = SMALL) -> Rejected:
    made = pad(TRIPLET, data, config)
    assert isinstance(made, Rejected)
    assert (made.id, made.step) == ("omniedit/1", "pad")
    assert made.detail
    return made


def test_the_source_lies_centred_on_white() -> None:
    made = padded(encoded(picture()))
    canvas = np.asarray(images.decode(made.canvas))
    assert canvas.shape == (1024, 1536, 3)
    assert (made.box_x, made.box_y, made.box_width, made.box_height) == (85, 0, 1365, 1024)
    assert (canvas[:, :85] == 255).all()
    assert (canvas[:, 1450:] == 255).all()
    shown = np.asarray(picture().resize((1365, 1024), Image.Resampling.LANCZOS))
    assert (canvas[:, 85:1450] == shown).all()


def test_the_geometry_is_the_one_that_was_computed() -> None:
    made = padded(encoded(picture()))
    assert made.geometry == fixed_canvas(320, 240)
    assert made.padded_share == float(padded_share(made.geometry))


def test_a_source_of_the_canvas_size_is_not_touched() -> None:
    source = picture(1024, 1024)
    made = padded(encoded(source))
    assert images.decode(made.canvas).tobytes() == source.tobytes()
    assert made.canvas_hash == images.pixel_hash(source)


def test_the_canvas_hash_is_over_pixels_and_not_over_the_encoding() -> None:
    one = padded(encoded(picture()), SMALL)
    other = padded(encoded(picture()), SMALL.model_copy(update={"png_level": 6}))
    assert one.canvas != other.canvas
    assert one.canvas_hash == other.canvas_hash


def test_the_view_is_what_judges_see() -> None:
    made = padded(encoded(picture()))
    assert images.sniff(made.source_view) == "jpeg"
    assert images.decode(made.source_view).size == (64, 48)
    assert made.source_view_hash == images.pixel_hash(images.fit(picture(), 64))


def test_bytes_that_serve_are_not_encoded_again() -> None:
    made = padded(encoded(picture(), "jpeg"))
    assert (made.source_format, made.source_mode, made.source_png) == ("jpeg", "RGB", None)


def test_a_turned_source_is_published_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    made = padded(encoded(picture(), "jpeg", exif=exif))
    assert (made.source_width, made.source_height, made.orientation) == (240, 320, 6)
    assert made.source_png is not None
    assert images.decode(made.source_png).size == (240, 320)


def test_transparency_is_recorded() -> None:
    image = picture().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    made = padded(encoded(image))
    assert (made.alpha_flattened, made.source_mode) == (True, "RGBA")
    assert made.source_png is not None


def test_a_free_canvas_has_no_padding() -> None:
    made = padded(encoded(picture()), SMALL.model_copy(update={"canvas": "free"}))
    assert (made.canvas_width, made.canvas_height, made.padded_share) == (1152, 864, 0.0)


def test_half_a_canvas_of_padding_is_the_limit() -> None:
    assert padded(encoded(picture(300, 100))).padded_share == 0.5
    made = refused(encoded(picture(300, 98)))
    assert made.reason is Reason.TOO_MUCH_PADDING
    assert "50.0%" in made.detail
    free = SMALL.model_copy(update={"canvas": "free"})
    assert refused(encoded(picture(300, 98)), free).reason is Reason.TOO_MUCH_PADDING


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, Reason.IMAGE_MISSING),
        (b"", Reason.IMAGE_MISSING),
        (b"<html>", Reason.IMAGE_UNREADABLE),
        (encoded(picture(), "jpeg")[:-900], Reason.IMAGE_UNREADABLE),
        (encoded(picture(400, 12)), Reason.IMAGE_TOO_SMALL),
        (encoded(Image.new("RGB", (300, 300), "navy")), Reason.IMAGE_BLANK),
    ],
)
def test_what_cannot_be_used_is_refused(data: bytes | None, reason: Reason) -> None:
    assert refused(data).reason is reason


def test_a_size_beyond_the_limit_is_refused() -> None:
    limit = SMALL.model_copy(update={"max_pixels": 320 * 240 - 1})
    assert refused(encoded(picture()), limit).reason is Reason.IMAGE_TOO_LARGE


def test_the_same_source_gives_the_same_record() -> None:
    assert padded(encoded(picture())) == padded(encoded(picture()))


@pytest.mark.parametrize(
    "wrong", [{"canvas": "square"}, {"max_padded_share": 1.0}, {"max_pixels": 10**9}, {"x": 1}]
)
def test_a_wrong_parameter_is_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        Config(**wrong)


def test_no_padded_share_is_above_one_half() -> None:
    for width in (100, 199, 250, 300):
        assert Fraction(padded(encoded(picture(width, 100))).padded_share) <= Fraction(1, 2)
