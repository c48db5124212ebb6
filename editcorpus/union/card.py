"""The dataset card of a united corpus."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from editcorpus.layouts.card import card_environment, facets_section, front_matter
from editcorpus.layouts.croissant import Described
from editcorpus.layouts.facets import Facets, languages_of
from editcorpus.layouts.known import conflict, defects
from editcorpus.layouts.manifest import DATA
from editcorpus.layouts.markdown import code
from editcorpus.layouts.previews import Preview
from editcorpus.layouts.quality_section import quality_section
from editcorpus.layouts.tally import benchmarks, rows
from editcorpus.quality import Quality
from editcorpus.records import SENTENCES, Reason
from editcorpus.runs import corpus_folder
from editcorpus.union.books import Book, Member
from editcorpus.union.counts import Counts
from editcorpus.union.licences import allows_commerce
from editcorpus.union.rejects import STEP
from editcorpus.union.report import Report


@dataclass(frozen=True, slots=True)
class Lost:
    """How many were given up at a step for a reason; `kind` is `rejected` or `failed`."""

    kind: str
    step: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run that came in: since which version, and with how many triplets."""

    label: str
    release: str
    kept: int
    models: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found by looking at pictures, and at the columns that tell of them.

    Attributes:
        report: Near duplicates and benchmarks; None where nobody looked.
        pages: Of what was left out by its looks; paths are relative to the corpus.
        facets: Kept triplets by language, size and ratio.
        quality: What the corpus measured of itself.
    """

    report: Report | None = None
    pages: tuple[str, ...] = ()
    facets: Facets = field(default_factory=Facets)
    quality: Quality = field(default_factory=Quality)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the card says; the same facts give the same card.

    Attributes:
        entered: Ids that entered the runs.
        losses: Over all runs, and at the union.
        looked: What was found by looking at pictures.
        configuration: Terms, benchmarks and runs.
    """

    name: str
    release: str
    location: str
    emulated: bool
    entered: int
    counts: Counts
    losses: tuple[Lost, ...]
    members: tuple[Run, ...]
    previews: tuple[Preview, ...]
    looked: Looked
    configuration: Mapping[str, Any]


def facts_of(
    name: str, book: Book, counts: Counts, previews: tuple[Preview, ...], looked: Looked
) -> Facts:
    """What the card of a corpus says.

    Args:
        name: Of the corpus.
        book: With all that is in it.
        counts: Of its records.
        previews: Pairs that are shown.
        looked: What was found by looking at pictures.
    """
    members = book.members
    runs = [
        Run(one.label, addition.release, one.manifest.kept, _models(one))
        for addition in book.additions
        for one in addition.members
    ]
    entered = [{"run": one.label, "manifest_sha256": one.sha256} for one in members]
    return Facts(
        name=name,
        release=book.release,
        location=f"path/to/{corpus_folder(name)}",
        emulated=any(member.emulated for member in members),
        entered=sum(member.manifest.entered for member in members),
        counts=counts,
        losses=tuple(_losses(members, counts)),
        members=tuple(runs),
        previews=previews,
        looked=looked,
        configuration={
            "terms": book.terms.model_dump(mode="json"),
            "against": dict(book.against),
            "runs": entered,
        },
    )


def card_text(facts: Facts) -> str:
    """The card: front matter as YAML, then Markdown in which all text from outside is inert."""
    environment = card_environment()
    environment.filters |= {
        "items": _items,
        "told": _told,
        "commerce": _commerce,
    }
    template = files(__package__).joinpath("card.md.jinja").read_text(encoding="utf-8")
    groups = facts.counts.groups
    body = environment.from_string(template).render(
        facts=facts,
        report=facts.looked.report,
        families=rows(groups, lambda one: (one.family, one.source, one.licence)),
        kinds=rows(groups, lambda one: (one.kind,)),
        benchmarks=benchmarks(groups),
        conflict=conflict(facts.counts.parts["licences"]),
        defects=defects(facts.counts.parts["sources"]),
        facets=facets_section(facts.looked.facets, facts.counts.kept),
        quality=Markup(quality_section(facts.looked.quality, united=True)),  # noqa: S704 - inert by itself
    )
    head = front_matter(
        facts.name,
        facts.counts.parts["licences"],
        facts.counts.kept,
        {split: f"{DATA}{split}-*.parquet" for split in facts.counts.splits},
        emulated=facts.emulated,
        languages=languages_of(facts.looked.facets.languages),
    )
    return f"{head}\n{body.strip()}\n"


def described(facts: Facts) -> Described:
    """The same for machines."""
    return Described(
        name=facts.name,
        records=facts.counts.kept,
        licences=tuple(facts.counts.parts["licences"]),
        sources=tuple(facts.counts.parts["sources"]),
        models={run.label: run.models for run in facts.members},
        version=facts.release,
        emulated=facts.emulated,
        limits=defects(facts.counts.parts["sources"]),
        languages=tuple(languages_of(facts.looked.facets.languages)),
        places=tuple(sorted(facts.looked.facets.places)),
        files=tuple(f"{DATA}{split}-*.parquet" for split in facts.counts.splits),
    )


def _items(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return list(counts.items())


def _told(reason: str) -> Markup:
    """A reason with its sentence, where this version knows it."""
    known = reason in set(Reason)
    sentence = f" {SENTENCES[Reason(reason)]}" if known else ""
    return Markup(code(reason) + sentence)  # noqa: S704 - inert by `code`


def _commerce(licence: str) -> str:
    return {True: "allowed", False: "not allowed", None: "unknown"}[allows_commerce(licence)]


def _models(member: Member) -> str:
    return ", ".join(dict.fromkeys(member.manifest.models.values()))


def _losses(members: tuple[Member, ...], counts: Counts) -> Iterator[Lost]:
    """In the order of the reasons' list: those of the runs, the union's own, then who failed."""
    found: Counter[tuple[str, str, str]] = Counter()
    for member in members:
        for kind, step, reason, number in member.losses:
            found[kind, step, reason] += number
    for reason, number in counts.rejected.items():
        found["rejected", STEP, reason] += number
    order = {reason.value: place for place, reason in enumerate(Reason)}
    ranked = sorted(
        found, key=lambda one: (one[0] == "failed", one[1] == STEP, order.get(one[2], 999), one)
    )
    yield from (Lost(*one, found[one]) for one in ranked)
