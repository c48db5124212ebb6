"""The card of an export: the corpus' own card, with how to load this layout, and what is in it."""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from editcorpus.layouts.corpus import Corpus
from editcorpus.layouts.croissant import Described, croissant_text, relaid
from editcorpus.layouts.layout import Layout, configured
from editcorpus.layouts.markdown import code

_CONFIGS = re.compile(r"^configs:\n(?:[- ].*\n)*", re.MULTILINE)
_LOAD_IT = re.compile(r"^## Load it\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Count:
    """How many records of a family come from a source under a licence."""

    family: str
    source: str
    licence: str
    records: int


def export_card(
    card: str, layout: Layout, counts: Iterable[Count], splits: Iterable[str] = ("train",)
) -> str:
    """The corpus' card, made the card of an export.

    Funnel, prices, licences and limits stay; the front matter names the layout's files in place of
    the corpus' own, and a table counts families.

    Args:
        card: `README.md` of the corpus.
        layout: Of the export.
        counts: What is in it.
        splits: Of the corpus.
    """
    head, body = _parted(card)
    families = "" if "\n## Families\n" in body else f"{_families(counts)}\n\n"
    section = f"## Load it\n\n{layout.loading.strip()}\n\n{families}"
    if _LOAD_IT.search(body):
        body = _LOAD_IT.sub(lambda _: section, body, count=1)
    else:
        body = f"{body.rstrip()}\n\n{section}"
    lines = configured(layout.data, splits)
    configs = "".join(f"{line}\n" for line in ("configs:", *lines)) if lines else ""
    return f"---\n{_CONFIGS.sub('', head)}{configs}---\n{body.rstrip()}\n"


def export_croissant(corpus: Corpus, layout: Layout) -> str:
    """The corpus' `croissant.json`, made that of an export: other files, and no columns but its own.

    A corpus without one, or with a damaged one, is described by its manifest.
    """
    own = layout.name == "parquet"
    text = corpus.croissant()
    with suppress(ValueError, TypeError, RecursionError):
        return relaid(text, layout.files, tabular=own)
    manifest = corpus.manifest
    told = Described(
        name=manifest.run,
        records=manifest.kept,
        licences=tuple(sorted(manifest.licences)),
        sources=(),
        models=manifest.models,
        files=layout.files,
        tabular=own,
    )
    return croissant_text(told)


def _parted(card: str) -> tuple[str, str]:
    """Front matter, without its lines of dashes, and the rest."""
    lines = card.split("\n")
    if lines[0] == "---" and "---" in lines[1:]:
        end = lines.index("---", 1)
        return "".join(f"{line}\n" for line in lines[1:end]), "\n".join(lines[end + 1 :])
    return "", f"\n{card}"


def _families(counts: Iterable[Count]) -> str:
    rows = [
        f"| {code(one.family) if one.family else 'not told by the source'} | {code(one.source)} | "
        f"{code(one.licence)} | {one.records:,} |"
        for one in counts
    ]
    head = ["| family | source | licence | triplets |", "| --- | --- | --- | ---: |"]
    return "\n".join(["### Families", "", *head, *rows])
