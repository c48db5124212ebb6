"""Make a corpus of what was copied: rejects, previews, card, what is on record and, last, the manifest."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from editcorpus.layouts.croissant import write_croissant
from editcorpus.layouts.facets import facets
from editcorpus.layouts.manifest import (
    CARD,
    FAILED,
    REJECTS,
    CorpusManifest,
    commit_manifest,
)
from editcorpus.layouts.measured import measured
from editcorpus.layouts.parquet import ShardFile, write_outcomes
from editcorpus.layouts.previews import write_previews
from editcorpus.layouts.spreads import write_spreads
from editcorpus.quality import Quality, quality
from editcorpus.records import Reason
from editcorpus.union.books import Book, Shelf
from editcorpus.union.card import Looked, card_text, described, facts_of
from editcorpus.union.counts import Counts, count
from editcorpus.union.hits import pages
from editcorpus.union.rejects import Union, write_rejects
from editcorpus.union.report import report_of


def close(shelf: Shelf, book: Book, union: Union) -> CorpusManifest:
    """Write all that belongs to a whole corpus.

    Args:
        shelf: Where it lies.
        book: With what was just added.
        union: All that was decided.

    Raises:
        ShardError: The sums do not close.
    """
    store, folder = shelf.store, shelf.corpus
    counts = count(union)
    data = [
        replace(file, path=f"{folder}/{file.path}") for one in book.additions for file in one.files
    ]
    rejects = write_rejects(union, f"{folder}/{REJECTS}")
    failed = write_outcomes(store, f"{folder}/{FAILED}", ())
    previews = write_previews(store, folder, data)
    releases = [addition.release for addition in book.additions]
    seen = Looked(
        report_of(union),
        pages(union, releases),
        facets(store, data, f"{shelf.folder}/facets.json"),
        _quality(shelf, book, counts, data),
    )
    facts = facts_of(shelf.name, book, counts, previews, seen)
    write_croissant(store, folder, described(facts))
    write_spreads(store, folder, seen.quality)
    store.write(f"{folder}/{CARD}", card_text(facts).encode())
    shelf.write(book)
    manifest = _manifest(shelf.name, book, counts)
    commit_manifest(store, folder, replace(manifest, files=(*data, rejects, failed)))
    return replace(manifest, files=(*_files(book), rejects, failed))


def _quality(shelf: Shelf, book: Book, counts: Counts, data: Sequence[ShardFile]) -> Quality:
    """What the corpus measured of itself; who was rejected is counted over all runs and here."""
    given_up = Counter({Reason(name): number for name, number in counts.rejected.items()})
    known = set(Reason)
    for member in book.members:
        for kind, _, reason, number in member.losses:
            if kind == "rejected" and reason in known:
                given_up[Reason(reason)] += number
    entered = sum(member.manifest.entered for member in book.members)
    return quality(measured(shelf.store, data, f"{shelf.folder}/quality.json"), entered, given_up)


def _manifest(name: str, book: Book, counts: Counts) -> CorpusManifest:
    members = book.members
    told = "\n".join(f"{file.path} {file.sha256}" for file in _files(book))
    return CorpusManifest(
        run=name,
        entered=counts.entered,
        kept=counts.kept,
        rejected=counts.rejected,
        failed={},
        files=(),
        models={
            f"{member.label}.{role}": model
            for member in members
            for role, model in member.manifest.models.items()
        },
        tasks=counts.parts["tasks"],
        licences=counts.parts["licences"],
        sources=counts.parts["sources"],
        families=counts.parts["families"],
        types=counts.parts["types"],
        runs={member.label: member.sha256 for member in members},
        elsewhere=tuple(member.label for member in members if member.elsewhere),
        release=book.release,
        content=hashlib.sha256(told.encode()).hexdigest(),
    )


def _files(book: Book) -> list[ShardFile]:
    files = [file for addition in book.additions for file in addition.files]
    return sorted(files, key=lambda file: file.path)
