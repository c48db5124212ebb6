"""What a recipe comes to: a person's word, the source's defaults, the preset and the variant."""

from dataclasses import replace
from typing import Any

import pytest

from editcorpus.errors import ConfigError
from editcorpus.presets import CUSTOM, decided, preset, preset_names
from editcorpus.rows import Source
from editcorpus.sources.omniedit import SOURCE
from editcorpus.stages.order import USUAL, steps_of
from flows.parameters import STEPS, Recipe
from flows.settling import settled
from flows.sources import source_named

OWN: Source = replace(SOURCE, defaults={"pad": {"resample": "bicubic"}, "rewrite": {"share": 0.0}})


def recipe(**members: Any) -> Recipe:
    return Recipe.model_validate({"run": "r", "input": "data", **members})


def test_a_source_does_some_things_otherwise_where_nobody_says_anything() -> None:
    made = settled(recipe(), OWN)
    assert (made.pad.resample, made.rewrite.share) == ("bicubic", 0.0)
    assert settled(recipe(), SOURCE).pad.resample == "lanczos"


def test_what_a_person_sets_comes_before_what_the_source_does() -> None:
    made = settled(recipe(pad={"resample": "lanczos"}, rewrite={"seed": 4}), OWN)
    assert (made.pad.resample, made.rewrite.share, made.rewrite.seed) == ("lanczos", 0.0, 4)


@pytest.mark.parametrize("variant", ["output", "rewrite", "base"])
def test_settling_twice_changes_nothing(variant: str) -> None:
    once = settled(recipe(variant=variant), OWN)
    again = Recipe.model_validate(once.model_dump(mode="json"))
    assert settled(again, OWN) == once
    assert again.identity(OWN) == once.identity(OWN)


def test_a_base_pair_is_neither_padded_nor_rewritten_nor_refused_for_its_measures() -> None:
    made = settled(recipe(variant="base"), SOURCE)
    assert (made.pad.canvas, made.rewrite.share) == ("own", 0.0)
    judge = made.filter.judge
    assert (judge.max_displacement, judge.max_changed_share, judge.unchanged_share) == (1, 1, 0)
    assert steps_of(SOURCE, "base")[:3] == ("fetch", "pad", "adopt")


def test_an_input_behind_a_network_is_copied_once() -> None:
    assert steps_of(SOURCE, "output") == USUAL
    assert steps_of(SOURCE, "output", far=True) == ("fetch", *USUAL)
    far = settled(recipe(input="s3://bucket/data"), SOURCE)
    assert "fetch" in far.identity(SOURCE)
    assert "fetch" not in settled(recipe(), SOURCE).identity(SOURCE)


def test_every_preset_can_be_built_from_its_source() -> None:
    for name in preset_names():
        chosen = preset(name)
        source = source_named(chosen.get("source", "omniedit"), chosen.get("recipe", ""))
        made = settled(recipe(preset=name), source)
        assert made.variant == chosen.get("variant", "output")
        assert made.selection.limit == chosen.get("selection", {}).get("limit", 0)
        assert set(decided(name)) <= set(STEPS)
        for step, members in decided(name).items():
            found = getattr(made, step).model_dump()
            assert {key: found[key] for key in members} == members
        assert name == CUSTOM or chosen["about"]


def test_the_subsets_of_the_paper_draw_the_same_rows() -> None:
    for source in ("omniedit", "hqedit"):
        names = [name for name in preset_names() if name.startswith(f"{source}100k")]
        assert len(names) == 3
        drawn = [
            settled(recipe(preset=name), source_named(source, preset(name)["recipe"])).selection
            for name in names
        ]
        assert drawn == [drawn[0]] * 3


def test_a_smaller_limit_makes_a_trial_of_a_preset() -> None:
    made = settled(recipe(preset="omniedit100k-gpt", selection={"limit": 50}), SOURCE)
    assert (made.selection.limit, made.selection.seed) == (50, 0)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"preset": "hqedit100k-base"}, "The preset hqedit100k-base is for hqedit edit, not for"),
        (
            {"preset": "omniedit100k-gpt", "variant": "base"},
            "The preset omniedit100k-gpt is of the variant output.",
        ),
        ({"variant": "pair"}, "omniedit gives no new source images: it was not taken as a pair."),
    ],
)
def test_what_does_not_fit_together_is_one_sentence(members: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        settled(recipe(**members), SOURCE)


def test_a_source_whose_rows_all_have_masks_gives_no_pair() -> None:
    region = source_named("ultraedit", "region", variant="pair")
    with pytest.raises(
        ConfigError, match=r"^ultraedit region gives no new .*: its masks are of the"
    ):
        settled(recipe(variant="pair"), region)


def test_a_source_without_published_edits_has_no_base() -> None:
    bare = replace(SOURCE, pictures={"source": "src_img"})
    with pytest.raises(ConfigError, match="has no published edited images"):
        settled(recipe(variant="base"), bare)


def test_an_unknown_preset_is_told_with_all_there_are() -> None:
    with pytest.raises(ValueError, match="'x' is no preset; there are standard, paper, modern"):
        recipe(preset="x")
