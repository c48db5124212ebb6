"""Source images find their triplets, in whatever order the input gives them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from editcorpus.inputs import Inputs
from editcorpus.layouts.corpus import open_corpus
from editcorpus.planning import Selection
from editcorpus.readers.parquet import PARQUET
from editcorpus.records import Triplet
from editcorpus.refiltering.basis import open_basis
from editcorpus.refiltering.refilter import Wish, refilter
from editcorpus.refiltering.thresholds import Thresholds
from editcorpus.rows import Found, Role, Shelf, Source
from editcorpus.sources.omniedit import SOURCE
from editcorpus.stages.filter import Config as FilterConfig
from editcorpus.stages.finish import finish
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.order import STAGES
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.steps import publish
from editcorpus.storage import Store

STRICT = publish.Config(min_done=1, min_preserved=1, min_clean=1)
LOOSE = publish.Config(min_done=0, min_preserved=0, min_clean=0)


@dataclass
class Zigzag:
    """A shelf that takes two triplets at a time, the later first, as they may lie in an archive."""

    shelf: Shelf
    ordered = False

    def reached(self, file: str, group: int) -> int:
        return self.shelf.reached(file, group)

    def read(
        self, triplets: Sequence[Triplet], roles: Sequence[Role]
    ) -> Iterator[tuple[Triplet, Found]]:
        for some in _twos(triplets):
            for one in sorted(some, key=lambda triplet: -triplet.row):
                yield from self.shelf.read([one], roles)

    def close(self) -> None:
        self.shelf.close()


def _twos(triplets: Sequence[Triplet]) -> Iterator[Sequence[Triplet]]:
    yield from (triplets[first : first + 2] for first in range(0, len(triplets), 2))


@dataclass(frozen=True)
class Archived:
    """A reader with such shelves."""

    endings: tuple[str, ...] = (".parquet",)

    def rows(self, inputs: Inputs, url: str) -> Any:
        return PARQUET.rows(inputs, url)

    def shelf(self, source: Source, inputs: Inputs, store: Store | None) -> Shelf:
        return Zigzag(PARQUET.shelf(source, inputs, store))


@pytest.fixture
def pictures(source: Path, tmp_path: Path) -> dict[str, bytes]:
    """Source images by the name of the row, of which the first is cut short."""
    table = pq.read_table(source / "a.parquet")
    rows = table.to_pylist()
    rows = [rows[4], rows[0], rows[1], rows[3], rows[5]]
    (tmp_path / "input").mkdir()
    pq.write_table(type(table).from_pylist(rows, table.schema), tmp_path / "input" / "a.parquet")
    return {row["omni_edit_id"]: row["src_img"]["bytes"] for row in rows}


@pytest.fixture
def job(
    make_job: Callable[..., Job], tmp_path: Path, pictures: dict[str, bytes]
) -> Callable[..., Job]:
    def made(**configs: Any) -> Job:
        found = make_job(tmp_path / "store", filter=FilterConfig(), **configs)
        inputs = Inputs.find(str(tmp_path / "input"))
        return replace(found, source=replace(SOURCE, reader=Archived()), inputs=inputs)

    return made


def build(job: Job) -> None:
    with opened(job) as shop:
        make_plan(shop.store, shop.run, shop.source, shop.inputs, Selection(shard_size=5))
        for stage in STAGES:
            run_stage(shop, 0, stage)
        finish(shop, 1, {"input": "rows"}, emulated=True)


def sources(store: Store, name: str) -> dict[str, bytes]:
    corpus = open_corpus(store, f"corpora/{name}")
    return {
        one.id.rpartition("/")[2]: one.source_image
        for shard in corpus.shards
        for _, one in shard.records()
    }


def test_a_corpus_has_the_source_image_of_each_record(
    job: Callable[..., Job], pictures: dict[str, bytes]
) -> None:
    made = job(publish=LOOSE)
    build(made)
    found = sources(made.store, "r")
    assert len(found) == 4
    assert {key: pictures[key] for key in found} == found


def test_a_refiltered_corpus_has_the_source_image_of_whoever_comes_in(
    job: Callable[..., Job], pictures: dict[str, bytes]
) -> None:
    made = job(publish=STRICT)
    build(made)
    basis = open_basis(made.store, "r")
    assert basis.corpus.manifest.kept == 0
    names = ("min_done", "min_preserved", "min_clean")
    loose = Thresholds.of(basis.identity).changed(f"publish.{name}=0" for name in names)
    wish = Wish(
        "all",
        loose,
        False,
        lambda: closing(made.source.reader.shelf(made.source, made.inputs, None)),
    )
    refilter(basis, wish, made.owner, lambda *_: None)
    found = sources(made.store, "all")
    assert len(found) == 4
    assert {key: pictures[key] for key in found} == found
