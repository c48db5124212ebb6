"""What a person is told before a build that may pay without a limit."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from editcorpus.tariffs import Tariff
from flows.parameters import Recipe
from flows.starting import no_budget, roles_asked


def job(budget: Decimal | None = None, tariff: Tariff = Tariff.LISTED, **more: Any) -> Any:
    endpoints = {
        "regenerate": SimpleNamespace(tariff=tariff),
        "align": SimpleNamespace(tariff=Tariff.FREE),
    }
    members = {"budget_usd": budget, "endpoints": endpoints, "emulated": False}
    return SimpleNamespace(**{**members, "asked": endpoints, **more})


@pytest.mark.parametrize("tariff", [Tariff.LISTED, Tariff.PER_IMAGE])
def test_a_run_that_pays_without_a_limit_is_told_so_in_words(tariff: Tariff) -> None:
    told = no_budget(job(tariff=tariff))
    assert told.startswith("No budget is set: ")
    assert "--budget-usd" in told


@pytest.mark.parametrize(
    "quiet",
    [job(Decimal(5)), job(tariff=Tariff.FREE), job(emulated=True), job(asked={"align"})],
    ids=["limited", "free", "rehearsal", "judged"],
)
def test_where_there_is_a_limit_or_nothing_to_pay_nothing_is_told(quiet: Any) -> None:
    assert no_budget(quiet) == ""


@pytest.mark.parametrize(
    ("source", "members", "roles"),
    [
        ("omniedit", {}, {"images", "writer", "judge"}),
        ("omniedit", {"rewrite": {"share": 0.0}}, {"images", "judge"}),
        ("omniedit", {"variant": "base"}, {"judge"}),
        ("gpt-image-edit", {}, {"judge"}),
        ("gpt-image-edit", {"variant": "output"}, {"images", "judge"}),
        ("gpt-image-edit", {"variant": "rewrite"}, {"images", "writer", "judge"}),
        ("ultraedit", {"variant": "base"}, {"writer", "judge"}),
        ("complex-edit", {}, {"images", "writer", "judge"}),
    ],
)
def test_only_endpoints_that_a_build_asks_have_to_be_there(
    source: str, members: dict[str, Any], roles: set[str]
) -> None:
    recipe = Recipe.model_validate({"run": "r", "input": "x", **members})
    assert roles_asked(source, recipe) == roles
