"""What a run asks of a bucket: how often, and for what."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from editcorpus.planning import Selection
from editcorpus.sandbox import Running
from editcorpus.stages.finish import Finished, finish
from editcorpus.stages.mending import healed
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.order import STAGES
from editcorpus.stages.page import make_gallery
from editcorpus.stages.plan import Plan, make_plan
from editcorpus.stages.rollup import shards_left
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Workshop
from editcorpus.storage import Store

pytestmark = pytest.mark.s3
FACTS = {
    "pad": ["plan"],
    "regenerate": ["plan", "pad"],
    "filter": ["plan", "pad", "regenerate"],
    "rewrite": ["plan", "pad", "filter"],
    "align": ["plan", "pad", "filter", "rewrite"],
    "publish": ["plan", "pad", "regenerate", "filter", "rewrite", "align"],
}
"""The steps whose facts a stage reads."""
PICTURES = {
    "regenerate": ["pad"],
    "filter": ["pad"],
    "rewrite": ["pad", "filter"],
    "align": ["pad", "filter"],
    "publish": ["pad", "filter"],
}
"""The steps of whose pictures a stage reads one column."""
NEIGHBOURS = 2
"""How often the filter reads its column where it suspects a result to be that of another request: such
a one is held against all source images of the shard."""


class Counting(Store):
    """A store that counts what it asks of its bucket: kind of request, and path."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner.root, inner._options, inner.spool)
        self.asked: Counter[tuple[str, str]] = Counter()

    def of(self, kind: str, below: str = "") -> dict[str, int]:
        """How often each path below a folder was asked for."""
        found = {path: n for (what, path), n in self.asked.items() if what == kind}
        return {path: n for path, n in found.items() if path.startswith(below)}

    def kinds(self) -> Counter[str]:
        made: Counter[str] = Counter()
        for (what, path), count in self.asked.items():
            if not path.startswith(("journal/", "runs/r/lock")):
                made[what] += count
        return made

    def _cat(self, path: str, start: int, end: int | None) -> bytes:
        self.asked["GET", path] += 1
        return super()._cat(path, start, end)

    def size(self, path: str) -> int:
        self.asked["HEAD", path] += 1
        return super().size(path)

    def exists(self, path: str) -> bool:
        self.asked["HEAD", path] += 1
        return super().exists(path)

    def list(self, prefix: str) -> list[str]:
        self.asked["LIST", prefix] += 1
        return super().list(prefix)

    def sizes(self, prefix: str) -> dict[str, int]:
        self.asked["LIST", prefix] += 1
        return super().sizes(prefix)

    def write(self, path: str, data: bytes) -> None:
        self.asked["PUT", path] += 1
        super().write(path, data)

    @contextmanager
    def upload(self, path: str) -> Iterator[Path]:
        self.asked["PUT", path] += 1
        with super().upload(path) as file:
            yield file

    def remove(self, path: str) -> None:
        self.asked["DELETE", path] += 1
        super().remove(path)


Make = Callable[..., Job]


def build(shop: Workshop, planned: Plan) -> Finished:
    """What the flow does, without Prefect."""
    for shard in shards_left(shop, planned):
        healed(shop.mending, [partial(run_stage, shop, shard, stage) for stage in STAGES])
    made = finish(shop, planned.shards, {}, emulated=True)
    make_gallery(shop.store, shop.run, 100, shop.ledger.spent)
    return made


def planned(shop: Workshop, size: int) -> Plan:
    selection = Selection(shard_size=size)
    return make_plan(shop.store, shop.run, shop.source, shop.inputs, selection)


@pytest.fixture
def job(make_job: Make, tmp_path: Path, s3_store: Store) -> Job:
    return replace(make_job(tmp_path / "unused"), store=Counting(s3_store))


def test_a_stage_reads_each_file_of_a_shard_once_and_pictures_by_row_group(job: Job):
    store: Any = job.store
    with opened(job) as shop:
        planned(shop, 4)
        for stage in STAGES:
            store.asked.clear()
            run_stage(shop, 0, stage)
            read = store.of("GET", shop.folder(0))
            steps = {stage.after, stage.name, *FACTS[stage.name]}
            wanted = {f"{step}.json": 1 for step in steps}
            wanted |= {f"{step}.parquet": 1 for step in FACTS[stage.name]}
            footer, groups = 1, 1
            pictures = PICTURES.get(stage.name, [])
            times = NEIGHBOURS if stage.name == "filter" else 1
            wanted |= {f"{step}.pictures.parquet": times * (footer + groups) for step in pictures}
            assert {path.rpartition("/")[2]: n for path, n in read.items()} == wanted
            assert store.of("HEAD", shop.folder(0)) == {}


@pytest.mark.parametrize("size", [4, 1])
def test_a_rerun_of_a_finished_run_asks_as_often_however_many_shards_it_has(
    job: Job, server: Running, size: int
):
    store: Any = job.store
    with opened(job) as shop:
        first = build(shop, planned(shop, size))
    paid = server.admin("summary")["billed"]
    store.asked.clear()
    with opened(job) as shop:
        plan = planned(shop, size)
        assert plan.shards == {4: 2, 1: 6}[size]
        again = build(shop, plan)
    assert again.corpus == first.corpus
    assert again.standing == first.standing
    assert server.admin("summary")["billed"] == paid
    assert not [path for _, path in store.asked if "/shards/" in path]
    assert store.kinds() == {"GET": 24, "HEAD": 10, "LIST": 12}
