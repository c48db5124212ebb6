"""UltraEdit's region rows: the mask goes along with the request, and what leaks out of it is recorded."""

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from editcorpus.demo.ultraedit import write_ultraedit
from editcorpus.endpoints.requests import Ask, ImageEdit, request_hash
from editcorpus.inputs import Inputs
from editcorpus.layouts.parquet import read_shard
from editcorpus.planning import Selection
from editcorpus.records import Published, Reason
from editcorpus.runs import corpus_file
from editcorpus.shards import need_manifest
from editcorpus.sources.ultraedit import RECIPES
from editcorpus.stages.fetch import Config as FetchConfig
from editcorpus.stages.filter import Config as FilterConfig
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.order import roles_of
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Variant, Workshop
from editcorpus.steps import filter as filter_step
from editcorpus.steps import pad, rewrite

Open = Callable[..., AbstractContextManager[Workshop]]
SOURCE = RECIPES["region"]
FRINGE, ALPHA, WHITE, WHOLE, BLACK, MISSING, LEAKY = range(7)


def name(row: int) -> str:
    return f"ultraedit/RegionBase/RegionBase-00000-of-00001/{row}"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ultraedit(tmp_path_factory.mktemp("ultraedit"))


@pytest.fixture
def open_rows(make_job: Callable[..., Job], rows: Path) -> Open:
    """Opens a run over region rows, planned as one shard; without asking of what kind they are."""

    @contextmanager
    def made(store: Path, variant: Variant = "output", where: Path = rows) -> Iterator[Workshop]:
        job = make_job(store, rewrite=rewrite.Config(share=0))
        configs = {
            **job.configs,
            "fetch": FetchConfig(roles=roles_of(SOURCE, variant), chained=variant != "base"),
        }
        if variant == "base":
            configs["pad"] = pad.Config(canvas="own")
            lenient = filter_step.Config(
                residual_padding=1, max_changed_share=1, max_displacement=1
            )
            configs["filter"] = FilterConfig(judge=lenient)
        job = replace(
            job,
            source=replace(SOURCE, classes=False),
            inputs=Inputs.find(str(where), None, SOURCE.kind),
            configs=configs,
            variant=variant,
        )
        with opened(job) as shop:
            make_plan(shop.store, shop.run, shop.source, shop.inputs, Selection())
            yield shop

    return made


def through(shop: Workshop) -> tuple[dict[str, Published], dict[str, Reason]]:
    """All stages; what is published, and why the others are not."""
    for stage in shop.stages:
        run_stage(shop, 0, stage)
    manifests = [need_manifest(shop.store, shop.folder(0), stage.name) for stage in shop.stages]
    records = read_shard(shop.store, corpus_file(shop.run, 0))
    assert not any(one.failed for one in manifests)
    reasons = {item.id: item.reason for made in manifests for item in made.rejected}
    return {one.id: one for one in records}, reasons


Seen = dict[str, tuple[ImageEdit, bytes]]
"""Edits that are asked for, and their masks, by id."""


def watched(shop: Workshop, seen: Seen) -> Workshop:
    """The same workshop, in which every edit that is asked for is noted."""

    def look(asks: Any) -> Iterator[Any]:
        for ask in asks:
            assert isinstance(ask, Ask)
            assert isinstance(ask.what, ImageEdit)
            seen[ask.id] = ask.what, ask.what.mask.load() if ask.what.mask else b""
        yield from shop.engine.answers(asks)

    return shop.asking({"regenerate": look})


def editable(data: bytes) -> tuple[tuple[int, int], float]:
    """Size of the mask of a request, and the share of it that may be edited."""
    with Image.open(io.BytesIO(data)) as mask:
        assert (mask.format, mask.mode) == ("PNG", "RGBA")
        alpha = np.asarray(mask.getchannel("A"))
        assert set(np.unique(alpha)) == {0, 255}
        return mask.size, float((alpha == 0).mean())


def test_masks_go_along_and_what_changed_outside_of_them_is_in_the_corpus(
    tmp_path: Path, open_rows: Open
) -> None:
    seen: Seen = {}
    with open_rows(tmp_path) as shop:
        kept, reasons = through(watched(shop, seen))
    assert reasons == {name(BLACK): Reason.MASK_UNUSABLE}
    assert name(BLACK) not in seen  # nothing is paid for it
    for row in (FRINGE, ALPHA, LEAKY):
        size, share = editable(seen[name(row)][1])
        assert size == (1024, 1024)
        assert share == pytest.approx(np.pi / 4 * 0.45 * 0.45, rel=0.02)  # the ellipse
    for row in (WHITE, WHOLE, MISSING):
        assert seen[name(row)][0].mask is None
        assert kept[name(row)].outside_mask == -1
    assert kept[name(FRINGE)].outside_mask == kept[name(ALPHA)].outside_mask == 0
    assert 0.05 < kept[name(LEAKY)].outside_mask < 0.5
    assert {one.license for one in kept.values()} == {"CC-BY-4.0"}
    edit = seen[name(FRINGE)][0]
    assert request_hash("p", edit, 0) != request_hash("p", replace(edit, mask=None), 0)


def damaged(rows: Path, folder: Path, *columns: str) -> Path:
    """The same rows with the pictures of some columns cut short."""
    found = next(rows.rglob("RegionBase*.parquet"))
    table = pq.read_table(found)
    for column in columns:
        place = table.schema.get_field_index(column)
        whole = table.column(place).to_pylist()
        cut = [one and {**one, "bytes": one["bytes"][: len(one["bytes"]) // 2]} for one in whole]
        kind = table.schema.field(place)
        table = table.set_column(place, kind, pa.array(cut, kind.type))
    folder.mkdir()
    pq.write_table(table, folder / found.name, row_group_size=4)
    return folder


def test_damaged_masks_reject_whom_they_concern_and_nobody_else(
    tmp_path: Path, open_rows: Open, rows: Path
) -> None:
    where = damaged(rows, tmp_path / "input", "mask_image", "edited_image")
    with open_rows(tmp_path / "store", where=where) as shop:
        kept, reasons = through(shop)
    assert {key for key, why in reasons.items() if why is Reason.MASK_UNUSABLE} == set(reasons)
    assert set(kept) == {name(WHOLE), name(MISSING)}


def test_a_base_pair_is_measured_by_its_mask_and_asks_nobody_for_a_picture(
    tmp_path: Path, open_rows: Open
) -> None:
    with open_rows(tmp_path, "base") as shop:
        kept, reasons = through(shop)
        assert shop.ledger.usd("regenerate", 0) == 0
    assert reasons == {}
    assert kept[name(FRINGE)].outside_mask < 0.02
    assert [kept[name(row)].outside_mask for row in (WHITE, WHOLE, BLACK, MISSING)] == [-1] * 4
    assert {one.response for one in kept.values()} == {""}


def test_a_damaged_mask_does_a_base_pair_no_harm(
    tmp_path: Path, open_rows: Open, rows: Path
) -> None:
    where = damaged(rows, tmp_path / "input", "mask_image")
    with open_rows(tmp_path / "store", "base", where) as shop:
        kept, reasons = through(shop)
    assert (len(kept), reasons) == (7, {})
    assert {one.outside_mask for one in kept.values()} == {-1.0}
