"""The deployment file, and the form that Prefect makes of the flow's parameters."""

import re
import subprocess
import sys
from collections.abc import Iterator
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

ROOT = Path(__file__).parents[2]
FILES = ("prefect", "docker", "kubernetes")
JOB = {"PREFECT_LOGGING_EXTRA_LOGGERS": "editcorpus", "MALLOC_ARENA_MAX": "2"}


def declared(file: str = "prefect") -> dict[str, dict[str, Any]]:
    """The deployments of a file by their names."""
    found = yaml.safe_load((ROOT / "deployments" / f"{file}.yaml").read_text("utf-8"))
    return {one["name"]: one for one in found["deployments"]}


SOURCES = [name for name in declared() if not name.endswith("-partition") and name != "corpus"]


@pytest.fixture(scope="module")
def flow() -> Flow[..., Any]:
    return load_flow_from_entrypoint(declared()["omniedit"]["entrypoint"])


@pytest.fixture(params=[*SOURCES, "corpus"])
def any_flow(request: pytest.FixtureRequest) -> Flow[..., Any]:
    return load_flow_from_entrypoint(declared()[request.param]["entrypoint"])


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


def test_the_files_are_what_the_script_makes() -> None:
    command = [sys.executable, "scripts/deployments.py", "--check"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("file", FILES)
def test_each_kind_of_pool_has_the_same_deployments_in_two_queues(file: str) -> None:
    whole = yaml.safe_load((ROOT / "deployments" / f"{file}.yaml").read_text("utf-8"))
    found, queues = declared(file), [one["name"] for one in whole["definitions"]["queues"]]
    assert whole["pull"] == []
    assert len(found) == len(whole["deployments"])
    for name, one in found.items():
        pool = one["work_pool"]
        assert pool["name"] == {"prefect": "local"}.get(file, file)
        assert pool["work_queue_name"] == queues[name.endswith("-partition")]
        assert pool["job_variables"]["env"].items() >= JOB.items()
        assert (pool["job_variables"].get("image") is None) == (file == "prefect")
        assert {**one, "work_pool": {}} == {**declared()[name], "work_pool": {}}


def test_every_flow_is_deployed_and_each_source_with_its_parts() -> None:
    modules = [path.stem for path in (ROOT / "flows").glob("*.py")]
    marked = [name for name in modules if f"def {name}(" in text(name) and "@flow(" in text(name)]
    names = {name.replace("_", "-") for name in marked}
    assert names == {*SOURCES, "corpus", "partition"}
    assert set(SOURCES) == {*source_names(), "own-source"}
    parts = {f"{name}-partition" for name in SOURCES}
    assert set(declared()) == {*SOURCES, *parts, "corpus"}


def text(module: str) -> str:
    return (ROOT / "flows" / f"{module}.py").read_text("utf-8")


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_s_deployment_is_a_dry_run_of_a_pilot_that_nothing_starts_by_itself(
    name: str,
) -> None:
    one = declared()[name]
    flow: Flow[..., Any] = load_flow_from_entrypoint(one["entrypoint"])
    recipe = flow.validate_parameters(one["parameters"])["recipe"]
    assert isinstance(recipe, Recipe)
    assert (flow.name, one["tags"]) == (name, ["editcorpus", name])
    assert [schedule["active"] for schedule in one["schedules"]] == [False]
    assert recipe.effort.dry_run
    assert 0 < recipe.selection.limit <= 1000
    assert recipe.effort.budget_usd is not None
    assert 0 < recipe.effort.budget_usd <= 100
    if name != "own-source":
        source = source_named(name, recipe.recipe)
        assert settled(recipe, source).variant == source.variant


def test_several_runs_of_a_source_go_on_side_by_side() -> None:
    assert not [name for name, one in declared().items() if "concurrency_limit" in one]


@pytest.mark.parametrize("name", SOURCES)
def test_parts_of_a_run_are_started_by_the_run_alone(name: str) -> None:
    parts = declared()[f"{name}-partition"]
    found: Flow[..., Any] = load_flow_from_entrypoint(parts["entrypoint"])
    assert deployment_named(parts["name"]) == f"{found.name}/{parts['name']}"
    assert set(found.parameters.properties) == {"recipe", "share"}
    assert not {"schedules", "parameters"} & set(parts)


def test_prefect_takes_the_file_s_members(flow: Flow[..., Any]) -> None:
    deployment = declared()["omniedit"]
    made = RunnerDeployment.from_flow(
        flow,
        deployment["name"],
        tags=deployment["tags"],
        parameters=deployment["parameters"],
        cron=deployment["schedules"][0]["cron"],
    )
    assert made.parameters == deployment["parameters"]


def test_every_field_of_a_form_has_a_description(any_flow: Flow[..., Any]) -> None:
    found = dict(fields(any_flow.parameters.model_dump()))
    assert len(found) > 10
    assert [name for name, said in found.items() if not said] == []


def test_every_number_of_a_form_has_bounds_and_its_description_tells_them(
    any_flow: Flow[..., Any],
) -> None:
    models = any_flow.parameters.model_dump()["definitions"]
    found = [
        (f"{model}.{name}", field["description"], number)
        for model, members in models.items()
        for name, field in members.get("properties", {}).items()
        for number in numbers(field)
    ]
    assert len(found) >= 6
    for name, said, number in found:
        ends = (
            bound(number, "minimum", "exclusiveMinimum"),
            bound(number, "maximum", "exclusiveMaximum"),
        )
        untold = [end for end in ends if not told(end, said)]
        assert untold == [], (name, said)


def test_no_choice_of_a_form_is_an_empty_word(any_flow: Flow[..., Any]) -> None:
    models = any_flow.parameters.model_dump()["definitions"]
    choices = {
        f"{model}.{name}": field["enum"]
        for model, members in models.items()
        for name, field in members.get("properties", {}).items()
        if "enum" in field
    }
    assert [name for name, words in choices.items() if "" in words] == []
