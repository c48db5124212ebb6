"""The dataset card: what a corpus is, what was lost on the way, what it cost, how to repeat it.

The front matter follows https://huggingface.co/docs/hub/datasets-cards: `configs` names the data
files, so that a loader does not take the rejects for triplets.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from editcorpus.layouts.croissant import Described, write_croissant
from editcorpus.layouts.known import conflict, defects
from editcorpus.layouts.manifest import CARD
from editcorpus.layouts.markdown import code, fenced, inline, one_line
from editcorpus.layouts.tally import Group, benchmarks, rows
from editcorpus.records import SENTENCES, Reason
from editcorpus.renewing import renew
from editcorpus.storage import Store

HUB_LICENCES = frozenset(
    {
        "apache-2.0", "bsd-3-clause", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-4.0",
        "cc-by-nc-nd-4.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0",
        "cc0-1.0", "mit", "odbl", "openrail", "unlicense",
    }
)  # fmt: skip
"""Licence names that the Hub knows (https://huggingface.co/docs/hub/repositories-licenses), as far
as picture corpora use them. Any other licence is `other`, with its name beside it."""

_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)


@dataclass(frozen=True, slots=True)
class Loss:
    """How many triplets one step gave up for one reason."""

    step: str
    reason: Reason
    count: int


@dataclass(frozen=True, slots=True)
class TaskCount:
    """How many triplets of a task entered, and how many were kept."""

    task: str
    entered: int
    kept: int


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What a model did, such as `edited the images`, in how many calls."""

    role: str
    model: str
    calls: int


@dataclass(frozen=True, slots=True)
class ListPrice:
    """One line of a price list.

    Attributes:
        unit: What is priced, such as `1M image output tokens`.
        usd: Dollars for one unit.
        as_of: Day on which the price was read, ISO 8601.
        source: Page on which it was read.
    """

    model: str
    unit: str
    usd: Decimal
    as_of: str
    source: str


@dataclass(frozen=True, slots=True)
class SourceLicence:
    """How many kept triplets of a source have a licence."""

    source: str
    licence: str
    records: int


@dataclass(frozen=True, slots=True)
class Example:
    """A kept triplet: its text, and where a small picture of the pair lies, relative to the corpus."""

    task: str
    instruction: str
    instruction_original: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """All that a card says; the same facts give the same card.

    Attributes:
        run: Name of the run; the card's title.
        location: What a user hands to `load_dataset`: a path or URL of the corpus.
        emulated: Whether the answers came from the sandbox.
        editor: The image model that made the edited images; empty where they are as published.
        rejected: Final verdicts, in the order in which they are to be shown.
        failed: Triplets without a verdict, likewise.
        paid_usd: Booked dollars of all calls, earlier processes of the run included.
        list_usd: What the same calls cost at list price, in dollars.
        possibly_billed: Calls that were cut off, booked at their worst case.
        groups: Kept triplets and their scores by family, source, licence and type of instruction.
        configuration: The run's configuration, as JSON takes it; never a secret.
        limits: Further known limits, one sentence each.
    """

    run: str
    location: str
    emulated: bool
    editor: str
    entered: int
    kept: int
    paid_usd: Decimal
    list_usd: Decimal
    possibly_billed: int = 0
    rejected: tuple[Loss, ...] = ()
    failed: tuple[Loss, ...] = ()
    tasks: tuple[TaskCount, ...] = ()
    models: tuple[ModelUse, ...] = ()
    prices: tuple[ListPrice, ...] = ()
    licences: tuple[SourceLicence, ...] = ()
    examples: tuple[Example, ...] = ()
    limits: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    configuration: Mapping[str, Any]


def write_card(store: Store, folder: str, facts: CardFacts) -> None:
    """Write `README.md` and `croissant.json` into a corpus, unless the same are there."""
    write_croissant(store, folder, described(facts))
    path, data = f"{folder}/{CARD}", card_text(facts).encode()
    renew(store, path, data)


def card_text(facts: CardFacts) -> str:
    """The card: front matter as YAML, then Markdown in which all text from outside is inert."""
    template = files(__package__).joinpath("card.md.jinja").read_text(encoding="utf-8")
    body = (
        card_environment()
        .from_string(template)
        .render(
            facts=facts,
            families=rows(facts.groups, lambda one: (one.family, one.source)),
            kinds=rows(facts.groups, lambda one: (one.kind,)),
            benchmarks=benchmarks(facts.groups) if facts.groups else (),
            conflict=conflict(one.licence for one in facts.licences if one.records),
            defects=defects(_sources(facts)),
        )
    )
    head = front_matter(
        facts.run,
        (licence.licence for licence in facts.licences),
        facts.kept,
        {"train": "data/*.parquet"},
        emulated=facts.emulated,
    )
    return f"{head}\n{body.strip()}\n"


def described(facts: CardFacts) -> Described:
    """The same for machines."""
    return Described(
        name=facts.run,
        records=facts.kept,
        licences=tuple(sorted({one.licence for one in facts.licences})),
        sources=_sources(facts),
        models={use.role: use.model for use in facts.models},
        emulated=facts.emulated,
        limits=(*defects(_sources(facts)), *facts.limits),
    )


def _sources(facts: CardFacts) -> tuple[str, ...]:
    return tuple(sorted({one.source for one in facts.licences}))


def card_environment() -> Environment:
    """What renders cards: text from outside is inert, and a name that is not there is an error."""
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    made.filters |= {
        "inline": lambda text, longest=300: Markup(inline(text, longest)),  # noqa: S704 - inert by `inline`
        "code": lambda text: Markup(code(text)),  # noqa: S704 - inert by `code`
        "sentence": lambda reason: Markup(f"`{reason.value}` {SENTENCES[reason]}"),  # noqa: S704
        "json_block": lambda members: Markup(fenced(_json(members), "json")),  # noqa: S704
        "string_literal": lambda text: Markup(_string(one_line(text))),  # noqa: S704
        "escaped": quote,
        "score": lambda share: f"{share:.3f}",
        "count": lambda number: f"{number:,}",
        "share": lambda part, whole: f"{100 * part / whole:.1f}%" if whole else "",
        "dollars": _dollars,
    }
    return made


def front_matter(
    title: str, licences: Iterable[str], kept: int, paths: Mapping[str, str], *, emulated: bool
) -> str:
    """The front matter of a card.

    Args:
        title: Name of the corpus.
        licences: Of its records.
        kept: How many those are.
        paths: Glob of the files of each split, by the split's name.
        emulated: Whether answers came from the sandbox.
    """
    names = sorted(set(licences))
    known = sorted({name.lower() for name in names if name.lower() in HUB_LICENCES})
    other = [one_line(name) for name in names if name.lower() not in HUB_LICENCES]
    tags = ["image-editing", "instruction-based-image-editing", "synthetic"]
    lines = ["---", f"pretty_name: {_string(one_line(title))}", "license:"]
    lines += [f"- {name}" for name in (*known, *(["other"] if other or not known else []))]
    lines += [f"license_name: {_string(', '.join(other))}"] if other else []
    lines += ["task_categories:", "- image-to-image", "tags:"]
    lines += [f"- {tag}" for tag in (*tags, *(["emulated"] if emulated else []))]
    lines += ["size_categories:", f"- {_string(_size(kept))}", *config_lines(paths), "---", ""]
    return "\n".join(lines)


def config_lines(paths: Mapping[str, str]) -> list[str]:
    """The lines of a front matter that say where each split lies."""
    lines = ["configs:", "- config_name: default", "  data_files:"]
    for split, path in paths.items():
        lines += [f"  - split: {split}", f'    path: "{path}"']
    return lines


def _string(text: str) -> str:
    """A string as JSON, YAML and Python all read it: a lone quote or line end ends nothing."""
    return json.dumps(text, ensure_ascii=True)


def _json(members: Mapping[str, Any]) -> str:
    return json.dumps(members, indent=2, sort_keys=True, ensure_ascii=True)


def _size(kept: int) -> str:
    return next((name for limit, name in _SIZES if kept < limit), "10M<n<100M")


def _dollars(value: Decimal) -> str:
    places = Decimal("0.01") if value >= 1 or value == 0 else Decimal("0.0001")
    return f"${value.quantize(places, ROUND_HALF_UP):,}"
