"""Where a picture was edited: box and map, in px of the pictures of the corpus."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from editcorpus.changemap import MAP_SIDE, ChangeMap, change_map, cleaned, read_map
from editcorpus.changes import Mask

SIZE = (384, 256)


def drawn(*boxes: tuple[int, int, int, int], size: tuple[int, int] = SIZE) -> Mask:
    made = np.zeros(size[::-1], bool)
    for left, top, right, bottom in boxes:
        made[top:bottom, left:right] = True
    return made


def whole(size: tuple[int, int]) -> tuple[float, float, float, float]:
    return 0, 0, *size


def box(found: ChangeMap) -> tuple[int, int, int, int]:
    return found.change_x, found.change_y, found.change_width, found.change_height


def test_nothing_changed_is_no_map() -> None:
    assert change_map(drawn(), whole(SIZE), SIZE) == ChangeMap(0, 0, 0, 0, "")


def test_the_box_holds_all_that_changed_in_px_of_the_corpus() -> None:
    changed = drawn((96, 64, 120, 100), (200, 128, 210, 130))
    found = change_map(changed, whole((768, 512)), (768, 512))
    assert box(found) == (192, 128, 228, 132)


def test_what_a_pair_shows_of_a_picture_lies_at_its_place() -> None:
    found = change_map(drawn((0, 0, 384, 256)), (40, 20, 740, 500), (768, 512))
    assert box(found) == (40, 20, 700, 480)
    shown = read_map(found.change_mask)
    assert shown.shape == (128, 192)
    assert not shown[:5].any()
    assert not shown[:, :10].any()
    assert shown[5:125, 10:185].all()


def test_what_lies_beyond_the_picture_is_cut_off() -> None:
    found = change_map(drawn((0, 0, 384, 256)), (-30, -30, 800, 600), (768, 512))
    assert box(found) == (0, 0, 768, 512)


def test_a_map_is_a_small_png_of_one_bit() -> None:
    found = change_map(drawn((96, 64, 190, 130)), whole(SIZE), SIZE)
    data = base64.b64decode(found.change_mask)
    assert len(data) < 200
    with Image.open(io.BytesIO(data)) as opened:
        assert (opened.format, opened.mode) == ("PNG", "1")
        assert opened.size == (MAP_SIDE, 128)
    shown = read_map(found.change_mask)
    assert shown.mean() == pytest.approx(94 * 66 / (384 * 256), rel=0.05)
    assert shown[33:64, 49:94].all()


def test_a_fine_line_stays_on_the_map() -> None:
    found = change_map(drawn((10, 0, 12, 256)), whole(SIZE), SIZE)
    assert read_map(found.change_mask)[:, 5].all()


@pytest.mark.parametrize("text", ["", "no base64!", "bm8gUE5H"])
def test_what_is_no_map_is_not_read_as_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"map of changes|base64"):
        read_map(text)


def test_lines_and_specks_of_one_px_are_no_change() -> None:
    edge = drawn((50, 0, 51, 256), (100, 100, 101, 101), (0, 9, 384, 10))
    assert not cleaned(edge).any()
    solid = drawn((50, 60, 52, 200), (300, 3, 310, 9))
    assert (cleaned(solid | edge)[solid]).all()
    assert cleaned(solid).sum() == solid.sum()


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.tuples(st.integers(8, 384), st.integers(8, 384)),
    st.tuples(st.integers(16, 3000), st.integers(16, 3000)),
    st.data(),
)
def test_box_and_map_agree_at_any_size(
    small: tuple[int, int], size: tuple[int, int], data: st.DataObject
) -> None:
    left = data.draw(st.integers(0, small[0] - 1))
    top = data.draw(st.integers(0, small[1] - 1))
    right = data.draw(st.integers(left + 1, small[0]))
    bottom = data.draw(st.integers(top + 1, small[1]))
    found = change_map(drawn((left, top, right, bottom), size=small), whole(size), size)
    x, y, width, height = box(found)
    assert 0 <= x < x + width <= size[0]
    assert 0 <= y < y + height <= size[1]
    assert x <= left * size[0] / small[0]
    assert y + height >= bottom * size[1] / small[1] - 1e-9
    shown = read_map(found.change_mask)
    assert max(shown.shape) <= MAP_SIDE
    assert abs(max(shown.shape) - min(MAP_SIDE, max(size))) == 0
