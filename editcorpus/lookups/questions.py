"""What was asked about a triplet, by the hash of each request, made anew from the facts of its run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from editcorpus.endpoints.requests import Chat, Embed, ImageEdit, Picture, request_hash
from editcorpus.lookups.facts import Facts
from editcorpus.records import Triplet
from editcorpus.stages.asking import SAMPLES
from editcorpus.stages.filter import Config as FilterConfig
from editcorpus.steps import (
    align,
    caption,
    compose,
    embed,
    pad,
    regenerate,
    rewrite,
    synthesize,
    view,
)
from editcorpus.steps import filter as filter_step

_Config = TypeVar("_Config", bound=BaseModel)
_REDRIVES = 4
"""So many times as many samples are looked for as a step asks for: a redrive may ask for more."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request: the step that made it, its name among the step's questions, and its sample."""

    step: str
    name: str
    sample: int = 0


def asked_questions(
    identity: Mapping[str, Any], triplet: Triplet, facts: Facts
) -> dict[str, Question]:
    """The requests that a run made, or may have made, about a triplet, by their hashes.

    Answers that the facts name are always among them; the others are found as far as the run's
    description gives the steps' Configs.
    """
    made: dict[str, Question] = {}
    providers = identity.get("providers")
    if isinstance(providers, dict):
        for step, name, what in (
            *_captioning(identity, triplet, facts),
            *_requests(identity, triplet, facts),
        ):
            for sample in range(SAMPLES * _REDRIVES):
                key = request_hash(str(providers.get(step)), what, sample)
                made[key] = Question(step, name, sample)
    return {**dict(_named(facts)), **made}


def _named(facts: Facts) -> Iterator[tuple[str, Question]]:
    once = {
        caption.NAME: facts.captioned and facts.captioned.caption_response,
        synthesize.NAME: facts.synthesized and facts.synthesized.response,
        regenerate.NAME: facts.regenerated and facts.regenerated.response,
        rewrite.NAME: facts.rewritten and facts.rewritten.rewrite_response,
    }
    yield from ((key, Question(step, "")) for step, key in once.items() if key)
    if facts.composed is not None:
        for place, key in enumerate(facts.composed.compose_responses.split("+")):
            yield key, Question(compose.NAME, str(place + 1))
    if facts.aligned is not None:
        for aspect in align.ASPECTS:
            yield getattr(facts.aligned, f"response_{aspect}"), Question(align.NAME, aspect)


def _captioning(
    identity: Mapping[str, Any], triplet: Triplet, facts: Facts
) -> Iterator[tuple[str, str, Chat]]:
    shown, writer = (
        _config(identity, view.NAME, view.Config),
        _config(identity, caption.NAME, caption.Config),
    )
    if shown is None or writer is None or facts.viewed is None or not facts.viewed.view_hash:
        return
    picture = Picture(facts.viewed.view_hash, "image/jpeg", shown.quality, (0, 0), bytes)
    edit = "" if compose.NAME in identity else triplet.instruction
    yield caption.NAME, "", caption.request(picture, edit, writer)


def _requests(
    identity: Mapping[str, Any], triplet: Triplet, facts: Facts
) -> Iterator[tuple[str, str, ImageEdit | Chat | Embed]]:
    edits = _config(identity, regenerate.NAME, regenerate.Config)
    if facts.padded is None:
        return
    if edits is not None:
        geometry, canvas = facts.padded.geometry, facts.padded.canvas_hash
        edit = regenerate.request(triplet, geometry, canvas, bytes, edits)
        yield regenerate.NAME, "", edit
    views = _views(identity, facts)
    if views is None:
        return
    writer = _config(identity, rewrite.NAME, rewrite.Config)
    if writer is not None and rewrite.chosen(triplet.id, writer):
        yield rewrite.NAME, "", rewrite.request(triplet, *views, writer)
    judge = _config(identity, align.NAME, align.Config)
    if judge is not None and facts.rewritten is not None:
        for name, what in align.requests(facts.rewritten.instruction, *views, judge).items():
            yield align.NAME, name, what
    yield from _vectors(identity, triplet, facts, views)


def _vectors(
    identity: Mapping[str, Any],
    triplet: Triplet,
    facts: Facts,
    views: tuple[Picture, Picture],
) -> Iterator[tuple[str, str, Embed]]:
    config = _config(identity, embed.NAME, embed.Config)
    if config is None or facts.rewritten is None:
        return
    told, instruction = _captions(identity, triplet, facts), facts.rewritten.instruction
    for name, what in embed.requests(instruction, told, *views, config).items():
        yield embed.NAME, name, what


def _captions(identity: Mapping[str, Any], triplet: Triplet, facts: Facts) -> embed.Captions:
    """What the pictures of a triplet show, as its run knew it (see `stages/embedding.py`)."""
    if compose.NAME in identity:
        return embed.Captions()
    told = caption.told(triplet.facts, facts.captioned) if facts.captioned else triplet.facts
    return embed.captions(told)


def _views(identity: Mapping[str, Any], facts: Facts) -> tuple[Picture, Picture] | None:
    """Source and edited image as judges see them; their bytes are not needed for a hash."""
    before = _config(identity, pad.NAME, pad.Config)
    after = _config(identity, filter_step.NAME, FilterConfig)
    if before is None or after is None or facts.padded is None or facts.filtered is None:
        return None
    source = facts.filtered.cropped_view_hash or facts.padded.source_view_hash
    edited = facts.filtered.edited_view_hash
    return (
        Picture(source, "image/jpeg", before.view_quality, (0, 0), bytes),
        Picture(edited, "image/jpeg", after.restore.view_quality, (0, 0), bytes),
    )


def _config(identity: Mapping[str, Any], step: str, cls: type[_Config]) -> _Config | None:
    try:
        return cls.model_validate(identity[step])
    except (KeyError, ValidationError):
        return None
