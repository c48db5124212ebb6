"""Which triplets are there more than once, and which a benchmark holds too."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from editcorpus.linting.checks import Check
from editcorpus.linting.examine import Looks
from editcorpus.linting.finding import Finding
from editcorpus.linting.splits import TRAIN
from editcorpus.similar.bars import Array
from editcorpus.similar.clusters import group, same_triplets
from editcorpus.similar.contamination import Hashed, contamination
from editcorpus.similar.hashfile import Known
from editcorpus.similar.minhash import plain_text, signatures
from editcorpus.similar.search import near
from editcorpus.similar.wording import group_wording


class Member(NamedTuple):
    """A triplet that is held against others.

    Attributes:
        split: As `splits.split_of` tells it.
    """

    id: str
    instruction: str
    looks: Looks
    split: str = ""


@dataclass(frozen=True, slots=True)
class Against:
    """What a corpus and a benchmark have in common.

    Attributes:
        benchmark: Its name.
        items: How many items it has.
        hits: Triplets with a picture of it.
        text_only: Triplets with an instruction of it and none of its pictures: no finding.
    """

    benchmark: str
    items: int
    hits: int
    text_only: int


@dataclass(frozen=True, slots=True)
class Twins:
    """What was found among some triplets.

    Attributes:
        findings: By the number of the triplet.
        partners: By the number of the triplet and the check, number of the triplet that was found beside it.
        split: Triplets whose split is known, where there are several; else 0.
        shared: Triplets whose source image another one has, too: no finding, but edits of one picture
            must not lie in two splits.
        against: One for each benchmark.
    """

    findings: dict[int, tuple[Finding, ...]]
    partners: dict[int, dict[Check, int]]
    split: int
    shared: int
    against: tuple[Against, ...]


def twins(members: Sequence[Member], benchmarks: Sequence[Known]) -> Twins:
    """Hold triplets against each other and against benchmarks.

    Args:
        members: In the order of the corpus: of some that are the same, the first is the original.
        benchmarks: As their hash files give them.
    """
    if not members:
        none = tuple(Against(one.benchmark, len(one.ids), 0, 0) for one in benchmarks)
        return Twins({}, {}, 0, 0, none)
    words = signatures([member.instruction for member in members])
    sources = _groups([member.looks.source for member in members])
    edited = _groups([member.looks.edited for member in members])
    nearly = same_triplets(sources, edited, group_wording(words))
    partners, findings = dict[int, dict[Check, int]](), dict[int, tuple[Finding, ...]]()
    for number, (check, first) in _repeated(members, nearly).items():
        partners[number] = {check: first}
        findings[number] = (Finding(check, f"It repeats {members[first].id}."),)
    for number, other in _torn(members, sources).items():
        partners.setdefault(number, {})[Check.SPLIT_LEAK] = other
        leak = f"Its source image is near that of {members[other].id}, which is in {members[other].split}."
        findings[number] = (*findings.get(number, ()), Finding(Check.SPLIT_LEAK, leak))
    against = []
    for known in benchmarks:
        told, hits = _against(members, words, known)
        against.append(told)
        for number, finding in hits.items():
            findings[number] = (*findings.get(number, ()), finding)
    counts = np.bincount(sources, minlength=len(members))
    shared = int((counts[sources] > 1).sum())
    return Twins(findings, partners, _in_splits(members), shared, tuple(against))


def _in_splits(members: Sequence[Member]) -> int:
    named = [member.split for member in members if member.split]
    return len(named) if len(set(named)) > 1 else 0


def _torn(members: Sequence[Member], sources: Array) -> dict[int, int]:
    """Who is in another split than the first of its group, and who that is: one in train, if there is any."""
    order = sorted(range(len(members)), key=lambda one: (members[one].split != TRAIN, one))
    first: dict[int, int] = {}
    made = {}
    for number in order:
        if not members[number].split:
            continue
        other = first.setdefault(int(sources[number]), number)
        if members[other].split != members[number].split:
            made[number] = other
    return made


def _repeated(members: Sequence[Member], nearly: Array) -> dict[int, tuple[Check, int]]:
    """What repeats an earlier triplet, how, and which."""
    seen: dict[tuple[str, ...], int] = {}
    made = {}
    for number, member in enumerate(members):
        key = (*member.looks.files, plain_text(member.instruction))
        first = seen.setdefault(key, number)
        if first != number:
            made[number] = (Check.EXACT_DUPLICATE, first)
        elif nearly[number] != number:
            made[number] = (Check.NEAR_DUPLICATE, int(nearly[number]))
    return made


def _stacked(views: Sequence[Array]) -> tuple[Array, Array]:
    """Hashes of all views, and the number of the picture that each is of."""
    counts = [len(one) for one in views]
    return np.concatenate(views), np.repeat(np.arange(len(views), dtype="u4"), counts)


def _groups(views: Sequence[Array]) -> Array:
    """The group of each picture, by any of its views."""
    hashes, owners = _stacked(views)
    pairs = near(hashes).pairs
    return group(len(views), [(owners[pairs.one], owners[pairs.other])])


def _against(
    members: Sequence[Member], words: Array, known: Known
) -> tuple[Against, dict[int, Finding]]:
    own = [hashes for member in members for hashes in (member.looks.source, member.looks.edited)]
    hashes, pictures = _stacked(own)
    found = contamination(known, Hashed(hashes, pictures // 2, words))
    findings: dict[int, Finding] = {}
    for hit in sorted(found.hits, key=lambda one: one.signs):
        role = "edited" if pictures[hit.picture] % 2 else "source"
        what = (
            "is that of"
            if hit.kind == "picture"
            else "may be that of, and the instruction is that of,"
        )
        told = f"The {role} image {what} {known.ids[hit.item]} in {known.benchmark}."
        findings.setdefault(hit.record, Finding(Check.CONTAMINATED, told))
    hits = Against(known.benchmark, len(known.ids), len(findings), found.text_only)
    return hits, findings
