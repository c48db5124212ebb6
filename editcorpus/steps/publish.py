"""Publish: apply the score thresholds; what passes is the corpus.

The paper publishes no thresholds for its judge; these are ours. A judge of one token is calibrated on
a labelled sample before a threshold of it is trusted, so the defaults only take out clear failures. Of what
a whole picture may lose they take out less: an edit that redraws it leaves a judge in more doubt.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, field_validator

from editcorpus.doubts import Doubt
from editcorpus.likeness import Limits, missed
from editcorpus.preservation import Kind, asks_what_stays, least, read_entry
from editcorpus.records import Reason, Rejected

NAME = "publish"
VERSION = 2
OUTSIDE = ("psnr_outside", "ssim_outside", "psnr_outside_mask", "ssim_outside_mask")
"""What is asked of an edit outside of it, and outside of the mask that came with the row."""
UNKNOWN = -1.0
"""What is said of a picture of which too little lies outside of its edit."""


class Config(BaseModel):
    """What the scores of a triplet must reach, and what was measured outside of its edit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_done: float = Field(
        0.5, ge=0, le=1, description="Least P(the edit was carried out), 0 to 1."
    )
    min_preserved: float = Field(
        0.2, ge=0, le=1, description="Least P(all else is preserved), 0 to 1."
    )
    min_clean: float = Field(0.3, ge=0, le=1, description="Least P(free of artefacts), 0 to 1.")
    whole_min_preserved: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Least P(what has to stay is there) of whole_picture_tasks, 0 to 1, where the judge was "
        "asked about that (align.prompt) and something of the source is found again; where nothing is, "
        "min_preserved holds.",
    )
    whole_picture_tasks: tuple[str, ...] = Field(
        ("style", "env", "style_transfer", "tone_adjustment"),
        description="Tasks and families that may change the whole picture: they have whole_min_preserved "
        "in place of min_preserved, and min_psnr_outside and min_ssim_outside are not asked of them, "
        "unless by_kind does.",
    )
    min_psnr_outside: float = Field(
        0.0,
        ge=0,
        le=60,
        description="Least PSNR outside of the edit, and of its mask, in dB, 0 to 60, where it is known.",
    )
    min_ssim_outside: float = Field(0.0, ge=0, le=1, description="Least SSIM likewise, 0 to 1.")
    by_kind: tuple[str, ...] = Field(
        ("complex.min_preserved=0.3",),
        description="Limits for a type of instruction (original, rewrite, complex) or a family, such as "
        "object_removal.min_ssim_outside=0.5, in place of min_preserved, min_psnr_outside and "
        "min_ssim_outside.",
    )
    likeness: Limits = Field(
        default_factory=Limits, description="Limits on vectors and SSIM, where embed measured them."
    )

    @field_validator("by_kind")
    @classmethod
    def _readable(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            read_entry(entry)
        return entries


@dataclass(frozen=True, slots=True)
class Scores:
    """The judge's three parts, 0 to 1 each, and what they are to be held against.

    Attributes:
        questions: Name of the questions that it was asked; empty where nobody knows.
        doubts: Of the filter, names between spaces.
    """

    done: float
    preserved: float
    clean: float
    questions: str = ""
    doubts: str = ""


def decide(triplet_id: str, kind: Kind, scores: Scores, config: Config) -> Rejected | None:
    """The verdict on one judged triplet: the first threshold that it misses, or None."""
    limits = (
        (scores.done, config.min_done, Reason.NOT_DONE),
        (scores.preserved, _least_preserved(kind, scores, config), Reason.NOT_PRESERVED),
        (scores.clean, config.min_clean, Reason.ARTEFACTS),
    )
    for value, limit, reason in limits:
        if value < limit:
            return Rejected(triplet_id, NAME, reason, f"P(yes) is {value:.3f}, not {limit:.3f}.")
    return None


def changed_outside(
    triplet_id: str, kind: Kind, measured: Mapping[str, float], config: Config
) -> Rejected | None:
    """The verdict by what was measured outside of the edit: the first limit that is missed, or None.

    Args:
        triplet_id: Its id.
        kind: Of edit.
        measured: The figures of `OUTSIDE`, by name; `UNKNOWN` where there are none.
        config: Limits.
    """
    for name, value in measured.items():
        limit = _least(f"min_{name.removesuffix('_mask')}", kind, config)
        if value != UNKNOWN and value < limit:
            detail = f"{name} is {value:.3f}, not {limit:.3f}."
            return Rejected(triplet_id, NAME, Reason.CHANGED_OUTSIDE, detail)
    return None


def _least_preserved(kind: Kind, scores: Scores, config: Config) -> float:
    floor = 0.0
    if asks_what_stays(scores.questions, kind.family):
        floor = config.whole_min_preserved
        if Doubt.NOTHING_ALIKE in scores.doubts.split():
            floor = max(floor, config.min_preserved)
    general, exempt = config.min_preserved, config.whole_picture_tasks
    return least("min_preserved", general, kind, config.by_kind, exempt, floor)


def _least(limit: str, kind: Kind, config: Config) -> float:
    general = getattr(config, limit)
    return least(limit, general, kind, config.by_kind, config.whole_picture_tasks)


def unlike(
    triplet_id: str, measured: Mapping[str, float | None], config: Config
) -> Rejected | None:
    """The verdict by vectors and SSIM: the first limit that they miss, or None."""
    detail = missed(measured, config.likeness)
    return Rejected(triplet_id, NAME, Reason.UNLIKE, detail) if detail else None
