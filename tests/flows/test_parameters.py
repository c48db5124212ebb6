"""The parameters of a build, where they are more than their types say."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from editcorpus.geometry import fixed_canvas
from editcorpus.steps import regenerate
from flows.parameters import Effort, Recipe
from flows.words import dollars


@pytest.mark.parametrize("given", [0.15, "0.15", Decimal("0.15")])
def test_a_budget_is_what_was_written(given: Any) -> None:
    assert Effort(budget_usd=given).budget_usd == Decimal("0.15")
    assert dollars("0.15") == Decimal("0.15")


def test_a_budget_comes_back_from_a_form_unchanged() -> None:
    recipe = Recipe(run="a", input="b", effort=Effort(budget_usd=Decimal("123456.07")))
    stored = recipe.model_dump(mode="json")
    assert stored["effort"]["budget_usd"] == 123456.07
    assert Recipe.model_validate(stored) == recipe
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


@pytest.mark.parametrize("given", [0, "0.00", -1, float("nan"), float("inf"), "x", True, 10**9])
def test_a_budget_that_is_none_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError, match="budget_usd"):
        Effort(budget_usd=given)


def test_without_a_word_there_is_no_budget() -> None:
    assert Effort().budget_usd is None


@pytest.mark.parametrize(
    ("quality", "square", "sent"),
    [
        ("max", "xhigh", ("xhigh", "max")),
        ("max", "same", ("max", "max")),
        ("unset", "same", ("", "")),
        ("unset", "low", ("low", "")),
    ],
)
def test_the_words_of_the_form_say_which_quality_is_sent(
    quality: Any, square: Any, sent: tuple[str, str]
) -> None:
    config = regenerate.Config(quality=quality, square_quality=square)
    canvases = fixed_canvas(900, 900), fixed_canvas(1500, 1000)
    assert tuple(config.quality_of(geometry) for geometry in canvases) == sent
