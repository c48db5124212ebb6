"""What can be wrong with a picture that was edited, and which of it strikes a request."""

from collections.abc import Collection, Mapping
from enum import StrEnum

from editcorpus.sandbox.chance import share


class Defect(StrEnum):
    """One way in which a picture that was edited can be unfit for a corpus; the first that strikes counts."""

    SWAPPED = "swapped"
    """The answers to two requests are exchanged; only where the server knows whose (`others.py`)."""
    BENCHMARK = "benchmark"
    """A picture of a benchmark in place of the edit; only where the server has some."""
    ECHO = "echo"
    SHIFT = "shift"
    ZOOM = "zoom"
    BLANK = "blank"
    EVERYTHING = "everything"
    """A picture of something else."""
    PADDING = "padding"
    """Padding reaches into the picture; only where a side was padded."""
    LEAK = "leak"
    """Only of edits with a mask: something outside of it changes as well."""


def struck(
    rates: Mapping[Defect, float], seed: int, names: Mapping[Defect, str], forced: Collection[str]
) -> Defect | None:
    """The defect of an edit: a property of the request, the same on every attempt and in any order.

    Args:
        rates: Share of edits, 0 to 1, that have each.
        seed: Of the server.
        names: Under which name each one that is possible is drawn.
        forced: Values of defects that strike wherever they are possible.
    """
    for defect in Defect:
        if defect in names and defect.value in forced:
            return defect
        rate = rates.get(defect, 0.0) if defect in names else 0.0
        if rate and share(seed, "defect", defect, names[defect]) < rate:
            return defect
    return None
