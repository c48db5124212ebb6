"""Embed: measure a pair by the vectors that models make of its pictures and texts, as a second scorer.

Sources: GPT-IMAGE-EDIT-1.5M conditions on Qwen-VL embeddings to bring source, instruction and edited image
together; the Qwen3-VL-Embedding models, which take a message of pictures and texts under a guide; UltraEdit
(arXiv 2407.05282), whose names of CLIP's measures the columns bear. The guides are ours and have a version.

Three models may be asked, each for its own measures: one that reads source and instruction together, one
that has pictures and texts in one space (CLIP), one for pictures alone (DINO). SSIM needs none.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.endpoints.embeddings import vector
from editcorpus.endpoints.requests import Embed, Picture
from editcorpus.likeness import Vector, cosine, directional
from editcorpus.responses import TextAnswer

NAME = "embed"
VERSION = 1
GUIDES = {
    "apply-1": {
        "query": "Represent the picture that this one becomes by the edit that is asked for.",
        "picture": "Represent the picture.",
        "text": "Represent the picture that this text describes.",
    }
}
"""What the model that takes a guide is told, by name; a name never changes its texts."""
_CAPTIONS = ("input_description", "output_description")
"""What captions of the source and the edited image are called among the facts of a triplet."""
_WHOLE_CONTEXT = {"truncate_prompt_tokens": -1}
"""By which vLLM cuts a text at a model's longest, as CLIP's own code does: 77 tokens."""


class Config(BaseModel):
    """Which models make vectors of a pair; where none is named, nobody is asked and nothing is measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(
        "",
        max_length=200,
        description="Embedding model that reads source image and instruction together, such as "
        "Qwen/Qwen3-VL-Embedding-2B. Empty: none.",
    )
    clip_model: str = Field(
        "",
        max_length=200,
        description="Model of one space for pictures and texts, such as "
        "openai/clip-vit-large-patch14. Empty: none.",
    )
    dino_model: str = Field(
        "",
        max_length=200,
        description="Model of pictures alone, such as facebook/dinov2-with-registers-large. "
        "Empty: none.",
    )
    guide: Literal["apply-1"] = Field("apply-1", description="What the first model is told.")
    min_pixels: int = Field(
        65_536,
        ge=3_136,
        le=12_845_056,
        description="Least pixels that the first model scales a picture to, 3,136 to 12,845,056.",
    )
    max_pixels: int = Field(
        1_048_576,
        ge=3_136,
        le=12_845_056,
        description="Most pixels that the first model scales a picture to, 3,136 to 12,845,056.",
    )

    @property
    def models(self) -> tuple[str, ...]:
        """The models that are asked."""
        named = (self.model, self.clip_model, self.dino_model)
        return tuple(dict.fromkeys(filter(None, named)))


@dataclass(frozen=True, slots=True)
class Captions:
    """What source and edited image show, in words; empty where nobody says."""

    source: str = ""
    edited: str = ""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The columns that this step adds: cosines of -1 to 1; None where there was nothing to measure.

    Attributes:
        embed_match: Of source with instruction, and edited image.
        embed_image: Of source and edited image, by the same model.
        embed_dir: Of the pictures' difference and the captions' difference, by the same model.
        clip_sim_source: Of source image and its caption, by CLIP.
        clip_sim_target: Of edited image and its caption, by CLIP.
        clip_sim_dir: Of the pictures' difference and the captions' difference, by CLIP.
        clip_sim_image: Of source and edited image, by CLIP.
        dino_sim: Of source and edited image, by DINO.
        ssim: Structural similarity of source and edited image, no cosine.
        embed_model: Names of the models that were asked, in the order of the Config, with commas.
        embed_responses: Hashes of the requests, in the order of the questions, with plus signs.
        embed_note: Why a model gave no vectors; empty where all did.
    """

    id: str
    embed_match: float | None = None
    embed_image: float | None = None
    embed_dir: float | None = None
    clip_sim_source: float | None = None
    clip_sim_target: float | None = None
    clip_sim_dir: float | None = None
    clip_sim_image: float | None = None
    dino_sim: float | None = None
    ssim: float | None = None
    embed_model: str = ""
    embed_responses: str = ""
    embed_note: str = ""


MEASURES = (
    *("embed_match", "embed_image", "embed_dir"),
    *("clip_sim_source", "clip_sim_target", "clip_sim_dir", "clip_sim_image"),
    *("dino_sim", "ssim"),
)
"""The columns that hold measures."""


def captions(facts: str) -> Captions:
    """The captions among the facts of a triplet, a JSON object or empty."""
    known = json.loads(facts) if facts else {}
    source, edited = (known.get(name) for name in _CAPTIONS)
    return Captions(*(text.strip() if isinstance(text, str) else "" for text in (source, edited)))


def requests(
    instruction: str, told: Captions, source: Picture, edited: Picture, config: Config
) -> dict[str, Embed]:
    """The vectors that are asked for, by names such as `clip-source`."""
    parts: dict[str, str | Picture] = {"source": source, "edited": edited}
    texts = {"source-text": told.source, "edited-text": told.edited}
    said: dict[str, str | Picture] = {name: text for name, text in texts.items() if text}
    asked: dict[str, Embed] = {}
    if config.model:
        asked["pair-query"] = _guided("query", (source, instruction), config)
        for name, part in {**parts, **(said if len(said) == len(texts) else {})}.items():
            kind = "picture" if isinstance(part, Picture) else "text"
            asked[f"pair-{name}"] = _guided(kind, (part,), config)
    if config.clip_model:
        for name, part in {**parts, **said}.items():
            cut = {} if isinstance(part, Picture) else _WHOLE_CONTEXT
            asked[f"clip-{name}"] = Embed(config.clip_model, (part,), "", dict(cut))
    if config.dino_model:
        for name, part in parts.items():
            asked[f"dino-{name}"] = Embed(config.dino_model, (part,), "", {})
    return asked


def _guided(kind: str, content: tuple[str | Picture, ...], config: Config) -> Embed:
    shown = any(isinstance(part, Picture) for part in content)
    pixels = {"min_pixels": config.min_pixels, "max_pixels": config.max_pixels}
    options: dict[str, Any] = {"mm_processor_kwargs": pixels} if shown else {}
    return Embed(config.model, content, GUIDES[config.guide][kind], options)


def embedded(triplet_id: str, answers: Mapping[str, TextAnswer], config: Config) -> Embedded:
    """The columns of a triplet whose vectors are there, but SSIM.

    Raises:
        ShardError: A stored answer holds no vector.
        ValueError: Vectors of one model have different dimensions.
    """
    vectors = {name: vector(answer.body) for name, answer in answers.items()}
    measured: dict[str, Any] = dict(_measured(vectors))
    return Embedded(
        triplet_id,
        **measured,
        embed_model=",".join(config.models),
        embed_responses="+".join(answer.record.key for answer in answers.values()),
    )


def _measured(vectors: Mapping[str, Vector]) -> Iterator[tuple[str, float]]:
    pairs = {
        "embed_match": ("pair-query", "pair-edited"),
        "embed_image": ("pair-source", "pair-edited"),
        "clip_sim_source": ("clip-source", "clip-source-text"),
        "clip_sim_target": ("clip-edited", "clip-edited-text"),
        "clip_sim_image": ("clip-source", "clip-edited"),
        "dino_sim": ("dino-source", "dino-edited"),
    }
    for name, (one, other) in pairs.items():
        if one in vectors and other in vectors:
            yield name, cosine(vectors[one], vectors[other])
    for name, space in {"embed_dir": "pair", "clip_sim_dir": "clip"}.items():
        ends = [f"{space}-{part}" for part in ("source", "edited", "source-text", "edited-text")]
        if all(end in vectors for end in ends):
            before, after, first, second = (vectors[end] for end in ends)
            yield name, directional((before, after), (first, second))


def without(triplet_id: str, note: str, config: Config) -> Embedded:
    """The columns of a triplet of which a model makes no vectors, ever."""
    return Embedded(triplet_id, embed_model=",".join(config.models), embed_note=note)
