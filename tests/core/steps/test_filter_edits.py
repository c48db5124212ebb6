"""Where a result was edited, and what it left alone, as the filter tells it."""

from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from editcorpus.changemap import read_map
from editcorpus.records import Geometry, Reason, Rejected, Triplet
from editcorpus.steps.filter import Beyond, Config, Judged, beyond, judge, suspected

SIZE = (480, 360)
BOX = (120, 80, 240, 180)
TRIPLET = Triplet("omniedit/1", "omniedit", "swap", "obj_swap", "do", 0, "MIT", "a.parquet", 0, 0)
GEOMETRY = Geometry(960, 720, *SIZE, 0, 0, *SIZE)
"""A source of twice the sides of its canvas, which it fills."""


@cache
def scene(seed: int = 0) -> Image.Image:
    """Structure at several scales, nothing white."""
    rng = np.random.default_rng(seed)
    total = np.zeros((SIZE[1], SIZE[0], 3), np.float32)
    for cells in (8, 16, 32, 64):
        noise = rng.integers(0, 256, (cells * 3 // 4, cells, 3)).astype(np.uint8)
        layer = Image.fromarray(noise).resize(SIZE, Image.Resampling.BICUBIC)
        total += np.asarray(layer, np.float32) * (8 / cells) ** 0.5
    return Image.fromarray((total / total.max() * 215).astype(np.uint8))


def edited() -> Image.Image:
    made = scene().copy()
    made.paste(ImageOps.invert(scene().crop(BOX)), BOX[:2])
    return made


def shifted(image: Image.Image, x: int) -> Image.Image:
    made = image.copy()
    made.paste(image, (x, 0))
    return made


def passed(answer: Image.Image, config: Config | None = None, task: str = "swap") -> Judged:
    triplet = Triplet("x/1", "x", task, "", "do", 0, "MIT", "a.parquet", 0, 0)
    made = judge(triplet, GEOMETRY, scene(), answer, config or Config())
    assert isinstance(made, Judged), made
    return made


def box(found: Judged) -> tuple[int, int, int, int]:
    edit = found.edit
    left, top = edit.change_x, edit.change_y
    return left, top, left + edit.change_width, top + edit.change_height


def test_the_edit_is_found_where_it_is_in_px_of_the_source() -> None:
    found = passed(edited())
    assert box(found) == pytest.approx([2 * edge for edge in BOX], abs=6)
    assert found.measures.change_area == pytest.approx(120 * 100 / (480 * 360), rel=0.1)
    assert found.measures.psnr_outside > 55
    assert found.measures.ssim_outside > 0.999
    assert found.measures.tone_drift == 0
    assert found.doubts == ""


def test_where_the_pictures_are_cropped_the_edit_is_told_in_px_of_what_is_left() -> None:
    found = passed(shifted(edited(), -8))
    cropped = found.measures.crop_left
    assert 14 <= cropped <= 18
    expected = [2 * edge - (cropped if number % 2 == 0 else 0) for number, edge in enumerate(BOX)]
    assert box(found) == pytest.approx(expected, abs=8)


def test_where_a_shift_is_left_as_it_is_the_edit_is_told_in_px_of_all_of_the_source() -> None:
    found = passed(shifted(edited(), -8), Config(correct=False, max_displacement=0.05))
    assert (found.measures.crop_left, found.frame.size) == (0, (960, 720))
    assert box(found) == pytest.approx([2 * edge for edge in BOX], abs=8)
    rows, columns = np.nonzero(read_map(found.edit.change_mask))
    assert (columns.min() + columns.max()) / 2 == pytest.approx(180 / 480 * 192, abs=2)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(130 / 360 * 144, abs=2)


def test_a_change_of_tone_is_drift_of_a_local_task_and_the_edit_of_a_whole_one() -> None:
    warm = np.asarray(edited(), np.int16) + np.array((30, 10, -30))
    answer = Image.fromarray(warm.clip(0, 255).astype(np.uint8))
    local = passed(answer)
    assert local.measures.tone_drift == pytest.approx(30 / 255, abs=0.002)
    assert local.measures.change_area < 0.2
    assert "tone_drift" in local.doubts
    whole = passed(answer, task="style")
    assert whole.measures.change_area > 0.9
    assert (whole.measures.tone_drift, whole.doubts) == (-1, "")


def test_what_lies_outside_of_a_given_mask_is_measured_whatever_changed_there() -> None:
    found = passed(edited())
    mask = Image.new("L", SIZE)
    assert beyond(found.pair, None) == Beyond(-1, -1, -1)
    mask.paste(255, BOX)
    kept = beyond(found.pair, mask)
    assert kept.outside_mask == 0
    assert kept.psnr_outside_mask > 55
    assert kept.ssim_outside_mask > 0.999
    mask.paste(0, (120, 80, 180, 180))  # half of the edit lies outside
    told = beyond(found.pair, mask)
    assert told.outside_mask == pytest.approx(0.03, abs=0.01)
    assert 15 < told.psnr_outside_mask < 30
    assert 0.8 < told.ssim_outside_mask < 0.99


def test_results_without_anything_in_common_with_their_source_are_suspected() -> None:
    assert not suspected(passed(edited()))
    strange = judge(TRIPLET, GEOMETRY, scene(), scene(5), Config())
    assert isinstance(strange, Rejected)
    assert suspected(strange)
    assert suspected(passed(scene(5), task="style"))
    assert not suspected(Rejected("x/1", "filter", Reason.NO_EDIT, ""))


def _drawn(picture: Image.Image) -> Image.Image:
    return ImageOps.invert(picture.convert("L").filter(ImageFilter.FIND_EDGES)).convert("RGB")


@pytest.mark.parametrize("task", ["style", "env", "background"])
def test_what_may_change_all_is_doubted_if_nothing_of_the_source_is_left(task: str) -> None:
    assert passed(scene(1), task=task).doubts == "nothing_alike"
    assert passed(_drawn(scene()), task=task).doubts == ""
