"""Results that the model has shifted or zoomed: what is undone, what is cut off, and who sees it."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from editcorpus import images
from editcorpus.demo import rows as demo
from editcorpus.layouts.audit import audit
from editcorpus.layouts.parquet import read_shard
from editcorpus.lookups.facts import read_triplet
from editcorpus.lookups.questions import asked_questions
from editcorpus.planning import Selection
from editcorpus.records import Published, Triplet
from editcorpus.registration import luminance, remaining_px
from editcorpus.runs import corpus_file, read_identity
from editcorpus.sandbox import Running, SandboxConfig, running
from editcorpus.shards import PLAN, read_facts
from editcorpus.stages.exhibit import exhibits
from editcorpus.stages.filter import Filtered
from editcorpus.stages.finish import finish
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.order import STAGES
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.steps import rewrite
from editcorpus.storage import Store

SIZES = ((320, 240), (512, 512), (640, 400), (400, 640), (500, 500))
DEFECTS = ("shift", "shift", "zoom", "zoom", "")
WIDE, SQUARE, ZOOMED, TALL, SOUND = (f"omniedit/task_obj_add_{row}" for row in range(5))
PHOTOS = sorted((Path(demo.__file__).parent / "photos").glob("*.jpg"))


def original(row: int) -> Image.Image:
    with Image.open(PHOTOS[row]) as photo:
        return photo.convert("RGB").resize(SIZES[row], Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """A model that shifts by 1.2% across and 0.6% down, or zooms by 1.2%, where it is told to."""
    with running(SandboxConfig(time_scale=0.001, drift_percent=1.2)) as found:
        yield found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = []
    for row, defect in enumerate(DEFECTS):
        out = io.BytesIO()
        original(row).save(out, "PNG")
        wish = f"Put a red balloon into the sky. [[emulate {defect}]]"
        rows.append(
            {
                "omni_edit_id": f"task_obj_add_{row}",
                "task": "addition",
                "src_img": {"bytes": out.getvalue(), "path": "x"},
                "edited_prompt_list": [wish if defect else wish.partition(" [")[0]],
            }
        )
    folder = tmp_path_factory.mktemp("input")
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")
    return folder


@dataclass(frozen=True)
class Done:
    """A run that is through."""

    store: Store
    identity: dict[str, Any]
    problems: list[str]
    records: dict[str, Published]
    filtered: dict[str, Filtered]


@pytest.fixture
def done(tmp_path: Path, make_job: Callable[..., Job]) -> Done:
    job = make_job(tmp_path, rewrite=rewrite.Config(share=0))
    with opened(job) as shop:
        make_plan(shop.store, shop.run, shop.source, shop.inputs, Selection())
        for stage in STAGES:
            run_stage(shop, 0, stage)
        finish(shop, 1, {}, emulated=True)
        configs = {name: one.model_dump(mode="json") for name, one in job.configs.items()}
        return Done(
            shop.store,
            {**read_identity(shop.store, shop.run), **configs},
            audit(shop.store, shop.run).problems,
            {one.id: one for one in read_shard(shop.store, corpus_file(shop.run, 0))},
            {one.id: one for one in read_facts(shop.store, shop.folder(0), "filter", Filtered)},
        )


def test_drifted_results_lie_on_their_sources_and_everybody_sees_the_same_part(done: Done) -> None:
    assert done.problems == []
    assert set(done.records) == {WIDE, SQUARE, ZOOMED, TALL, SOUND}
    standings = {key: one.registration for key, one in done.records.items()}
    assert standings == {**dict.fromkeys(standings, "corrected"), SOUND: "aligned"}
    for row, record in enumerate(done.records.values()):
        _lies_on_its_source(row, record)
    _is_cut(done.records)
    _is_seen_alike(done)


def _lies_on_its_source(row: int, record: Published) -> None:
    whole, source = original(row), images.decode(record.source_image)
    edited = images.decode(record.edited_image)
    assert source.size == edited.size == (record.width, record.height)
    left, top = record.crop_left, record.crop_top
    assert record.width + left + record.crop_right == whole.width
    assert record.height + top + record.crop_bottom == whole.height
    part = whole.crop((left, top, left + record.width, top + record.height))
    assert np.array_equal(np.asarray(source), np.asarray(part))
    assert remaining_px(luminance(source), luminance(edited), edited.size) < 0.5
    assert 0 <= record.displacement_px < 0.5
    assert record.lost_share == pytest.approx(
        1 - record.width * record.height / (whole.width * whole.height)
    )


def _is_cut(records: dict[str, Published]) -> None:
    wide, square, sound = (records[key] for key in (WIDE, SQUARE, SOUND))
    assert abs(wide.shift_x) == pytest.approx(
        18 / 1365, abs=2e-4
    )  # px of the canvas by its content
    assert (wide.crop_left, wide.crop_right, wide.crop_top) == (0, 0, 0)  # it lies on the padding
    assert 1 <= wide.crop_bottom <= 2
    assert wide.lost_share < square.lost_share < 0.03
    assert max(square.crop_left, square.crop_right) == pytest.approx(0.012 * 512, abs=1)
    assert min(square.crop_left, square.crop_right) == 0
    assert (sound.lost_share, sound.crop_left, sound.crop_bottom) == (0, 0, 0)


def _is_seen_alike(done: Done) -> None:
    shown = {entry.id: entry for entry in exhibits(done.store, "r", 10)}
    steps = {stage.name for stage in STAGES}
    for triplet in read_facts(done.store, "runs/r/shards/00000", PLAN, Triplet):
        record, entry = done.records[triplet.id], shown[triplet.id]
        for view in (entry.source, entry.edited):
            assert view is not None
            assert images.decode(view).size == (record.width, record.height)
        facts = read_triplet(done.store, "r", 0, triplet.id, steps)
        assert facts.aligned is not None
        again = asked_questions(done.identity, triplet, replace(facts, aligned=None))
        assert facts.aligned.response_done in again
        assert bool(done.filtered[triplet.id].cropped_view_hash) == bool(record.lost_share)
