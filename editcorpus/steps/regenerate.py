"""Regenerate: ask the image model to carry out the instruction on the canvas.

Sources: GPT-IMAGE-EDIT-1.5M, section 3 and appendix A (the instruction is the prompt, quality high);
the image API's sizes and qualities as of 2026-11.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.endpoints.requests import ImageEdit, Picture
from editcorpus.records import Geometry, Triplet
from editcorpus.responses import ImageAnswer

NAME = "regenerate"
VERSION = 2
PROMPTS = {"plain-1": "{instruction}", "keep-1": "{instruction} Keep everything else unchanged."}
"""Prompt templates by name; a name never changes its text."""


class Config(BaseModel):
    """How the edited image is made anew."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field("gpt-image-2.5-sunburst", description="Image model.")
    quality: Literal["low", "medium", "high", "xhigh", "max", "unset"] = Field(
        "high", description="Quality for every canvas; unset where the endpoint takes none."
    )
    square_quality: Literal["same", "low", "medium", "high", "xhigh", "max"] = Field(
        "same", description="Quality for square canvases; same: as for the others."
    )
    output_format: Literal["png", "jpeg", "webp"] = Field(
        "png", description="Encoding of the answer; png keeps every pixel."
    )
    prompt: Literal["plain-1", "keep-1"] = Field(
        "plain-1", description="Prompt template: plain-1 is the instruction alone."
    )

    def quality_of(self, geometry: Geometry) -> str:
        """The quality that is sent for a canvas; empty where none is."""
        square = geometry.canvas_width == geometry.canvas_height
        own = square and self.square_quality != "same"
        quality = self.square_quality if own else self.quality
        return "" if quality == "unset" else quality


@dataclass(frozen=True, slots=True)
class Regenerated:
    """The columns that this step adds: which answer, by which model, at which tokens.

    Attributes:
        model_version: The model that answered, as its answer names it; empty where it does not.
    """

    id: str
    response: str
    model: str
    quality: str
    prompt_version: str
    text_tokens_in: int
    image_tokens_in: int
    image_tokens_out: int
    model_version: str


def request(
    triplet: Triplet,
    geometry: Geometry,
    canvas_hash: str,
    load: Callable[[], bytes],
    config: Config,
) -> ImageEdit:
    """The edit of one canvas.

    Args:
        triplet: Gives the instruction.
        geometry: Gives the size of the canvas, which is the size that is asked for.
        canvas_hash: Hash of the canvas' pixels.
        load: Gives the canvas as PNG.
        config: Model, quality, encoding and prompt.
    """
    size = (geometry.canvas_width, geometry.canvas_height)
    return ImageEdit(
        model=config.model,
        prompt=PROMPTS[config.prompt].format(instruction=triplet.instruction),
        picture=Picture(canvas_hash, "image/png", 0, size, load),
        size=size,
        quality=config.quality_of(geometry),
        output_format=config.output_format,
    )


def regenerated(
    triplet: Triplet, edit: ImageEdit, answer: ImageAnswer, config: Config
) -> Regenerated:
    """The columns for an answer."""
    usage = answer.record.usage
    return Regenerated(
        id=triplet.id,
        response=answer.record.key,
        model=edit.model,
        quality=edit.quality,
        prompt_version=config.prompt,
        text_tokens_in=usage.get("text_in", 0),
        image_tokens_in=usage.get("image_in", 0),
        image_tokens_out=usage.get("image_out", 0),
        model_version=answer.record.model_version,
    )
