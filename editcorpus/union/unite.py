"""Unite finished runs into one corpus.

    digest (each batch)  ->  decide (all records, from arrays)  ->  copy (each batch)  ->  close

Decisions follow from the digests, the terms and the order of additions alone, so that they are taken anew
each time and never stored: a union that died goes on behind its last whole file. While files are being
added there is no manifest, and so no corpus; what an earlier addition wrote is never touched.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from editcorpus.errors import ConfigError, ShardError
from editcorpus.layouts.corpus import Corpus, open_corpus
from editcorpus.layouts.manifest import NAME as MANIFEST
from editcorpus.layouts.manifest import CorpusManifest, read_manifest
from editcorpus.layouts.parquet import ShardFile
from editcorpus.leases import Owner, Times, Wanted, leased
from editcorpus.storage import Store
from editcorpus.union.admission import Newcomer, newcomers, next_release
from editcorpus.union.against import Benchmark
from editcorpus.union.batches import Batch
from editcorpus.union.books import Addition, Book, Shelf
from editcorpus.union.closing import close
from editcorpus.union.copying import Place, copy
from editcorpus.union.deciding import Asked, decided
from editcorpus.union.hands import Guard, Hands
from editcorpus.union.hits import FOLDER as HITS
from editcorpus.union.hits import write_hits
from editcorpus.union.pieces import cut
from editcorpus.union.rejects import Union
from editcorpus.union.results import United, split_of_file, united
from editcorpus.union.terms import Terms

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be united.

    Attributes:
        name: Of the united corpus, and of its folder.
        corpora: Of the runs; those that are in already are passed over.
        release: Its next version; empty for the one that follows.
        anew: Whether a corpus of this name is to be made from nothing, once more.
        against: Benchmarks whose pictures are left out, each name once.
    """

    name: str
    corpora: tuple[Corpus, ...]
    terms: Terms
    release: str = ""
    anew: bool = False
    against: tuple[Benchmark, ...] = ()

    @property
    def benchmarks(self) -> dict[str, str]:
        """SHA-256 of the hash file of each benchmark, by name."""
        return {one.known.benchmark: one.sha256 for one in self.against}


def unite(
    store: Store, wish: Wish, owner: Owner, hands: Hands, times: Times | None = None
) -> United:
    """Unite finished runs, or add runs to a united corpus; the same call goes on after a kill.

    In memory are some 100 bytes a record, and of pictures a few row groups for each hand.

    Args:
        store: Where the corpus is to lie, under `corpora/<name>`.
        wish: What is to be united.
        owner: This process.
        hands: Who does the work.
        times: The clock of the lock.

    Raises:
        ConfigError: The name is a run's, terms or a run have changed, or somebody else is at work.
        ShardError: A corpus is damaged, or changed meanwhile.
        StorageFull: No space is left; files that are whole stay.
    """
    shelf, guard = Shelf(store, wish.name), Guard()
    _check_name(shelf)
    wanted = Wanted(
        f"{shelf.folder}/lock",
        f"the corpus {wish.name!r}",
        lambda _: f"The corpus {wish.name!r} is being united",
    )
    with leased(store, wanted, owner, guard.stop, times or Times()):
        return _Unification(shelf, wish, hands, guard).carry_out()


def _check_name(shelf: Shelf) -> None:
    if not _NAME.fullmatch(shelf.name):
        raise ConfigError(
            f"{shelf.name!r:.100} is no name of a corpus; it is of small letters, digits, dot and dash."
        )
    ours = shelf.store.exists(f"{shelf.folder}/union.json")
    taken = shelf.store.exists(f"{shelf.corpus}/{MANIFEST}") and not ours
    if taken or shelf.store.exists(f"runs/{shelf.name}/run.json"):
        raise ConfigError(
            f"{shelf.name!r} is the name of a run, whose corpus that is; choose another one."
        )


class _Unification:
    """One call, while the corpus is ours."""

    def __init__(self, shelf: Shelf, wish: Wish, hands: Hands, guard: Guard) -> None:
        self.shelf, self.wish, self.hands, self.guard = shelf, wish, hands, guard
        self.store = shelf.store

    def carry_out(self) -> United:
        """Do what is left to be done."""
        if self.wish.anew:
            self._forget()
        book = self._book()
        fresh = newcomers(self.store, self.wish.name, book, self.wish.corpora)
        release = next_release(book, self.wish.release, more=bool(fresh))
        manifest = self._whole(book)
        if not fresh and manifest is not None:
            return united(self.shelf, manifest, ())
        if not fresh and not book.additions:
            raise ConfigError("No run is named; a corpus is united out of at least one.")
        return self._add(book, fresh, release)

    def _forget(self) -> None:
        """Take a corpus of this name away, but for the number of its version."""
        known = self.shelf.read()
        self.store.remove(f"{self.shelf.corpus}/{MANIFEST}")
        before = (known.release or known.before) if known else ""
        self.shelf.write(Book(self.wish.terms, (), before, self.wish.benchmarks))

    def _book(self) -> Book:
        """What is on record, under the terms that are wished."""
        book = self.shelf.read() or Book(self.wish.terms)
        if book.additions and book.terms != self.wish.terms:
            raise ConfigError(
                f"The corpus {self.wish.name!r} exists under other terms: "
                f"{_differences(book.terms, self.wish.terms)}. "
                "Use another name or the old terms, or unite all runs once more with --anew."
            )
        if book.additions and dict(book.against) != self.wish.benchmarks:
            raise ConfigError(
                f"The corpus {self.wish.name!r} is held against {_listed(book.against)}, not against "
                f"{_listed(self.wish.benchmarks)}. Name the same hash files with --against, or unite all "
                "runs once more with --anew, or under another name."
            )
        return replace(book, terms=self.wish.terms, against=self.wish.benchmarks)

    def _whole(self, book: Book) -> CorpusManifest | None:
        """The manifest, if the corpus is what is on record and nothing is under way."""
        manifest = read_manifest(self.store, self.shelf.corpus)
        if manifest is None or self.store.exists(self.shelf.pending):
            return None
        runs = {member.label: member.sha256 for member in book.members}
        same = manifest.release == book.release and dict(manifest.runs) == runs
        return manifest if same else None

    def _add(self, book: Book, fresh: Sequence[Newcomer], release: str) -> United:
        """Let new runs in; without any, write once more what is on record."""
        members = tuple(one.member for one in fresh)
        self.shelf.write(book)
        if self.shelf.read_pending() != tuple(member.sha256 for member in members):
            self._clear(book)
        self.shelf.write_pending(members)
        self.store.remove(f"{self.shelf.corpus}/{MANIFEST}")
        union = self._decided(book, fresh)
        files = self._copied(book, union)
        for one in fresh:
            _check_unchanged(one.corpus)
        if fresh:
            book = replace(book, additions=(*book.additions, Addition(members, release, files)))
            write_hits(self.store, self.shelf.corpus, union, release, self.guard.alive)
        self.guard.alive()
        manifest = close(self.shelf, book, union)
        self._clear(book)
        return united(self.shelf, manifest, tuple(member.label for member in members))

    def _decided(self, book: Book, fresh: Sequence[Newcomer]) -> Union:
        """Everything that enters, and what becomes of it."""
        asked = Asked(self.store, self.wish.terms, self.wish.against, self._over, self.guard.alive)
        return decided(asked, book, fresh)

    def _copied(self, book: Book, union: Union) -> tuple[ShardFile, ...]:
        """The files that are new, written."""
        work = [batch for batch in union.work if batch.corpus >= len(book.members)]
        there = (split_of_file(file) for one in book.additions for file in one.files)
        pieces = cut(
            work,
            union.verdicts,
            union.entries["bytes"],
            Counter(there),
            self.wish.terms.shard_records,
        )
        place = Place(self.store, self.shelf.corpus, self.shelf.notes)
        wanted = {batch.first: own for batch, own in zip(work, pieces, strict=True)}
        self._over("copy", work, lambda one: copy(place, one, wanted[one.first], self.guard.alive))
        made = []
        for batch in work:
            found = place.known(batch, wanted[batch.first])
            made += [found[piece.name] for piece in wanted[batch.first]]
        return tuple(replace(one, path=one.path.removeprefix(f"{place.folder}/")) for one in made)

    def _over(self, step: str, work: Sequence[Batch], do: Callable[[Batch], int]) -> None:
        """Have something done with each batch."""
        self.guard.alive()
        self.hands.over(
            step,
            lambda number: do(work[number]),
            len(work),
            lambda: self.guard.stop("Uniting was stopped."),
        )

    def _clear(self, book: Book) -> None:
        """Remove what is not on record: files of an addition that was given up, notes about files."""
        named = {f"{self.shelf.corpus}/{file.path}" for one in book.additions for file in one.files}
        for path in self.store.list(f"{self.shelf.corpus}/data"):
            if path not in named:
                self.store.remove(path)
        pages = {f"{self.shelf.corpus}/{HITS}/{one.release}.html" for one in book.additions}
        for path in self.store.list(f"{self.shelf.corpus}/{HITS}"):
            if path not in pages:
                self.store.remove(path)
        for path in self.store.list(self.shelf.notes):
            self.store.remove(path)
        self.store.remove(self.shelf.pending)


def _check_unchanged(corpus: Corpus) -> None:
    if open_corpus(corpus.store, corpus.folder).sha256 != corpus.sha256:
        raise ShardError(
            f"{corpus.store.url(corpus.folder)} changed while it was united; run the same again."
        )


def _listed(benchmarks: Mapping[str, str]) -> str:
    """Benchmarks, as people tell their hash files apart."""
    return (
        ", ".join(f"{name:.100} ({sha256[:12]})" for name, sha256 in benchmarks.items()) or "none"
    )


def _differences(old: Terms, new: Terms) -> str:
    """Which terms differ, as people read it."""
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    return "; ".join(
        f"{name} was {json.dumps(before[name])} and is now {json.dumps(after[name])}"
        for name in before
        if before[name] != after[name]
    )
