"""Who enters a united corpus, and into which split: decided from hashes alone.

Corpora come in additions, in the order in which they were united. What an earlier addition let in stays
in, so that its files never change. Within an addition: first the licence; then what is a benchmark's; then,
of equal triplets, the first stays; then the first of those with the same id; of those that are nearly the
same, one that is in, or else the best by score; then who would join two splits; then the limits, of
tasks, of families, of sources, each of which keeps those with the lowest hash of seed and conversation.

The split follows from seed and source image (see `splitting.py`): edits of one picture lie in the same
split, whenever they enter, and so do those of pictures that are near, and the turns of a conversation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from editcorpus.records import Reason
from editcorpus.similar.clusters import best, group
from editcorpus.union.entries import BETWEEN, Array, Entries
from editcorpus.union.licences import refusal
from editcorpus.union.nearness import Both, Nearness
from editcorpus.union.splitting import Splitting, mixed, split_of
from editcorpus.union.terms import Terms

SPLITS = ("train", "validation", "test")
"""In the order of their numbers."""


class Verdict(IntEnum):
    """What became of a record."""

    KEPT = 0
    LICENCE = 1
    CONTAMINATED = 2
    DUPLICATE = 3
    TAKEN = 4
    NEAR_DUPLICATE = 5
    SPLIT = 6
    TASK = 7
    FAMILY = 8
    SOURCE = 9


REASONS = {
    Verdict.LICENCE: Reason.LICENCE_LEFT_OUT,
    Verdict.CONTAMINATED: Reason.CONTAMINATED,
    Verdict.DUPLICATE: Reason.DUPLICATE_TRIPLET,
    Verdict.TAKEN: Reason.ID_TAKEN,
    Verdict.NEAR_DUPLICATE: Reason.NEAR_DUPLICATE,
    Verdict.SPLIT: Reason.SPLIT_CONFLICT,
    Verdict.TASK: Reason.OVER_QUOTA,
    Verdict.FAMILY: Reason.OVER_QUOTA,
    Verdict.SOURCE: Reason.OVER_QUOTA,
}


@dataclass(frozen=True, slots=True)
class Relations:
    """What is known of records beside their digests.

    Attributes:
        near: What each addition brought; none where nobody asked.
        contaminated: Numbers of the records that are a benchmark's, rising.
    """

    near: Sequence[Nearness] = ()
    contaminated: Array = field(default_factory=lambda: np.empty(0, "i8"))


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of all records.

    Attributes:
        codes: A `Verdict` for each.
        earlier: Number of the record that stays in its place, of duplicates, near ones too, and of ids
            that are taken; -1 elsewhere.
        splits: Number in `SPLITS`, of all, kept or not.
    """

    codes: Array
    earlier: Array
    splits: Array

    def kept(self, rows: slice) -> Array:
        """Numbers of the records among `rows` that are kept."""
        made: Array = np.flatnonzero(self.codes[rows] == Verdict.KEPT) + rows.start
        return made


def decide(
    entries: Entries, additions: Sequence[slice], terms: Terms, relations: Relations | None = None
) -> Verdicts:
    """Decide about every record.

    Args:
        entries: All of them.
        additions: Which records came together, one after the other.
        terms: What the corpus takes.
        relations: What is near, and what is a benchmark's.
    """
    known = relations or Relations()
    total = len(entries)
    made = Verdicts(
        np.zeros(total, "u1"), np.full(total, -1, "i4"), split_of(entries["image"], terms)
    )
    splitting = Splitting(entries["image"], terms) if known.near else None
    for number, rows in enumerate(additions):
        made.codes[rows] = _by_licence(entries, rows, terms)
        _mark(made, known.contaminated, rows, Verdict.CONTAMINATED)
        for verdict, name in ((Verdict.DUPLICATE, "content"), (Verdict.TAKEN, "id_key")):
            _repeated(made, entries[name], rows, verdict)
        if splitting:
            near = known.near[number]
            _near(made, near.triplets, rows, entries["score"])
            _split(made, splitting, near, rows)
        for verdict, codes, limits in _quotas(entries, terms):
            _over(made, _Quota(codes, limits, rank_of(entries["thread"], terms)), rows, verdict)
    return made


def rank_of(threads: Array, terms: Terms) -> Array:
    """The number by which limits choose: the lowest stay; turns of a conversation have the same."""
    return mixed(threads, 2 * terms.seed)


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


def _mark(made: Verdicts, numbers: Array, rows: slice, verdict: Verdict) -> None:
    """Refuse some records, unless they are refused already."""
    own = numbers[(numbers >= rows.start) & (numbers < rows.stop)]
    made.codes[own[made.codes[own] == Verdict.KEPT]] = verdict


def _near(made: Verdicts, pairs: Both, rows: slice, scores: Array) -> None:
    """Of each group of near triplets keep one that is in, or else the best by score."""
    there = (made.codes[pairs[0]] == Verdict.KEPT) & (made.codes[pairs[1]] == Verdict.KEPT)
    if not there.any():
        return
    groups = group(rows.stop, [(pairs[0][there], pairs[1][there])])
    ranks = scores[: rows.stop].astype("f8")
    ranks[: rows.start] = np.inf
    stays = best(groups, ranks)
    new = np.arange(rows.start, rows.stop)
    lost = new[stays[new] != new]
    made.codes[lost] = Verdict.NEAR_DUPLICATE
    made.earlier[lost] = stays[lost]


def _split(made: Verdicts, splitting: Splitting, near: Nearness, rows: slice) -> None:
    """Draw the splits of an addition, and refuse who would join two."""
    there = made.kept(rows)
    splits, refused = splitting.add(there, near.same, near.sources)
    made.splits[there[~refused]] = splits[~refused]
    made.codes[there[refused]] = Verdict.SPLIT


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
