"""Bit rot in any file of a run: it is found when it is read, told once, and made anew for nothing."""

import hashlib
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from editcorpus.errors import ConfigError, ShardDamaged, ShardError
from editcorpus.runs import corpus_file
from editcorpus.sandbox import Running
from editcorpus.shards import ShardRef
from editcorpus.stages.finish import finish
from editcorpus.stages.mending import Mending, healed
from editcorpus.stages.order import STAGES
from editcorpus.stages.stage import run_stage
from editcorpus.stages.summary import stand
from editcorpus.stages.workshop import Workshop

Open = Callable[..., AbstractContextManager[Workshop]]
NAMES = [stage.name for stage in STAGES]
FOLDER = "runs/r/shards/00000"


def billed(server: Running) -> int:
    return int(server.admin("summary")["billed"])


def through(shop: Workshop, shard: int = 0, last: str = "publish") -> list[ShardRef]:
    stages = STAGES[: NAMES.index(last) + 1]
    runs = [partial(run_stage, shop, shard, stage) for stage in stages]
    return healed(shop.mending, runs)


def build(shop: Workshop) -> None:
    for shard in range(2):
        through(shop, shard)
    finish(shop, 2, {}, emulated=True)


def corpus(store: Path) -> dict[str, str]:
    return {
        str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((store / "corpora").rglob("*"))
        if path.is_file()
    }


def flip(path: Path) -> None:
    """One bit in every few hundred bytes, so that every column of a large file has one."""
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 2 % 200, len(data), 200):
        data[place] ^= 1
    path.write_bytes(bytes(data))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shelf") / "store"


@pytest.fixture
def finished(tmp_path: Path, shelf: Path, open_run: Open) -> Path:
    """A copy of the store of a finished run."""
    if not shelf.exists():
        with open_run(shelf) as shop:
            build(shop)
    return Path(shutil.copytree(shelf, tmp_path / "store"))


Rebuild = Callable[[], list[str]]


@pytest.fixture
def rebuild(
    finished: Path, open_run: Open, server: Running, caplog: pytest.LogCaptureFixture
) -> Rebuild:
    """Runs the build again, proves that it pays nothing and gives the same corpus; what it logged."""
    before, paid = corpus(finished), billed(server)

    def again() -> list[str]:
        with open_run(finished) as shop:
            build(shop)
            assert shop.ledger.calls["settled"] == 0
        assert (corpus(finished), billed(server)) == (before, paid)
        return [record.message for record in caplog.records]

    return again


def go_back(store: Path, to: str) -> None:
    """Let a finished run be one that died when a step had begun."""
    for name in NAMES[NAMES.index(to) :]:
        (store / FOLDER / f"{name}.json").unlink()
    for name in ("manifest.json", "data/train-00000.parquet"):
        (store / "corpora/r" / name).unlink()


@pytest.mark.parametrize("name", [f"{name}.json" for name in NAMES])
def test_a_damaged_manifest_of_a_run_that_looks_at_it_is_made_anew(
    finished: Path, rebuild: Rebuild, name: str
):
    (finished / "runs/r/rollups/00000-00002.json").unlink()
    flip(finished / FOLDER / name)
    told = [line for line in rebuild() if f"{FOLDER}/{name}" in line]
    assert len(told) == 1
    assert told[0].endswith(f"The step {name.removesuffix('.json')} is done anew.")


HALVES = [
    ("pad.parquet", "regenerate"),
    ("pad.parquet", "publish"),
    ("pad.pictures.parquet", "filter"),
    ("regenerate.parquet", "filter"),
    ("filter.parquet", "rewrite"),
    ("filter.pictures.parquet", "publish"),
    ("rewrite.parquet", "align"),
    ("align.parquet", "publish"),
]
"""A file, and the step that had begun, and that reads it, when the run died."""


@pytest.mark.parametrize(("name", "began"), HALVES)
@pytest.mark.parametrize("spoil", [flip, Path.unlink])
def test_a_damaged_file_of_a_half_finished_run_is_made_anew(
    name: str, began: str, spoil: Callable[[Path], None], finished: Path, rebuild: Rebuild
):
    files = {path: path.read_bytes() for path in (finished / FOLDER).glob("*.parquet")}
    go_back(finished, began)
    spoil(finished / FOLDER / name)
    told = rebuild()
    assert len([line for line in told if f"{FOLDER}/{name}" in line]) == 1
    assert {path: path.read_bytes() for path in files} == files


@pytest.mark.parametrize("name", ["00000-00002.json", "00000-00002.rejects.parquet"])
def test_a_damaged_roll_up_is_told_and_every_shard_is_looked_at(
    finished: Path, rebuild: Rebuild, name: str
):
    path = finished / "runs/r/rollups" / name
    whole = path.read_bytes()
    flip(path)
    assert any(f"runs/r/rollups/{name}" in line for line in rebuild())
    assert path.read_bytes() == whole


@pytest.mark.parametrize("last", ["pad", "filter"])
def test_pictures_that_are_damaged_before_they_are_asked_about_cost_no_call_twice(
    tmp_path: Path,
    open_run: Open,
    server: Running,
    caplog: pytest.LogCaptureFixture,
    last: str,
):
    run = f"asked-{last}"
    start = len(server.admin("journal")["calls"])
    with open_run(tmp_path, run) as shop:
        through(shop, last=last)
        flip(tmp_path / f"runs/{run}/shards/00000/pad.pictures.parquet")
        refs = through(shop)
        assert [ref.failed for ref in refs] == [0] * 6
    assert any("pad.pictures.parquet is damaged" in item.message for item in caplog.records)
    keys = [call["key"] for call in server.admin("journal")["calls"][start:] if call["billed"]]
    assert len(keys) == len(set(keys))


def test_the_plan_of_a_run_is_not_made_anew_behind_a_persons_back(
    finished: Path, open_run: Open, server: Running
):
    before, paid = corpus(finished), billed(server)
    go_back(finished, "publish")
    plan = finished / FOLDER / "plan.parquet"
    whole = plan.read_bytes()
    flip(plan)
    with (
        open_run(finished) as shop,
        pytest.raises(
            ShardError, match=r"Remove runs/r/shards/00000/plan\.json and runs/r/plan\."
        ) as raised,
    ):
        through(shop)
    assert not isinstance(raised.value, ShardDamaged)
    (finished / FOLDER / "plan.json").unlink()
    (finished / "runs/r/plan.json").unlink()
    with open_run(finished) as shop:
        build(shop)
    assert plan.read_bytes() == whole
    assert (corpus(finished), billed(server)) == (before, paid)


def test_a_damaged_list_of_shards_is_an_error_that_says_what_to_do(finished: Path, open_run: Open):
    before = corpus(finished)
    path = finished / "runs/r/plan.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"shards": 2', b'"shards": 1'))
    with pytest.raises(ConfigError, match=r"plan\.json is damaged\. Remove it"), open_run(finished):
        pytest.fail("opened")
    path.write_bytes(whole[:-9])
    with pytest.raises(ConfigError, match=r"plan\.json is damaged\. Remove it"), open_run(finished):
        pytest.fail("opened")
    path.unlink()
    with open_run(finished) as shop:
        build(shop)
    assert (path.read_bytes(), corpus(finished)) == (whole, before)


def test_what_is_damaged_again_in_the_same_run_is_an_error_with_its_path():
    mending = Mending()
    damage = ShardDamaged("x is damaged.", "runs/r/shards/00000", "pad", "runs/r/shards/00000/x")
    mending.take(damage)
    assert mending.due("runs/r/shards/00000", "pad")
    assert not mending.due("runs/r/shards/00001", "pad")

    def stage() -> ShardRef:
        raise damage

    with pytest.raises(ShardError, match=r"x is damaged\. It was made anew in this run before"):
        healed(mending, [stage])


def test_a_run_that_stopped_counts_a_damaged_step_as_not_done(finished: Path, open_run: Open):
    flip(finished / FOLDER / "filter.json")
    with open_run(finished) as shop:
        standing = stand(shop, 2)
        assert standing.failed
        assert standing.entered == standing.kept + len(standing.rejected) + len(standing.failed)
        with pytest.raises(ShardDamaged, match=r"filter\.json"):
            stand(shop, 2, whole=True)


def test_a_run_of_the_first_format_is_done_anew_from_its_answers(
    finished: Path, open_run: Open, server: Running
):
    before, paid = corpus(finished), billed(server)
    for path in (finished / "runs/r").rglob("*.json"):
        if path.name != "run.json" and path.parent.name != "lock":
            data = path.read_bytes().replace(b'"format": 2,', b"")
            path.write_bytes(data.replace(b', "format": 2', b""))
    with open_run(finished) as shop:
        build(shop)
    assert (corpus(finished), billed(server)) == (before, paid)
    assert (finished / corpus_file("r", 0)).exists()
