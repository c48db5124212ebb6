"""What counts as a mask, what the image API is sent, and what changed outside."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from editcorpus import masks
from editcorpus.errors import SourceError
from editcorpus.frames import Pair
from editcorpus.geometry import fixed_canvas, free_canvas
from editcorpus.images import pixel_hash
from editcorpus.records import Geometry, Reason
from editcorpus.registration import shrunk
from editcorpus.sandbox.defects import Defect
from editcorpus.sandbox.edits import Plan, edited
from editcorpus.steps.filter import beyond

SIZE = (96, 64)
BOX = (20, 10, 60, 50)


def drawn(size: tuple[int, int] = SIZE, box: tuple[int, int, int, int] = BOX) -> Image.Image:
    mask = Image.new("L", size)
    mask.paste(255, box)
    return mask


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def in_alpha(rgb: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
    mask = Image.new("RGB", SIZE, rgb)
    mask.putalpha(drawn())
    return mask


def pixels(mask: Image.Image | None) -> NDArray[np.uint8]:
    assert mask is not None
    assert mask.mode == "L"
    return np.asarray(mask)


PALETTE = drawn().convert("P")


@pytest.mark.parametrize(
    "data",
    [
        encoded(drawn()),
        encoded(drawn().convert("1")),
        encoded(drawn().convert("RGB")),
        encoded(drawn().convert("RGBA")),
        encoded(drawn().convert("LA")),
        encoded(PALETTE),
        encoded(Image.fromarray(np.asarray(drawn()).astype(np.uint16) * 257)),
        encoded(in_alpha()),
        encoded(in_alpha((0, 0, 0))),
        encoded(in_alpha(), "WEBP", lossless=True),
        encoded(drawn().convert("RGB"), "BMP"),
    ],
    ids=["L", "1", "RGB", "RGBA", "LA", "P", "16", "white", "black", "webp", "bmp"],
)
def test_white_or_opaque_is_where_the_edit_goes_in_any_mode(data: bytes) -> None:
    assert np.array_equal(pixels(masks.read_mask(data, SIZE)), np.asarray(drawn()))


def test_the_grey_fringe_of_a_jpeg_goes_to_either_side() -> None:
    data = encoded(drawn(), "JPEG", quality=100)
    found = pixels(masks.read_mask(data, SIZE))
    assert set(np.unique(found)) == {0, 255}
    assert np.array_equal(found, np.asarray(drawn()))


@pytest.mark.parametrize(("level", "edited"), [(127, False), (128, True)])
def test_grey_counts_as_white_from_the_middle_on(level: int, edited: bool) -> None:
    mask = Image.new("L", SIZE)
    mask.paste(255, (0, 0, 10, 10))
    mask.paste(level, BOX)
    found = pixels(masks.read_mask(encoded(mask), SIZE))
    assert bool(found[30, 40]) is edited


@pytest.mark.parametrize("alpha", [254, 255])
def test_an_alpha_channel_that_says_nothing_is_left_out(alpha: int) -> None:
    mask = drawn().convert("RGBA")
    mask.putalpha(alpha)
    assert np.array_equal(pixels(masks.read_mask(encoded(mask), SIZE)), np.asarray(drawn()))


def test_an_alpha_channel_that_wavers_beside_the_middle_says_nothing() -> None:
    mask = drawn().convert("RGBA")
    wavering = Image.new("L", SIZE, 255)
    wavering.paste(250, (0, 0, 30, 30))
    mask.putalpha(wavering)
    assert np.array_equal(pixels(masks.read_mask(encoded(mask), SIZE)), np.asarray(drawn()))


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        encoded(Image.new("L", SIZE, 255)),
        encoded(Image.new("RGBA", SIZE, (255, 255, 255, 255))),
        encoded(Image.new("RGB", (7, 9), (250, 251, 255)), "JPEG"),
    ],
)
def test_no_mask_and_a_white_one_leave_the_whole_picture(data: bytes | None) -> None:
    assert masks.read_mask(data, SIZE) is None


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.new("L", SIZE)),
        encoded(Image.new("L", SIZE, 127)),
        encoded(Image.new("RGBA", SIZE, (0, 0, 0, 255))),
        b"no picture at all",
        encoded(drawn())[:60],
        encoded(drawn().convert("RGB"), "JPEG")[:-30],
        b"\x89PNG\r\n\x1a\n" + b"\xff" * 64,
    ],
)
def test_a_black_or_broken_mask_is_refused(data: bytes) -> None:
    with pytest.raises(SourceError) as refused:
        masks.read_mask(data, SIZE)
    assert refused.value.reason is Reason.MASK_UNUSABLE
    assert refused.value.detail.startswith("The mask")


def test_a_mask_that_declares_too_many_pixels_is_never_decoded() -> None:
    bomb = encoded(Image.new("1", (4000, 4000)))
    with pytest.raises(SourceError, match="declares 4000x4000") as refused:
        masks.read_mask(bomb, SIZE, max_pixels=1_000_000)
    assert refused.value.reason is Reason.MASK_UNUSABLE


@settings(max_examples=50)
@given(
    st.binary(max_size=200) | st.binary(max_size=80).map(lambda tail: encoded(drawn())[:50] + tail)
)
def test_whatever_bytes_come_are_a_mask_or_refused(data: bytes) -> None:
    try:
        found = masks.read_mask(data, SIZE)
    except SourceError as error:
        assert error.reason is Reason.MASK_UNUSABLE
    else:
        assert found is None or found.size == SIZE


@pytest.mark.parametrize("size", [(192, 128), (48, 32), (96, 32)])
def test_a_mask_of_another_size_is_scaled_without_grey(size: tuple[int, int]) -> None:
    found = pixels(masks.read_mask(encoded(drawn()), size))
    assert found.shape == (size[1], size[0])
    assert set(np.unique(found)) == {0, 255}
    share = float((found > 0).mean())
    assert share == pytest.approx(40 * 40 / (96 * 64), abs=0.03)


def test_a_mask_that_vanishes_at_the_size_of_its_source_allows_no_edit() -> None:
    speck = Image.new("L", (900, 600))
    speck.putpixel((0, 0), 255)
    with pytest.raises(SourceError, match="black"):
        masks.read_mask(encoded(speck), (90, 60))


def test_what_the_image_api_gets_is_transparent_where_it_may_edit_and_nowhere_else() -> None:
    geometry = fixed_canvas(800, 1000)
    mask = drawn((800, 1000), (100, 200, 400, 600))
    data = masks.api_mask(mask, geometry)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (1024, 1536))
        alpha = np.asarray(image.getchannel("A"))
    assert set(np.unique(alpha)) == {0, 255}
    scale = geometry.box_width / 800
    rows, columns = np.nonzero(alpha == 0)
    left, top = geometry.box_x + 100 * scale, geometry.box_y + 200 * scale
    right, bottom = geometry.box_x + 400 * scale, geometry.box_y + 600 * scale
    assert (columns.min(), rows.min()) == pytest.approx((left, top), abs=2)
    assert (columns.max() + 1, rows.max() + 1) == pytest.approx((right, bottom), abs=2)
    assert (alpha == 0).sum() == pytest.approx(300 * 400 * scale**2, rel=0.01)


def test_padding_stays_closed_even_where_the_mask_touches_every_edge() -> None:
    geometry = fixed_canvas(500, 400)
    mask = Image.new("L", (500, 400), 255)
    mask.putpixel((250, 200), 0)
    alpha = np.asarray(masks.canvas_mask(mask, geometry).getchannel("A"))
    padding = np.ones(alpha.shape, bool)
    x, y = geometry.box_x, geometry.box_y
    padding[y : y + geometry.box_height, x : x + geometry.box_width] = False
    assert padding.any()
    assert (alpha[padding] == 255).all()
    assert (alpha[~padding] == 0).mean() > 0.99


def test_a_fine_line_is_not_lost_on_a_smaller_canvas() -> None:
    mask = Image.new("L", (6000, 4000))
    mask.paste(255, (3001, 0, 3002, 4000))
    alpha = np.asarray(masks.canvas_mask(mask, fixed_canvas(6000, 4000)).getchannel("A"))
    assert (alpha == 0).any(axis=1).all()


def test_a_mask_of_another_size_than_its_source_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="96x64"):
        masks.api_mask(drawn(), fixed_canvas(97, 64))


@pytest.mark.parametrize("geometry", [fixed_canvas(1536, 1024), free_canvas(3000, 1000)])
def test_even_noise_stays_below_what_the_image_api_takes(geometry: Geometry) -> None:
    size = (geometry.source_height, geometry.source_width)
    noise = np.random.default_rng(7).integers(0, 2, size).astype(np.uint8) * 255
    assert len(masks.api_mask(Image.fromarray(noise), geometry)) < masks.API_BYTES


def test_the_hash_knows_the_pixels_that_are_sent_and_their_place() -> None:
    mask = drawn((300, 300), (10, 10, 200, 200))
    square, free = fixed_canvas(300, 300), fixed_canvas(300, 300)
    assert masks.mask_hash(mask, square) == masks.mask_hash(mask.copy(), free)
    with Image.open(io.BytesIO(masks.api_mask(mask, square))) as sent:
        assert pixel_hash(sent) == masks.mask_hash(mask, square)
    other = drawn((300, 300), (10, 10, 200, 203))
    assert masks.mask_hash(other, square) != masks.mask_hash(mask, square)


def scene(size: tuple[int, int] = (512, 512), seed: int = 0) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(40, 200, (16, 16, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def painted(image: Image.Image, *boxes: tuple[int, int, int, int]) -> Image.Image:
    made = image.copy()
    for box in boxes:
        made.paste((255, 0, 255), box)
    return made


HOLE = (100, 100, 300, 300)


def outside_change(source: Image.Image, edited: Image.Image, mask: Image.Image | None) -> float:
    """Share of what lies outside a mask that changed visibly; -1 where nothing lies there."""
    small = shrunk(source, masks.COMPARED_SIDE)
    pair = Pair(source, edited, small, edited.resize(small.size), (0, 0, *source.size))
    return beyond(pair, mask).outside_mask


def test_what_changes_inside_the_mask_is_not_outside() -> None:
    source, mask = scene(), drawn((512, 512), HOLE)
    assert outside_change(source, painted(source, HOLE), mask) == 0.0


def test_a_leak_beyond_the_mask_is_measured_as_its_share() -> None:
    source, mask = scene(), drawn((512, 512), HOLE)
    leak = (380, 0, 512, 512)
    found = outside_change(source, painted(source, HOLE, leak), mask)
    margin = masks.MARGIN * 512 / masks.COMPARED_SIDE
    outside = 512 * 512 - (200 + 2 * margin) ** 2
    assert found == pytest.approx(132 * 512 / outside, abs=0.01)


def test_what_blends_within_the_margin_is_not_outside() -> None:
    source, mask = scene(), drawn((512, 512), HOLE)
    assert outside_change(source, painted(source, (94, 94, 306, 306)), mask) == 0.0
    assert outside_change(source, painted(source, (80, 80, 320, 320)), mask) > 0


def test_noise_and_encoding_are_no_change_outside() -> None:
    source, mask = scene(), drawn((512, 512), HOLE)
    with Image.open(io.BytesIO(encoded(source, "JPEG", quality=60))) as worn:
        assert outside_change(source, worn.convert("RGB"), mask) == 0.0


@pytest.mark.parametrize("defect", [None, Defect.LEAK, Defect.EVERYTHING])
def test_an_editor_that_leaves_the_mask_is_told_from_one_that_keeps_to_it(
    defect: Defect | None,
) -> None:
    """The way that a mask goes: what the API is sent, the edit on the canvas, and the measure."""
    source, mask = scene((1024, 1024)), drawn((1024, 1024), (60, 60, 440, 440))
    with Image.open(io.BytesIO(masks.api_mask(mask, fixed_canvas(1024, 1024)))) as sent:
        hole = ImageOps.invert(sent.getchannel("A"))
    plan = Plan("Turn the background blue.", (1024, 1024), "key", 0, defect)
    found = outside_change(source, edited(source, plan, hole), mask)
    assert (found > 0.05) is (defect is not None)
    assert defect is not None or found == 0


@pytest.mark.parametrize("size", [(64, 64), (200, 90), (1400, 900)])
def test_pictures_of_any_size_are_measured(size: tuple[int, int]) -> None:
    source = scene(size)
    mask = drawn(size, (0, 0, size[0] // 3, size[1]))
    right = (size[0] * 3 // 4, 0, *size)
    assert outside_change(source, source, mask) == 0.0
    assert outside_change(source, painted(source, right), mask) > 0.3
    larger = painted(source, right).resize((size[0] * 2, size[1] * 2), Image.Resampling.BICUBIC)
    assert outside_change(source, larger, mask) > 0.3


@pytest.mark.parametrize(
    "mask", [None, Image.new("L", (512, 512), 255), drawn((512, 512), (5, 5, 507, 507))]
)
def test_where_there_is_no_outside_nothing_is_known(mask: Image.Image | None) -> None:
    assert outside_change(scene(), scene(seed=3), mask) == -1
