"""When a finished run is believed to be finished without a look at its shards, and when not."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from editcorpus.errors import ShardError
from editcorpus.runs import corpus_file
from editcorpus.stages.finish import finish
from editcorpus.stages.mending import healed
from editcorpus.stages.order import STAGES
from editcorpus.stages.page import make_gallery
from editcorpus.stages.plan import Plan, read_plan
from editcorpus.stages.rollup import (
    Rollup,
    roll_up,
    rollup_print,
    run_standing,
    shards_left,
)
from editcorpus.stages.stage import run_stage
from editcorpus.stages.summary import Part, stand
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import publish

Open = Callable[..., AbstractContextManager[Workshop]]
DONE = "runs/r/rollups/00000-00002.json"
ONE = "runs/r/rollups/00001-00002.json"


def through(shop: Workshop, shard: int) -> None:
    healed(shop.mending, [partial(run_stage, shop, shard, stage) for stage in STAGES])


def plan_of(shop: Workshop) -> Plan:
    found = read_plan(shop.store, shop.run)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shelf") / "store"


@pytest.fixture
def finished(tmp_path: Path, shelf: Path, open_run: Open) -> Path:
    """A copy of the store of a finished run of two shards."""
    if not shelf.exists():
        with open_run(shelf) as shop:
            assert list(shards_left(shop, plan_of(shop))) == [0, 1]
            for shard in range(2):
                through(shop, shard)
            finish(shop, 2, {}, emulated=True)
    return Path(shutil.copytree(shelf, tmp_path / "store"))


def test_a_finished_run_stands_as_its_shards_say(finished: Path, open_run: Open):
    with open_run(finished) as shop:
        assert list(shards_left(shop, plan_of(shop))) == []
        assert run_standing(shop, 2) == stand(shop, 2)


SPOILT: dict[str, tuple[Callable[[Path], object], list[int]]] = {
    "no roll-up": (lambda store: (store / ONE).unlink(), [1]),
    "no verdicts": (lambda store: (store / ONE).with_suffix(".rejects.parquet").unlink(), [1]),
    "no data file": (lambda store: (store / corpus_file("r", 1)).unlink(), [1]),
    "a cut data file": (lambda store: (store / corpus_file("r", 0)).write_bytes(b"PAR1"), [0]),
    "a damaged answer": (lambda store: put(store / "damaged" / ("a" * 64)), [0, 1]),
    "no corpus": (lambda store: (store / "corpora/r/manifest.json").unlink(), []),
}


def put(path: Path) -> None:
    path.parent.mkdir()
    path.touch()


@pytest.fixture
def parted(finished: Path, open_run: Open) -> Path:
    """The same with a roll-up for each shard."""
    with open_run(finished) as shop:
        for shard in range(2):
            roll_up(shop, range(shard, shard + 1))
    return finished


@pytest.mark.parametrize("name", SPOILT)
def test_where_anything_is_not_as_it_was_the_shards_of_that_part_are_looked_at(
    parted: Path, open_run: Open, name: str
):
    spoil, looked_at = SPOILT[name]
    spoil(parted)
    with open_run(parted) as shop:
        assert list(shards_left(shop, plan_of(shop))) == looked_at


def test_parts_add_up_to_the_run_however_it_was_cut_and_the_end_fills_the_gaps(
    parted: Path, open_run: Open
):
    with open_run(parted) as shop:
        whole = stand(shop, 2)
        assert run_standing(shop, 2) == whole
        (parted / ONE).unlink()
        assert list(shards_left(shop, plan_of(shop))) == [1]
        assert run_standing(shop, 2) == whole
        assert not (parted / ONE).exists()
        assert run_standing(shop, 2, whole=True) == whole
        assert (parted / ONE).exists()
        roll_up(shop, range(2))
        assert [path.name for path in sorted((parted / DONE).parent.glob("*.json"))] == [
            "00000-00002.json"
        ]
        assert run_standing(shop, 2) == whole


def test_of_two_roll_ups_of_one_shard_only_one_counts(finished: Path, open_run: Open):
    verdicts = "00000-00002.rejects.parquet"
    folder = (finished / DONE).parent
    kept = {name: (folder / name).read_bytes() for name in ("00000-00002.json", verdicts)}
    with open_run(finished) as shop:
        whole = stand(shop, 2)
        roll_up(shop, range(1))
        for name, data in kept.items():
            (folder / name).write_bytes(data)
        assert run_standing(shop, 2) == whole
        assert list(shards_left(shop, plan_of(shop))) == [1]


def test_all_that_determines_the_shards_is_in_the_fingerprint(finished: Path, open_run: Open):
    with open_run(finished) as shop:
        plan = plan_of(shop)
        prints = {
            rollup_print(shop, plan, range(2)),
            rollup_print(shop, plan, range(1)),
            rollup_print(shop, plan, range(1, 2)),
            rollup_print(shop, replace(plan, fingerprint="f" * 64), range(2)),
        }
        shop.configs = {**shop.configs, "publish": publish.Config(min_done=0.1)}
        prints.add(rollup_print(shop, plan, range(2)))
        assert len(prints) == 5
        assert list(shards_left(shop, plan)) == [0, 1]


def test_publishing_one_shard_anew_takes_the_word_back_and_finishing_gives_it_again(
    finished: Path, open_run: Open
):
    whole = (finished / DONE).read_bytes()
    (finished / corpus_file("r", 0)).unlink()
    with open_run(finished) as shop:
        through(shop, 0)
        assert not (finished / DONE).exists()
        assert not (finished / "corpora/r/manifest.json").exists()
        assert list(shards_left(shop, plan_of(shop))) == [0, 1]
        finish(shop, 2, {}, emulated=True)
        assert list(shards_left(shop, plan_of(shop))) == []
    assert (finished / DONE).read_bytes() == whole


def test_after_a_kill_between_roll_up_and_manifest_only_the_end_is_done_again(
    finished: Path, open_run: Open, monkeypatch: pytest.MonkeyPatch
):
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    manifest = finished / "corpora/r/manifest.json"
    whole = manifest.read_bytes()
    (finished / DONE).unlink()
    manifest.unlink()
    with monkeypatch.context() as patch, open_run(finished) as shop:
        patch.setattr("editcorpus.stages.finish.commit_manifest", killed)
        with pytest.raises(KeyboardInterrupt):
            finish(shop, 2, {}, emulated=True)
    with open_run(finished) as shop:
        assert list(shards_left(shop, plan_of(shop))) == []
        finish(shop, 2, {}, emulated=True)
    assert manifest.read_bytes() == whole


def test_shards_that_are_open_have_no_roll_up(finished: Path, open_run: Open):
    with open_run(finished) as shop:
        (finished / "runs/r/shards/00001/publish.json").unlink()
        roll_up(shop, range(2))
        assert not (finished / DONE).exists()
        roll_up(shop, range(0))
        roll_up(shop, range(1))
        assert list(shards_left(shop, plan_of(shop))) == [1]


def test_a_roll_up_comes_back_and_a_damaged_one_is_never_believed():
    part = Part(4, 3, "d" * 64, "e" * 64, 1234)
    made = Rollup("f" * 64, 7, (part, part), {"style": 4}, {"style": 3}, "0" * 64)
    data = made.encode()
    assert Rollup.decode(data) == made
    for place in range(0, len(data) - 1, 7):
        flipped = bytearray(data)
        flipped[place] ^= 1
        with pytest.raises(ShardError, match="roll-up is damaged"):
            Rollup.decode(bytes(flipped))
    for other in (b"", b"5", b"[]", b"{}", data[:-20], b"[" * 100_000):
        with pytest.raises(ShardError, match="roll-up is damaged"):
            Rollup.decode(other)


def test_the_gallery_is_made_anew_where_it_is_not_whole_or_would_be_another(
    finished: Path, open_run: Open
):
    index = finished / "corpora/r/gallery/index.html"
    with open_run(finished) as shop:
        make_gallery(shop.store, "r", 100)
        first, stamp = index.read_bytes(), index.stat().st_mtime_ns
        make_gallery(shop.store, "r", 100, shop.ledger.spent)
        assert index.stat().st_mtime_ns == stamp
        next((finished / "corpora/r/gallery/pictures").iterdir()).unlink()
        index.unlink()
        make_gallery(shop.store, "r", 100)
        assert index.read_bytes() == first
        make_gallery(shop.store, "r", 1)
        assert index.read_bytes() != first
