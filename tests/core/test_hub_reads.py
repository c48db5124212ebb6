"""How much of a dataset on the Hub is read for a plan and its pictures: by the server's count of bytes."""

import io
import random
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub_data import HubServer

from editcorpus.demo.rows import published_schema
from editcorpus.errors import ConfigError, ShardError, StorageError
from editcorpus.inputs import Inputs
from editcorpus.planning import PlannedShard, Selection, check_columns, plan
from editcorpus.sources.omniedit import SOURCE
from editcorpus.stages.plan import make_plan, read_plan
from editcorpus.storage import Store

NAME = "TIGER-Lab/OmniEdit-Filtered-1.2M"
URL = f"hf://datasets/{NAME}/data"
TOKEN = "hf_planted51c0de"
PICTURE = 100_000
ROWS, GROUP = 40, 20


def pictures(kind: str, number: int) -> bytes:
    return random.Random(f"{kind} {number}").randbytes(PICTURE)


def dataset(first: int) -> bytes:
    rows = [
        {
            "omni_edit_id": f"task_obj_add_{number}",
            "task": "addition",
            "src_img": {"bytes": pictures("source", number), "path": ""},
            "edited_img": {"bytes": pictures("edited", number), "path": ""},
            "edited_prompt_list": ["Add a hat."],
        }
        for number in range(first, first + ROWS)
    ]
    out = io.BytesIO()
    table = pa.Table.from_pylist(rows, published_schema())
    pq.write_table(table, out, row_group_size=GROUP, compression="none")
    return out.getvalue()


FILES = {f"data/train-{number}.parquet": dataset(number * ROWS) for number in range(3)}


@pytest.fixture
def published(hub: HubServer) -> HubServer:
    hub.dataset(NAME, gated=True, readers={TOKEN}).commit(FILES)
    hub.tokens.add(TOKEN)
    return hub


def found(hub: HubServer, **members: Any) -> Inputs:
    return Inputs.find(URL, {"hub": {"endpoint": hub.url, "token": TOKEN}}, **members)


def read(inputs: Inputs, shards: list[PlannedShard]) -> Iterator[tuple[str, bytes]]:
    """Each shard's source pictures, by id."""
    shelf = SOURCE.reader.shelf(SOURCE, inputs, None)
    for shard in shards:
        for one, pictures_of in shelf.read(shard.triplets, ["source"]):
            assert isinstance(pictures_of, dict)
            yield one.id, pictures_of["source"]
    shelf.close()


def test_a_whole_dataset_is_checked_planned_and_read_in_little_more_than_its_pictures(
    published: HubServer,
) -> None:
    inputs = found(published)
    for url in inputs.files:
        check_columns(SOURCE, inputs.hasty(), url)
    shards = list(plan(SOURCE, inputs, Selection(shard_size=GROUP)))
    got = dict(read(inputs, shards))
    ids = {number: f"omniedit/task_obj_add_{number}" for number in range(3 * ROWS)}
    assert got == {id_: pictures("source", number) for number, id_ in ids.items()}
    assert published.sent() <= 1.3 * PICTURE * len(got)
    assert all(one.range for one in published.asked if one.sent), "no file is read whole"


def test_a_small_sample_reads_the_row_groups_that_it_takes_and_no_others(
    published: HubServer,
) -> None:
    inputs = found(published)
    selection = Selection(limit=GROUP, rows_per_group=GROUP, shard_size=GROUP)
    shards = list(plan(SOURCE, inputs, selection))
    got = list(read(inputs, shards))
    assert len(got) == GROUP
    assert published.sent() <= 1.3 * PICTURE * GROUP + 3 * 64 * 1024, "and three footers"


def test_the_first_picture_comes_before_any_other_is_read(published: HubServer) -> None:
    inputs = found(published)
    shards = list(plan(SOURCE, inputs, Selection(shard_size=GROUP)))
    _, first = next(read(inputs, shards[:1]))
    assert first == pictures("source", 0)
    assert published.sent() <= 5 * 1024 * 1024, "a buffer, and of each file a footer and its texts"
    assert len(published.asked) < 40


def test_a_dropped_connection_costs_no_byte_twice_nor_a_row(published: HubServer) -> None:
    inputs = found(published)
    shards = list(plan(SOURCE, inputs, Selection(shard_size=GROUP)))
    published.forget()
    published.troubles.extend([70_000] * 12)
    got = dict(read(inputs, shards))
    assert len(got) == 3 * ROWS
    assert published.sent() <= 1.3 * PICTURE * len(got)


def test_a_plan_holds_the_commit_and_no_token(published: HubServer, tmp_path: Any) -> None:
    store = Store.on_disk(tmp_path)
    sha = published.datasets[NAME].branches["main"]
    made = make_plan(store, "r", SOURCE, found(published), Selection())
    assert made.files == {
        f"hf://datasets/{NAME}@{sha}/{path}": len(data) for path, data in FILES.items()
    }
    published.datasets[NAME].commit({"data/new.parquet": dataset(0)})
    known = read_plan(store, "r")
    assert known is not None
    again = found(published, planned=known.files)
    assert make_plan(store, "r", SOURCE, again, Selection()) == made
    assert "which it was planned over" in again.note
    with pytest.raises(ConfigError, match="was planned over other files"):
        make_plan(store, "r", SOURCE, found(published), Selection())
    written = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    assert sha.encode() in written
    assert TOKEN.encode() not in written


def test_a_gated_dataset_is_told_before_a_run_starts(published: HubServer) -> None:
    bare = Inputs.find(URL, {"hub": {"endpoint": published.url}})
    with pytest.raises(ConfigError, match=r"train-0\.parquet cannot be read: the dataset is gated"):
        check_columns(SOURCE, bare.hasty(), bare.files[0])


def test_a_damaged_file_and_a_lost_right_are_told_apart(published: HubServer) -> None:
    inputs = found(published)
    shards = list(plan(SOURCE, inputs, Selection()))
    published.datasets[NAME].readers.clear()
    with pytest.raises(StorageError, match="is gated, and the account of HF_TOKEN has no access"):
        list(read(inputs, shards))
    published.datasets[NAME].readers.add(TOKEN)
    published.datasets[NAME].commits[published.datasets[NAME].branches["main"]] = {
        path: data[:-8] + b"8 bytes." for path, data in FILES.items()
    }
    with pytest.raises(ShardError, match="is not a whole parquet file"):
        list(read(inputs, shards))
