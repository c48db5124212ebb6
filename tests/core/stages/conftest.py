"""A run of a few rows against the sandbox, opened without Prefect."""

import io
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pydantic import SecretStr

from editcorpus.demo import rows as demo
from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.inputs import Inputs
from editcorpus.leases import Owner
from editcorpus.planning import Selection
from editcorpus.sandbox import Running, SandboxConfig, running
from editcorpus.sources.omniedit import SOURCE
from editcorpus.stages.filter import Config as FilterConfig
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.plan import make_plan
from editcorpus.stages.workshop import Clocks, Workshop
from editcorpus.steps import align, pad, publish, regenerate, rewrite
from editcorpus.storage import Store

PHOTOS = sorted((Path(demo.__file__).parent / "photos").glob("*.jpg"))
SELECTION = Selection(shard_size=4)


def picture(number: int, size: tuple[int, int], kind: str = "JPEG", **options: Any) -> bytes:
    with Image.open(PHOTOS[number % len(PHOTOS)]) as photo:
        small = photo.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    out = io.BytesIO()
    small.save(out, kind, **options)
    return out.getvalue()


def turned(number: int, size: tuple[int, int]) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture(number, size, exif=exif.tobytes())


def source_rows() -> list[dict[str, Any]]:
    images = [
        picture(0, (320, 240)),
        picture(1, (1024, 1024), "PNG"),  # lies on its canvas as it is
        turned(2, (300, 200)),
        picture(3, (200, 310)),
        picture(4, (300, 300))[:2000],  # cut short
        picture(5, (240, 240)),
    ]
    wishes = [
        "Put a red balloon into the sky.",
        "Make the whole picture look like a poster.",
        "Remove the object in the middle.",
        "Turn the background blue.",
        "Add a hat.",
        "Add a yellow star.",
    ]
    tasks = ["addition", "style", "removal", "env", "addition", "addition"]
    return [
        {
            "omni_edit_id": f"task_obj_add_{number}",
            "task": task,
            "src_img": {"bytes": image, "path": "x"},
            "edited_prompt_list": [wish],
        }
        for number, (task, image, wish) in enumerate(zip(tasks, images, wishes, strict=True))
    ]


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    with running(SandboxConfig(time_scale=0.001)) as found:
        yield found


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("input")
    schema = pa.schema(
        [
            ("omni_edit_id", pa.string()),
            ("task", pa.string()),
            ("src_img", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            ("edited_prompt_list", pa.list_(pa.string())),
        ]
    )
    pq.write_table(pa.Table.from_pylist(source_rows(), schema), folder / "a.parquet")
    return folder


Open = Callable[..., AbstractContextManager[Workshop]]
Make = Callable[..., Job]


@pytest.fixture
def make_job(server: Running, source: Path) -> Make:
    """Describes a run over the rows; `configs` replace those of single steps."""

    def made(store: Path, run: str = "r", budget: str | None = None, **configs: Any) -> Job:
        members = {
            "base_url": server.url,
            "api_key": SecretStr("k"),
            "provider": "sandbox",
            "in_flight": 8,
            "call_attempts": 2,
        }
        judge = {**members, "base_url": server.vllm_url, "tariff": "free"}
        return Job(
            run=run,
            store=Store.on_disk(store),
            source=SOURCE,
            inputs=Inputs.find(str(source)),
            recipe={name: config.model_dump(mode="json") for name, config in configs.items()},
            configs={
                "pad": pad.Config(),
                "regenerate": regenerate.Config(quality="low"),
                "filter": FilterConfig(),
                "rewrite": rewrite.Config(share=0.5),
                "align": align.Config(),
                "publish": publish.Config(min_done=0, min_preserved=0, min_clean=0),
                **configs,
            },
            endpoints={
                "regenerate": endpoint_from("images", members),
                "rewrite": endpoint_from("writer", members),
                "align": endpoint_from("judge", judge),
            },
            budget_usd=Decimal(budget) if budget else None,
            owner=Owner(uuid.uuid4().hex, socket.gethostname(), os.getpid()),
            clocks=Clocks(lambda: "2026-11-20T00:00:00.000+00:00", time.monotonic),
            today=date(2026, 11, 20),
        )

    return made


@pytest.fixture
def open_run(make_job: Make) -> Open:
    """Opens a run over the rows, planned; takes what `make_job` takes."""

    @contextmanager
    def made(*where: Any, **members: Any) -> Iterator[Workshop]:
        with opened(make_job(*where, **members)) as shop:
            make_plan(shop.store, shop.run, shop.source, shop.inputs, SELECTION)
            yield shop

    return made
