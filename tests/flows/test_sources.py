"""Sources by their names and by the files that describe them."""

from pathlib import Path

import pytest

from editcorpus.errors import ConfigError
from editcorpus.rows import Source
from editcorpus.sources import omniedit
from editcorpus.stages.order import steps_of
from flows.parameters import Recipe
from flows.running import flow_of
from flows.sources import source_named, source_names
from flows.starting import source_of

OWN = """
from dataclasses import replace
from editcorpus.sources.omniedit import SOURCE

RECIPES = {"first": replace(SOURCE, name="mine"), "second": replace(SOURCE, name="mine")}
"""


def test_every_source_of_the_project_is_known_by_its_name() -> None:
    assert {"omniedit", "hqedit", "complex-edit", "folder"} <= set(source_names())
    assert source_named("omniedit") == omniedit.SOURCE


def test_a_file_is_a_source_and_its_first_recipe_the_usual_one(tmp_path: Path) -> None:
    path = tmp_path / "my source.py"
    path.write_text(OWN, "utf-8")
    found = source_named(str(path))
    assert isinstance(found, Source)
    assert (found.name, found.recipe, found.origin) == ("mine", "first", str(path))
    recipe = Recipe(run="r", input="x", recipe="second")
    assert source_of(str(path), recipe).recipe == "second"


@pytest.mark.parametrize(
    ("name", "recipe", "told"),
    [
        ("nothing", "", r"'nothing' is no source; there are .*folder.*omniedit"),
        ("../omniedit", "", "is no source"),
        ("x" * 500, "", "is no source"),
        ("omniedit", "other", "no recipe 'other'; it has only one"),
        ("hqedit", "other", "it has edit, inverse, generate"),
        ("nowhere/nothing.py", "", r"no file nowhere/nothing\.py"),
    ],
)
def test_what_is_no_source_is_told_with_what_there_is(name: str, recipe: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        source_named(name, recipe)


@pytest.mark.parametrize("text", ["", "RECIPES = {}", "RECIPES = []", "RECIPES = {'': 5}"])
def test_a_file_without_recipes_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="defines no RECIPES"):
        source_named(str(tmp_path / "mine.py"))


def test_a_source_has_a_flow_of_its_own_or_the_one_for_all_others() -> None:
    assert getattr(flow_of("folder"), "name", "") == "folder"
    own = flow_of("path/to/mine.py")
    assert getattr(own, "args", ()) == ("path/to/mine.py",)


@pytest.mark.parametrize(("name", "recipe"), [("hqedit", "edit"), ("ultraedit", "free")])
def test_a_pair_of_a_source_with_captions_needs_no_published_picture(
    name: str, recipe: str
) -> None:
    usual, made = (source_named(name, recipe, variant=one) for one in ("output", "pair"))
    assert steps_of(usual, "output")[0] == "pad"
    assert steps_of(made, "pair")[:2] == ("synthesize", "pad")
    assert not made.pictures
    assert made.plan_columns == usual.plan_columns


def test_masks_are_of_published_pictures_so_there_is_no_pair_of_them() -> None:
    assert not source_named("ultraedit", "region", variant="pair").synthesises


@pytest.mark.parametrize(
    ("name", "recipe", "before"),
    [
        ("omniedit", "", ("view", "caption")),
        ("complex-edit", "", ("view", "caption")),
        ("scaleedit", "", ("fetch", "view", "caption")),  # it is gone through once
        ("folder", "", ("fetch", "view", "caption")),  # rows may have masks
        ("seed-data-edit", "multi-turn", ("fetch", "view", "caption")),
        ("gpt-image-edit", "", ("fetch", "view", "caption")),
    ],
)
def test_a_source_without_captions_is_described_before_its_pairs_are_made(
    name: str, recipe: str, before: tuple[str, ...]
) -> None:
    made = source_named(name, recipe, variant="pair")
    steps = steps_of(made, "pair", far=True)
    assert steps[: len(before) + 2] == (*before, "synthesize", "pad")
    for variant in ("output", "rewrite"):  # as ever
        usual = steps_of(source_named(name, recipe), variant)  # type: ignore[arg-type]
        assert {"view", "caption", "synthesize"}.isdisjoint(usual)
