"""Rewrite: for a seeded share, say in words what was really done to the picture.

Source: GPT-IMAGE-EDIT-1.5M, section 3: the model edits freely, so for about 10% of OmniEdit a
vision-language model was shown source and new output and wrote the instruction that leads from one
to the other. Its prompt was not published; ours is below and has a version.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.endpoints.requests import Chat, Picture
from editcorpus.records import Triplet
from editcorpus.responses import TextAnswer
from editcorpus.structured import read_object, read_text, response_format
from editcorpus.taxonomy import InstructionType

NAME = "rewrite"
VERSION = 2
PROMPTS = {
    "difference-1": (
        "You see two pictures: the first before an edit, the second after it. The editor had been "
        "told: “{instruction}”. Write the one instruction that leads from the first picture to the "
        "second as it really is. Name what changed and where; leave out what stayed the same; do not "
        "mention the pictures themselves. One or two short imperative sentences in English, at most "
        "60 words."
    )
}
"""Prompt templates by name; a name never changes its text."""
_FORMAT = response_format("rewritten_instruction", {"instruction": {"type": "string"}})


class Config(BaseModel):
    """Whose instruction is rewritten, and by which model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float = Field(
        0.1, ge=0, le=1, description="Share of triplets that are rewritten, 0 to 1."
    )
    seed: int = Field(
        0,
        ge=0,
        le=999_999_999,
        description="Decides, with the id, which triplets are rewritten, 0 to 999,999,999.",
    )
    model: str = Field("gpt-6-luna", description="Vision-language model that writes.")
    prompt: Literal["difference-1"] = Field("difference-1", description="Prompt template.")
    max_tokens: int = Field(
        300, ge=50, le=4000, description="Most tokens of an answer, 50 to 4,000."
    )
    max_characters: int = Field(
        600, ge=50, le=10_000, description="Longest instruction, 50 to 10,000 characters."
    )
    reasoning_effort: Literal["unset", "none", "minimal", "low"] = Field(
        "none", description="How much the model may think first; unset: nothing is said of it."
    )


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The columns that this step adds: the instruction to train on and where it comes from.

    Attributes:
        rewrite_version: The model that answered, as its answer names it; empty where it does not.
        rewrite_prompt: Name of the question; empty, as is all of it, where nothing was rewritten.
    """

    id: str
    instruction: str
    instruction_type: str
    instruction_original: str
    rewrite_model: str
    rewrite_response: str
    rewrite_note: str
    rewrite_version: str = ""
    rewrite_prompt: str = ""


def chosen(triplet_id: str, config: Config) -> bool:
    """Whether this triplet belongs to the seeded share."""
    digest = hashlib.sha256(f"rewrite/{config.seed}/{triplet_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < config.share * 2**64


def request(triplet: Triplet, source: Picture, edited: Picture, config: Config) -> Chat:
    """The question for one triplet: both pictures, labelled, then what is wanted."""
    options: dict[str, Any] = {"response_format": _FORMAT}
    if config.reasoning_effort != "unset":
        options["reasoning_effort"] = config.reasoning_effort
    return Chat(
        model=config.model,
        content=(
            "Picture 1 (before):",
            source,
            "Picture 2 (after):",
            edited,
            PROMPTS[config.prompt].format(instruction=triplet.instruction),
        ),
        max_tokens=config.max_tokens,
        options=options,
    )


def read(answer: TextAnswer, config: Config) -> tuple[str, str]:
    """The instruction in an answer, and what is wrong with it: one of the two is empty."""
    found, problem = read_object(answer.body)
    return ("", problem) if problem else read_text(found, "instruction", config.max_characters)


def original(triplet: Triplet, note: str = "") -> Rewritten:
    """The columns of a triplet that keeps its own instruction, be it that its source rewrote it."""
    told = json.loads(triplet.facts) if triplet.facts else {}
    kind, before = told.get("instruction_type"), told.get("instruction_original", "")
    if kind not in set(InstructionType):
        kind, before = InstructionType.ORIGINAL.value, ""
    return Rewritten(triplet.id, triplet.instruction, kind, before, "", "", note)


def rewritten(triplet: Triplet, text: str, answer: TextAnswer, config: Config) -> Rewritten:
    """The columns of a triplet whose instruction was rewritten."""
    record = answer.record
    return Rewritten(
        id=triplet.id,
        instruction=text,
        instruction_type="rewrite",
        instruction_original=triplet.instruction,
        rewrite_model=record.model,
        rewrite_response=record.key,
        rewrite_note="",
        rewrite_version=record.model_version,
        rewrite_prompt=config.prompt,
    )
