"""Something that was found in a triplet."""

from dataclasses import dataclass

from editcorpus.linting.checks import Check

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in shares of a picture's sides."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was found.

    Attributes:
        detail: What was measured, in a sentence.
        boxes: Where in the edited image.
    """

    check: Check
    detail: str
    boxes: tuple[Box, ...] = ()
