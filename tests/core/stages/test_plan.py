"""A plan is written shard by shard, and what is known of it before it is whole."""

import io
import json
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub_data import HubServer

from editcorpus.demo.rows import published_schema
from editcorpus.errors import ConfigError, Interrupted
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection
from editcorpus.runs import corpus_file
from editcorpus.shards import read_manifest, shard_folder
from editcorpus.sources.omniedit import SOURCE
from editcorpus.stages.growth import Growth
from editcorpus.stages.page import make_gallery
from editcorpus.stages.plan import Plan, make_plan, need_plan, planned_files, planning, read_plan
from editcorpus.storage import Store

SMALL = Selection(shard_size=2)
ROWS = 4


def rows(first: int, count: int = ROWS) -> bytes:
    made = [
        {
            "omni_edit_id": f"task_obj_add_{number}",
            "task": "addition",
            "src_img": {"bytes": b"x", "path": ""},
            "edited_img": {"bytes": b"x", "path": ""},
            "edited_prompt_list": ["Add a hat."],
        }
        for number in range(first, first + count)
    ]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(made, published_schema()), out, row_group_size=2)
    return out.getvalue()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "input"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.parquet").write_bytes(rows(number * ROWS))
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.on_disk(tmp_path / "store")


def steps(store: Store, where: Path | Inputs, run: str = "r") -> Any:
    inputs = where if isinstance(where, Inputs) else Inputs.find(str(where))
    return planning(store, run, SOURCE, inputs, SMALL)


def files(store: Store, run: str = "r") -> dict[str, bytes]:
    return {path: store.read(path) for path in store.list(f"runs/{run}")}


def test_each_shard_is_written_when_it_is_told(store: Store, source: Path) -> None:
    going = steps(store, source)
    for number in range(3):
        assert next(going) == 2
        made = read_manifest(store, shard_folder("r", number), "plan")
        assert made is not None
        assert made.entered == 2
    assert read_plan(store, "r") is None
    with pytest.raises(StopIteration) as end:
        while True:
            next(going)
    assert end.value.value == read_plan(store, "r")
    assert (end.value.value.shards, end.value.value.entered) == (6, 12)
    assert not store.exists("runs/r/planning.json")
    with pytest.raises(StopIteration) as known:
        next(steps(store, source))
    assert known.value.value == end.value.value, "a known plan is told at once"


def test_a_plan_that_was_left_is_made_once_more_and_is_the_same(store: Store, source: Path) -> None:
    left = steps(store, source)
    next(left)
    left.close()
    before = files(store)
    assert list(planned_files(store, "r")) == [str(source / f"{n}.parquet") for n in range(3)]
    manifest = Path(store.root, "runs/r/shards/00000/plan.json")
    written = manifest.stat().st_mtime_ns
    make_plan(store, "r", SOURCE, Inputs.find(str(source)), SMALL)
    assert manifest.stat().st_mtime_ns == written
    make_plan(store, "whole", SOURCE, Inputs.find(str(source)), SMALL)
    after, whole = files(store), files(store, "whole")
    assert {path.replace("whole", "r"): data for path, data in whole.items()} == after
    assert all(after[path] == data for path, data in before.items() if "planning" not in path)


def test_a_file_that_cannot_be_read_leaves_what_was_planned_and_may_be_mended(
    store: Store, source: Path
) -> None:
    whole = (source / "2.parquet").read_bytes()
    (source / "2.parquet").write_bytes(whole[:-9])
    with pytest.raises(ConfigError, match=r"2\.parquet is not a whole parquet file"):
        list(steps(store, source))
    assert planned_files(store, "r") == ()
    assert read_manifest(store, shard_folder("r", 3), "plan") is not None
    (source / "2.parquet").write_bytes(rows(8, 2))
    store.write(corpus_file("r", 4), b"of this plan")
    store.write(corpus_file("r", 5), b"of a plan before it")
    made = make_plan(store, "r", SOURCE, Inputs.find(str(source)), SMALL)
    assert made.shards == 5
    assert store.exists(corpus_file("r", 4))
    assert not store.exists(corpus_file("r", 5)), "no shard of this plan has it"


def test_an_input_without_rows_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty.parquet").write_bytes(rows(0, 0))
    with pytest.raises(ConfigError, match="has no row"):
        list(steps(store, tmp_path / "empty.parquet"))
    assert store.list("runs/r") == []


def test_whoever_needs_a_plan_that_is_not_whole_is_told_so(store: Store, source: Path) -> None:
    with pytest.raises(ConfigError, match="has no run 'r'"):
        need_plan(store, "r")
    store.write("runs/r/run.json", json.dumps({"source": "omniedit"}).encode())
    going = steps(store, source)
    next(going)
    sentence = "The run 'r' has no plan yet in .*, or none that is whole: wait until its build has"
    with pytest.raises(ConfigError, match=sentence):
        need_plan(store, "r")
    with pytest.raises(ConfigError, match=sentence):
        make_gallery(store, "r", 10)
    going.close()


def test_a_damaged_note_of_a_plan_that_is_made_counts_for_nothing(
    store: Store, source: Path
) -> None:
    store.write("runs/r/planning.json", b'{"shards": 0')
    assert planned_files(store, "r") == ()
    assert make_plan(store, "r", SOURCE, Inputs.find(str(source)), SMALL).shards == 6


NAME = "TIGER-Lab/OmniEdit-Filtered-1.2M"


def test_a_run_on_the_hub_goes_on_with_the_commit_that_it_began_to_plan(
    store: Store, hub: HubServer
) -> None:
    def found() -> Inputs:
        options = {"hub": {"endpoint": hub.url}}
        return Inputs.find(f"hf://datasets/{NAME}", options, planned=planned_files(store, "r"))

    listed = {f"data/{number}.parquet": rows(number * ROWS) for number in range(3)}
    sha = hub.dataset(NAME).commit(listed)
    left = steps(store, found())
    next(left)
    left.close()
    hub.datasets[NAME].commit({**listed, "data/3.parquet": rows(12)})
    again = found()
    assert all(sha in url for url in again.files)
    assert make_plan(store, "r", SOURCE, again, SMALL).entered == 12


def test_lengths_are_taken_from_the_list_of_a_bucket(
    store: Store,
    source: Path,
    tmp_path: Path,
    serve_s3: Callable[..., AbstractContextManager[str]],
) -> None:
    with serve_s3(tmp_path, "secret") as url:
        options = {"key": "access", "secret": "secret", "endpoint_url": url}
        for where in ("s3://input", "s3://input/*.parquet", "s3://input/1.parquet"):
            inputs = Inputs.find(where, options)
            lengths = {name: Path(tmp_path, name[5:]).stat().st_size for name in inputs.files}
            assert dict(inputs.sizes) == lengths != {}
        inputs = Inputs.find("s3://input", options)
        listed = make_plan(store, "listed", SOURCE, inputs, SMALL)
        opened = make_plan(store, "opened", SOURCE, replace(inputs, sizes={}), SMALL)
    assert listed == opened


def plan_of(shards: int) -> Plan:
    return Plan(shards, shards, "print", {})


def test_those_who_wait_hear_of_each_shard_and_of_the_end() -> None:
    growth, gate, reached = Growth(), Event(), []

    def going() -> Generator[int, None, Plan]:
        yield 1
        yield 1
        gate.wait()
        yield 1
        return plan_of(3)

    maker = Thread(target=growth.follow, args=(going(), lambda: None))
    maker.start()
    reached.append(growth.reached(2))
    assert (growth.plan, growth.shards) == (None, 2)
    gate.set()
    reached += [growth.reached(3), growth.reached(4)]
    maker.join()
    assert reached == [True, True, False]
    assert growth.plan == plan_of(3)


def test_a_plan_that_comes_to_no_end_is_not_waited_for() -> None:
    growth, closed = Growth(), []

    def going() -> Generator[int, None, Plan]:
        try:
            yield 1
            yield 1
        finally:
            closed.append(True)
        return plan_of(2)

    def prove_going() -> None:
        if growth.shards == 2:
            raise Interrupted("The run was interrupted.")

    with pytest.raises(Interrupted):
        growth.follow(going(), prove_going)
    assert closed == [True]
    assert (growth.shards, growth.plan) == (2, None)
    assert not growth.reached(1), "nobody begins on a plan that is broken off"
