"""What a recipe comes to once its preset, its source and its variant have had their say.

What a person sets comes before what a source does otherwise than others; a preset, and the variant,
decide what they name, and whoever sets that, too, is refused (`flows/building.py`).
"""

from collections.abc import Mapping
from typing import Any

from editcorpus.errors import ConfigError
from editcorpus.presets import decided, preset
from editcorpus.rows import Source
from flows.parameters import Recipe

VARIANTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "output": {},
    "pair": {},
    # GPT-IMAGE-EDIT-1.5M, section 3.2: the instruction is written anew after what was really done.
    "rewrite": {"rewrite": {"share": 1.0}},
    # The published pair is measured, and refused only where it shows nothing or no edit at all: it is
    # the base that the other variants are compared with.
    "base": {
        "pad": {"canvas": "own"},
        "rewrite": {"share": 0.0},
        "filter": {
            "judge": {
                "unchanged_share": 0.0,
                "unchanged_difference": 0.0,
                "max_changed_share": 1.0,
                "max_displacement": 1.0,
                "border_fraction": 1.0,
                "residual_padding": 1.0,
            }
        },
    },
}
"""What a variant decides."""
_MASKED = "its masks are of the published pictures, and fit no others"


def settled(recipe: Recipe, source: Source) -> Recipe:
    """The recipe with its preset, its source's own defaults and its variant written out.

    Doing it twice changes nothing.

    Raises:
        ConfigError: The preset is for another source, recipe or variant, or the source cannot give the
            variant.
    """
    _check(recipe, source)
    given = recipe.model_dump(exclude_unset=True)
    chosen = preset(recipe.preset)
    members = {"selection": chosen.get("selection", {}), **source.defaults}
    if "variant" in chosen:
        members["variant"] = chosen["variant"]
    variant = (
        "pair"
        if source.synthesises
        else given.get("variant", chosen.get("variant", source.variant))
    )
    made = _over(members, given)
    made = _over(made, decided(recipe.preset))
    made = _over(made, VARIANTS[variant])
    return Recipe.model_validate({**made, "variant": variant, "recipe": source.recipe})


def _check(recipe: Recipe, source: Source) -> None:
    chosen, given = preset(recipe.preset), recipe.model_dump(exclude_unset=True)
    wanted = chosen.get("source", source.name), chosen.get("recipe") or source.recipe
    if wanted != (source.name, source.recipe):
        raise ConfigError(
            f"The preset {recipe.preset} is for {' '.join(filter(None, wanted))}, not for "
            f"{_named(source)}."
        )
    variant = given.get("variant", chosen.get("variant", source.variant))
    if "variant" in chosen and variant != chosen["variant"]:
        raise ConfigError(f"The preset {recipe.preset} is of the variant {chosen['variant']}.")
    if variant == "pair" and not source.synthesises:
        why = "it was not taken as a pair" if source.gives_pairs else _MASKED
        raise ConfigError(f"{_named(source)} gives no new source images: {why}.")
    if variant == "base" and "edited" not in source.pictures:
        raise ConfigError(f"{source.name} {source.recipe} has no published edited images.")


def _named(source: Source) -> str:
    return " ".join(filter(None, (source.name, source.recipe)))


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both together, nested alike; what is above counts where both speak."""
    made = dict(below)
    for name, value in above.items():
        old = made.get(name)
        both = isinstance(value, Mapping) and isinstance(old, Mapping)
        made[name] = _over(old, value) if both and isinstance(old, Mapping) else value
    return made
