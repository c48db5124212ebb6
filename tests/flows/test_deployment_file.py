"""The deployment file, and the form that Prefect makes of the flow's parameters."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.deployments.runner import RunnerDeployment
from prefect.flows import Flow, load_flow_from_entrypoint

from flows.parameters import Recipe
from flows.settling import settled
from flows.sources import source_named, source_names
from flows.workers import deployment_named

FILE = Path(__file__).parents[2] / "deployments" / "prefect.yaml"


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def deployment(declared: dict[str, Any]) -> dict[str, Any]:
    return dict(declared["deployments"][0])


@pytest.fixture(scope="module")
def parts(declared: dict[str, Any]) -> dict[str, Any]:
    return dict(declared["deployments"][1])


@pytest.fixture(scope="module")
def flow(deployment: dict[str, Any]) -> Flow[..., Any]:
    return load_flow_from_entrypoint(deployment["entrypoint"])


def fields(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every field of a form, by model and name, with what the form says about it.

    Where a field says the same as the model it refers to, pydantic leaves it to the model.
    """
    models = schema["definitions"]
    for model, members in {"": schema, **models}.items():
        for name, field in members.get("properties", {}).items():
            referred = models.get(field.get("$ref", "").rpartition("/")[2], {})
            yield f"{model}.{name}", field.get("description") or referred.get("description", "")


def numbers(field: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every number that a field takes: itself, one of several kinds, or the members of a list."""
    if field.get("type") in {"integer", "number"}:
        yield field
    for inner in (*field.get("anyOf", ()), field.get("items")):
        if inner:
            yield from numbers(inner)


def bound(number: dict[str, Any], *names: str) -> float:
    return next(float(number[name]) for name in names if name in number)


def told(bound: float, text: str) -> bool:
    """Whether a text names a number, and not merely its digits."""
    return bool(re.search(rf"(?<![\d.,]){bound:,.10g}(?![\d]|[.,]\d)", text))


def test_names_the_deployments_of_a_source_by_their_modules_without_a_pull_step(
    declared: dict[str, Any], deployment: dict[str, Any], parts: dict[str, Any]
) -> None:
    assert declared["pull"] == []
    names = [one["name"] for one in declared["deployments"]]
    assert names[:2] == ["omniedit", "omniedit-partition"]
    assert len(names) == len(set(names))
    assert parts["entrypoint"] == "flows.partition.partition"
    assert parts["work_pool"]["name"] == deployment["work_pool"]["name"]
    assert parts["work_pool"]["job_variables"] == deployment["work_pool"]["job_variables"]
    assert deployment["name"] == "omniedit"
    assert deployment["entrypoint"] == "flows.omniedit.omniedit"
    assert deployment["work_pool"]["name"] == "local"


def test_lets_one_run_work_at_a_time_and_starts_none_by_itself(deployment: dict[str, Any]) -> None:
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    assert [schedule["active"] for schedule in deployment["schedules"]] == [False]


def test_the_entrypoint_loads_the_flow(flow: Flow[..., Any]) -> None:
    assert flow.name == "omniedit"


def test_parts_of_a_run_may_be_done_side_by_side_and_by_nobody_s_schedule(
    parts: dict[str, Any],
) -> None:
    found = load_flow_from_entrypoint(parts["entrypoint"])
    assert deployment_named(parts["name"]) == f"{found.name}/{parts['name']}"
    assert set(found.parameters.properties) == {"recipe", "share"}
    assert not {"schedules", "concurrency_limit", "parameters"} & set(parts)


def test_prefect_takes_the_file_s_members(deployment: dict[str, Any], flow: Flow[..., Any]) -> None:
    made = RunnerDeployment.from_flow(
        flow,
        deployment["name"],
        tags=deployment["tags"],
        parameters=deployment["parameters"],
        concurrency_limit=deployment["concurrency_limit"]["limit"],
        cron=deployment["schedules"][0]["cron"],
    )
    assert made.parameters == deployment["parameters"]


def test_the_parameters_are_a_pilot_with_a_budget(
    deployment: dict[str, Any], flow: Flow[..., Any]
) -> None:
    recipe = flow.validate_parameters(deployment["parameters"])["recipe"]
    assert isinstance(recipe, Recipe)
    assert 0 < recipe.selection.limit <= 1000
    assert recipe.effort.budget_usd is not None
    assert 0 < recipe.effort.budget_usd <= 100


def test_every_field_of_the_form_has_a_description(flow: Flow[..., Any]) -> None:
    found = dict(fields(flow.parameters.model_dump()))
    assert {".recipe", "Recipe.run", "Effort.budget_usd"} <= set(found)
    assert len(found) > 40
    assert [name for name, said in found.items() if not said] == []


def test_every_number_of_the_form_has_bounds_and_its_description_tells_them(
    flow: Flow[..., Any],
) -> None:
    models = flow.parameters.model_dump()["definitions"]
    found = [
        (f"{model}.{name}", field["description"], number)
        for model, members in models.items()
        for name, field in members.get("properties", {}).items()
        for number in numbers(field)
    ]
    assert len(found) > 25
    for name, said, number in found:
        ends = (
            bound(number, "minimum", "exclusiveMinimum"),
            bound(number, "maximum", "exclusiveMaximum"),
        )
        untold = [end for end in ends if not told(end, said)]
        assert untold == [], (name, said)


def test_no_choice_of_the_form_is_an_empty_word(flow: Flow[..., Any]) -> None:
    models = flow.parameters.model_dump()["definitions"]
    choices = {
        f"{model}.{name}": field["enum"]
        for model, members in models.items()
        for name, field in members.get("properties", {}).items()
        if "enum" in field
    }
    assert len(choices) >= 8
    assert [name for name, words in choices.items() if "" in words] == []


def test_each_source_with_a_flow_has_a_deployment_and_one_for_its_parts(
    declared: dict[str, Any],
) -> None:
    found = {one["name"]: one for one in declared["deployments"]}
    names = [name for name in source_names() if find_spec(f"flows.{name.replace('-', '_')}")]
    assert {"omniedit", "scaleedit", "complex-edit"} <= set(names)
    assert set(found) == {"corpus", *names, *(f"{name}-partition" for name in names)}
    for name in names:
        own, parts = found[name], found[f"{name}-partition"]
        flow = load_flow_from_entrypoint(own["entrypoint"])
        recipe = flow.validate_parameters(own["parameters"])["recipe"]
        assert (flow.name, own["tags"]) == (name, ["editcorpus", name])
        assert parts["entrypoint"] == "flows.partition.partition"
        for key in ("limit", "collision_strategy"):
            assert own["concurrency_limit"][key] == found["omniedit"]["concurrency_limit"][key]
        assert 0 < recipe.selection.limit <= 1000
        assert 0 < recipe.effort.budget_usd <= 100
        source = source_named(name, recipe.recipe)
        assert settled(recipe, source).variant == source.variant
