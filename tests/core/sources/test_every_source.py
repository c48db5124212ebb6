"""What holds for every source: a new one is one file in `editcorpus/sources` and one fixture here.

A fixture is `fixtures/<module>.py`. It says

- `ROWS`: at least three rows as they are published, of which a parquet file is written (with `SCHEMA`,
  where Arrow cannot guess the types; as `FILE`, where the name or folder of the file says something);
- `PICTURES`: which columns hold pictures, and whether as `struct` or as `bytes`; a row may bring its own;
- or, for a source that is no parquet file, `write(folder)`: writes the rows, gives what `--input` names;
- `BECOME`: for each recipe, in the order of the plan, the members of each triplet that are worth a
  look, or the id and reason of its reject;
- `write_demo(folder)`: writes the source's input of the demo, if the demo shows it;
- `KEPT`, where not all planned triplets are fit: how many a build keeps, by variant.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import pytest

from editcorpus import sources
from editcorpus.errors import ConfigError
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection, check_columns, plan
from editcorpus.records import Rejected, Triplet
from editcorpus.rows import Source
from editcorpus.sources.folder import Config
from editcorpus.stages.order import steps_of
from editcorpus.storage import Store
from flows.parameters import Recipe
from flows.settling import settled
from flows.sources import source_named, source_names

MODULES = sorted(one.name for one in iter_modules(sources.__path__))
CASES = [
    (name, recipe)
    for name in MODULES
    for recipe in import_module(f"editcorpus.sources.{name}").RECIPES
]
FIRST = [(name, next(recipe for one, recipe in CASES if one == name)) for name in MODULES]
KINDS = re.compile(r"(text|texts|integer|number|image|picture)\??")

Load = Callable[[str], ModuleType]
Write = Callable[[ModuleType, Path], Path]
Planned = Callable[[str, str], list[Triplet | Rejected]]


def _inputs(where: Path, source: Source, folders: pytest.TempPathFactory) -> Inputs:
    """The files of an input, with a store for the lists of archives."""
    found = Inputs.find(str(where), {}, source.kind)
    return replace(found, store=Store.on_disk(folders.mktemp("store")))


@pytest.fixture
def planned(
    fixture_of: Load,
    write_fixture: Write,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Planned:
    """Plans the rows of a fixture by a recipe: triplets and rejects, row after row."""

    def made(name: str, recipe: str) -> list[Triplet | Rejected]:
        source = source_named(name.replace("_", "-"), recipe)
        where = write_fixture(fixture_of(name), tmp_path)
        inputs = _inputs(where, source, tmp_path_factory)
        check_columns(source, inputs, inputs.files[0])
        shards = list(plan(source, inputs, Selection()))
        assert shards == list(plan(source, inputs, Selection()))
        rows = [one for shard in shards for one in (*shard.triplets, *shard.rejected)]
        return sorted(rows, key=lambda one: _place(one.id, fixture_of(name).BECOME[recipe]))

    return made


def _place(key: str, expected: list[dict[str, Any]]) -> int:
    return [one["id"] for one in expected].index(key)


@pytest.mark.parametrize(("name", "recipe"), CASES)
def test_its_rows_become_what_its_fixture_says(
    name: str, recipe: str, fixture_of: Load, planned: Planned
) -> None:
    expected = fixture_of(name).BECOME[recipe]
    assert len(expected) >= 3
    found = planned(name, recipe)
    assert [one.id for one in found] == [one["id"] for one in expected]
    for one, members in zip(found, expected, strict=True):
        told = {key: getattr(one, key) for key in members}
        assert told == members


@pytest.mark.parametrize(("name", "recipe"), CASES)
def test_each_triplet_has_an_id_a_licence_a_place_and_facts_that_are_json(
    name: str, recipe: str, planned: Planned
) -> None:
    found = [one for one in planned(name, recipe) if isinstance(one, Triplet)]
    assert found
    for one in found:
        assert one.dataset_source == name.replace("_", "-")
        assert one.id.startswith(f"{one.dataset_source}/")
        assert one.instruction == one.instruction.strip() != ""
        assert one.license
        assert Path(one.file).is_file()
        for text in filter(None, (one.facts, one.paths)):
            members = json.loads(text)
            assert list(members) == sorted(members)
        assert {*json.loads(one.paths or "{}")} <= {"source", "edited", "mask"}


@pytest.mark.parametrize(("name", "recipe"), CASES)
def test_a_source_describes_itself_as_the_house_needs_it(name: str, recipe: str) -> None:
    assert name.replace("_", "-") in source_names()
    source = source_named(name.replace("_", "-"), recipe)
    assert isinstance(source, Source)
    assert source.name == name.replace("_", "-")
    assert source.recipe == recipe
    assert re.fullmatch("[a-z0-9-]*", recipe)
    assert source.license
    assert all(KINDS.fullmatch(kind) for kind in source.columns.values())
    assert not source.task_column or source.task_column in source.plan_columns
    whole = settled(Recipe(run="r", input="x"), source)
    assert settled(whole, source) == whole
    assert whole.recipe == recipe


@pytest.mark.parametrize("case", FIRST, ids="-".join)
@pytest.mark.parametrize("variant", ["output", "base", "pair"])
def test_a_build_of_its_rows_leaves_each_id_in_one_place(
    case: tuple[str, str],
    variant: str,
    fixture_of: Load,
    write_fixture: Write,
    build_rows: Callable[..., Any],
    tmp_path: Path,
) -> None:
    name, recipe = case
    fixture, columns = fixture_of(name), Config()
    source = source_named(name.replace("_", "-"), recipe, columns, variant)
    if variant == "base" and "edited" not in source.pictures:
        pytest.skip("There is no published edited image.")
    built = build_rows(source, write_fixture(fixture, tmp_path / "input"), variant)
    ids = [*built.kept, *built.rejected, *built.failed]
    assert sorted(ids) == sorted(one["id"] for one in fixture.BECOME[recipe])
    assert not built.failed
    fit = sum("reason" not in one for one in fixture.BECOME[recipe])
    assert len(built.kept) == getattr(fixture, "KEPT", {}).get(variant, fit), built.rejected
    for record in built.kept.values():
        assert record.variant == variant
        facts = json.loads(record.source_facts or "{}")
        told = variant == "pair" and not record.previous
        assert bool(facts.get("input_description")) or not told
        assert bool(facts.get("caption_response")) == (told and source.describes)
        assert record.license
        assert (record.width, record.height) >= (1, 1)


@pytest.mark.parametrize(("name", "recipe"), CASES)
def test_it_gives_pairs_by_captions_of_its_own_or_of_a_model_or_says_why_not(
    name: str, recipe: str
) -> None:
    source = source_named(name.replace("_", "-"), recipe, variant="pair")
    wanted = Recipe(run="r", input="x", recipe=recipe, variant="pair")
    if not source.gives_pairs:
        with pytest.raises(ConfigError, match=r"^.* gives no new source images: [^.]*\.$"):
            settled(wanted, source)
        return
    assert settled(wanted, source).variant == "pair"
    steps = steps_of(source, "pair")
    before = steps[: steps.index("synthesize")]
    assert before in ([(), ("view", "caption"), ("fetch", "view", "caption")])
    assert ("caption" in before) == source.describes == (not source.captioned)
    asked = {
        step: cls for step, cls in wanted.identity(source).items() if step in ("view", "caption")
    }
    assert bool(asked) == source.describes
    assert source.as_pair() == source
    usual = source_named(name.replace("_", "-"), recipe)
    known = Recipe(run="r", input="x", recipe=recipe).identity(usual)
    assert {"view", "caption"}.isdisjoint(known)  # other runs are what they were


@pytest.mark.parametrize("name", MODULES)
def test_its_demo_input_is_in_its_layout(
    name: str, fixture_of: Load, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write = getattr(fixture_of(name), "write_demo", None)
    if write is None:
        pytest.skip("The demo does not show it.")
    where = write(tmp_path)
    source = source_named(name.replace("_", "-"))
    inputs = _inputs(where, source, tmp_path_factory)
    shards = list(plan(source, inputs, Selection()))
    assert sum(len(shard.triplets) for shard in shards) >= 3
