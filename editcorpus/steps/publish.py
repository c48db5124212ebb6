"""Publish: apply the score thresholds; what passes is the corpus.

The paper publishes no thresholds for its judge; these are ours. A judge of one token is calibrated on
a labelled sample before a threshold of it is trusted, so the defaults only take out clear failures.
"""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.records import Reason, Rejected

NAME = "publish"
VERSION = 1


class Config(BaseModel):
    """What a triplet's scores must reach, 0 to 1 each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_done: float = Field(
        0.5, ge=0, le=1, description="Least P(the edit was carried out), 0 to 1."
    )
    min_preserved: float = Field(
        0.2, ge=0, le=1, description="Least P(all else is preserved), 0 to 1."
    )
    min_clean: float = Field(0.3, ge=0, le=1, description="Least P(free of artefacts), 0 to 1.")
    whole_picture_tasks: tuple[str, ...] = Field(
        ("style", "env"),
        description="Tasks that may change the whole picture: min_preserved is not asked of them.",
    )


@dataclass(frozen=True, slots=True)
class Scores:
    """The judge's three parts, 0 to 1 each."""

    done: float
    preserved: float
    clean: float


def decide(triplet_id: str, task: str, scores: Scores, config: Config) -> Rejected | None:
    """The verdict on one judged triplet: the first threshold that it misses, or None."""
    limits = (
        (scores.done, config.min_done, Reason.NOT_DONE),
        (
            scores.preserved,
            0.0 if task in config.whole_picture_tasks else config.min_preserved,
            Reason.NOT_PRESERVED,
        ),
        (scores.clean, config.min_clean, Reason.ARTEFACTS),
    )
    for value, least, reason in limits:
        if value < least:
            return Rejected(triplet_id, NAME, reason, f"P(yes) is {value:.3f}, not {least:.3f}.")
    return None
