"""Align: ask Qwen-VL how well source, edited image and instruction fit together.

Three questions of one token each; the score of a question is P(yes) from the log-probabilities of the
first token. Of edits that may change the whole picture, the second question is what has to stay even so
(`preservation.STAYS`). Sources: VQAScore (arXiv 2404.01291) for P(yes) as a score; vLLM 0.33's
`logprob_token_ids`, which returns exactly the tokens that are named and so neither side is cut off.
"""

import json
import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.endpoints.requests import Chat, Picture
from editcorpus.preservation import STAYS
from editcorpus.responses import TextAnswer
from editcorpus.taxonomy import Family

_T = TypeVar("_T")
NAME = "align"
VERSION = 2
MIN_MASS = 0.5
"""Share of probability that yes and no must hold together; below it there is no verdict."""
QWEN_TOKENS = {"Yes": 9454, "No": 2753, "yes": 9693, "no": 2152, " Yes": 7414, " No": 2308}
"""Token ids of Qwen2.5 and Qwen3, from the published qwen.tiktoken; confirmed at start."""
ASPECTS = ("done", "preserved", "clean")
_THREE = {
    "done": "Was this edit carried out in picture 2 as asked? Answer Yes or No.",
    "preserved": (
        "Apart from what this edit asks for, is everything of picture 1 preserved, unchanged, in "
        "picture 2? Answer Yes or No."
    ),
    "clean": (
        "Is picture 2 free of visible artefacts such as seams, borders, smears or broken shapes? "
        "Answer Yes or No."
    ),
}
PROMPTS = {"three-1": _THREE, "three-2": _THREE}
"""Questions by name; a name never changes its text. Those of `preservation.STAYS` come before them."""


class Config(BaseModel):
    """Which judge is asked, and how large it sees the pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field("Qwen/Qwen2.5-VL-7B-Instruct", description="Vision-language judge on vLLM.")
    prompt: Literal["three-1", "three-2"] = Field(
        "three-2",
        description="The three questions; three-1 asks of edits of style, tone and background, too, "
        "whether all else is unchanged.",
    )
    min_pixels: int = Field(
        200_704,
        ge=3_136,
        le=12_845_056,
        description="Least pixels that a picture is scaled to, 3,136 to 12,845,056.",
    )
    max_pixels: int = Field(
        1_003_520,
        ge=3_136,
        le=12_845_056,
        description="Most pixels that a picture is scaled to, 3,136 to 12,845,056.",
    )
    token_ids: tuple[Annotated[int, Field(ge=0, le=999_999)], ...] = Field(
        tuple(QWEN_TOKENS.values()),
        description="Token ids of yes and no in the judge's vocabulary, in their spellings, 0 to "
        "999,999 each.",
    )


@dataclass(frozen=True, slots=True)
class Aligned:
    """The columns that this step adds: P(yes) of each question, and their geometric mean.

    Attributes:
        judge_version: The model that answered, as its answer names it; empty where it does not.
        judge_prompt: Name of the questions.
    """

    id: str
    score: float
    score_done: float
    score_preserved: float
    score_clean: float
    mass_done: float
    mass_preserved: float
    mass_clean: float
    judge_model: str
    response_done: str
    response_preserved: str
    response_clean: str
    judge_version: str
    judge_prompt: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One question's answer: P(yes) among yes and no, and the probability that both hold."""

    yes: float
    mass: float


def requests(
    instruction: str, source: Picture, edited: Picture, config: Config, family: str = ""
) -> dict[str, Chat]:
    """The three questions; the pictures come first, so that the judge reads them once.

    Args:
        instruction: What was asked for.
        source: Before the edit.
        edited: After it.
        config: Whom to ask what.
        family: Of the edit; empty where nobody knows.
    """
    options: dict[str, Any] = {
        "temperature": 0,
        "seed": 0,
        "logprobs": True,
        "top_logprobs": 20,
        "logprob_token_ids": list(config.token_ids),
        "mm_processor_kwargs": {"min_pixels": config.min_pixels, "max_pixels": config.max_pixels},
    }
    texts = _texts(config.prompt, family)
    pair = ("Picture 1 (before):", source, "Picture 2 (after):", edited)
    return {
        aspect: Chat(
            model=config.model,
            content=(*pair, f"Requested edit: {instruction}\n{texts[aspect]}"),
            max_tokens=1,
            options=options,
        )
        for aspect in ASPECTS
    }


def _texts(prompt: str, family: str) -> dict[str, str]:
    """The questions of a name to an edit of a family."""
    stays = STAYS.get(prompt, {}).get(Family(family)) if family else None
    return PROMPTS[prompt] if stays is None else {**PROMPTS[prompt], "preserved": stays}


def read(answer: TextAnswer) -> Verdict | None:
    """P(yes) in an answer; None where it is no verdict."""
    sides = {"yes": 0.0, "no": 0.0}
    for token, logprob in _listed(answer.body).items():
        word = token.strip().lower()
        if word in sides and logprob <= 0:
            sides[word] += math.exp(logprob)
    mass = sides["yes"] + sides["no"]
    if not MIN_MASS <= mass <= 1.001:  # also refuses NaN
        return None
    return Verdict(sides["yes"] / mass, mass)


def _listed(body: str) -> dict[str, float]:
    """The log-probability of each token that an answer lists; none where it has another form."""
    try:
        first = json.loads(body)["choices"][0]["logprobs"]["content"][0]
        pairs = [(item["token"], item["logprob"]) for item in first["top_logprobs"]]
        return {token: float(value) for token, value in pairs if _is_entry(token, value)}
    except (ValueError, KeyError, TypeError, IndexError, RecursionError, OverflowError):
        return {}


def _is_entry(token: Any, value: Any) -> bool:
    return isinstance(token, str) and type(value) in {int, float}


def aligned(
    triplet_id: str, verdicts: dict[str, Verdict], answers: dict[str, TextAnswer], config: Config
) -> Aligned:
    """The columns of a triplet whose three questions were answered."""
    parts = [verdicts[aspect].yes for aspect in ASPECTS]
    masses = [verdicts[aspect].mass for aspect in ASPECTS]
    records = [answers[aspect].record for aspect in ASPECTS]
    return Aligned(
        triplet_id,
        math.prod(parts) ** (1 / len(parts)),
        *_three(parts),
        *_three(masses),
        records[0].model,
        *_three([record.key for record in records]),
        records[0].model_version,
        config.prompt,
    )


def _three(items: list[_T]) -> tuple[_T, _T, _T]:
    first, second, third = items
    return first, second, third
