"""What is looked for in a corpus: each check with its title, its weight, and what it means."""

from enum import StrEnum
from typing import NamedTuple


class Check(StrEnum):
    """What may be found. Names are those of the JSON report."""

    ROW_UNUSABLE = "row_unusable"
    PICTURE_MISSING = "picture_missing"
    PICTURE_BROKEN = "picture_broken"
    SIZE_BOMB = "size_bomb"
    BLANK = "blank"
    ECHO = "echo"
    NO_EDIT = "no_edit"
    RESIDUAL_PADDING = "residual_padding"
    DISPLACED = "displaced"
    EVERYTHING_CHANGED = "everything_changed"
    WRONG_PICTURE = "wrong_picture"
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    SPLIT_LEAK = "split_leak"
    CONTAMINATED = "contaminated"
    TOO_SMALL = "too_small"
    SIZES_DIFFER = "sizes_differ"
    TINY_EDIT = "tiny_edit"
    TONE_DRIFT = "tone_drift"
    UNLIKE_OUTSIDE = "unlike_outside"
    UNREGISTERED = "unregistered"


class Told(NamedTuple):
    """What people are told of a check.

    Attributes:
        title: A few words.
        defect: Whether what is found is wrong by itself; else it is a remark, to be looked at.
        meaning: What it means for whoever trains on the corpus.
    """

    title: str
    defect: bool
    meaning: str


MOVED_PX = 1.0
"""Px by which a corner of the edited image may lie off before it counts as displaced."""
SMALLEST = 64
"""Px of the shorter side below which a picture is too small to show an edit."""
TINY = 0.005
"""Share of a picture below which an edit is tiny; the smallest true edits measured reach it."""

TOLD: dict[Check, Told] = {
    Check.ROW_UNUSABLE: Told(
        "Row cannot be used",
        True,
        "The row is damaged, has no usable instruction, repeats an id, or its picture is only an address "
        "or lies outside the corpus.",
    ),
    Check.PICTURE_MISSING: Told(
        "Picture missing", True, "The row names a source or edited image that is not there."
    ),
    Check.PICTURE_BROKEN: Told(
        "Picture broken", True, "The source or edited image does not decode, or is cut short."
    ),
    Check.SIZE_BOMB: Told(
        "Size bomb",
        True,
        "A picture declares more pixels than any honest one; a loader that believes it runs out of memory.",
    ),
    Check.BLANK: Told("Blank", True, "The source or the edited image shows one flat colour."),
    Check.ECHO: Told(
        "Echo",
        True,
        "The edited image is its source, to the pixel: training on it teaches to do nothing.",
    ),
    Check.NO_EDIT: Told(
        "No edit",
        True,
        "Beyond what encoding and a shift explain, nothing changed: the instruction was not carried out.",
    ),
    Check.RESIDUAL_PADDING: Told(
        "Residual padding",
        True,
        "More than 0.5% of the border is a flat bar that the source does not have: models learn to draw it.",
    ),
    Check.DISPLACED: Told(
        "Shifted or zoomed",
        True,
        f"The content lies more than {MOVED_PX:g} px off its source in some corner: a model learns to move "
        "what it should preserve.",
    ),
    Check.EVERYTHING_CHANGED: Told(
        "Everything changed",
        True,
        "The task is local, and most of the picture is another one: a wrong picture, or a lost identity.",
    ),
    Check.WRONG_PICTURE: Told(
        "Wrong picture",
        True,
        "The edited image is that of another row: it fits the other's source, and its own far worse.",
    ),
    Check.EXACT_DUPLICATE: Told(
        "Exact duplicate",
        True,
        "An earlier triplet has the same source file, edited file and instruction, byte by byte.",
    ),
    Check.NEAR_DUPLICATE: Told(
        "Near duplicate",
        True,
        "An earlier triplet has nearly the same source, edited image and instruction: encoded anew, "
        "resized or mirrored.",
    ),
    Check.SPLIT_LEAK: Told(
        "In two splits",
        True,
        "Nearly the same source image is in another split, too: what is trained on one is not measured by "
        "the other.",
    ),
    Check.CONTAMINATED: Told(
        "In a benchmark",
        True,
        "A picture of the triplet is that of a benchmark, or perhaps is and the instruction is the same: "
        "whoever trains on it cannot be measured by that benchmark.",
    ),
    Check.TOO_SMALL: Told(
        "Small picture", False, f"A side of a picture has fewer than {SMALLEST} px."
    ),
    Check.SIZES_DIFFER: Told(
        "Sizes differ",
        False,
        "Source and edited image differ in size, so that no pixel lies on its counterpart as they are.",
    ),
    Check.TINY_EDIT: Told(
        "Tiny edit",
        False,
        f"Less than {TINY:.1%} of the picture changed: a very small object, or no edit at all.",
    ),
    Check.TONE_DRIFT: Told(
        "Tone drift",
        False,
        "The task is local, and colour or light changed outside of the edit, too: a model learns to tint.",
    ),
    Check.UNLIKE_OUTSIDE: Told(
        "Changed beside the edit",
        False,
        "The task is local, and outside of the edit detail was lost or drawn anew.",
    ),
    Check.UNREGISTERED: Told(
        "Not comparable",
        False,
        "Source and edited image have too little in common to say whether they are aligned: right for a "
        "change of style, background or viewpoint, wrong for anything local.",
    ),
}
"""In the order in which they are shown."""
