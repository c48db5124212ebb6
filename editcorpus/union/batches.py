"""The work of uniting, cut: a batch is some files of one corpus, read one after the other."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from editcorpus.layouts.corpus import Corpus, Shard

BATCH_RECORDS = 25_600
"""Records after which a batch is closed: a hundred shards of 256, so that 1.5 million records are sixty
task runs, and a split of 1% still gives files of 256 records."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some files of one corpus.

    Attributes:
        corpus: Number of the corpus among those that are united, from 0.
        shards: The files, in their order.
        first: Number of the batch's first record over all corpora, from 0.
    """

    corpus: int
    shards: tuple[Shard, ...]
    first: int

    @property
    def records(self) -> int:
        """How many records the files hold."""
        return sum(shard.file.records for shard in self.shards)

    @property
    def key(self) -> str:
        """Hash of what is in the files: the same files give the same batch in any corpus."""
        told = "\n".join(f"{one.file.sha256} {one.file.records}" for one in self.shards)
        return hashlib.sha256(told.encode()).hexdigest()


def batches(corpora: Iterable[Corpus]) -> list[Batch]:
    """All corpora in batches, one corpus after the other; none holds files of two."""
    made: list[Batch] = []
    first = 0
    for number, corpus in enumerate(corpora):
        for shards in _cut(corpus):
            made.append(Batch(number, shards, first))
            first += made[-1].records
    return made


def _cut(corpus: Corpus) -> Iterator[tuple[Shard, ...]]:
    held: list[Shard] = []
    for shard in corpus.shards:
        if held and sum(one.file.records for one in held) + shard.file.records > BATCH_RECORDS:
            yield tuple(held)
            held = []
        held.append(shard)
    if held:
        yield tuple(held)
