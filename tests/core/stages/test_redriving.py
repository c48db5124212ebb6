"""Who was given up is done once more when a redrive says so: only they, once, and with the same end."""

import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from editcorpus.errors import ConfigError
from editcorpus.layouts.audit import audit
from editcorpus.planning import Selection
from editcorpus.records import Reason
from editcorpus.sandbox import Running
from editcorpus.shards import Manifest, need_manifest, read_facts
from editcorpus.stages.finish import finish
from editcorpus.stages.mending import healed
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.order import STAGES
from editcorpus.stages.plan import make_plan, read_plan
from editcorpus.stages.redriving import Item, Redriving, Why, read_redrives, record_redrive
from editcorpus.stages.rollup import shards_left
from editcorpus.stages.stage import run_stage
from editcorpus.stages.summary import stand
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import align, rewrite
from editcorpus.steps.regenerate import Regenerated
from editcorpus.storage import Store

LAST = "omniedit/task_obj_add_5"
Start = Callable[..., AbstractContextManager[Workshop]]
Files = Callable[[Path], dict[str, bytes]]
STEPS = [stage.name for stage in STAGES]
EVERYBODY = {"omniedit/task_obj_add_" + str(number) for number in (0, 1, 2, 3, 5)}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shelf") / "store"


@pytest.fixture
def minutes() -> Iterator[int]:
    return itertools.count(10)


@pytest.fixture
def start_in(make_job: Callable[..., Job], minutes: Iterator[int]) -> Start:
    """Opens the run in a folder as a new process would, at a later minute each time."""

    @contextmanager
    def made(folder: Path, only: bool = False) -> Iterator[Workshop]:
        at = f"2026-11-20T00:{next(minutes)}:00.000+00:00"
        job = make_job(folder, rewrite=rewrite.Config(share=0))
        clocks = replace(job.clocks, now=lambda: at)
        with opened(replace(job, clocks=clocks, only_redriven=only)) as shop:
            make_plan(shop.store, "r", shop.source, shop.inputs, Selection(shard_size=4))
            yield shop

    return made


@pytest.fixture
def start(tmp_path: Path, shelf: Path, start_in: Start, minutes: Iterator[int]) -> Start:
    """Opens the run, whose first shard is published, as a new process would."""
    if not shelf.exists():
        with start_in(shelf) as shop:
            through(shop, 0)
    else:
        next(minutes)
    shutil.copytree(shelf, tmp_path / "store")
    return partial(start_in, tmp_path / "store")


@contextmanager
def faulty(server: Running, **faults: float) -> Iterator[None]:
    server.admin("config", {"faults": faults})
    try:
        yield
    finally:
        server.admin("config", {"faults": {}})


def through(shop: Workshop, shard: int, last: str = "publish") -> Manifest:
    """Take a shard through its stages up to one."""
    stages = STAGES[: STEPS.index(last) + 1]
    healed(shop.mending, [partial(run_stage, shop, shard, stage) for stage in stages])
    return need_manifest(shop.store, shop.folder(shard), last)


def whole(shop: Workshop) -> None:
    """Do what is left of the run, as a flow does."""
    plan = read_plan(shop.store, "r")
    assert plan is not None
    for shard in shards_left(shop, plan):
        through(shop, shard)
    finish(shop, plan.shards, {}, emulated=True)


def gone(shop: Workshop) -> dict[str, Reason]:
    """Whom the run gave up, less the row that nobody can read."""
    found = stand(shop, 2)
    given_up = {item.id: item.reason for item in (*found.rejected, *found.failed)}
    return {key: reason for key, reason in given_up.items() if key in EVERYBODY}


def responses(store: Store, folder: str) -> dict[str, str]:
    """The paid answer of each triplet."""
    rows = read_facts(store, folder, "regenerate", Regenerated)
    return {row.id: row.response for row in rows}


def calls(server: Running) -> int:
    return int(server.admin("summary")["calls"])


def wish(
    store: Store, step: str, why: Why = "rejected", ids: Mapping[str, int] | None = None
) -> None:
    items = [Item(key, shard, step, why) for key, shard in (ids or {LAST: 1}).items()]
    record_redrive(store, "r", "2026-11-20T00:00:00.000+00:00", (), items)


def later(store: Store, step: str, minute: int, why: Why = "rejected") -> None:
    items = [Item(LAST, 1, step, why)]
    record_redrive(store, "r", f"2026-11-20T00:{minute}:30.000+00:00", (), items)


@pytest.fixture
def refused(start: Start, server: Running) -> Store:
    """The store of a run, finished by minute 11, whose last triplet the image API refused."""
    with start() as shop:
        with faulty(server, moderation_input=1.0):
            through(shop, 1)
        finish(shop, 2, {}, emulated=True)
        assert gone(shop)[LAST] is Reason.MODERATION_INPUT
        return shop.store


def test_only_the_redriven_is_asked_again_and_other_shards_keep_their_bytes(
    refused: Store, start: Start, server: Running, tmp_path: Path, files_below: Files
):
    before, seen = (
        files_below(tmp_path / "store" / "runs" / "r" / "shards" / "00000"),
        calls(server),
    )
    later(refused, "regenerate", 11)
    with start(only=True) as shop:
        assert shop.redriving.shards == {1}
        whole(shop)
        assert LAST not in gone(shop)
    assert calls(server) - seen == 1 + len(align.ASPECTS)
    assert files_below(tmp_path / "store" / "runs" / "r" / "shards" / "00000") == before
    assert [one.done for one in read_redrives(refused, "r")] == [True]
    assert audit(refused, "r").problems == []


def test_what_was_redriven_once_is_left_alone_by_later_starts(
    refused: Store, start: Start, server: Running, tmp_path: Path, files_below: Files
):
    later(refused, "regenerate", 11)
    with start(only=True) as shop, faulty(server, moderation_input=1.0):
        seen = calls(server)
        whole(shop)
        assert gone(shop)[LAST] is Reason.MODERATION_INPUT
        assert calls(server) - seen == 1
    after = files_below(tmp_path / "store" / "runs")
    for only in (False, True):
        with start(only=only) as shop:
            whole(shop)
            assert gone(shop)[LAST] is Reason.MODERATION_INPUT
    assert calls(server) - seen == 1
    unlike = {
        name
        for name, data in files_below(tmp_path / "store" / "runs").items()
        if after[name] != data
    }
    assert unlike <= {"r/lock"}


def test_a_refusal_after_the_redrive_is_not_asked_for_again_by_a_retry(
    refused: Store, start: Start, server: Running
):
    later(refused, "regenerate", 11)
    with start(only=True) as shop, faulty(server, moderation_input=1.0):
        seen = calls(server)
        through(shop, 1, "regenerate")
        refused.remove(f"{shop.folder(1)}/regenerate.json")  # a kill before it was written
        through(shop, 1, "regenerate")
    with start() as shop:
        refused.remove(f"{shop.folder(1)}/regenerate.json")
        whole(shop)
        assert gone(shop)[LAST] is Reason.MODERATION_INPUT
    assert calls(server) - seen == 1


def test_the_next_start_of_the_build_goes_on_with_a_redrive_that_was_cut_short(
    refused: Store, start: Start, server: Running
):
    later(refused, "regenerate", 11)
    seen = calls(server)
    with start(only=True) as shop:
        through(shop, 1, "regenerate")
    assert [one.done for one in read_redrives(refused, "r")] == [False]
    with start() as shop:
        whole(shop)
        assert LAST not in gone(shop)
    assert calls(server) - seen == 1 + len(align.ASPECTS)
    assert [one.done for one in read_redrives(refused, "r")] == [True]


def test_who_failed_when_redriven_is_asked_again_by_the_retry(
    refused: Store, start: Start, server: Running
):
    later(refused, "regenerate", 11)
    with start(only=True) as shop:
        with faulty(server, server_error=1.0):
            through(shop, 1)
            assert gone(shop)[LAST] is Reason.UNAVAILABLE
        whole(shop)
        assert LAST not in gone(shop)


def test_others_who_failed_wait_for_a_build(tmp_path: Path, start_in: Start, server: Running):
    start = partial(start_in, tmp_path / "store")
    with start() as shop:
        with faulty(server, server_error=1.0):
            through(shop, 0)
        with faulty(server, moderation_input=1.0):
            through(shop, 1)
        finish(shop, 2, {}, emulated=True)
        store = shop.store
    first = {"omniedit/task_obj_add_0": 0}
    seen = calls(server)
    wish(store, "regenerate", "failed", first)
    with start(only=True) as shop:
        whole(shop)
        assert set(gone(shop)) == EVERYBODY - set(first)
        again = [run_stage(shop, 0, stage) for stage in STAGES]
        assert [one.failed for one in again] == [0] * len(STAGES), "so nobody tries them again"
    assert calls(server) - seen == 1 + len(align.ASPECTS)
    with start() as shop:
        whole(shop)
        assert Reason.UNAVAILABLE not in gone(shop).values()


def test_an_unreadable_judge_is_asked_for_further_samples(start: Start, server: Running):
    with start() as shop:
        through(shop, 1, "rewrite")
        with faulty(server, unreadable=1.0):
            through(shop, 1)
        finish(shop, 2, {}, emulated=True)
        assert gone(shop)[LAST] is Reason.JUDGE_UNREADABLE
        store = shop.store
    wish(store, "align")
    seen = calls(server)
    with start(only=True) as shop:
        whole(shop)
        assert LAST not in gone(shop)
    assert calls(server) - seen == len(align.ASPECTS)
    with start() as shop:
        for step in ("align", "publish"):
            store.remove(f"{shop.folder(1)}/{step}.json")
        store.remove("runs/r/rollups/00000-00002.json")
        whole(shop)
        assert LAST not in gone(shop), "done anew, it ends as it did"
    assert calls(server) - seen == len(align.ASPECTS)


def test_a_damaged_answer_may_be_damaged_as_often_again(start: Start, server: Running):
    with start() as shop:
        with faulty(server, bad_b64=1.0):
            through(shop, 1)
        finish(shop, 2, {}, emulated=True)
        assert gone(shop)[LAST] is Reason.ANSWER_DAMAGED
        store = shop.store
    wish(store, "regenerate")
    seen = calls(server)
    with start(only=True) as shop:
        with faulty(server, bad_b64=1.0):
            whole(shop)
        assert gone(shop)[LAST] is Reason.ANSWER_DAMAGED
    assert calls(server) - seen == 3
    with start() as shop:
        whole(shop)
    assert calls(server) - seen == 3
    wish(store, "regenerate")
    with start(only=True) as shop:
        whole(shop)
        assert LAST not in gone(shop)


def test_another_edit_is_the_next_sample_and_stays_it(start: Start, server: Running):
    with start() as shop:
        whole(shop)
        store, folder = shop.store, shop.folder(1)
        old = responses(store, folder)
    seen = calls(server)
    wish(store, "regenerate", "another")
    with start(only=True) as shop:
        whole(shop)
        new = responses(store, folder)
        found = shop.responses.image(new[LAST])
    assert found is not None and found.record.sample == 1
    assert {key for key in old if new[key] != old[key]} == {LAST}
    assert calls(server) - seen >= 1
    seen = calls(server)
    with start() as shop:
        store.remove(f"{folder}/regenerate.json")
        store.remove("runs/r/rollups/00000-00002.json")
        whole(shop)
        assert responses(store, folder) == new
    assert calls(server) == seen


def test_a_redrive_is_read_as_it_was_recorded_or_not_at_all(disk_store: Store):
    wish(disk_store, "align")
    wish(disk_store, "regenerate", "another")
    first, second = read_redrives(disk_store, "r")
    assert (first.number, second.number) == (0, 1)
    assert second.items == (Item(LAST, 1, "regenerate", "another"),)
    path = "runs/r/redrive/00000.json"
    disk_store.write(path, disk_store.read(path).replace(b"add_5", b"add_6"))
    with pytest.raises(ConfigError, match="is damaged"):
        read_redrives(disk_store, "r")
    disk_store.write(path, b"{")
    with pytest.raises(ConfigError, match="is damaged"):
        read_redrives(disk_store, "r")
    disk_store.remove(path)
    wish(disk_store, "align")
    assert [one.number for one in read_redrives(disk_store, "r")] == [1, 2]


def test_two_who_record_at_the_same_moment_do_not_replace_each_other(disk_store: Store):
    class Late(Store):
        """Does not see yet what another has just recorded."""

        def list(self, prefix: str) -> list[str]:
            return []

    wish(disk_store, "align")
    with pytest.raises(ConfigError, match="is there already"):
        wish(Late.on_disk(disk_store.root), "regenerate")
    assert [one.items[0].step for one in read_redrives(disk_store, "r")] == ["align"]


def test_only_the_shards_of_those_who_wait_are_gone_through(disk_store: Store):
    wish(disk_store, "align")
    found = read_redrives(disk_store, "r")
    assert list(Redriving(found, only=True).among(range(4))) == [1]
    assert list(Redriving(found).among(range(4))) == [0, 1, 2, 3]
    assert list(Redriving([], only=True).among(range(4))) == []


def test_what_depends_on_a_shard_is_gone_through_with_it(disk_store: Store):
    wish(disk_store, "align")
    found = read_redrives(disk_store, "r")
    assert list(Redriving(found, only=True, rounds=4).among(range(8))) == [1, 2, 3]
    assert list(Redriving(found, only=True, rounds=2).among(range(8))) == [1]
