"""A whole build on a real S3 server: input, store and corpus lie in a bucket."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from editcorpus.layouts.accounts import check_accounts
from editcorpus.layouts.audit import audit
from editcorpus.storage import Store
from flows.omniedit import omniedit
from flows.parameters import Recipe

pytestmark = [pytest.mark.prefect, pytest.mark.s3]
SECRET = "s3-planted-51c0de"
ROWS = ("task_obj_add_42250", "task_attr_mod_color_11750", "task_obj_add_45556")


@pytest.fixture
def bucket(
    tmp_path: Path, serve_s3: Callable[..., Any], write_rows: Callable[..., Path]
) -> Iterator[dict[str, Any]]:
    """Members of a block for a store in a bucket that also holds the input."""
    (tmp_path / "s3" / "team" / "in").mkdir(parents=True)
    write_rows(tmp_path / "s3" / "team" / "in" / "rows.parquet", ROWS, 2)
    with serve_s3(tmp_path / "s3", SECRET) as url:
        yield {
            "root": "s3://team/editcorpus",
            "endpoint_url": url,
            "access_key": "access",
            "secret_key": SECRET,
            "spool": str(tmp_path / "spool"),
        }


def test_builds_in_a_bucket_and_pays_nothing_the_second_time(
    bucket: dict[str, Any],
    save_blocks: Callable[..., dict[str, str]],
    sandbox: Any,
    api_of: Callable[..., Any],
    tmp_path: Path,
) -> None:
    blocks = save_blocks("bucket", bucket)
    recipe = Recipe.model_validate(
        {
            "run": "bucket",
            "input": "s3://team/in/*.parquet",
            "selection": {"shard_size": 2},
            "endpoints": blocks,
        }
    )
    state = omniedit(recipe, return_state=True)
    assert state.name == "Completed", state
    billed = sandbox.admin("summary")["billed"]
    assert billed >= 2

    options = {"endpoint_url": bucket["endpoint_url"], "key": "access", "secret": SECRET}
    store = Store("s3://team/editcorpus", options, tmp_path / "spool")
    proved = audit(store, "bucket", [check_accounts])
    assert proved.problems == []
    assert proved.counts["records"] + proved.counts["rejected"] == len(ROWS)
    files = {path: store.read(path) for path in store.list("corpora")}
    assert list((tmp_path / "spool").iterdir()) == []

    again = omniedit(recipe, return_state=True)
    assert again.name == "Completed"
    assert again.message == state.message
    assert sandbox.admin("summary")["billed"] == billed
    assert {path: store.read(path) for path in store.list("corpora")} == files
    api = api_of(again.state_details.flow_run_id)
    assert SECRET not in repr([api.flow_run(), api.artifacts(), api.task_runs()])

    def recorded(api: Any) -> bool:
        return {run["name"] for run in api.task_runs()} >= {"plan", "finish", "gallery"}

    assert len(api.once(recorded).task_runs()) == 3  # no shard is gone through
    shown, first = api.artifacts(), api_of(state.state_details.flow_run_id).artifacts()
    assert shown["editcorpus-progress"]["data"] == 100
    told = "2 of 2 shards; 2 triplets kept, 1 rejected of 3. 0 calls"
    assert shown["editcorpus-progress"]["description"].startswith(told)
    funnels = [made["editcorpus-funnel"] for made in (first, shown)]
    assert funnels[0]["description"] == funnels[1]["description"]
    tables = [[line for line in made["data"].splitlines() if "|" in line] for made in funnels]
    assert tables[0][:4] == tables[1][:4]


def test_a_damaged_column_in_a_bucket_is_made_anew_in_the_same_run(
    bucket: dict[str, Any],
    save_blocks: Callable[..., dict[str, str]],
    sandbox: Any,
    api_of: Callable[..., Any],
    tmp_path: Path,
) -> None:
    blocks = save_blocks("rot", bucket)
    recipe = Recipe.model_validate(
        {
            "run": "rot",
            "input": "s3://team/in/*.parquet",
            "selection": {"shard_size": 2},
            "endpoints": blocks,
            "effort": {"gallery": 0},
        }
    )
    state = omniedit(recipe, return_state=True)
    billed = sandbox.admin("summary")["billed"]
    options = {"endpoint_url": bucket["endpoint_url"], "key": "access", "secret": SECRET}
    store = Store("s3://team/editcorpus", options, tmp_path / "spool")
    files = {path: store.read(path) for path in store.list("corpora")}
    folder = "runs/rot/shards/00000"
    data = bytearray(store.read(f"{folder}/pad.pictures.parquet"))
    for place in range(100, len(data), 500):
        data[place] ^= 1
    store.write(f"{folder}/pad.pictures.parquet", bytes(data))
    rollups = store.list("runs/rot/rollups")
    assert rollups
    for path in (f"{folder}/filter.json", "corpora/rot/manifest.json", *rollups):
        store.remove(path)

    again = omniedit(recipe, return_state=True)
    assert (again.name, again.message) == (state.name, state.message)
    assert sandbox.admin("summary")["billed"] == billed
    assert {path: store.read(path) for path in store.list("corpora")} == files

    def told(api: Any) -> bool:
        return any("pad.pictures.parquet is damaged" in log["message"] for log in api.logs())

    api = api_of(again.state_details.flow_run_id).once(told)
    warned = [log["message"] for log in api.logs() if log["level"] == 30]
    assert [line.endswith("The step pad is done anew.") for line in warned] == [True]
