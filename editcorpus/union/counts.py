"""What lies in a united corpus, counted from arrays."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from editcorpus.layouts.tally import Group
from editcorpus.union.entries import BETWEEN, Array, Entries
from editcorpus.union.rejects import Union
from editcorpus.union.verdicts import REASONS, SPLITS, Verdict


@dataclass(frozen=True, slots=True)
class Counts:
    """Kept records by each of their properties, and all others by reason.

    Attributes:
        parts: By `tasks`, `licences`, `sources`, `families` and `types`, as in a manifest.
        groups: By family, source, licence and type of instruction together, with scores.
        rejected: By reason.
        refused: Records that were refused for their licence, by licence.
        splits: By split; one that is empty is not there.
    """

    entered: int
    kept: int
    parts: Mapping[str, Mapping[str, int]]
    groups: tuple[Group, ...]
    rejected: Mapping[str, int]
    refused: Mapping[str, int]
    splits: Mapping[str, int]


def count(union: Union) -> Counts:
    """Count what was decided."""
    entries, codes = union.entries, union.verdicts.codes
    kept = union.verdicts.kept(slice(0, len(entries)))
    parts = {
        "licences": _by(entries, "licence", kept),
        "sources": _by(entries, "source", kept),
        "families": _by(entries, "family", kept),
        "types": _by(entries, "type", kept),
        "tasks": _by(entries, "task", kept, lambda word: word.partition(BETWEEN)[2]),
    }
    verdicts = np.bincount(codes, minlength=len(Verdict)).tolist()
    rejected: Counter[str] = Counter()
    for verdict, reason in REASONS.items():
        rejected[reason.value] += verdicts[verdict]
    splits = np.bincount(union.verdicts.splits[kept], minlength=len(SPLITS)).tolist()
    return Counts(
        entered=len(entries),
        kept=len(kept),
        parts=parts,
        groups=tuple(_groups(entries, kept)),
        rejected=dict(sorted((+rejected).items())),
        refused=_by(entries, "licence", np.flatnonzero(codes == Verdict.LICENCE)),
        splits={name: number for name, number in zip(SPLITS, splits, strict=True) if number},
    )


def _by(
    entries: Entries, name: str, rows: Array, told: Callable[[str], str] = lambda word: word
) -> dict[str, int]:
    words = entries.words[name]
    made: Counter[str] = Counter()
    for word, number in zip(words, _counted(entries[name][rows], len(words)), strict=True):
        made[told(word)] += number
    return dict(sorted((+made).items()))


def _counted(codes: Array, kinds: int) -> list[int]:
    made: list[int] = np.bincount(codes, minlength=kinds).tolist()
    return made


def _groups(entries: Entries, kept: Array) -> list[Group]:
    names = ("family", "source", "licence", "type")
    words = [entries.words[name] for name in names]
    whole = np.zeros(len(kept), "i8")
    for name, known in zip(names, words, strict=True):
        whole = whole * max(1, len(known)) + entries[name][kept]
    codes, places, numbers = np.unique(whole, return_inverse=True, return_counts=True)
    sums = np.bincount(places, weights=entries["score"][kept], minlength=len(codes))
    made = []
    for code, records, total in zip(codes.tolist(), numbers.tolist(), sums.tolist(), strict=True):
        left, found = code, []
        for known in reversed(words):
            left, place = divmod(left, len(known))
            found.append(known[place])
        kind, licence, source, family = found
        made.append(Group(family, source, licence, kind, records, total))
    return sorted(made, key=lambda group: (group.family, group.source, group.licence, group.kind))
