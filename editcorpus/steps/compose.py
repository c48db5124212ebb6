"""Compose: write one complex instruction for a source image, out of several simple edits.

Source: Complex-Edit, `build_dataset/generate_edits.py`, and GPT-IMAGE-EDIT-1.5M, appendix A.3: a model
that sees the picture plans a sequence of atomic operations, simplifies each, and compounds the first N
of them into the instruction of level CN; the paper's corpus has C3, since harder levels lose realism.
The 24 operations and their 9 groups are Complex-Edit's; the wording of all three questions is ours and has
a version. Complex-Edit plans at temperature 1.15; the model's own is left alone here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.endpoints.requests import Chat, Picture
from editcorpus.records import Triplet
from editcorpus.responses import TextAnswer
from editcorpus.structured import closed, read_object, read_text, response_format

NAME = "compose"
VERSION = 1
FRAMING = "Composition & Cropping"
"""The group whose operations move the frame, so that nothing of the source stays in its place."""
GROUPS: dict[str, tuple[str, ...]] = {
    "Object Manipulation & Transformation": (
        "Add an Object",
        "Remove an Object",
        "Replace an Object",
        "Move an Object",
        "Resize an Object",
        "Rotate an Object",
        "Duplicate an Object",
    ),
    "Color & Tone": ("Change Color", "Apply Filter/Weather"),
    "Texture & Material": ("Change Texture",),
    "Background & Environment": ("Change Background",),
    "Lighting & Shadows": ("Adjust Lighting",),
    "Text & Symbols": ("Add Text", "Remove Text", "Change Text Properties"),
    "Pose & Expression": ("Change Pose", "Change Facial Expression"),
    FRAMING: ("Crop Image", "Reframe Composition", "Zoom In/Out"),
    "Special Effects": (
        "Add Special Effects",
        "Remove Special Effects",
        "Add Particles",
        "Remove Particles",
    ),
}
"""The atomic operations by group (Complex-Edit)."""
OPERATIONS = tuple(name for names in GROUPS.values() for name in names)
PROMPTS = {
    "compose-1": {
        "sequence": (
            "Plan an edit of this picture that consists of exactly {level} atomic operations. Choose "
            "each from this list:\n{list}\nChoose what suits the things that the picture really shows. "
            "No operation may undo or repeat another, and together they must lead to one plausible "
            "picture.{hint} First reason, in two sentences at most, about what could be "
            "changed. Then give the operations in the order in which they are carried out, each with "
            "its name from the list and with one imperative sentence in English that names what it "
            "changes, begins with a word and ends with a full stop."
        ),
        "hint": (
            " Others were asked for an edit of the kind “{task}” here: let the first operation be of "
            "that kind where it fits."
        ),
        "simplify": (
            "This is one step of an edit of the picture:\n“{instruction}”\nDoes it say more than an "
            "editor needs to carry it out, such as reasons, moods or praise? Answer Yes or No. Then "
            "give the step as one short imperative sentence in English that asks for the same, begins "
            "with a word and ends with a full stop. A step that is plain already is repeated word for "
            "word."
        ),
        "compound": (
            "These are the steps of one edit of the picture, in order:\n{steps}\nWrite them as the one "
            "instruction that a person would give. Every step is in it and nothing else; what steps "
            "have in common is said once. First reason, in one sentence, about what belongs together. "
            "Then give the instruction: one to three imperative sentences in English that begin with "
            "a word and end with a full stop."
        ),
    }
}
"""The three questions by name, and what the first says where a task is known; a name never changes its
texts."""
_TEXT = {"type": "string"}
_SIMPLIFIED = response_format(
    "simplified_instruction",
    {"need_simplification": {"type": "string", "enum": ["Yes", "No"]}, "instruction": _TEXT},
)
_COMPOUND = response_format(
    "compound_instruction", {"reasoning": _TEXT, "compound_instruction": _TEXT}
)
_TASK_CHARACTERS = 100
"""Characters of a task's name that the model is told: names come from outside."""


class Config(BaseModel):
    """How complex the instructions are, and which model writes them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: int = Field(
        3, ge=1, le=8, description="Operations in an instruction, 1 to 8; the paper's corpus has 3."
    )
    frame: Literal["free", "keep"] = Field(
        "free",
        description="free: all 24 operations; keep: not those that crop, reframe or zoom, whose "
        "results the filter refuses as displaced.",
    )
    model: str = Field("gpt-6-luna", description="Vision-language model that writes.")
    prompt: Literal["compose-1"] = Field("compose-1", description="Which questions are asked.")
    sequence_tokens: int = Field(
        1024, ge=100, le=8000, description="Most tokens of a planned sequence, 100 to 8,000."
    )
    text_tokens: int = Field(
        512, ge=50, le=4000, description="Most tokens of any other answer, 50 to 4,000."
    )
    max_characters: int = Field(
        1500, ge=50, le=10_000, description="Longest instruction, 50 to 10,000 characters."
    )
    reasoning_effort: Literal["unset", "none", "minimal", "low"] = Field(
        "none", description="How much the model may think first; unset: nothing is said of it."
    )

    @property
    def operations(self) -> tuple[str, ...]:
        """Names of the operations that may be chosen."""
        left_out = GROUPS[FRAMING] if self.frame == "keep" else ()
        return tuple(name for name in OPERATIONS if name not in left_out)


@dataclass(frozen=True, slots=True)
class Operation:
    """One atomic edit: its name among the 24, and the sentence that asks for it."""

    name: str
    instruction: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """What is wrong with an answer, in a sentence."""

    detail: str


@dataclass(frozen=True, slots=True)
class Composed:
    """The columns that this step adds.

    Attributes:
        instruction: The complex instruction.
        instruction_type: `complex`.
        instruction_original: The source's own text.
        compose_model: As the answer of the last question names it.
        compose_level: Operations in the instruction, 1 to 8.
        operations: Their names in order, joined by `+`.
        compose_responses: Names of all answers in the response store in the order of the questions,
            joined by `+`.
    """

    id: str
    instruction: str
    instruction_type: str
    instruction_original: str
    compose_model: str
    compose_level: int
    operations: str
    compose_responses: str


def sequence_request(triplet: Triplet, source: Picture, config: Config) -> Chat:
    """The first question: the picture, and what is to be planned."""
    listed = "\n".join(
        f"{group}: {', '.join(allowed)}."
        for group, names in GROUPS.items()
        if (allowed := [name for name in names if name in config.operations])
    )
    told, prompts = triplet.subtask or triplet.task, PROMPTS[config.prompt]
    task = told[:_TASK_CHARACTERS]
    hint = prompts["hint"].format(task=task) if task else ""
    text = prompts["sequence"].format(level=config.level, list=listed, hint=hint)
    return _chat(source, text, _sequence_format(config), config.sequence_tokens, config)


def simplify_request(operation: Operation, source: Picture, config: Config) -> Chat:
    """The question about one operation: the picture, and its sentence."""
    text = PROMPTS[config.prompt]["simplify"].format(instruction=operation.instruction)
    return _chat(source, text, _SIMPLIFIED, config.text_tokens, config)


def compound_request(operations: Sequence[Operation], source: Picture, config: Config) -> Chat:
    """The last question: the picture, and the sentences in order."""
    steps = "\n".join(f"{n}. {item.instruction}" for n, item in enumerate(operations, 1))
    text = PROMPTS[config.prompt]["compound"].format(steps=steps)
    return _chat(source, text, _COMPOUND, config.text_tokens, config)


def read_sequence(answer: TextAnswer, config: Config) -> tuple[Operation, ...] | Unusable:
    """The planned operations: the first so many of them as the level asks for."""
    found, problem = read_object(answer.body)
    listed = found.get("operations")
    if problem or not isinstance(listed, list):
        return Unusable(problem or "The answer holds no operations.")
    if len(listed) < config.level:
        return Unusable(f"The answer holds {len(listed)} operations, not {config.level}.")
    made = []
    for item in listed[: config.level]:
        operation = _operation(item, config)
        if isinstance(operation, Unusable):
            return operation
        made.append(operation)
    return tuple(made)


def read_simplified(
    answer: TextAnswer, operation: Operation, config: Config
) -> Operation | Unusable:
    """The operation with its sentence simplified; as it was where the model sees no need."""
    found, problem = read_object(answer.body)
    need = found.get("need_simplification")
    if problem or need not in ("Yes", "No"):
        return Unusable(problem or "The answer says neither Yes nor No.")
    if need == "No":
        return operation
    text = _sentence(found, "instruction", config)
    return text if isinstance(text, Unusable) else replace(operation, instruction=text)


def read_compound(answer: TextAnswer, config: Config) -> str | Unusable:
    """The complex instruction."""
    found, problem = read_object(answer.body)
    return Unusable(problem) if problem else _sentence(found, "compound_instruction", config)


def composed(
    triplet: Triplet, text: str, operations: Sequence[Operation], answers: Sequence[TextAnswer]
) -> Composed:
    """The columns of a triplet.

    Args:
        triplet: Gives id and original instruction.
        text: The complex instruction.
        operations: In order.
        answers: To all questions, in order; at least one.
    """
    return Composed(
        id=triplet.id,
        instruction=text,
        instruction_type="complex",
        instruction_original=triplet.instruction,
        compose_model=answers[-1].record.model,
        compose_level=len(operations),
        operations="+".join(item.name for item in operations),
        compose_responses="+".join(item.record.key for item in answers),
    )


def _chat(
    source: Picture, text: str, form: dict[str, Any], max_tokens: int, config: Config
) -> Chat:
    options: dict[str, Any] = {"response_format": form}
    if config.reasoning_effort != "unset":
        options["reasoning_effort"] = config.reasoning_effort
    return Chat(config.model, (source, text), max_tokens, options)


def _sequence_format(config: Config) -> dict[str, Any]:
    name = {"type": "string", "enum": list(config.operations)}
    item = closed({"name": name, "instruction": _TEXT})
    exactly = {"minItems": config.level, "maxItems": config.level}
    listed = {"type": "array", "items": item, **exactly}
    return response_format("operation_sequence", {"reasoning": _TEXT, "operations": listed})


def _operation(item: object, config: Config) -> Operation | Unusable:
    if not isinstance(item, dict) or item.get("name") not in config.operations:
        return Unusable("The answer holds an operation that is not in the list.")
    text = _sentence(item, "instruction", config)
    return text if isinstance(text, Unusable) else Operation(item["name"], text)


def _sentence(found: dict[str, Any], name: str, config: Config) -> str | Unusable:
    """A text that begins with a letter and ends with a full stop; a missing one is mended."""
    text, problem = read_text(found, name, config.max_characters)
    if problem:
        return Unusable(problem)
    if not text[0].isalpha() or text.endswith("?"):
        return Unusable("The text is no instruction: it begins with no letter, or asks.")
    return text if text.endswith(".") else f"{text.rstrip(',;:!… ')}."
