"""Who enters a united corpus, and into which split: decided from hashes alone.

Corpora come in additions, in the order in which they were united. What an earlier addition let in stays
in, so that its files never change. Within an addition: first the licence; then, of equal triplets, the
first stays; then the first of those with the same id; then the limits, of tasks, of families, of
sources, each of which keeps those with the lowest hash of seed and conversation.

The split follows from seed and source image alone: edits of one picture lie in the same split, whenever
they enter, and so do the turns of a conversation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from editcorpus.records import Reason
from editcorpus.union.entries import BETWEEN, Array, Entries
from editcorpus.union.licences import refusal
from editcorpus.union.terms import Terms

SPLITS = ("train", "validation", "test")
"""In the order of their numbers."""

_GOLDEN = 0x9E3779B97F4A7C15
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
"""Constants of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a mixer of 64 bits."""


class Verdict(IntEnum):
    """What became of a record."""

    KEPT = 0
    LICENCE = 1
    DUPLICATE = 2
    TAKEN = 3
    TASK = 4
    FAMILY = 5
    SOURCE = 6


REASONS = {
    Verdict.LICENCE: Reason.LICENCE_LEFT_OUT,
    Verdict.DUPLICATE: Reason.DUPLICATE_TRIPLET,
    Verdict.TAKEN: Reason.ID_TAKEN,
    Verdict.TASK: Reason.OVER_QUOTA,
    Verdict.FAMILY: Reason.OVER_QUOTA,
    Verdict.SOURCE: Reason.OVER_QUOTA,
}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of all records.

    Attributes:
        codes: A `Verdict` for each.
        earlier: Number of the record that was there before it, of duplicates and of ids that are
            taken; -1 elsewhere.
        splits: Number in `SPLITS`, of all, kept or not.
    """

    codes: Array
    earlier: Array
    splits: Array

    def kept(self, rows: slice) -> Array:
        """Numbers of the records among `rows` that are kept."""
        made: Array = np.flatnonzero(self.codes[rows] == Verdict.KEPT) + rows.start
        return made


def decide(entries: Entries, additions: Sequence[slice], terms: Terms) -> Verdicts:
    """Decide about every record.

    Args:
        entries: All of them.
        additions: Which records came together, one after the other.
        terms: What the corpus takes.
    """
    total = len(entries)
    made = Verdicts(
        np.zeros(total, "u1"), np.full(total, -1, "i4"), split_of(entries["image"], terms)
    )
    for rows in additions:
        made.codes[rows] = _by_licence(entries, rows, terms)
        for verdict, name in ((Verdict.DUPLICATE, "content"), (Verdict.TAKEN, "id_key")):
            _repeated(made, entries[name], rows, verdict)
        for verdict, codes, limits in _quotas(entries, terms):
            _over(made, _Quota(codes, limits, rank_of(entries["thread"], terms)), rows, verdict)
    return made


def split_of(images: Array, terms: Terms) -> Array:
    """Number in `SPLITS` of each record, by the hash of its source image."""
    drawn = _mixed(images, 2 * terms.seed + 1) / 2.0**64
    test = terms.validation_share + terms.test_share
    chosen = np.select([drawn < terms.validation_share, drawn < test], [1, 2], 0)
    return chosen.astype("u1")


def rank_of(threads: Array, terms: Terms) -> Array:
    """The number by which limits choose: the lowest stay; turns of a conversation have the same."""
    return _mixed(threads, 2 * terms.seed)


def _mixed(values: Array, seed: int) -> Array:
    """Hashes of seed and value, 64 bits each."""
    start = (seed + 1) * _GOLDEN % 2**64
    made = values + np.uint64(start)
    for shift, factor in _MIX:
        made ^= made >> np.uint64(shift)
        made *= np.uint64(factor)
    return made


def _by_licence(entries: Entries, rows: slice, terms: Terms) -> Array:
    refused = [bool(refusal(name, terms.licenses)) for name in entries.words["licence"]]
    table = np.where(np.array(refused, bool), Verdict.LICENCE, Verdict.KEPT).astype("u1")
    return table[entries["licence"][rows]]


def _repeated(made: Verdicts, keys: Array, rows: slice, verdict: Verdict) -> None:
    """Refuse whose key an earlier one has: one that is in, or one that is not refused so far."""
    there = made.kept(slice(0, rows.stop))
    ordered = there[np.argsort(keys[there], kind="stable")]
    same = np.empty(len(ordered), bool)
    same[:1] = False
    same[1:] = keys[ordered[1:]] == keys[ordered[:-1]]
    starts = np.maximum.accumulate(np.where(same, 0, np.arange(len(ordered))))
    made.earlier[ordered[same]] = ordered[starts[same]]
    made.codes[ordered[same]] = verdict


@dataclass(frozen=True, slots=True)
class _Quota:
    """A limit by kind.

    Attributes:
        kinds: The kind of each record.
        limits: How many of each kind may enter.
        ranks: See `rank_of`.
    """

    kinds: Array
    limits: Array
    ranks: Array


_NO_LIMIT = 2**62


def _quotas(entries: Entries, terms: Terms) -> list[tuple[Verdict, Array, Array]]:
    """The limits that there are, the finest first."""
    made = []
    for verdict, name, most in (
        (Verdict.TASK, "task", terms.most_per_task),
        (Verdict.FAMILY, "family", terms.most_per_family),
    ):
        if most:
            made.append((verdict, entries[name], np.full(len(entries.words[name]), most)))
    if terms.most:
        limits = [terms.most.get(name, _NO_LIMIT) for name in entries.words["source"]]
        made.append((Verdict.SOURCE, entries["source"], np.array(limits)))
    return made


def _over(made: Verdicts, quota: _Quota, rows: slice, verdict: Verdict) -> None:
    """Refuse those of `rows` that are too many beside those that are in."""
    kinds = len(quota.limits)
    inside = np.bincount(quota.kinds[made.kept(slice(0, rows.start))], minlength=kinds)
    left = np.maximum(quota.limits - inside, 0)
    there = made.kept(rows)
    ordered = there[np.lexsort((quota.ranks[there], quota.kinds[there]))]
    sorted_kinds = quota.kinds[ordered]
    starts = np.searchsorted(sorted_kinds, np.arange(kinds))
    place = np.arange(len(ordered)) - starts[sorted_kinds]
    made.codes[ordered[place >= left[sorted_kinds]]] = verdict


def limit_sentence(entries: Entries, number: int, verdict: Verdict, terms: Terms) -> str:
    """Which limit kept a record out, for people."""
    if verdict is Verdict.SOURCE:
        source = entries.words["source"][entries["source"][number]]
        return f"{terms.most[source]:,} of {source} may enter, chosen by hash."
    if verdict is Verdict.FAMILY:
        family = entries.words["family"][entries["family"][number]] or "unknown"
        return f"{terms.most_per_family:,} of the family {family} may enter, chosen by hash."
    source, _, task = entries.words["task"][entries["task"][number]].partition(BETWEEN)
    return f"{terms.most_per_task:,} of {source}'s task {task} may enter, chosen by hash."
