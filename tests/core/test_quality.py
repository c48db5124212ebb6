"""What a corpus says of itself is what its columns say; what they do not say is not measured."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.quality import FIGURES, RATES, Counts, Quality, count, quality
from editcorpus.reasons import Reason


def columns(**given: list[Any]) -> dict[str, Any]:
    texts = {"family", "registration", "doubts"}
    return {
        name: np.array(values, object if name in texts else float) for name, values in given.items()
    }


def rates(made: Quality) -> dict[str, tuple[int, int]]:
    titles = {asked.title: name for name, asked in RATES.items()}
    return {titles[rate.title]: (rate.count, rate.of) for rate in made.rates}


FIVE = columns(
    residual_padding=[0, 0, 0.001, 0, 0],
    border_fraction=[0.3, 0, 0, 0, 0.005],
    registration=["aligned", "corrected", "corrected", "unregistered", ""],
    displacement_px=[0.2, 0.1, 0.7, -1, -1],
    doubts=["", "tiny_edit", "tiny_edit tone_drift", "", ""],
    changed_share=[0.1, 0.2, 0.3, 0.4, 0.5],
    family=["object_addition", "", "object_addition", "style_transfer", ""],
    psnr_outside=[-1, 35.04, 36, -1, -1],
    score=[0.5, 0.6, 0.7, 0.8, 0.9],
    dino_sim=[np.nan, np.nan, 0.25, np.nan, np.nan],
)


def test_rates_are_of_the_records_of_which_it_is_known() -> None:
    made = quality(count(FIVE, 5), 10, {Reason.NO_EDIT: 2, Reason.IMAGE_BLANK: 1})
    assert rates(made) == {
        "residual_padding": (1, 5),
        "plain_border": (1, 5),
        "corrected": (2, 4),
        "displaced": (0, 4),
        "moving": (0, 4),
        "unregistered": (1, 4),
        "off": (1, 3),
        "tiny_edit": (2, 5),
        "nothing_alike": (0, 5),
        "unlike_outside": (0, 5),
        "tone_drift": (1, 5),
    }
    corrected = next(rate for rate in made.rates if rate.count == 2 and rate.of == 4)
    low, middle, high = corrected.interval
    assert (round(low, 3), middle, round(high, 3)) == (0.150, 0.5, 0.850)


def test_rejected_triplets_are_told_by_reason_where_it_is_known_how_many_entered() -> None:
    made = quality(count(FIVE, 5), 10, {Reason.NO_EDIT: 2, Reason.IMAGE_BLANK: 1})
    told = {rate.title: (rate.count, rate.of) for rate in made.rejected}
    assert told["no_edit"] == (2, 10)
    assert told["image_blank"] == (1, 10)
    assert told["residual_padding"] == (0, 10)
    assert quality(count(FIVE, 5), 0, {}).rejected == ()


def test_figures_are_spread_over_those_that_were_measured() -> None:
    made = quality(count(FIVE, 5), 5, {})
    spreads = {spread.title: (spread.of, spread.quantiles) for spread in made.spreads}
    assert spreads[FIGURES["displacement_px"].title] == (3, (0.1, 0.2, 0.7))
    assert spreads[FIGURES["psnr_outside"].title] == (2, (35.0, 35.0, 36.0))
    assert spreads[FIGURES["dino_sim"].title] == (1, (0.25, 0.25, 0.25))
    assert spreads[FIGURES["tone_drift"].title] == (0, ())
    families = {spread.family: (spread.of, spread.quantiles) for spread in made.families}
    assert families["object_addition"] == (2, (0.1, 0.1, 0.3))
    assert set(families) == {"", "object_addition", "style_transfer"}


def test_a_corpus_without_the_columns_has_nothing_measured() -> None:
    made = quality(count({}, 3), 3, {})
    assert {rate.of for rate in made.rates} == {0}
    assert {spread.of for spread in made.spreads} == {0}
    assert quality(Counts(), 0, {}).families == ()


@given(st.integers(0, 5), st.integers(0, 5))
def test_counts_of_files_add_up_to_those_of_the_whole(first: int, second: int) -> None:
    low, high = sorted((first, second))
    cuts = ((0, low), (low, high), (high, 5))
    parts = [
        count({name: values[start:end] for name, values in FIVE.items()}, end - start)
        for start, end in cuts
    ]
    assert quality(sum(parts, Counts()), 9, {}) == quality(count(FIVE, 5), 9, {})
