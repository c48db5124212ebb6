"""Classify: which of nine kinds of edit an instruction asks for, told from its text alone.

Source: GPT-IMAGE-EDIT-1.5M, section 3 and its folders of UltraEdit: rows are sampled evenly over nine
categories, which the published rows of UltraEdit do not name. How they were told apart was not
published; the question below has a version.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.endpoints.requests import Chat
from editcorpus.responses import TextAnswer
from editcorpus.structured import read_object, response_format

NAME = "classify"
VERSION = 1
CATEGORIES = {
    "add": "something new is put into the picture",
    "change_color": "a thing keeps its form and gets another colour",
    "change_global": "season, weather, time of day, light or background of the whole picture",
    "change_local": "a property of one thing other than its colour: material, pattern, size, clothes",
    "others": "none of the other kinds, or several of them",
    "replace": "one thing gives way to another in its place",
    "transform_global": "the whole picture becomes another style, medium or world",
    "transform_local": "one thing turns into something else, or takes on another form or state",
    "turn": "pose, direction, gaze or expression of somebody or something changes",
}
"""The folders of UltraEdit in GPT-IMAGE-EDIT-1.5M; what each holds is told in our own words."""
OTHERS = "others"
PROMPTS = {
    "category-1": (
        "Which kind of change does an instruction for editing a picture ask for? These are the kinds:\n"
        + "\n".join(f"{name}: {meaning}." for name, meaning in CATEGORIES.items())
        + "\nChoose the one kind that fits best."
    )
}
"""Questions by name; a name never changes its text."""
_FORMAT = response_format("edit_category", {"category": {"type": "string", "enum": [*CATEGORIES]}})


class Config(BaseModel):
    """Which model says what kind of edit an instruction asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(
        "gpt-6-luna", description="Language model that classifies; a cheap one does."
    )
    prompt: Literal["category-1"] = Field("category-1", description="Which question is asked.")
    max_tokens: int = Field(
        50, ge=10, le=4000, description="Most tokens of an answer, 10 to 4,000."
    )
    reasoning_effort: Literal["unset", "none", "minimal", "low"] = Field(
        "none", description="How much the model may think first; unset: nothing is said of it."
    )


def request(instruction: str, config: Config) -> Chat:
    """The question about one instruction; equal instructions make equal requests, paid for once."""
    options: dict[str, Any] = {"response_format": _FORMAT}
    if config.reasoning_effort != "unset":
        options["reasoning_effort"] = config.reasoning_effort
    return Chat(
        model=config.model,
        content=(PROMPTS[config.prompt], f"Instruction: “{instruction}”"),
        max_tokens=config.max_tokens,
        options=options,
    )


def read(answer: TextAnswer) -> str | None:
    """The category in an answer; None where it names none of the nine."""
    found, _ = read_object(answer.body)
    category = found.get("category")
    return category if isinstance(category, str) and category in CATEGORIES else None
