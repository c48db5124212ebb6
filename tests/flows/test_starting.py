"""What a person is told before a build that may pay without a limit."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from editcorpus.tariffs import Tariff
from flows.starting import no_budget


def job(budget: Decimal | None = None, tariff: Tariff = Tariff.LISTED, **more: Any) -> Any:
    endpoints = {
        "regenerate": SimpleNamespace(tariff=tariff),
        "align": SimpleNamespace(tariff=Tariff.FREE),
    }
    return SimpleNamespace(
        **{"budget_usd": budget, "endpoints": endpoints, "emulated": False, **more}
    )


@pytest.mark.parametrize("tariff", [Tariff.LISTED, Tariff.PER_IMAGE])
def test_a_run_that_pays_without_a_limit_is_told_so_in_words(tariff: Tariff) -> None:
    told = no_budget(job(tariff=tariff))
    assert told.startswith("No budget is set: ")
    assert "--budget-usd" in told


@pytest.mark.parametrize(
    "quiet",
    [job(Decimal(5)), job(tariff=Tariff.FREE), job(emulated=True)],
    ids=["limited", "free", "rehearsal"],
)
def test_where_there_is_a_limit_or_nothing_to_pay_nothing_is_told(quiet: Any) -> None:
    assert no_budget(quiet) == ""
