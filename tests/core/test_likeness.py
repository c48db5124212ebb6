"""Cosines, directions, SSIM and the limits on them: pure arithmetic."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from editcorpus.likeness import PUBLISHED, Limits, cosine, directional, missed, ssim


def unit(*numbers: float) -> np.ndarray:
    found = np.array(numbers, np.float32)
    return found / np.linalg.norm(found)


def by_windows(first: np.ndarray, second: np.ndarray) -> float:
    """SSIM as it is written down (Wang et al. 2004, sample covariance), window after window."""
    found = []
    for channel in range(3):
        for top in range(first.shape[0] - 6):
            for left in range(first.shape[1] - 6):
                spot = np.s_[top : top + 7, left : left + 7, channel]
                one, other = first[spot].ravel() / 255, second[spot].ravel() / 255
                shared = np.cov(one, other)
                light = (2 * one.mean() * other.mean() + 1e-4) / (
                    one.mean() ** 2 + other.mean() ** 2 + 1e-4
                )
                contrast = (2 * shared[0, 1] + 9e-4) / (shared[0, 0] + shared[1, 1] + 9e-4)
                found.append(light * contrast)
    return float(np.mean(found))


@pytest.mark.parametrize("size", [(7, 7), (9, 12), (16, 8)])
def test_ssim_is_what_its_formula_says(size: tuple[int, int]):
    draws = np.random.default_rng(5)
    first = draws.integers(0, 256, (*size, 3), np.uint8)
    noise = draws.integers(-60, 60, first.shape)
    second = np.clip(first.astype(int) + noise, 0, 255).astype(np.uint8)
    assert ssim(first, second) == pytest.approx(by_windows(first, second), abs=1e-9)
    assert ssim(first, first) == pytest.approx(1)
    assert ssim(first, 255 - first) < 0


def test_ssim_of_what_is_smaller_than_a_window_is_not_known():
    assert ssim(np.zeros((6, 40, 3), np.uint8), np.zeros((6, 40, 3), np.uint8)) is None
    with pytest.raises(ValueError, match=r"\(9, 9, 3\) and \(9, 8, 3\)"):
        ssim(np.zeros((9, 9, 3), np.uint8), np.zeros((9, 8, 3), np.uint8))


def test_a_cosine_is_one_for_the_same_and_stays_within_its_bounds():
    one = unit(3, 4, 0)
    assert cosine(one, one) == pytest.approx(1)
    assert cosine(one, -one) == pytest.approx(-1)
    assert cosine(one, unit(0, 0, 1)) == 0
    with pytest.raises(ValueError, match="2 and 3 dimensions"):
        cosine(one, unit(1, 0))


@given(st.integers(0, 2**32 - 1))
def test_a_direction_turned_round_is_its_negative(seed: int):
    before, after, first, second = np.random.default_rng(seed).standard_normal((4, 16), np.float32)
    there = directional((before, after), (first, second))
    assert -1 <= there <= 1
    assert directional((after, before), (first, second)) == pytest.approx(-there, abs=1e-6)
    assert directional((before, after), (before, after)) == pytest.approx(1, abs=1e-6)


def test_a_pair_that_does_not_change_goes_no_way():
    one, other = unit(1, 2, 3), unit(3, 2, 1)
    assert directional((one, one), (one, other)) == 0
    assert directional((one, other), (one, one)) == 0


def test_nothing_is_missed_where_no_limit_is_set():
    assert missed({"clip_sim_dir": -1.0, "ssim": 1.0}, Limits()) == ""


def test_the_published_limits_are_those_of_ultraedit():
    free, region = (Limits(published=f"ultraedit-{part}").least for part in ("free", "region"))  # type: ignore[arg-type]
    assert (free["clip_sim_image"], region["clip_sim_image"]) == (0.75, 0.7)
    assert free["clip_sim_dir"] == region["clip_sim_dir"] == 0.22
    assert free["clip_sim_source"] == free["clip_sim_target"] == 0.2
    assert (free["dino_sim"], PUBLISHED["ultraedit-defaults"]["dino_sim"]) == (0.4, 0.3)


def test_the_first_limit_that_is_missed_is_told():
    limits = Limits(published="ultraedit-free", min_embed_match=0.5)
    good = {"clip_sim_image": 0.9, "clip_sim_dir": 0.22, "dino_sim": 0.4, "embed_match": 0.5}
    assert missed(good, limits) == ""
    assert missed({**good, "dino_sim": 0.39}, limits) == "dino_sim is 0.390, not 0.400 or more."
    assert missed({**good, "embed_match": math.nan}, limits).startswith("embed_match is nan")


def test_a_limit_of_ones_own_comes_before_a_published_one():
    limits = Limits(published="ultraedit-free", min_dino_sim=0.1, max_dino_sim=0.9, max_ssim=0.9)
    assert missed({"dino_sim": 0.2, "ssim": 0.9}, limits) == ""
    assert missed({"dino_sim": 0.91}, limits) == "dino_sim is 0.910, not 0.900 or less."
    assert missed({"ssim": 0.95}, limits) == "ssim is 0.950, not 0.900 or less."


def test_what_was_not_measured_lets_pass():
    limits = Limits(published="ultraedit-defaults", min_embed_match=1, max_ssim=0.1)
    assert missed({"clip_sim_dir": None, "embed_match": None, "ssim": None}, limits) == ""


def test_a_limit_out_of_bounds_is_refused():
    with pytest.raises(ValidationError):
        Limits(min_embed_dir=1.5)
