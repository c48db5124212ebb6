"""What makes a result worth a look."""

from dataclasses import replace
from typing import Any

import pytest

from editcorpus.doubts import DRIFT, LEAST_PSNR, LEAST_SSIM, TINY, UNLIKE, doubts
from editcorpus.frames import Standing
from editcorpus.records import Triplet
from editcorpus.verdicts import Config, Measures

TRIPLET = Triplet("x/1", "omniedit", "swap", "obj_swap", "do", 0, "MIT", "a.parquet", 0, 0)
STYLE = replace(TRIPLET, task="style", subtask="style")
USUAL = Measures(
    border_fraction=0.0,
    residual_padding=0.0,
    residual_sides="",
    changed_share=0.12,
    changed_share_no_tone=0.11,
    mean_difference=0.04,
    change_area=0.11,
    psnr_outside=34.0,
    ssim_outside=0.97,
    tone_drift=0.004,
    scale_x=1.0,
    scale_y=1.0,
    shift_x=0.0,
    shift_y=0.0,
    registration_ncc=0.8,
    registered=True,
    registration=Standing.ALIGNED,
    displacement_px=0.1,
    lost_share=0.0,
    crop_left=0,
    crop_top=0,
    crop_right=0,
    crop_bottom=0,
)
STRANGE: dict[str, Any] = {
    "registered": False,
    "registration_ncc": 0.05,
    "changed_share_no_tone": 0.5,
}


@pytest.mark.parametrize("triplet", [TRIPLET, STYLE], ids=["swap", "style"])
def test_a_usual_result_is_not_doubted(triplet: Triplet) -> None:
    assert doubts(triplet, USUAL, Config()) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"changed_share_no_tone": TINY - 0.0001}, "tiny_edit"),
        ({"changed_share_no_tone": TINY}, ""),
        (STRANGE, "nothing_alike"),
        ({**STRANGE, "registration_ncc": 0.2}, ""),
        ({**STRANGE, "changed_share_no_tone": 0.15}, ""),
        ({"psnr_outside": LEAST_PSNR - 0.01}, "unlike_outside"),
        ({"ssim_outside": LEAST_SSIM - 0.01}, "unlike_outside"),
        ({"psnr_outside": -1.0, "ssim_outside": -1.0, "tone_drift": -1.0}, ""),
        ({"tone_drift": DRIFT}, "tone_drift"),
        ({"tone_drift": DRIFT, "ssim_outside": 0.2}, "unlike_outside tone_drift"),
    ],
)
def test_each_figure_that_is_unusual_is_a_doubt(changes: dict[str, Any], said: str) -> None:
    assert doubts(TRIPLET, replace(USUAL, **changes), Config()) == said


@pytest.mark.parametrize(
    ("changes", "agreement", "said"),
    [
        (STRANGE, UNLIKE - 0.001, "nothing_alike"),
        (STRANGE, UNLIKE, ""),
        ({**STRANGE, "registration_ncc": 0.3}, 0.0, "nothing_alike"),
        ({**STRANGE, "registered": True}, 0.0, ""),
        ({**STRANGE, "changed_share_no_tone": 0.15}, 0.0, ""),
    ],
)
def test_a_task_that_may_change_all_is_doubted_where_no_contour_is_found_again(
    changes: dict[str, Any], agreement: float, said: str
) -> None:
    assert doubts(STYLE, replace(USUAL, **changes), Config(), agreement) == said


def test_of_a_task_that_may_change_all_nothing_else_but_a_tiny_edit_is_doubted() -> None:
    strange = replace(USUAL, **STRANGE, psnr_outside=10.0, tone_drift=0.2)
    assert doubts(STYLE, strange, Config()) == ""
    assert doubts(STYLE, replace(strange, changed_share=0.001), Config()) == "tiny_edit"
