"""A pair as it was published has no paid answer, and its pictures may differ in size."""

from collections.abc import Callable
from typing import Any

import pytest

from editcorpus.layouts.audit import audit
from editcorpus.storage import Store

BASE = {"variant": "base", "model": "", "quality": "", "response": ""}


def problems(build: Callable[..., Store], *records: Any) -> list[str]:
    return audit(build(shards=(records,)), "spring").problems


def test_a_published_pair_of_two_sizes_is_whole(build: Any, sample: Any) -> None:
    edited = {"edited_image": sample.draw(5, (30, 20)), "edited_width": 30, "edited_height": 20}
    assert problems(build, sample.published(0, **BASE), sample.published(1, **BASE, **edited)) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"variant": "output", "model": "", "response": ""}, "has no text in model"),
        ({"variant": "output", "response": ""}, "names '', which is no hash"),
        ({**BASE, "edited_width": 25}, "has in edited_image 24 x 16 pixels, not 25 x 16"),
        ({"edited_width": 25}, "has pictures of two sizes, though its variant is 'output'"),
        ({"outside_mask": 1.5}, "has 1.5 in outside_mask"),
        ({"outside_mask": -0.5}, "has -0.5 in outside_mask"),
        ({"tone_drift": 1.5}, "has 1.5 in tone_drift, which is neither a share nor -1"),
        (
            {"change_x": 20, "change_width": 5},
            "has an edit of width 5 at 20, outside its picture of 24",
        ),
        ({"psnr_outside": float("nan")}, "has nan in psnr_outside"),
    ],
)
def test_what_only_a_published_pair_may_lack_is_told(
    build: Any, sample: Any, changes: dict[str, Any], sentence: str
) -> None:
    assert sentence in "\n".join(problems(build, sample.published(0, **changes)))
