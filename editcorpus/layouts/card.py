"""The dataset card: what a corpus is, what was lost on the way, what it cost, how to repeat it.

The front matter follows https://huggingface.co/docs/hub/datasets-cards: `configs` names the data
files, so that a loader does not take the rejects for triplets.
"""

import json
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from editcorpus.layouts.card_facts import (
    CardFacts,
    Example,
    ListPrice,
    Loss,
    ModelUse,
    Origin,
    SourceLicence,
    TaskCount,
    decode,
    encode,
    source_licences,
)
from editcorpus.layouts.croissant import Described, write_croissant
from editcorpus.layouts.facets import RATIOS, SIZES, Facets, languages_of, ranked
from editcorpus.layouts.known import conflict, defects
from editcorpus.layouts.manifest import CARD
from editcorpus.layouts.markdown import code, fenced, inline, one_line
from editcorpus.layouts.quality_section import quality_section
from editcorpus.layouts.spreads import write_spreads
from editcorpus.layouts.tally import benchmarks, rows
from editcorpus.records import SENTENCES
from editcorpus.renewing import renew
from editcorpus.storage import Store

__all__ = [
    "HUB_LICENCES",
    "CardFacts",
    "Example",
    "ListPrice",
    "Loss",
    "ModelUse",
    "Origin",
    "SourceLicence",
    "TaskCount",
    "card_environment",
    "card_text",
    "config_lines",
    "decode",
    "described",
    "encode",
    "front_matter",
    "source_licences",
    "write_card",
]

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


def write_card(store: Store, folder: str, facts: CardFacts) -> None:
    """Write `README.md`, what is drawn for it, and `croissant.json`, unless the same are there."""
    write_croissant(store, folder, described(facts))
    write_spreads(store, folder, facts.quality)
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
            facets=facets_section(facts.facets, facts.kept),
            quality=Markup(quality_section(facts.quality, facts.sheet)),  # noqa: S704 - inert by itself
        )
    )
    head = front_matter(
        facts.run,
        (licence.licence for licence in facts.licences),
        facts.kept,
        {"train": "data/*.parquet"},
        emulated=facts.emulated,
        languages=languages_of(facts.facets.languages),
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
        languages=tuple(languages_of(facts.facets.languages)),
        places=tuple(sorted(facts.facets.places)),
    )


def _sources(facts: CardFacts) -> tuple[str, ...]:
    return tuple(sorted({one.source for one in facts.licences}))


def facets_section(facets: Facets, kept: int) -> Markup:
    """The section on languages, sizes and places; empty where nothing was counted.

    Args:
        facets: Of the kept triplets.
        kept: How many they are.
    """
    if not facets.languages:
        return Markup()
    template = files(__package__).joinpath("facets.md.jinja").read_text(encoding="utf-8")
    body = (
        card_environment()
        .from_string(template)
        .render(
            kept=kept,
            languages=ranked(facets.languages),
            sizes=ranked(facets.sizes, SIZES),
            ratios=ranked(facets.ratios, RATIOS),
            places=ranked(facets.places),
        )
    )
    return Markup(f"{body}\n")  # noqa: S704 - inert by the environment


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
    title: str,
    licences: Iterable[str],
    kept: int,
    paths: Mapping[str, str],
    *,
    emulated: bool,
    languages: Iterable[str] = (),
) -> str:
    """The front matter of a card.

    Args:
        title: Name of the corpus.
        licences: Of its records.
        kept: How many those are.
        paths: Glob of the files of each split, by the split's name.
        emulated: Whether answers came from the sandbox.
        languages: Of the instructions, as far as they are known.
    """
    names = sorted(set(licences))
    known = sorted({name.lower() for name in names if name.lower() in HUB_LICENCES})
    other = [one_line(name) for name in names if name.lower() not in HUB_LICENCES]
    tags = ["image-editing", "instruction-based-image-editing", "synthetic"]
    lines = ["---", f"pretty_name: {_string(one_line(title))}", "license:"]
    lines += [f"- {name}" for name in (*known, *(["other"] if other or not known else []))]
    lines += [f"license_name: {_string(', '.join(other))}"] if other else []
    spoken = [f"- {_string(one)}" for one in languages]  # bare, YAML takes `no` for a falsehood
    lines += ["language:", *spoken] if spoken else []
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
