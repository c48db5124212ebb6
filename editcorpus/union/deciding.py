"""Decide who enters: have digests made, look for what is near or a benchmark's, and weigh all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from editcorpus.errors import ShardError
from editcorpus.layouts.corpus import Corpus
from editcorpus.storage import Store
from editcorpus.union.admission import Newcomer
from editcorpus.union.against import Benchmark, against_path, hold, read_against
from editcorpus.union.batches import Batch, batches
from editcorpus.union.books import Book, Member
from editcorpus.union.digests import make_digest, missing_parts
from editcorpus.union.entries import read_entries
from editcorpus.union.nearness import nearness
from editcorpus.union.reading import Alive
from editcorpus.union.rejects import Seen, Union
from editcorpus.union.terms import Terms
from editcorpus.union.verdicts import Relations, decide


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a union, and who does the work.

    Attributes:
        store: Where digests lie.
        terms: What the corpus takes.
        against: Benchmarks whose pictures are left out.
        over: Has a step, named for people, done with each of some batches.
        alive: See `reading.Alive`.
    """

    store: Store
    terms: Terms
    against: Sequence[Benchmark]
    over: Callable[[str, Sequence[Batch], Callable[[Batch], int]], None]
    alive: Alive

    @property
    def looks_too(self) -> bool:
        """Whether pictures are looked at, and not only their bytes."""
        return self.terms.near_duplicates or bool(self.against)


def decided(asked: Asked, book: Book, fresh: Sequence[Newcomer]) -> Union:
    """Everything that enters, and what becomes of it.

    Args:
        asked: What is asked.
        book: Who is in already.
        fresh: Who comes.

    Raises:
        ShardError: A corpus is damaged, or what is known of one in another store is gone.
    """
    members = [*book.members, *(one.member for one in fresh)]
    known = [_recalled(asked.store, member) for member in book.members]
    work = batches([*known, *(one.corpus for one in fresh)])
    missing = [one for one in work if missing_parts(asked.store, one, looks_too=asked.looks_too)]
    _check_digests(missing, book.members)
    asked.over("digest", missing, lambda one: _digested(asked, one))
    sizes = [len(addition.members) for addition in book.additions]
    labels = [member.label for member in members]
    made = _weighed(asked, work, _slices(work, sizes), labels)
    elsewhere = (number for number, one in enumerate(book.members) if one.elsewhere)
    return replace(made, elsewhere=frozenset(elsewhere))


def _digested(asked: Asked, batch: Batch) -> int:
    return make_digest(asked.store, batch, asked.alive, looks_too=asked.looks_too)


def _weighed(asked: Asked, work: list[Batch], additions: list[slice], labels: list[str]) -> Union:
    """What becomes of all; hashes are let go before the records are read."""
    store, benchmarks = asked.store, asked.against
    paths = {one.first: [against_path(one, each) for each in benchmarks] for one in work}
    left = [one for one in work if not all(map(store.exists, paths[one.first]))]
    if left:
        asked.over("against", left, lambda one: hold(store, one, benchmarks))
    against = tuple(read_against(store, work, one) for one in benchmarks)
    wanted = asked.terms.near_duplicates
    near = nearness(store, work, additions, asked.alive) if wanted else []
    hits = sorted({number for one in against for number in one.hits})
    entries = read_entries(store, work)
    relations = Relations(near, np.array(hits, "i8"))
    verdicts = decide(entries, additions, asked.terms, relations)
    seen = Seen(asked.looks_too, tuple(benchmarks), against, tuple(one.told for one in near))
    return Union(store, asked.terms, work, labels, entries, verdicts, additions, seen)


def _recalled(store: Store, member: Member) -> Corpus:
    """A corpus that is in, as it was when it came."""
    return Corpus(store, member.place, member.manifest, member.sha256)


def _check_digests(missing: Sequence[Batch], members: Sequence[Member]) -> None:
    """Refuse to look for files of another store, which may have changed or gone."""
    for batch in missing:
        if batch.corpus < len(members) and members[batch.corpus].elsewhere:
            raise ShardError(
                f"What is known of the run {members[batch.corpus].label!r} is gone from unions/digests; "
                "unite all runs once more with --anew."
            )


def _slices(work: Sequence[Batch], sizes: Sequence[int]) -> list[slice]:
    """The records of each addition, the last of which takes all corpora that are left."""
    ends, corpora = [], 0
    for size in sizes:
        corpora += size
        ends.append(sum(batch.records for batch in work if batch.corpus < corpora))
    ends.append(sum(batch.records for batch in work))
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
