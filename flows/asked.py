"""What a person asks for by a source's form: where it differs from what the form shows.

A form sends every field that has a default, touched or not. So a field counts as given only where it is
not as shown: else the defaults of one recipe of a source would hide those of another, and a preset could
not be told from a wish. What a form can say and a build would pass over is refused.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args

from pydantic_core import PydanticCustomError

from editcorpus.presets import decided, preset, preset_names
from editcorpus.rows import Source
from editcorpus.stages.order import steps_and_planning
from editcorpus.stages.workshop import Variant
from flows.parameters import STEPS, Recipe
from flows.settling import VARIANTS
from flows.sources import recipes_of, source_named


def given(source: str, sent: Mapping[str, Any]) -> dict[str, Any]:
    """What of the members that a form sent is not as the form shows it.

    Args:
        source: Name of the source; empty for any.
        sent: A recipe, as JSON has it.

    Raises:
        PydanticCustomError: A preset, the variant or the recipe would pass over a member.
    """
    asked = _differing(sent, shown(source))
    if source:
        for sentence in _passed_over(source, asked):
            raise PydanticCustomError("passed_over", "{sentence}", {"sentence": sentence})
    return asked


@cache
def shown(source: str) -> Mapping[str, Any]:
    """The defaults that a source's form shows, nested as in the recipe."""
    usual = Recipe(run="any", input="any").model_dump(mode="json", exclude={"run", "input"})
    if not source:
        return usual
    first = next(iter(recipes_of(source).values()))
    own = {**first.defaults, "variant": first.variant, "recipe": first.recipe}
    return _over(_over(usual, own), VARIANTS[first.variant])


def variants_of(source: str) -> tuple[str, ...]:
    """How pairs of a source can be made, in the order in which the recipe lists them."""
    able = {one for recipe in recipes_of(source).values() for one in _variants(recipe)}
    return tuple(one for one in get_args(Variant) if one in able)


def presets_of(source: str) -> tuple[str, ...]:
    """The presets that a source can be built with."""
    return tuple(name for name in preset_names() if preset(name).get("source", source) == source)


def _variants(recipe: Source) -> Iterator[Variant]:
    if recipe.synthesises:
        yield "pair"
        return
    yield from ("output", "rewrite")
    if "edited" in recipe.pictures:
        yield "base"
    if recipe.gives_pairs:
        yield "pair"


def sections_of(source: str) -> set[str]:
    """The members of the recipe that some build from a source heeds, beside those it always does."""
    steps = {
        step
        for name, recipe in recipes_of(source).items()
        for variant in _variants(recipe)
        for step in steps_and_planning(
            source_named(source, name, None, variant), variant, embeds=True
        )
    }
    named = {"recipe"} if any(recipes_of(source)) else set()
    return steps | named | ({"folder"} if source == "folder" else set())


def _passed_over(name: str, asked: Mapping[str, Any]) -> Iterator[str]:
    """Sentences about what a build would not heed; what is no recipe at all is told elsewhere."""
    chosen, recipes = asked.get("preset", "standard"), recipes_of(name)
    if chosen not in preset_names():
        return
    says = preset(chosen)
    recipe = asked.get("recipe") or says.get("recipe") or next(iter(recipes))
    variant = asked.get("variant") or says.get("variant")
    if recipe not in [*recipes] or variant not in [None, *VARIANTS]:
        return
    of = recipes[recipe]
    if of.synthesises and variant not in (None, "pair"):
        yield f"{name} {recipe} makes both images new: choose the variant pair."
        return
    made = "pair" if of.synthesises else variant or of.variant
    for path in _against(asked, VARIANTS[made]):
        yield f"The variant {made} decides {path}: leave it as it is."
    for path in _against(asked, decided(chosen)):
        yield f"The preset {chosen} decides {path}: choose the preset custom to set it."
    yield from _idle(source_named(name, recipe, None, made), made, asked)


def _idle(source: Source, variant: Variant, asked: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each step that has settings and that such a build does not have."""
    steps = steps_and_planning(source, variant, embeds=True)
    what = " ".join(filter(None, (source.name, source.recipe, f"in the variant {variant}")))
    for step in STEPS:
        if asked.get(step) and step not in steps:
            yield f"{what} has no step {step}: leave its settings as they are."


def _against(asked: Any, said: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Paths of members that were asked otherwise than somebody says who decides them."""
    for name, value in said.items():
        wish = asked.get(name) if isinstance(asked, Mapping) else None
        if isinstance(value, Mapping):
            yield from _against(wish or {}, value, f"{path}{name}.")
        elif wish is not None and wish != value:
            yield f"{path}{name}"


def _differing(sent: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are not as usual, nested alike."""
    made: dict[str, Any] = {}
    for name, value in sent.items():
        there = usual.get(name)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            if inner := _differing(value, there):
                made[name] = inner
        elif name not in usual or value != there:
            made[name] = value
    return made


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both together as JSON has them, nested alike; what is above counts where both speak."""
    made = dict(below)
    for name, value in above.items():
        old = made.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            made[name] = _over(old, value)
        else:
            made[name] = list(value) if isinstance(value, tuple) else value
    return made
