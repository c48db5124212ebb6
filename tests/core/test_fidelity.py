"""What is kept outside of an edit."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from editcorpus.changes import Mask, Pixels, difference
from editcorpus.fidelity import MOST_DB, UNKNOWN, Fidelity, fidelity, outside

BOX = np.s_[60:140, 100:220]


def scene(seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 200, (32, 48, 3)).astype(np.uint8)
    return np.array(Image.fromarray(coarse).resize((384, 256), Image.Resampling.BICUBIC))


def edited(base: Pixels | None = None) -> Pixels:
    made = (scene() if base is None else base).copy()
    made[BOX] = 255 - made[BOX]
    return made


def boxed() -> Mask:
    changed = np.zeros((256, 384), bool)
    changed[BOX] = True
    return changed


def measured(result: Pixels, where: Mask | None = None) -> Fidelity:
    found = difference(scene(), result)
    return fidelity(scene(), result, found, outside(boxed()) if where is None else where)


def test_an_edit_that_touches_nothing_else_keeps_all() -> None:
    assert measured(edited()) == Fidelity(psnr=MOST_DB, ssim=1.0, drift=0.0)


def test_what_is_within_the_edit_is_not_asked() -> None:
    assert measured(edited()) == measured(np.array(Image.fromarray(edited())))
    wild = edited()
    wild[BOX] = np.random.default_rng(1).integers(0, 256, wild[BOX].shape)
    assert measured(wild) == measured(edited())


def test_noise_lowers_psnr_by_what_its_deviation_says() -> None:
    noise = np.random.default_rng(2).normal(0, 5, (256, 384, 3))
    found = measured((edited() + noise).clip(0, 255).round().astype(np.uint8))
    assert found.psnr == pytest.approx(20 * np.log10(255 / 5), abs=0.15)
    assert found.drift <= 2 / 255


def test_blurring_lowers_ssim_more_than_noise_does() -> None:
    soft = np.array(Image.fromarray(edited()).filter(ImageFilter.GaussianBlur(6)))
    assert measured(soft).ssim < 0.8
    assert measured(soft).ssim > measured(scene(seed=5)).ssim
    assert measured(scene(seed=5)).ssim < 0.4


@pytest.mark.parametrize("shift", [(12, 0, 0), (-12, 3, 0), (0, 0, 12)])
def test_a_change_of_tone_is_the_drift_of_its_channel(shift: tuple[int, int, int]) -> None:
    toned = (edited().astype(int) + np.array(shift)).clip(0, 255).astype(np.uint8)
    found = measured(toned)
    assert found.drift == pytest.approx(12 / 255, abs=0.001)
    assert found.ssim > 0.9
    assert found.psnr < 35


def test_nothing_is_said_where_too_little_lies_outside() -> None:
    narrow = np.zeros((256, 384), bool)
    narrow[:12] = True
    assert measured(edited(), narrow) == Fidelity(UNKNOWN, UNKNOWN, UNKNOWN)


def test_a_picture_too_small_for_a_window_has_no_ssim() -> None:
    one = scene()[:6, :200]
    found = fidelity(one, one, difference(one, one), np.ones(one.shape[:2], bool))
    assert found == Fidelity(psnr=MOST_DB, ssim=UNKNOWN, drift=0.0)


def test_ssim_is_that_of_the_formula_over_windows_of_seven() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.integers(0, 256, (2, 7, 7, 3)).astype(np.uint8)
    weights = np.array((0.299, 0.587, 0.114))
    a, b = one @ weights, other @ weights
    c1, c2 = 2.55**2, 7.65**2
    covariance = ((a - a.mean()) * (b - b.mean())).mean()
    expected = (2 * a.mean() * b.mean() + c1) * (2 * covariance + c2)
    expected /= (a.mean() ** 2 + b.mean() ** 2 + c1) * (a.var() + b.var() + c2)
    found = fidelity(one, other, difference(one, other), np.ones((7, 7), bool))
    assert found.ssim == pytest.approx(expected, abs=1e-4)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.sampled_from([np.fliplr, np.flipud, np.rot90]), st.integers(0, 40))
def test_turning_both_pictures_changes_no_figure(
    turn: Callable[[NDArray[Any]], NDArray[Any]], strength: int
) -> None:
    noise = np.random.default_rng(strength).normal(0, strength, (256, 384, 3))
    result = (edited() + noise).clip(0, 255).astype(np.uint8)
    found = measured(result)
    one, other = (np.ascontiguousarray(turn(each)) for each in (scene(), result))
    turned = fidelity(one, other, difference(one, other), turn(outside(boxed())))
    assert (turned.psnr, turned.drift) == (found.psnr, found.drift)
    assert turned.ssim == pytest.approx(found.ssim, abs=1e-3)
