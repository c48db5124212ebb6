"""Caption: say in words what a published source image shows, so that a new one can be made of it.

Source: GPT-IMAGE-EDIT-1.5M, appendix A.4, makes new source images from captions, which HQ-Edit has. Other
datasets have none: here a vision-language model writes one. The question is ours and has a version.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.endpoints.requests import Chat, Picture
from editcorpus.responses import TextAnswer
from editcorpus.structured import read_object, read_text, response_format

NAME = "caption"
VERSION = 1
PROMPTS = {
    "seen-1": {
        "caption": (
            "Describe this picture so that somebody who never sees it could make one like it. Say what "
            "is really there: the kind of picture (photograph, painting, screenshot, ...), what it "
            "shows and how many of each, where in the frame things are, their colours and materials, "
            "the surroundings, the light. Repeat writing in it word for word if it is short. Guess no "
            "names, places or dates, give no opinion, and say nothing of what is not to be seen. Plain "
            "sentences in English, at most 100 words, that begin with a word and speak of the things, "
            "not of “the picture”."
        ),
        "edit": (
            " An editor will later be told: “{instruction}” Name what of the picture those words speak "
            "of, as it is now; nothing has been done to it yet."
        ),
    }
}
"""The question by name, and what it adds where the edit is known: a thing that goes unnamed may be
missing in the new picture. A name never changes its texts."""
_FORMAT = response_format("picture_caption", {"caption": {"type": "string"}})
_FACT = "input_description"
"""What the caption of a source image is called among the facts of HQ-Edit and UltraEdit, and in the layout
of GPT-IMAGE-EDIT-1.5M."""


class Config(BaseModel):
    """Which model describes source images that have no caption."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(
        "gpt-6-luna", description="Vision-language model that describes; a cheap one does."
    )
    prompt: Literal["seen-1"] = Field("seen-1", description="Which question is asked.")
    max_tokens: int = Field(
        400, ge=50, le=4000, description="Most tokens of an answer, 50 to 4,000."
    )
    max_characters: int = Field(
        1500, ge=50, le=10_000, description="Longest caption, 50 to 10,000 characters."
    )
    reasoning_effort: Literal["unset", "none", "minimal", "low"] = Field(
        "none", description="How much the model may think first; unset: nothing is said of it."
    )


@dataclass(frozen=True, slots=True)
class Captioned:
    """The columns that this step adds; all are empty where a later turn needs no caption.

    Attributes:
        caption: What the published source image shows.
        caption_model: As the answer names it.
        caption_prompt: Name of the question.
        caption_response: Name of the answer in the response store.
    """

    id: str
    caption: str = ""
    caption_model: str = ""
    caption_prompt: str = ""
    caption_response: str = ""


def request(source: Picture, instruction: str, config: Config) -> Chat:
    """The question: the picture, and what is to be said of it.

    Args:
        source: The published source image.
        instruction: What the new picture will be edited by; empty where that is not known yet.
        config: Model, question and limits.
    """
    prompts = PROMPTS[config.prompt]
    hint = prompts["edit"].format(instruction=instruction) if instruction else ""
    options: dict[str, Any] = {"response_format": _FORMAT}
    if config.reasoning_effort != "unset":
        options["reasoning_effort"] = config.reasoning_effort
    return Chat(config.model, (source, prompts["caption"] + hint), config.max_tokens, options)


def read(answer: TextAnswer, config: Config) -> tuple[str, str]:
    """The caption in an answer, and what is wrong with it: one of the two is empty."""
    found, problem = read_object(answer.body)
    return ("", problem) if problem else read_text(found, NAME, config.max_characters)


def captioned(triplet_id: str, caption: str, answer: TextAnswer, config: Config) -> Captioned:
    """The columns of a triplet whose source image was described."""
    record = answer.record
    return Captioned(triplet_id, caption, record.model, config.prompt, record.key)


def told(facts: str, row: Captioned) -> str:
    """The facts of a triplet with its caption, and how that was made, in the place of any other."""
    if not row.caption:
        return facts
    ours = {
        _FACT: row.caption,
        "caption_model": row.caption_model,
        "caption_prompt": row.caption_prompt,
        "caption_response": row.caption_response,
    }
    known = json.loads(facts) if facts else {}
    return json.dumps({**known, **ours}, ensure_ascii=False, sort_keys=True)
