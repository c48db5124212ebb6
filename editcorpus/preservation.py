"""How well all else must be preserved, by the kind of edit.

An edit that was carried out and changed more than it was to change teaches just that; most so where one
instruction asks for several edits, of which a model may lose what it was to keep. So limits can be set for
all, and anew for a type of instruction or a family.

Of an edit that may change the whole picture, the question whether all else is unchanged means nothing. What
has to stay even so is another thing for each family, and the judge is asked about that (`STAYS`). A judge of
one token is less sure of it, so that such edits have a floor of their own, half of the other; they keep it
only where pixels find something of the source again (`doubts.Doubt.NOTHING_ALIKE`).
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from editcorpus.taxonomy import Family, InstructionType

LIMITS: Mapping[str, float] = {
    "min_preserved": 1.0,
    "min_psnr_outside": 60.0,
    "min_ssim_outside": 1.0,
}
"""Limits that a kind may have of its own, and the largest value of each."""
KINDS = (*map(str, InstructionType), *map(str, Family))
"""What limits can be set for."""
_ENTRY = re.compile(r"([a-z_]+)\.([a-z_]+)=([0-9.]+)")


STAYS: Mapping[str, Mapping[Family, str]] = {
    "three-2": {
        Family.STYLE_TRANSFER: (
            "Apart from what this edit asks for, and in whatever style it is drawn, does picture 2 still "
            "show the subjects of picture 1, in the same composition? Answer Yes or No."
        ),
        Family.TONE_ADJUSTMENT: (
            "Apart from what this edit asks for, and in whatever light, weather or season, does picture 2 "
            "still show the subjects of picture 1, in the same places? Answer Yes or No."
        ),
        Family.BACKGROUND_REPLACEMENT: (
            "Apart from what this edit asks for, and whatever is behind it now, does picture 2 still show "
            "the main subject of picture 1, with the same look? Answer Yes or No."
        ),
    }
}
"""What the judge is asked of families that may change the whole picture, in place of whether all else is
unchanged, by the name of the questions; a name never changes its text."""


class Kind(NamedTuple):
    """What kind of edit a triplet is: its source's task, its type of instruction and its family."""

    task: str
    instruction_type: str
    family: str


class Entry(NamedTuple):
    """A limit that a kind has of its own."""

    kind: str
    limit: str
    least: float


def read_entry(text: str) -> Entry:
    """A limit as a setting has it: `complex.min_preserved=0.3`.

    Raises:
        ValueError: It has another form, or names what there is not.
    """
    found = _ENTRY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r:.80} is no limit such as 'complex.min_preserved=0.3'.")
    kind, limit, number = found.groups()
    if kind not in KINDS:
        raise ValueError(f"There is no kind of edit {kind!r:.60}; there are {', '.join(KINDS)}.")
    if limit not in LIMITS:
        raise ValueError(f"There is no limit {limit!r:.60} by kind; there are {', '.join(LIMITS)}.")
    if number.count(".") > 1 or not number.strip(".") or float(number) > LIMITS[limit]:
        raise ValueError(f"{text!r:.80} sets no number from 0 to {LIMITS[limit]:g}.")
    return Entry(kind, limit, float(number))


def asks_what_stays(questions: str, family: str) -> bool:
    """Whether the judge was asked what has to stay in edits of a family.

    Args:
        questions: Name of what it was asked; empty where nobody knows.
        family: Name of it; empty where there is none.
    """
    return family in STAYS.get(questions, {})


def least(
    limit: str,
    general: float,
    kind: Kind,
    entries: Sequence[str],
    exempt: Sequence[str] = (),
    floor: float = 0.0,
) -> float:
    """What a limit is for a kind of edit.

    Args:
        limit: One of `LIMITS`.
        general: What it is for kinds without an entry.
        kind: Of the triplet.
        entries: As `read_entry` takes them; where two fit, the higher one counts.
        exempt: Tasks and families that have another, unless an entry fits.
        floor: What that is.
    """
    own = [
        entry.least
        for entry in map(read_entry, entries)
        if entry.limit == limit and entry.kind in (kind.instruction_type, kind.family)
    ]
    if own:
        return max(own)
    return floor if {kind.task, kind.family} & set(exempt) else general
