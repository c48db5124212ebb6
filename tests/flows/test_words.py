"""Words of the command line, and what becomes of them."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from editcorpus.errors import ConfigError
from editcorpus.sources.omniedit import SOURCE
from flows.building import recipe_of
from flows.commands import build, redrive
from flows.parameters import Recipe
from flows.sources import source_named
from flows.starting import Connected, job_over
from flows.words import merged, modes

STEPS = ("regenerate", "caption", "synthesize", "compose", "rewrite", "align")
BATCH = dict.fromkeys(STEPS, "batch")


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    build.add_arguments(parser)
    return parser.parse_args(["omniedit", "--input", "x", *words])


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ((), {}),
        (("--mode", "batch"), BATCH),
        (("--mode", "regenerate=batch"), {"regenerate": "batch"}),
        (("--mode", "batch", "--mode", "align=online"), {**BATCH, "align": "online"}),
        (("--mode", "rewrite=auto", "--mode", "rewrite=batch"), {"rewrite": "batch"}),
    ],
)
def test_a_mode_is_for_all_steps_or_for_one_and_the_last_counts(
    words: tuple[str, ...], asked: dict[str, str]
) -> None:
    recipe = recipe_of(parsed(*words))
    assert recipe.effort.modes.model_dump(exclude_defaults=True) == {
        step: mode for step, mode in asked.items() if mode != "online"
    }
    assert recipe.identity(SOURCE) == recipe_of(parsed()).identity(SOURCE)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'' is no mode; it is batch, auto or online"),
        ("fast", "'fast' is no mode"),
        ("regenerate=", "'' is no mode"),
        ("=batch", f"'' asks no model; these steps do: {', '.join(STEPS)}"),
        ("filter=batch", "'filter' asks no model"),
        ("a=b=batch", "'a=b' asks no model"),
    ],
)
def test_nonsense_is_no_mode(text: str, why: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as error:
        modes(text)
    assert why in str(error.value)


def test_a_redrive_takes_modes_as_well() -> None:
    parser = argparse.ArgumentParser()
    redrive.add_arguments(parser)
    found = parser.parse_args(["--run", "r", "--mode", "rewrite=auto"])
    assert merged(found.mode) == {"rewrite": "auto"}


@pytest.mark.parametrize("who", [{"processes": 2}, {"workers": "omniedit/omniedit-partition"}])
def test_several_processes_do_not_ask_in_batches(tmp_path: Path, who: dict[str, Any]) -> None:
    (tmp_path / "a.parquet").touch()
    effort: dict[str, Any] = {**who, "modes": {"rewrite": "auto"}}
    recipe = Recipe(run="r", input=str(tmp_path), effort=effort)
    nowhere: Any = None
    with pytest.raises(ConfigError, match="One process alone asks in batches"):
        job_over(source_named("omniedit"), recipe, Connected(nowhere, {}, {}))
