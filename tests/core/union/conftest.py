"""Small finished corpora to unite, made of bytes that look like pictures."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from plain_corpus import plain_record, write_plain_corpus

from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.parquet import read_shard
from editcorpus.leases import Owner
from editcorpus.records import Published, Reason, Rejected
from editcorpus.storage import Store
from editcorpus.union.hands import Threads
from editcorpus.union.results import United
from editcorpus.union.terms import Terms
from editcorpus.union.unite import Wish, unite

OWNER = Owner("me", "here", 1)


def record(number: int, **changes: Any) -> Published:
    return plain_record(number, **{"model": "gpt-image-2.5-sunburst", **changes})


def records(numbers: Iterable[int], **changes: Any) -> list[Published]:
    return [record(number, **changes) for number in numbers]


@dataclass(frozen=True)
class World:
    """A store with runs, and what is asked of it."""

    store: Store

    def run(self, name: str, *shards: list[Published], store: Store | None = None) -> None:
        """Write the finished corpus of a run; one triplet of it was rejected."""
        rows = [row for shard in shards for row in shard]
        write_plain_corpus(
            store or self.store,
            name,
            *shards,
            lost=[Rejected(f"{name}/lost", "filter", Reason.NO_EDIT, "0.000 changed")],
            models={"regenerate": "gpt-image-2.5-sunburst"},
            tasks=Counter(row.task for row in rows),
            licences=Counter(row.license for row in rows),
        )

    def unite(self, *runs: str, name: str = "all", **asked: Any) -> United:
        """Unite runs of the store; `release` and `anew` aside, what is asked are terms."""
        own = {key: asked.pop(key) for key in ("release", "anew") if key in asked}
        corpora = tuple(open_corpus(self.store, f"corpora/{run}") for run in runs)
        wish = Wish(name, corpora, Terms(**asked), **own)
        return unite(self.store, wish, OWNER, Threads(2, lambda *_: None))

    def kept(self, name: str = "all", split: str = "") -> list[Published]:
        """All records of a corpus in the order of its files."""
        corpus = open_corpus(self.store, f"corpora/{name}")
        files = [shard for shard in corpus.shards if shard.stem.startswith(split)]
        return [row for shard in files for row in read_shard(self.store, shard.path)]

    def data(self, name: str = "all") -> dict[str, bytes]:
        """The files with records, byte by byte."""
        paths = self.store.list(f"corpora/{name}/data")
        return {path.rpartition("/")[2]: self.store.read(path) for path in paths}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(Store.on_disk(tmp_path / "store"))


@pytest.fixture
def made() -> Callable[..., list[Published]]:
    return records


@pytest.fixture
def one() -> Callable[..., Published]:
    return record
