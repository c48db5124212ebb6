"""An input that is damaged in one row group: its rows are rejected, and the others go on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from editcorpus.inputs import Inputs
from editcorpus.planning import Selection
from editcorpus.records import Reason
from editcorpus.shards import read_manifest
from editcorpus.stages import pad
from editcorpus.stages.looking import sample_rows
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.steps.pad import Config

Make = Callable[..., Job]


@pytest.fixture
def damaged(tmp_path: Path, source: Path) -> Inputs:
    """Six rows in row groups of two, of which the second has no pictures that can be read."""
    path = tmp_path / "input" / "a.parquet"
    path.parent.mkdir()
    pq.write_table(pq.read_table(source / "a.parquet"), path, row_group_size=2)
    meta = pq.ParquetFile(path).metadata.row_group(1)
    columns = [meta.column(index) for index in range(meta.num_columns)]
    chunk = next(one for one in columns if one.path_in_schema == "src_img.bytes")
    data = bytearray(path.read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    data[start : start + 40] = bytes(40)
    path.write_bytes(data)
    return Inputs.find(str(path))


def test_pictures_of_a_damaged_row_group_are_rejected(damaged, make_job: Make, tmp_path: Path):
    with opened(replace(make_job(tmp_path / "store"), inputs=damaged)) as shop:
        make_plan(shop.store, shop.run, shop.source, shop.inputs, Selection())
        run_stage(shop, 0, pad.STAGE)
        manifest = read_manifest(shop.store, shop.folder(0), pad.STAGE.name)
    unread = [one for one in manifest.rejected if one.reason is Reason.ROW_UNREADABLE]
    assert [one.id for one in unread] == ["omniedit/task_obj_add_2", "omniedit/task_obj_add_3"]
    assert "a.parquet is damaged in row group 1, rows 2 to 3: " in unread[0].detail
    assert manifest.kept == 3


def test_a_look_passes_over_what_is_damaged(damaged: Inputs, make_job: Make, tmp_path: Path):
    source = make_job(tmp_path).source
    sample = sample_rows(source, damaged, Selection(), 6, [Config()])
    assert (sample.looked_at, len(sample.fit)) == (6, 3)
