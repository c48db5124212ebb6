"""How well all else must be preserved, by the kind of edit.

An edit that was carried out and changed more than it was to change teaches just that; most so where one
instruction asks for several edits, of which a model may lose what it was to keep. So limits can be set for
all, and anew for a type of instruction or a family.
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


def least(
    limit: str, general: float, kind: Kind, entries: Sequence[str], exempt: Sequence[str] = ()
) -> float:
    """What a limit is for a kind of edit.

    Args:
        limit: One of `LIMITS`.
        general: What it is for kinds without an entry.
        kind: Of the triplet.
        entries: As `read_entry` takes them; where two fit, the higher one counts.
        exempt: Tasks and families that have none, unless an entry fits.
    """
    own = [
        entry.least
        for entry in map(read_entry, entries)
        if entry.limit == limit and entry.kind in (kind.instruction_type, kind.family)
    ]
    if own:
        return max(own)
    return 0.0 if {kind.task, kind.family} & set(exempt) else general
