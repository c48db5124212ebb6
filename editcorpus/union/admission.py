"""Which runs are new to a united corpus, and what its next version is."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from editcorpus.errors import ConfigError
from editcorpus.layouts.corpus import Corpus
from editcorpus.layouts.manifest import FAILED, REJECTS
from editcorpus.records import Rejected
from editcorpus.runs import corpus_folder
from editcorpus.storage import Store
from editcorpus.tables import damaged, read_columns
from editcorpus.union.books import Book, Member

_RELEASE = re.compile(
    r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:-([0-9A-Za-z-]{1,40}))?"
)
"""A version of https://semver.org, with at most one word behind its numbers."""
_EMULATED = re.compile(r"\A---\n(?:(?!---).*\n)*- emulated\n")


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A corpus that is to come in, and what will be on record of it."""

    corpus: Corpus
    member: Member


def newcomers(store: Store, name: str, book: Book, corpora: Sequence[Corpus]) -> list[Newcomer]:
    """The corpora that are not in yet, in their order.

    Raises:
        ConfigError: One is in, but has changed since; or it is the united corpus itself.
        ShardError: One lacks a file.
    """
    made: list[Newcomer] = []
    labels = {member.label for member in book.members}
    known = {member.sha256 for member in book.members}
    for corpus in corpora:
        place, elsewhere = _place(store, corpus)
        if place == corpus_folder(name):
            raise ConfigError(f"{name!r} cannot be united with itself.")
        if corpus.sha256 in known:
            continue
        if any(member.place == place for member in book.members):
            raise ConfigError(
                f"The run {corpus.manifest.run!r} has changed since it came into {name!r}, whose files "
                "are never changed. Unite all runs once more with --anew, or under another name."
            )
        label = _label(corpus.manifest.run, labels)
        made.append(Newcomer(corpus, _member(corpus, label, place, elsewhere=elsewhere)))
        known.add(corpus.sha256)
        labels.add(label)
    return made


def _place(store: Store, corpus: Corpus) -> tuple[str, bool]:
    """Where a corpus lies, and whether that is another store."""
    url = corpus.store.url(corpus.folder)
    own = corpus_folder(corpus.folder.rpartition("/")[2])
    return (own, False) if url == store.url(own) else (url, True)


def _label(run: str, taken: set[str]) -> str:
    label, number = run, 1
    while label in taken:
        number += 1
        label = f"{run}.{number}"
    return label


def _member(corpus: Corpus, label: str, place: str, *, elsewhere: bool) -> Member:
    told = json.loads(corpus.manifest.encode())
    losses = (*_losses(corpus, "rejected", REJECTS), *_losses(corpus, "failed", FAILED))
    emulated = _EMULATED.match(corpus.card()) is not None
    return Member(label, place, elsewhere, corpus.sha256, told, losses, emulated)


def _losses(corpus: Corpus, kind: str, name: str) -> list[tuple[str, str, str, int]]:
    """How many were given up at which step for which reason."""
    if all(file.path != name for file in corpus.manifest.files):
        return []
    path = f"{corpus.folder}/{name}"
    with damaged(corpus.store.url(path)), corpus.store.open(path) as file:
        rows = read_columns(file, Rejected, ("step", "reason"))
    counts = Counter(zip(rows["step"].to_pylist(), rows["reason"].to_pylist(), strict=True))
    return [(kind, step, reason, count) for (step, reason), count in sorted(counts.items())]


def next_release(book: Book, wished: str, *, more: bool) -> str:
    """The version that a corpus gets.

    Without a wish the first is 1.0.0; new runs raise the second number, and a corpus that takes the
    place of another one of the same name raises the first.

    Args:
        book: Of the corpus.
        wished: By a person; or empty.
        more: Whether runs come in.

    Raises:
        ConfigError: The wish is no version, not above the present one, or nothing is new.
    """
    if wished and not _RELEASE.fullmatch(wished):
        raise ConfigError(f"{wished!r:.80} is no version; it is one like 1.0.0.")
    present = book.release or book.before
    if not more:
        if wished not in {"", book.release}:
            raise ConfigError(
                f"No run is new, so the corpus stays what it is: version {present}, not {wished}."
            )
        return book.release
    if not present:
        return wished or "1.0.0"
    if wished:
        if _order(wished) <= _order(present):
            raise ConfigError(f"Version {wished} is not above the present one, {present}.")
        return wished
    major, minor, *_ = _order(present)
    return f"{major}.{minor + 1}.0" if book.release else f"{major + 1}.0.0"


def _order(release: str) -> tuple[int, int, int, bool, str]:
    found = _RELEASE.fullmatch(release)
    if found is None:
        return (0, 0, 0, False, "")
    major, minor, patch, word = found.groups()
    return int(major), int(minor), int(patch), word is None, word or ""
