"""What a hash does not change by, what it changes by, and what it says of mirrored pictures."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from editcorpus.errors import SourceError
from editcorpus.images import Limits, encode_jpeg, encode_png
from editcorpus.similar.bars import Array, content_box
from editcorpus.similar.hashes import compare, firm, hash_grey, is_plain, mirror
from editcorpus.similar.search import NEAR
from editcorpus.similar.views import hash_views, read_grey

LIMITS = Limits(min_side=1)


def hashed(data: bytes) -> Array:
    return hash_views(read_grey(data, LIMITS))[1]


def of(image: Image.Image) -> Array:
    return hash_grey(image.convert("L"))[None]


def webp(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=60)
    return buffer.getvalue()


CHANGES: dict[str, Callable[[Image.Image], bytes]] = {
    "jpeg": lambda image: encode_jpeg(image, 40),
    "webp": webp,
    "smaller": lambda image: encode_png(image.resize((image.width // 2, image.height // 2))),
    "larger": lambda image: encode_jpeg(image.resize((image.width * 3, image.height * 3))),
    "stretched": lambda image: encode_png(image.resize((400, 400))),
    "brighter": lambda image: encode_png(ImageEnhance.Brightness(image).enhance(1.15)),
    "darker": lambda image: encode_png(ImageEnhance.Brightness(image).enhance(0.8)),
    "grey": lambda image: encode_png(image.convert("L")),
    "mirrored": lambda image: encode_png(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_picture_stays_near_itself(photos: list[Image.Image], change: str) -> None:
    for number, photo in enumerate(photos):
        before, after = hashed(encode_png(photo))[:1], hashed(CHANGES[change](photo))[:1]
        found = compare(before, after)
        assert NEAR.holds(found).all(), f"photograph {number}: {found}"
        assert found.mirrored[0] == (change == "mirrored")


def test_different_pictures_are_far_apart(photos: list[Image.Image]) -> None:
    made = np.concatenate([of(photo) for photo in photos])
    one, other = np.triu_indices(len(made), 1)
    found = compare(made[one], made[other])
    assert found.signs.min() > 80
    assert not NEAR.holds(found).any()


def test_a_jpeg_read_at_a_fraction_hashes_as_one_read_whole(photos: list[Image.Image]) -> None:
    for photo in photos:
        large = photo.resize((photo.width * 3, photo.height * 3), Image.Resampling.BICUBIC)
        found = compare(hashed(encode_jpeg(large, 95))[:1], hashed(encode_png(large))[:1])
        assert found.signs[0] <= 12
        assert found.agreement[0] > 0.85


def test_the_rotation_that_a_camera_notes_is_applied(photos: list[Image.Image]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    photos[0].transpose(Image.Transpose.ROTATE_90).save(buffer, "JPEG", exif=exif, quality=95)
    assert NEAR.holds(compare(hashed(buffer.getvalue())[:1], of(photos[0])))[0]


def test_the_mirrored_hash_is_that_of_the_mirrored_picture(photos: list[Image.Image]) -> None:
    for photo in photos:
        turned = of(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
        bits = np.bitwise_count(mirror(of(photo)) ^ turned).sum()
        assert bits <= 8  # what lies on a threshold, and rounds to either side


@given(st.lists(st.integers(0, 2**64 - 1), min_size=12, max_size=12))
def test_mirroring_twice_gives_the_same(words: list[int]) -> None:
    one = np.array([words], "<u8")
    assert (mirror(mirror(one)) == one).all()


@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=12, max_size=12),
    st.lists(st.integers(0, 2**64 - 1), min_size=12, max_size=12),
)
def test_which_is_compared_with_which_does_not_count(left: list[int], right: list[int]) -> None:
    one, other = np.array([left], "<u8"), np.array([right], "<u8")
    there, back, turned = compare(one, other), compare(other, one), compare(mirror(one), other)
    assert there.signs == back.signs == turned.signs
    assert 0 <= there.low[0] <= there.middle[0] <= there.signs[0] <= 128
    if there.mirrored[0] != turned.mirrored[0]:  # else both orientations are equally far
        assert there.agreement == back.agreement == turned.agreement


@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_pictures_are_plain(level: int) -> None:
    noise = np.random.default_rng(level).integers(-2, 3, (300, 400))
    blank = Image.fromarray((noise + level).clip(0, 255).astype("u1"))
    assert is_plain(of(blank))[0]


def test_a_line_on_white_paper_is_plain_and_a_photograph_is_not(photos: list[Image.Image]) -> None:
    paper = Image.new("L", (400, 300), 255)
    paper.paste(0, (195, 20, 205, 280))
    assert is_plain(of(paper))[0]
    assert not any(is_plain(of(photo))[0] for photo in photos)
    assert all(firm(of(photo))[0] <= 256 for photo in photos)


@pytest.mark.parametrize("colour", ["white", "black", "#204060"])
@pytest.mark.parametrize("along", [0, 1])
def test_bars_are_taken_off(photos: list[Image.Image], colour: str, along: int) -> None:
    for number, photo in enumerate(photos):
        wide, high = photo.width + (60 if along else 0), photo.height + (0 if along else 60)
        framed = Image.new("RGB", (wide, high), colour)
        framed.paste(photo, ((wide - photo.width) // 2, (high - photo.height) // 2))
        views = hashed(encode_png(framed))
        own = hashed(encode_png(photo))
        pairs = [compare(own[:1], view[None]) for view in views]
        assert any(NEAR.holds(found)[0] for found in pairs), f"photograph {number}"


def test_a_picture_without_bars_has_one_view(photos: list[Image.Image]) -> None:
    box = content_box(np.asarray(photos[0].convert("L")))
    assert box == (0, 0, *photos[0].size)
    assert hash_views(photos[0].convert("L"))[0] == ["whole"]


def test_a_silhouette_on_white_has_no_bars() -> None:
    y, x = np.mgrid[0:200, 0:300]
    round_thing = np.where((x - 150) ** 2 + (y - 100) ** 2 < 80**2, 40, 255).astype("u1")
    assert content_box(round_thing) == (0, 0, 300, 200)


def test_a_blank_picture_has_all_its_content() -> None:
    assert content_box(np.full((90, 120), 255, "u1")) == (0, 0, 120, 90)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (3, 5), (17, 16)])
def test_tiny_pictures_are_hashed(shape: tuple[int, int]) -> None:
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, "u1"))
    assert hash_views(grey, crops=True)[1].shape[1] == 12


def test_crops_of_a_benchmark_picture_are_found(photos: list[Image.Image]) -> None:
    for photo in photos:
        side = min(photo.size)
        left, top = (photo.width - side) // 2, (photo.height - side) // 2
        middle = of(photo.crop((left, top, left + side, top + side)))
        names, views = hash_views(photo.convert("L"), crops=True)
        found = compare(views, np.repeat(middle, len(views), 0))
        assert NEAR.holds(found).any()
        assert len(set(names)) == len(names) <= 14


def test_broken_bytes_are_a_source_error() -> None:
    with pytest.raises(SourceError):
        read_grey(b"\xff\xd8\xff\xe0 nothing", LIMITS)


def test_a_picture_beyond_the_limits_is_not_decoded(photos: list[Image.Image]) -> None:
    with pytest.raises(SourceError, match="at most 1000 px"):
        read_grey(encode_jpeg(photos[0]), Limits(max_pixels=1000, min_side=1))
