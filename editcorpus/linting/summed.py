"""What was looked at, summed up: the report, and the examples that its page shows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from editcorpus.linting.checks import TOLD, Check
from editcorpus.linting.edit import LOCAL
from editcorpus.linting.examine import Examined
from editcorpus.linting.figures import figures, licences
from editcorpus.linting.finding import Finding
from editcorpus.linting.lint import Looked, Place, place_of
from editcorpus.linting.report import (
    Benchmark,
    CheckResult,
    Corpus,
    Found,
    Report,
    rate,
    result,
)
from editcorpus.linting.thumbs import Shown
from editcorpus.records import SENTENCES, Triplet
from editcorpus.sampling import number

EXAMPLES = 4
"""Examples that are shown of a check."""


@dataclass(frozen=True, slots=True)
class Example:
    """A triplet that is shown, as far as there are pictures of it.

    Attributes:
        partner: The triplet that it repeats, if it does.
        partner_pair: Its pictures.
    """

    check: Check
    id: str
    instruction: str
    detail: str
    pair: Shown | None = None
    partner: str = ""
    partner_pair: Shown | None = None


@dataclass(frozen=True, slots=True)
class _One:
    """A triplet or row of the corpus with all its findings; `pair` is how it looks, if that was kept."""

    id: str
    instruction: str
    findings: tuple[Finding, ...]
    sampled: bool = True
    pair: Shown | None = None
    partner: str = ""
    partner_pair: Shown | None = None


def summed(looked: Looked) -> tuple[Report, tuple[Example, ...]]:
    """The report, and the examples that its page shows."""
    every = list(_all(looked))
    examples = tuple(_examples(every, looked.settings.seed))
    sampled = [one for one in every if one.sampled]
    clean = sum(not any(TOLD[found.check].defect for found in one.findings) for one in sampled)
    report = Report(
        corpus=_corpus(looked, len(sampled)),
        clean=rate(clean, len(sampled)),
        checks=tuple(_result(check, looked, every, examples) for check in TOLD),
        findings=tuple(
            Found(id=one.id, check=found.check, detail=found.detail, in_sample=one.sampled)
            for one in every
            for found in one.findings
        ),
        duplicates_among=len(looked.members),
        duplicates_whole=looked.together_whole,
        shared_sources=looked.twins.shared,
        benchmarks=tuple(Benchmark(**asdict(one)) for one in looked.twins.against),
        **licences([one.triplet for one in looked.examined]),
        **figures(looked.examined),
        seconds=round(looked.seconds, 1),
    )
    return report, examples


def _corpus(looked: Looked, triplets: int) -> Corpus:
    found, sample = looked.found, looked.sample
    return Corpus(
        where=", ".join(found.inputs.given),
        layout=found.name,
        recognised_by=found.told,
        columns=dict(found.columns),
        files=len(found.inputs.files),
        other_files=found.others,
        rows=sample.rows,
        sampled_rows=sample.drawn,
        triplets=triplets,
        seed=looked.settings.seed,
        whole=sample.whole,
    )


def _all(looked: Looked) -> Iterator[_One]:
    """Every row that says no triplet, every triplet of the sample, and all else that was found."""
    for one in looked.sample.rejected:
        told = f"{SENTENCES[one.reason]} {one.detail}"
        yield _One(one.id, "", (Finding(Check.ROW_UNUSABLE, told),))
    numbers = {place_of(triplet): index for index, triplet in enumerate(looked.members)}
    pairs = {place_of(one.triplet): one.pair for one in looked.examined}
    for examined in looked.examined:
        index = numbers.pop(place_of(examined.triplet), None)
        own = tuple(examined.measured.findings)
        bare = replace(_bare(examined.triplet), findings=own, pair=examined.pair)
        yield _of(looked, pairs, index, bare)
    for index in numbers.values():
        if index in looked.twins.findings:
            yield _of(looked, pairs, index, replace(_bare(looked.members[index]), sampled=False))


def _bare(triplet: Triplet) -> _One:
    return _One(triplet.id, triplet.instruction, ())


def _of(looked: Looked, pairs: Mapping[Place, Shown | None], index: int | None, one: _One) -> _One:
    """A triplet with what was found when it was held against others."""
    if index is None:
        return one
    own = looked.members[index]
    made = replace(
        one,
        findings=(*one.findings, *looked.twins.findings.get(index, ())),
        pair=pairs.get(place_of(own)),
    )
    partner = looked.twins.partners.get(index)
    if partner is None:
        return made
    other = looked.members[partner]
    return replace(made, partner=other.id, partner_pair=pairs.get(place_of(other)))


def _result(
    check: Check, looked: Looked, every: Sequence[_One], examples: Sequence[Example]
) -> CheckResult:
    found = sum(any(one.check is check for one in each.findings) for each in every)
    shown = tuple(one.id for one in examples if one.check is check)
    return result(check, rate(found, _looked_at(check, looked, every)), shown)


def _looked_at(check: Check, looked: Looked, every: Sequence[_One]) -> int:
    """Of how many triplets it is known whether a check finds something."""
    if check in {Check.EXACT_DUPLICATE, Check.NEAR_DUPLICATE}:
        return len(looked.members)
    if check is Check.CONTAMINATED:
        return len(looked.members) if looked.twins.against else 0
    known = _KNOWN.get(check)
    if known is None:
        return sum(one.sampled for one in every)
    return sum(known(one) for one in looked.examined)


_KNOWN: Mapping[Check, Callable[[Examined], bool]] = {
    **dict.fromkeys(
        (Check.BLANK, Check.ECHO, Check.TOO_SMALL, Check.SIZES_DIFFER),
        lambda one: one.size is not None,
    ),
    **dict.fromkeys(
        (Check.NO_EDIT, Check.TINY_EDIT),
        lambda one: one.measured.changed is not None,
    ),
    **dict.fromkeys(
        (Check.EVERYTHING_CHANGED, Check.TONE_DRIFT, Check.UNLIKE_OUTSIDE),
        lambda one: one.measured.changed is not None and one.family in LOCAL,
    ),
    Check.RESIDUAL_PADDING: lambda one: one.measured.border is not None,
    Check.DISPLACED: lambda one: one.measured.moved_px is not None,
    Check.UNREGISTERED: lambda one: one.measured.registered is not None,
}


def _examples(every: Sequence[_One], seed: int) -> Iterator[Example]:
    """A few triplets of each check, drawn by the seed, those with pictures first."""
    for check in TOLD:
        having = [(one, found) for one in every for found in one.findings if found.check is check]
        having.sort(key=lambda pair: (pair[0].pair is None, number(seed, check, pair[0].id)))
        for one, found in having[:EXAMPLES]:
            twin = check in {Check.EXACT_DUPLICATE, Check.NEAR_DUPLICATE}
            yield Example(
                check,
                one.id,
                one.instruction,
                found.detail,
                one.pair,
                one.partner if twin else "",
                one.partner_pair if twin else None,
            )
