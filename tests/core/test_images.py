"""Decoding what comes from outside, encoding what is ours, and proving answers."""

import io

import numpy as np
import pytest
from PIL import Image

from editcorpus.images import (
    Limits,
    check_answer,
    decode,
    decode_source,
    encode_jpeg,
    encode_png,
    fit,
    is_plain,
    pixel_hash,
    sniff,
)

LIMITS = Limits(max_pixels=1_000_000, min_side=16)


FORMATS = ("jpeg", "png", "webp", "gif", "bmp", "tiff")


def picture(width: int = 48, height: int = 32, seed: int = 0) -> Image.Image:
    """A smooth picture with some noise, no two corners alike."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 255 / width, y * 255 / height, (x + y) * 127 / (width + height)]
    noise = rng.integers(0, 9, (height, width, 3))
    return Image.fromarray((np.stack(planes, -1) + noise).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and one.tobytes() == other.tobytes()


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_known_by_its_bytes(name: str) -> None:
    data = encoded(picture(), name)
    assert sniff(data) == name
    source = decode_source(data, LIMITS)
    assert (source.format, source.image.mode, source.image.size) == (name, "RGB", (48, 32))


@pytest.mark.parametrize("name", ["png", "bmp", "tiff"])
def test_lossless_formats_keep_every_pixel(name: str) -> None:
    assert same(decode_source(encoded(picture(), name), LIMITS).image, picture())


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "tiff"])
def test_a_turned_picture_is_set_upright(name: str, orientation: int) -> None:
    flat = np.zeros((32, 48, 3), np.uint8)
    flat[:16, :24] = 255  # upright: the upper left quarter is white
    undo = {6: 8, 8: 6}.get(orientation, orientation)
    turns = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a.transpose(1, 0, 2), 2),
        8: lambda a: np.rot90(a, 1),
    }
    stored = Image.fromarray(np.ascontiguousarray(turns[undo](flat)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = decode_source(encoded(stored, name, exif=exif), LIMITS)
    assert source.image.size == (48, 32)
    assert np.abs(np.asarray(source.image, int) - flat).mean() < 8
    assert (source.orientation, source.as_published) == (orientation, False)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_leaves_the_picture_as_it_lies() -> None:
    data = encoded(picture(), "jpeg", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7fjunk")
    source = decode_source(data, LIMITS)
    assert (source.orientation, source.image.size) == (1, (48, 32))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_transparency_is_put_on_white(mode: str) -> None:
    rgba = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    rgba.paste((0, 0, 0, 255), (0, 0, 16, 32))
    image = rgba.quantize(4) if mode in {"P", "PA"} else rgba.convert(mode)
    source = decode_source(encoded(image, "png"), LIMITS)
    assert source.image.getpixel((2, 2)) == (0, 0, 0)
    assert source.image.getpixel((30, 2)) == (255, 255, 255)
    assert (source.flattened, source.as_published) == (True, False)


def test_a_transparent_colour_of_plain_rgb_is_put_on_white() -> None:
    image = Image.new("RGB", (32, 32), (1, 2, 3))
    source = decode_source(encoded(image, "png", transparency=(1, 2, 3)), LIMITS)
    assert source.image.getpixel((0, 0)) == (255, 255, 255)
    assert (source.flattened, source.as_published) == (True, False)


def test_an_opaque_alpha_channel_is_dropped_and_not_called_flattened() -> None:
    source = decode_source(encoded(picture().convert("RGBA"), "png"), LIMITS)
    assert same(source.image, picture())
    assert (source.flattened, source.as_published, source.mode) == (False, False, "RGBA")


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    ramp = np.tile(np.linspace(0, 65535, 64), (32, 1)).astype(np.uint16)
    source = decode_source(encoded(Image.fromarray(ramp), "png"), LIMITS)
    shown = np.asarray(source.image)[0, :, 0].astype(float)
    assert np.abs(shown - ramp[0] / 257).max() <= 0.5
    assert not source.as_published


@pytest.mark.parametrize(("top", "kind"), [(1.0, "F"), (255.0, "F"), (65535.0, "F"), (255, "I")])
def test_grey_of_more_bits_keeps_its_nominal_range(top: float, kind: str) -> None:
    ramp = np.tile(np.linspace(0, top, 64), (32, 1))
    image = Image.fromarray(ramp.astype(np.float32 if kind == "F" else np.int32))
    shown = np.asarray(decode_source(encoded(image, "tiff"), LIMITS).image)[0, :, 0]
    assert (shown[0], shown[-1]) == (0, 255)
    assert abs(int(shown[32]) - 130) <= 1


@pytest.mark.parametrize("mode", ["CMYK", "L", "1"])
def test_other_modes_are_converted(mode: str) -> None:
    data = encoded(picture().convert(mode), "tiff" if mode == "1" else "jpeg")
    source = decode_source(data, LIMITS)
    assert (source.image.mode, source.mode, source.as_published) == ("RGB", mode, False)


@pytest.mark.parametrize("name", ["gif", "png", "webp"])
def test_an_animation_gives_its_first_frame(name: str) -> None:
    first, second = Image.new("RGB", (32, 32), "red"), Image.new("RGB", (32, 32), "blue")
    data = encoded(first, name, save_all=True, append_images=[second])
    source = decode_source(data, LIMITS)
    red, _, blue = source.image.getpixel((9, 9))  # type: ignore[misc]
    assert red > 240
    assert blue < 20
    assert not source.as_published


@pytest.mark.parametrize("name", ["jpeg", "png", "webp"])
def test_plain_bytes_may_be_published_as_they_are(name: str) -> None:
    data = encoded(picture(), name)
    assert decode_source(data, LIMITS).as_published
    assert is_plain(data)
    assert not is_plain(encoded(picture().convert("L"), name) if name != "webp" else b"RIFF")


def test_a_jpeg_with_several_pictures_needs_new_bytes() -> None:
    data = encoded(picture(), "mpo", save_all=True, append_images=[picture(seed=1)])
    source = decode_source(data, LIMITS)
    assert (source.format, source.image.size, source.as_published) == ("jpeg", (48, 32), False)


def test_encoders_give_back_what_they_were_given() -> None:
    assert same(decode(encode_png(picture())), picture())
    assert sniff(encode_jpeg(picture())) == "jpeg"
    assert len(encode_png(picture(256, 256), 9)) < len(encode_png(picture(256, 256), 1))


def test_fit_only_ever_shrinks() -> None:
    assert same(fit(picture(48, 32), 48), picture(48, 32))
    assert fit(picture(48, 32), 24).size == (24, 16)
    assert fit(Image.new("RGB", (900, 3)), 100).size == (100, 1)


def test_the_hash_is_over_pixels_and_shape_alone() -> None:
    image = picture()
    assert pixel_hash(image) == pixel_hash(decode(encode_png(image, 6)))
    turned = Image.frombytes("RGB", (32, 48), image.tobytes())
    assert len({pixel_hash(image), pixel_hash(turned), pixel_hash(picture(seed=1))}) == 3


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_a_sound_answer_is_passed(name: str) -> None:
    data = encoded(picture(), name)
    assert check_answer(data, (48, 32)) == name
    assert check_answer(data, None) == name


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "LA", "1", "I;16"])
def test_every_kind_of_png_answer_is_passed(mode: str) -> None:
    grey = Image.fromarray(np.arange(48 * 32, dtype=np.uint16).reshape(32, 48))
    image = grey if mode == "I;16" else picture().convert(mode)
    assert check_answer(encoded(image, "png"), (48, 32)) == "png"
