"""What makes a result that is kept worth a look: figures that are unusual, none of which proves a fault."""

from collections.abc import Iterator
from enum import StrEnum

from editcorpus.fidelity import UNKNOWN
from editcorpus.records import Triplet
from editcorpus.verdicts import Config, Measures, task_is

TINY = 0.005
"""Share of the picture below which an edit is suspiciously small: the smallest of 26 real ones."""
LEAST_PSNR, LEAST_SSIM = 24.0, 0.90
"""PSNR in dB and SSIM outside of an edit below which more was redrawn than regenerating explains; real
local edits have 30 dB and 0.93 or more."""
DRIFT = round(5 / 255, 4)
"""Change of tone outside of an edit from which on it is no noise: five levels; regenerating brings two."""
ALIKE_NCC, MUCH = 0.10, 0.20
"""Correlation below which nothing of a source is found again, where so large a share changed: pictures
that have nothing in common have 0.10 at most; local edits have less where all structure was in the edit."""
UNLIKE = 0.07
"""Agreement of contours below which nothing is found again of a source whose whole picture may change."""


class Doubt(StrEnum):
    """One reason to look."""

    TINY_EDIT = "tiny_edit"
    """Hardly anything changed."""
    NOTHING_ALIKE = "nothing_alike"
    """Nothing of the source is found again; of a task that may change all, no contour either."""
    UNLIKE_OUTSIDE = "unlike_outside"
    """Outside of the edit detail was lost or redrawn."""
    TONE_DRIFT = "tone_drift"
    """Outside of the edit colours or light changed."""


def doubts(triplet: Triplet, measures: Measures, config: Config, agreement: float = 1.0) -> str:
    """Names of the doubts about a result, in the order of `Doubt`, between spaces; empty without any.

    Of tasks that may change the whole picture only the first two are asked.

    Args:
        triplet: Gives the task.
        measures: Of the result.
        config: Says which tasks are which.
        agreement: Of the contours of both pictures (`contours.py`), where the task may change all.
    """
    whole = task_is(triplet, config.whole_tasks)
    return " ".join(_doubts(measures, agreement, whole=whole))


def _doubts(measures: Measures, agreement: float, *, whole: bool) -> Iterator[Doubt]:
    share = measures.changed_share_no_tone
    if (measures.changed_share if whole else share) < TINY:
        yield Doubt.TINY_EDIT
    alike = agreement >= UNLIKE if whole else measures.registration_ncc >= ALIKE_NCC
    if not measures.registered and not alike and share > MUCH:
        yield Doubt.NOTHING_ALIKE
    if whole:
        return
    if _below(measures.psnr_outside, LEAST_PSNR) or _below(measures.ssim_outside, LEAST_SSIM):
        yield Doubt.UNLIKE_OUTSIDE
    if measures.tone_drift >= DRIFT:
        yield Doubt.TONE_DRIFT


def _below(value: float, least: float) -> bool:
    return value != UNKNOWN and value < least
