"""Synthesize: make a new source image from the caption of the published one.

Source: GPT-IMAGE-EDIT-1.5M, appendix A.4 (HQ-Edit, *generate*): a new input is made from the caption, at
a ratio drawn at random from 1:1, 2:3 and 3:2, and the same edit is then applied to it. The draw is a hash
of seed and id here; the prompt was not published, and is the caption itself.
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.endpoints.requests import ImageMake
from editcorpus.geometry import FIXED_SIZES
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.responses import ImageAnswer
from editcorpus.sampling import number
from editcorpus.texts import clean_instruction

NAME = "synthesize"
VERSION = 1
PROMPTS = {"plain-1": "{caption}"}
"""Prompt templates by name; a name never changes its text."""
_MOST_CHARACTERS = 32_000
"""Longest prompt that the image API takes (image API reference, `prompt`)."""


class Config(BaseModel):
    """How a new source image is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field("gpt-image-2.5-sunburst", description="Image model.")
    quality: Literal["low", "medium", "high", "xhigh", "max", "unset"] = Field(
        "high", description="Quality of the new images; unset where the endpoint takes none."
    )
    output_format: Literal["png", "jpeg", "webp"] = Field(
        "png", description="Encoding of the answer; png keeps every pixel."
    )
    prompt: Literal["plain-1"] = Field(
        "plain-1", description="Prompt template: plain-1 is the caption alone."
    )
    seed: int = Field(
        0,
        ge=0,
        le=999_999_999,
        description="Decides, with the id, which of the three ratios an image has, 0 to 999,999,999.",
    )


@dataclass(frozen=True, slots=True)
class Synthesized:
    """The columns that this step adds: which answer is the source image, and how it was made.

    Attributes:
        response: Hash of the request: the name of the paid answer in the response store. Empty where
            nothing was asked for, and with it all else: see `unmade`.
        attempt: The call that the answer is of: one that was lost and paid for again is another
            picture under the same hash, of which a canvas and an edit have to be made anew.
        width: Of the new image in pixels, as is `height`.
        text_tokens_in: Of the prompt.
        image_tokens_in: None but where an endpoint counts some.
    """

    id: str
    response: str
    attempt: str
    model: str
    quality: str
    width: int
    height: int
    prompt_version: str
    text_tokens_in: int
    image_tokens_in: int
    image_tokens_out: int


def size_of(triplet_id: str, config: Config) -> tuple[int, int]:
    """Width and height in pixels of a triplet's new image: each of the three is as likely."""
    return FIXED_SIZES[number(config.seed, NAME, triplet_id) % len(FIXED_SIZES)]


def request(triplet: Triplet, config: Config) -> ImageMake | Rejected:
    """The image that a triplet's caption asks for, or why it asks for none."""
    caption, problem = clean_instruction(triplet.caption, _MOST_CHARACTERS)
    if problem is not None:
        detail = f"The caption cannot be used ({problem})." if caption else "There is no caption."
        return Rejected(triplet.id, NAME, Reason.CAPTION_MISSING, detail)
    return ImageMake(
        model=config.model,
        prompt=PROMPTS[config.prompt].format(caption=caption),
        size=size_of(triplet.id, config),
        quality="" if config.quality == "unset" else config.quality,
        output_format=config.output_format,
    )


def unmade(triplet_id: str) -> Synthesized:
    """The columns of a later turn, whose source image is what the turn before it has become."""
    return Synthesized(triplet_id, "", "", "", "", 0, 0, "", 0, 0, 0)


def synthesized(
    triplet: Triplet, make: ImageMake, answer: ImageAnswer, config: Config
) -> Synthesized:
    """The columns for an answer."""
    usage = answer.record.usage
    width, height = make.size
    return Synthesized(
        id=triplet.id,
        response=answer.record.key,
        attempt=answer.record.attempt,
        model=make.model,
        quality=make.quality,
        width=width,
        height=height,
        prompt_version=config.prompt,
        text_tokens_in=usage.get("text_in", 0),
        image_tokens_in=usage.get("image_in", 0),
        image_tokens_out=usage.get("image_out", 0),
    )
