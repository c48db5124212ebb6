"""What the form of each deployment offers, and what is made of what it sends."""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from prefect.exceptions import ParameterTypeError
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.schema_tools.validation import validate

from editcorpus.tariffs import PUBLISHED
from flows.asked import given, presets_of, shown, variants_of
from flows.forms import models_of
from flows.hqedit import hqedit
from flows.omniedit import omniedit
from flows.own_source import own_source
from flows.parameters import Recipe
from flows.settling import settled
from flows.sources import recipes_of, source_named, source_names

LEAST = {"run": "r", "input": "rows.parquet"}
SCRIPT = Path(__file__).parents[2] / "scripts" / "forms.py"


def flow_of(source: str) -> Flow[..., Any]:
    return load_flow_from_entrypoint(f"editcorpus_flows.{source.replace('-', '_')}")


def recipe_of(flow: Flow[..., Any], **members: Any) -> Recipe:
    made: Recipe = flow.validate_parameters({"recipe": {**LEAST, **members}})["recipe"]
    return made


def asked(flow: Flow[..., Any], **members: Any) -> dict[str, Any]:
    """What a recipe has that a person gave, beside what it cannot be without."""
    said = recipe_of(flow, **members).model_dump(mode="json", exclude_unset=True)
    return {name: value for name, value in said.items() if name not in LEAST}


def defaults(schema: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """What a form sends that nobody has touched."""
    made = {}
    for name, field in schema["properties"].items():
        nested = known.get(field.get("$ref", "").rpartition("/")[2])
        if nested:
            made[name] = defaults(nested, known)
        elif "default" in field:
            made[name] = field["default"]
    return made


def test_each_form_is_as_it_was_last_looked_at() -> None:
    spec = importlib.util.spec_from_file_location("forms_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    pages: dict[Path, str] = script.pages()
    assert set(pages) == set(script.FOLDER.glob("*.txt"))
    changed = [path.name for path, text in pages.items() if path.read_text("utf-8") != text]
    assert changed == [], "Look at the difference after `make docs`."


@pytest.mark.parametrize("source", source_names())
def test_a_form_that_nobody_has_touched_hides_no_default(source: str) -> None:
    flow = flow_of(source)
    schema = flow.parameters.model_dump_for_openapi()
    sent = {"recipe": {**LEAST, **defaults(schema, schema["definitions"])["recipe"]}}
    assert validate(sent, schema) == []
    assert sent["recipe"].keys() - LEAST.keys()
    plain = Recipe.model_validate(LEAST)
    made: Recipe = flow.validate_parameters(json.loads(json.dumps(sent)))["recipe"]
    assert made == plain
    assert made.model_fields_set == {"run", "input"}


@pytest.mark.parametrize("source", source_names())
def test_a_form_shows_what_a_build_would_do(source: str) -> None:
    for recipe, of in recipes_of(source).items():
        if recipe != shown(source)["recipe"]:
            continue
        made = settled(Recipe.model_validate({**LEAST, "preset": "custom"}), of)
        said = made.model_dump(mode="json", exclude={"run", "input", "preset"})
        assert said == {name: shown(source)[name] for name in said}


def test_a_recipe_keeps_its_own_defaults_where_the_form_shows_those_of_another() -> None:
    sent = shown("hqedit")["filter"]
    assert sent["judge"]["whole_tasks"] == ["edit"]
    made = recipe_of(hqedit, filter=sent, recipe="generate")
    source = source_named("hqedit", "generate")
    assert settled(made, source).filter.judge.whole_tasks == ("generate",)


def test_what_a_person_changes_is_given_and_nothing_else() -> None:
    effort = {**shown("omniedit")["effort"], "budget_usd": 5, "dry_run": True}
    assert asked(omniedit, effort=effort) == {"effort": {"budget_usd": 5.0, "dry_run": True}}
    judge = {**shown("omniedit")["filter"]["judge"], "residual_padding": 0.2}
    assert asked(omniedit, filter={"judge": judge}) == {
        "filter": {"judge": {"residual_padding": 0.2}}
    }


def test_a_preset_is_not_hidden_by_the_form_s_defaults() -> None:
    sent = {name: shown("hqedit")[name] for name in ("recipe", "variant", "regenerate", "rewrite")}
    made = recipe_of(hqedit, **sent, preset="hqedit100k-pair-regen")
    found = settled(made, source_named("hqedit", "generate"))
    assert (found.recipe, found.variant, found.regenerate.quality) == ("generate", "pair", "max")


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        (
            {"regenerate": {"quality": "low"}},
            "The preset standard decides regenerate.quality: choose the preset custom to set it.",
        ),
        (
            {"variant": "base", "rewrite": {"share": 0.3}},
            "The variant base decides rewrite.share: leave it as it is.",
        ),
        (
            {"variant": "base", "preset": "custom", "regenerate": {"quality": "low"}},
            "hqedit edit in the variant base has no step regenerate: leave its settings as they are.",
        ),
        (
            {"synthesize": {"seed": 3}},
            "hqedit edit in the variant output has no step synthesize: leave its settings as they",
        ),
        ({"compose": {"level": 2}}, "hqedit edit in the variant output has no step compose"),
        (
            {"recipe": "generate", "variant": "base"},
            "hqedit generate makes both images new: choose the variant pair.",
        ),
    ],
)
def test_what_a_build_would_pass_over_is_refused(members: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ParameterTypeError) as refused:
        recipe_of(hqedit, **members)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "members",
    [
        {"regenerate": {"quality": "max"}, "preset": "paper"},
        {"regenerate": {"quality": "low"}, "preset": "custom"},
        {"synthesize": {"seed": 3}, "recipe": "generate"},
        {"synthesize": {"seed": 3}, "variant": "pair"},
        {"rewrite": {"share": 1.0}, "variant": "rewrite"},
        {"variant": "pair", "recipe": "generate"},
    ],
)
def test_what_a_build_heeds_is_taken(members: dict[str, Any]) -> None:
    usual = shown("hqedit")
    assert asked(hqedit, **members) == {
        name: value for name, value in members.items() if value != usual[name]
    }


@pytest.mark.parametrize(
    "sent",
    [
        {"preset": "none"},
        {"preset": {}},
        {"recipe": ["edit"]},
        {"recipe": 7, "variant": {}},
        {"effort": 5},
        {"regenerate": [1]},
        {"zzz": 1},
        {"folder": "x"},
    ],
)
def test_what_is_no_recipe_at_all_is_told_as_such(sent: dict[str, Any]) -> None:
    with pytest.raises(ParameterTypeError, match=r"recipe\.\w+"):
        recipe_of(hqedit, **sent)


def test_a_recipe_that_was_made_in_python_is_taken_as_it_is() -> None:
    made = Recipe.model_validate({**LEAST, "variant": "output", "rewrite": {"share": 0.1}})
    found = omniedit.validate_parameters({"recipe": made})["recipe"]
    assert found.model_fields_set == {"run", "input", "variant", "rewrite"}


def test_a_source_of_one_s_own_shows_all_there_is() -> None:
    schema = own_source.parameters.model_dump()["definitions"]["Recipe"]
    assert schema["properties"].keys() == Recipe.model_fields.keys()
    sent = {**shown(""), "preset": "custom", "compose": {"level": 2}}
    assert given("", sent) == {"preset": "custom", "compose": {"level": 2}}


def test_choices_are_those_that_a_source_can_be_built_with() -> None:
    assert presets_of("scaleedit") == ("standard", "paper", "modern", "custom")
    assert {"omniedit100k-gpt", "omniedit100k-base"} < {*presets_of("omniedit")}
    assert variants_of("omniedit")[:2] == ("output", "base")
    assert "gpt-image-1.5" in PUBLISHED.models
    assert "gpt-image-1.5" not in models_of("image")
    assert not {*models_of("image")} & {*models_of("chat")}


@pytest.mark.parametrize("source", [*source_names(), "corpus"])
def test_fields_are_numbered_and_none_has_a_word_for_nothing(source: str) -> None:
    models = flow_of(source).parameters.model_dump()["definitions"]
    fields = [model["properties"] for model in models.values() if "properties" in model]
    assert fields
    for members in fields:
        assert sorted(one["position"] for one in members.values()) == [*range(len(members))]
        assert '"null"' not in json.dumps(members)
        assert '"const"' not in json.dumps(members)
