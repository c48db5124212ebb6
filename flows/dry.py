"""A dry run: everything is checked, nothing is paid, and what the run would cost is told."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import httpx
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.states import Completed

from editcorpus.errors import ConfigError
from editcorpus.layouts.markdown import code
from editcorpus.stages.estimate import Cost, Estimate
from editcorpus.stages.looking import Sample
from editcorpus.stages.opening import Job
from flows.forecasts import dollars, weighed
from flows.parameters import Recipe
from flows.pricing import foretold

ARTIFACT = "editcorpus-dry-run"
"""Key of the artifact that shows what a run would cost."""
_HEAD = (
    "| step | model | quality | size | calls | each | expected |\n|---|---|---|---|--:|--:|--:|\n"
)


def dry_run(job: Job, recipe: Recipe) -> State[Any]:
    """Tell what a checked run would cost, and how long it would take.

    Args:
        job: The run.
        recipe: Its parameters, settled.

    Raises:
        ConfigError: Its input cannot be read, a model has no price, or a redrive is asked for.
    """
    if recipe.effort.redrive:
        raise ConfigError(
            "effort.redrive does again whom a run gave up, and what that costs is not known before: "
            "turn effort.dry_run off."
        )
    sample, found = foretold(job, recipe)
    expected = expected_usd(found, job)
    told = sentence(sample, found, job)
    with suppress(httpx.HTTPError, PrefectException):  # the final state tells the same
        create_markdown_artifact(table(found), key=ARTIFACT, description=told)
    return Completed(name=f"Completed (dry run: {dollars(expected)})", message=told)


def expected_usd(found: Estimate, job: Job) -> Decimal:
    """Dollars that a run is expected to cost, asked as its steps are to ask."""
    return sum((_usual(cost, step, job) for step, cost in found.steps.items()), Decimal(0))


def sentence(sample: Sample, found: Estimate, job: Job) -> str:
    """What a dry run has come to."""
    hours = max(found.hours.values(), default=0.0)
    rows = (
        f"{sample.rows:,} rows, of which {sample.looked_at:,} were looked at and "
        f"{len(sample.fit):,} are fit to be edited."
    )
    cost = (
        f"Expected {dollars(expected_usd(found, job))}, at most {dollars(found.total.worst)} if every "
        f"call comes to its worst case, in {hours:,.1f} hours at the limits of the endpoints; "
        f"{weighed(found.keeps.total)} are kept."
    )
    served = f" {found.served:,} edits lie in the store and cost nothing." if found.served else ""
    return f"Nothing was paid. {rows} {cost}{served} {_budget(found, job)}"


def table(found: Estimate) -> str:
    """The calls that a run would make, as Markdown: one line a kind."""
    lines = (
        f"| {kind.step} | {code(kind.model)} | {kind.quality} | {kind.size} | {cost.calls:,} | "
        f"{dollars(cost.expected / cost.calls) if cost.calls else ''} | {dollars(cost.expected)} |\n"
        for kind, cost in found.kinds.items()
    )
    total = found.total
    all_of_them = f"| all | | | | {total.calls:,} | | {dollars(total.expected)} |\n"
    return _HEAD + "".join(lines) + all_of_them


def _usual(cost: Cost, step: str, job: Job) -> Decimal:
    return cost.expected if job.modes.get(step, "online") == "online" else cost.batch


def _budget(found: Estimate, job: Job) -> str:
    expected, budget = expected_usd(found, job), job.budget_usd
    if budget is None:
        return "There is no budget. Turn effort.dry_run off to build it."
    if expected > budget:
        return f"The budget of {dollars(budget)} would stop it before its end."
    return f"The budget is {dollars(budget)}. Turn effort.dry_run off to build it."
