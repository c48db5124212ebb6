"""What was looked at, summed up: the report, and the examples that its page shows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from editcorpus.linting.checks import TOLD, Check
from editcorpus.linting.drawn import Place, place_of
from editcorpus.linting.edit import LOCAL
from editcorpus.linting.examine import Examined
from editcorpus.linting.figures import figures, licences
from editcorpus.linting.finding import Finding
from editcorpus.linting.lint import Looked
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
        partner: The triplet that it repeats, or whose picture it has.
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
    """A triplet or row of the corpus with all its findings; `pair` is how it looks, if that was kept.

    Attributes:
        partners: The triplet that a check found beside it.
    """

    id: str
    instruction: str
    findings: tuple[Finding, ...]
    sampled: bool = True
    pair: Shown | None = None
    partners: Mapping[Check, Triplet] = field(default_factory=dict)


def summed(looked: Looked) -> tuple[Report, tuple[Example, ...]]:
    """The report, and the examples that its page shows."""
    every = list(_all(looked))
    pairs = {place_of(one.triplet): one.pair for one in looked.examined}
    examples = tuple(_examples(every, pairs, looked.settings.seed))
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
    for examined in looked.examined:
        place = place_of(examined.triplet)
        own = tuple(examined.measured.findings)
        made = replace(_bare(examined.triplet), findings=own, pair=examined.pair)
        if stray := looked.strays.get(place):
            beside = {stray.finding.check: stray.partner}
            made = replace(made, findings=(*own, stray.finding), partners=beside)
        yield _repeating(looked, numbers.pop(place, None), made)
    for index in numbers.values():
        if index in looked.twins.findings:
            yield _repeating(looked, index, replace(_bare(looked.members[index]), sampled=False))


def _bare(triplet: Triplet) -> _One:
    return _One(triplet.id, triplet.instruction, ())


def _repeating(looked: Looked, index: int | None, one: _One) -> _One:
    """A triplet with what was found when it was held against others for being the same."""
    if index is None:
        return one
    found = looked.twins.findings.get(index, ())
    made = replace(one, findings=(*one.findings, *found))
    beside = looked.twins.partners.get(index, {})
    same = {check: looked.members[partner] for check, partner in beside.items()}
    return replace(made, partners={**one.partners, **same})


def _result(
    check: Check, looked: Looked, every: Sequence[_One], examples: Sequence[Example]
) -> CheckResult:
    found = sum(any(one.check is check for one in each.findings) for each in every)
    shown = tuple(one.id for one in examples if one.check is check)
    return result(check, rate(found, _looked_at(check, looked, every)), shown)


def _looked_at(check: Check, looked: Looked, every: Sequence[_One]) -> int:
    """Of how many triplets it is known whether a check finds something."""
    if check in _SAME:
        return len(looked.members)
    if check is Check.CONTAMINATED:
        return len(looked.members) if looked.twins.against else 0
    if check is Check.SPLIT_LEAK:
        return looked.twins.split
    known = _KNOWN.get(check)
    if known is None:
        return sum(one.sampled for one in every)
    return sum(known(one) for one in looked.examined)


_SAME = {Check.EXACT_DUPLICATE, Check.NEAR_DUPLICATE}
_KNOWN: Mapping[Check, Callable[[Examined], bool]] = {
    **dict.fromkeys(
        (Check.BLANK, Check.ECHO, Check.WRONG_PICTURE, Check.TOO_SMALL, Check.SIZES_DIFFER),
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


def _examples(
    every: Sequence[_One], pairs: Mapping[Place, Shown | None], seed: int
) -> Iterator[Example]:
    """A few triplets of each check, drawn by the seed, those with pictures first."""
    for check in TOLD:
        having = [(one, found) for one in every for found in one.findings if found.check is check]
        having.sort(key=lambda pair: (pair[0].pair is None, number(seed, check, pair[0].id)))
        for one, found in having[:EXAMPLES]:
            told = check, one.id, one.instruction, found.detail, one.pair
            partner = one.partners.get(check)
            if partner is None:
                yield Example(*told)
            else:
                yield Example(*told, partner.id, pairs.get(place_of(partner)))
