"""What sources have in common under test: their fixtures, and a whole build of a few rows."""

import io
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps
from pydantic import SecretStr

from editcorpus.demo import rows as demo
from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.layouts.corpus import open_corpus
from editcorpus.records import Published
from editcorpus.rows import Source
from editcorpus.runs import corpus_folder
from editcorpus.sandbox import Running, SandboxConfig, running
from editcorpus.shards import need_manifest
from editcorpus.stages.classifying import kinds_of
from editcorpus.stages.finish import finish
from editcorpus.stages.opening import Job, check, opened
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Clocks, Workshop
from editcorpus.storage import Store
from flows.connections import ROLES
from flows.parameters import Recipe
from flows.settling import settled
from flows.starting import Connected, job_over, this_process

FIXTURES = Path(__file__).parent / "fixtures"
PHOTOS = sorted((Path(demo.__file__).parent / "photos").glob("*.jpg"))
LENIENT = {"min_done": 0.0, "min_preserved": 0.0, "min_clean": 0.0}


@dataclass(frozen=True)
class Built:
    """What came of a build: records by id, and the reasons of all others."""

    kept: Mapping[str, Published]
    rejected: Mapping[str, str]
    failed: Mapping[str, str] = field(default_factory=dict)


@cache
def _photo(number: int) -> Image.Image:
    with Image.open(PHOTOS[number % len(PHOTOS)]) as photo:
        return photo.convert("RGB").resize((160, 120), Image.Resampling.BICUBIC)


def _picture(number: int, column: str, kind: str = "JPEG") -> bytes:
    """A small photograph; of another column than the first, the same one edited."""
    shown = _photo(number)
    if column.startswith("mask"):
        shown = Image.new("L", shown.size, 0)
        shown.paste(255, (40, 30, 120, 90))
    elif any(word in column for word in ("edit", "output", "target")):
        shown = ImageOps.invert(shown)
    out = io.BytesIO()
    shown.save(out, kind, quality=95)
    return out.getvalue()


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """Makes the bytes of a small picture out of a number and the name of its column."""
    return _picture


def _fixture(name: str) -> ModuleType:
    path = FIXTURES / f"{name}.py"
    assert path.is_file(), f"{name} has no fixture: write {path.name}, after omniedit.py beside it"
    spec = spec_from_file_location(f"fixture_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fixture_of() -> Callable[[str], ModuleType]:
    """Loads the fixture of a module of sources."""
    return cache(_fixture)


def _written(fixture: ModuleType, folder: Path) -> Path:
    if hasattr(fixture, "write"):
        found: Path = fixture.write(folder)
        return found
    rows = [{**_pictures(fixture, number), **row} for number, row in enumerate(fixture.ROWS)]
    table = pa.Table.from_pylist(rows, getattr(fixture, "SCHEMA", None))
    path = folder / getattr(fixture, "FILE", "part-00000.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=2)
    return folder


def _pictures(fixture: ModuleType, number: int) -> dict[str, Any]:
    made = {column: _picture(number, column) for column in fixture.PICTURES}
    return {
        column: {"bytes": data, "path": f"{number}.jpg"} if kind == "struct" else data
        for (column, kind), data in zip(fixture.PICTURES.items(), made.values(), strict=True)
    }


@pytest.fixture(scope="session")
def write_fixture() -> Callable[[ModuleType, Path], Path]:
    """Writes the rows of a fixture as they are published; gives what `--input` names."""
    return _written


@pytest.fixture(scope="session")
def source_server() -> Iterator[Running]:
    with running(SandboxConfig(time_scale=0.001)) as found:
        yield found


def _job(server: Running, source: Source, store: Path, where: Path, members: Any) -> Job:
    to = {
        "base_url": server.url,
        "api_key": SecretStr("k"),
        "provider": "sandbox",
        "in_flight": 8,
        "call_attempts": 3,
    }
    judge = {**to, "base_url": server.vllm_url, "tariff": "free"}
    endpoints = {
        step: endpoint_from(role, judge if role == "judge" else to) for step, role in ROLES.items()
    }
    given = Recipe.model_validate({"run": "r", "input": str(where), **members})
    recipe = settled(given, source)
    job = job_over(source, recipe, Connected(Store.on_disk(store), {}, endpoints))
    return _calm(job)


def _calm(job: Job) -> Job:
    clocks = Clocks(lambda: "2026-11-20T00:00:00.000+00:00", time.monotonic)
    return replace(job, clocks=clocks, owner=this_process(), today=date(2026, 11, 20))


@contextmanager
def _open(job: Job) -> Iterator[Workshop]:
    check(job)
    with opened(job) as shop:
        yield shop


def _ended(shop: Workshop, shards: int) -> Built:
    steps = ("plan", *(stage.name for stage in shop.stages))
    manifests = [
        need_manifest(shop.store, shop.folder(shard), step)
        for shard in range(shards)
        for step in steps
    ]
    corpus = open_corpus(shop.store, corpus_folder(shop.run))
    records = [one for shard in corpus.shards for _, one in shard.records()]
    return Built(
        {one.id: one for one in records},
        {one.id: str(one.reason) for made in manifests for one in made.rejected},
        {one.id: str(one.reason) for made in manifests for one in made.failed},
    )


@pytest.fixture
def build_rows(source_server: Running, tmp_path: Path) -> Callable[..., Built]:
    """Builds a source over an input, stage by stage, without Prefect; takes parameters of a recipe."""

    def built(source: Source, where: Path, variant: str = "output", **members: Any) -> Built:
        quick = {
            "variant": variant,
            "regenerate": {"quality": "low"},
            "publish": LENIENT,
            **members,
        }
        if source.synthesises:
            quick["synthesize"] = {"quality": "low"}
        job = _job(source_server, source, tmp_path / f"store-{variant}", where, quick)
        recipe = Recipe.model_validate({"run": "r", "input": str(where), **quick})
        with _open(job) as shop:
            kinds = kinds_of(shop) if source.classes else None
            plan = make_plan(shop.store, shop.run, source, shop.inputs, recipe.selection, kinds)
            for shard in range(plan.shards):
                for stage in shop.stages:
                    run_stage(shop, shard, stage)
            finish(shop, plan.shards, job.identity, emulated=True)
            return _ended(shop, plan.shards)

    return built
