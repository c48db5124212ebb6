"""What is usual in a run, by family."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editcorpus.bands import LEAST, Band, bands_of, beyond


def rows(family: str, values: list[float], column: str = "changed_share") -> list[dict[str, Any]]:
    return [{"family": family, column: value} for value in values]


def test_a_band_reaches_from_the_first_to_the_last_percentile() -> None:
    found = bands_of(rows("object_addition", [number / 1000 for number in range(1001)]))
    assert found == {"object_addition": {"changed_share": Band(0.01, 0.99)}}


def test_each_family_has_bands_of_its_own() -> None:
    few = rows("style_transfer", [0.6 + number / 1000 for number in range(200)])
    found = bands_of([*few, *rows("object_removal", [number / 1000 for number in range(200)])])
    low = {"family": "object_removal", "changed_share": 0.1}
    assert list(found) == ["object_removal", "style_transfer"]
    assert beyond(low, found) == ()
    assert beyond({**low, "family": "style_transfer"}, found) == ("changed_share",)


def test_a_family_of_few_records_or_without_a_name_has_no_band() -> None:
    values = [0.1] * (LEAST - 1)
    assert bands_of(rows("object_addition", values)) == {}
    assert bands_of(rows("", [0.1] * LEAST)) == {}
    assert beyond({"family": "object_addition", "changed_share": 0.9}, {}) == ()


def test_unknown_values_are_of_no_account() -> None:
    known = rows("color_change", [30.0] * LEAST, "psnr_outside")
    unknown = rows("color_change", [-1.0, float("nan"), float("inf")] * LEAST, "psnr_outside")
    nulls: list[dict[str, Any]] = [
        {"family": "color_change", "psnr_outside": None},
        {"family": "color_change"},
    ]
    found = bands_of([*known, *unknown, *nulls])
    assert found == {"color_change": {"psnr_outside": Band(30.0, 30.0)}}
    assert beyond({"family": "color_change", "psnr_outside": -1.0}, found) == ()
    assert beyond({"family": "color_change", "psnr_outside": 12.0}, found) == ("psnr_outside",)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=LEAST, max_size=4 * LEAST), st.randoms())
def test_no_more_than_a_fiftieth_lies_beyond_whatever_the_order(
    values: list[float], random: Random
) -> None:
    made = rows("color_change", values)
    found = bands_of(made)
    random.shuffle(made)
    assert bands_of(made) == found
    assert sum(bool(beyond(row, found)) for row in made) <= 2 * -(-len(values) // 100)


@pytest.mark.parametrize("column", ["tone_drift", "anything"])
def test_the_columns_are_an_argument(column: str) -> None:
    found = bands_of(rows("color_change", [0.5] * LEAST, column), [column])
    assert found == {"color_change": {column: Band(0.5, 0.5)}}
