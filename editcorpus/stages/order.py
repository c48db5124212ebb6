"""The stages in the order in which a shard goes through them: one line for each kind of build."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from editcorpus.rows import Role, Source
from editcorpus.stages import (
    adopt,
    caption,
    compose,
    embedding,
    fetch,
    judging,
    pad,
    publish,
    regenerate,
    synthesize,
    view,
)
from editcorpus.stages import filter as filter_stage
from editcorpus.stages.workshop import Stage, Variant

USUAL = ("pad", "regenerate", "filter", "rewrite", "align", "publish")
"""Of a build that makes edited images anew: GPT-IMAGE-EDIT-1.5M, section 3."""
KNOWN: Mapping[str, Stage] = MappingProxyType(
    {
        "fetch": fetch.STAGE,
        "view": view.STAGE,
        "caption": caption.STAGE,
        "synthesize": synthesize.STAGE,
        "pad": pad.STAGE,
        "compose": compose.STAGE,
        "regenerate": regenerate.STAGE,
        "adopt": adopt.STAGE,
        "filter": filter_stage.STAGE,
        "rewrite": judging.REWRITE,
        "align": judging.ALIGN,
        "embed": embedding.STAGE,
        "publish": publish.STAGE,
    }
)
"""Every stage there is; `adopt` stands in the place of `regenerate`, and has its name."""


def steps_of(
    source: Source, variant: Variant, *, far: bool = False, embeds: bool = False
) -> tuple[str, ...]:
    """What the shards of a source go through, by the names in `KNOWN`.

    Args:
        source: What is built from.
        variant: How pairs are made.
        far: Whether the input lies behind a network, so that no picture of it is read twice.
        embeds: Whether a model is named that makes vectors of the pairs.
    """
    base = variant == "base"
    steps = list(USUAL)
    if base:
        steps[steps.index("regenerate")] = "adopt"
    if source.composes and not base:
        steps.insert(steps.index("regenerate"), "compose")
    describes = source.describes and not base
    makes = source.synthesises and not base
    if embeds:
        steps.insert(steps.index("publish"), "embed")
    again = source.keeps or source.rounds > 1 or "mask" in source.pictures
    copies = (again or far or base) if not makes else describes and again
    wanted = {"fetch": copies, "view": describes, "caption": describes, "synthesize": makes}
    return (*(name for name, holds in wanted.items() if holds), *steps)


def steps_and_planning(source: Source, variant: Variant, *, embeds: bool = False) -> set[str]:
    """The same, and `classify` where kinds of edit are asked for while a run is planned."""
    planned = ["classify"] if source.classes else []
    return {*steps_of(source, variant, embeds=embeds), *planned}


def roles_of(source: Source, variant: Variant) -> tuple[Role, ...]:
    """Which pictures of a row such a build needs."""
    wanted: tuple[Role, ...] = (
        ("source", "edited", "mask") if variant == "base" else ("source", "mask")
    )
    return tuple(role for role in wanted if role in source.pictures)


def stages_named(names: Iterable[str]) -> tuple[Stage, ...]:
    """Stages by their names, each after the one before it."""
    return tuple(_chained(names))


def stages_known(identity: Mapping[str, Any]) -> tuple[Stage, ...]:
    """The stages of a run by what is on record about it."""
    names = identity.get("steps", USUAL)
    known = isinstance(names, list | tuple) and all(name in KNOWN for name in names)
    return stages_named(names if known else USUAL)


def _chained(names: Iterable[str]) -> Iterator[Stage]:
    before = "plan"
    for name in names:
        stage = replace(KNOWN[name], after=before)
        yield stage
        before = stage.name


STAGES: tuple[Stage, ...] = stages_named(USUAL)
