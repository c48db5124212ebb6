"""What the benchmarks share: an input of real photographs, and a run opened without Prefect."""

import io
import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from pydantic import SecretStr

import editcorpus.demo
from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.inputs import Inputs
from editcorpus.leases import Owner
from editcorpus.planning import Selection
from editcorpus.sandbox import Running
from editcorpus.sources.omniedit import SOURCE
from editcorpus.stages.filter import Config as FilterConfig
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.workshop import Clocks, Workshop
from editcorpus.steps import align, pad, publish, regenerate, rewrite
from editcorpus.storage import Store

TASKS = ("addition", "removal", "swap", "attribute_modification", "env", "style")
PHOTOS = sorted((Path(editcorpus.demo.__file__).parent / "photos").glob("*.jpg"))


def photograph(number: int, size: tuple[int, int], quality: int = 92) -> bytes:
    """A JPEG of that size, cut out of one of the demo's photographs; all numbers differ."""
    with Image.open(PHOTOS[number % len(PHOTOS)]) as photo:
        left = number // len(PHOTOS) % 50
        box = (left, left // 2, photo.width - 50 + left, photo.height - 25)
        cut = photo.convert("RGB").resize(size, Image.Resampling.BICUBIC, box=box)
    cut.putpixel((0, 0), (number % 256, number // 256 % 256, 7))
    out = io.BytesIO()
    cut.save(out, "JPEG", quality=quality)
    return out.getvalue()


def write_input(
    folder: Path, rows: int, size: tuple[int, int], file_rows: int | None = None
) -> Path:
    """OmniEdit files with that many rows in all, pictures of that size in pixels, one file unless told."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, first in enumerate(range(0, rows, file_rows or rows)):
        members = range(first, min(rows, first + (file_rows or rows)))
        _write_file(folder / f"train-{number:05d}.parquet", members, size)
    return folder


def _write_file(path: Path, rows: range, size: tuple[int, int]) -> None:
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [
            ("omni_edit_id", pa.string()),
            ("task", pa.string()),
            ("src_img", image),
            ("edited_prompt_list", pa.list_(pa.string())),
        ]
    )
    with pq.ParquetWriter(path, schema) as writer:
        for number in rows:
            task = TASKS[number % len(TASKS)]
            row = {
                "omni_edit_id": f"task_{task}_{number}",
                "task": task,
                "src_img": {"bytes": photograph(number, size), "path": "a.jpg"},
                "edited_prompt_list": [f"Put a red balloon number {number} into the picture."],
            }
            writer.write_table(pa.Table.from_pylist([row], schema), row_group_size=1)


def job(store: Path, source: Path, server: Running, shard_size: int, in_flight: int = 64) -> Job:
    """A run over an input against the sandbox, as the command line would make it."""
    selection = Selection(shard_size=shard_size)
    openai = {
        "base_url": server.url,
        "api_key": SecretStr("k"),
        "provider": "sandbox",
        "in_flight": in_flight,
    }
    judge = {**openai, "base_url": server.vllm_url, "tariff": "free"}
    return Job(
        run="bench",
        store=Store.on_disk(store),
        source=SOURCE,
        inputs=Inputs.find(str(source)),
        recipe={"selection": selection.model_dump(mode="json")},
        configs={
            "pad": pad.Config(),
            "regenerate": regenerate.Config(),
            "filter": FilterConfig(),
            "rewrite": rewrite.Config(),
            "align": align.Config(),
            "publish": publish.Config(),
        },
        endpoints={
            "regenerate": endpoint_from("images", openai),
            "rewrite": endpoint_from("writer", openai),
            "align": endpoint_from("judge", judge),
        },
        budget_usd=None,
        owner=Owner(uuid.uuid4().hex, socket.gethostname(), os.getpid()),
        clocks=Clocks(lambda: "2026-11-20T00:00:00.000+00:00", time.monotonic),
        today=date(2026, 11, 20),
    )


@contextmanager
def workshop(made: Job) -> Iterator[Workshop]:
    """The run, opened in this process."""
    with opened(made) as shop:
        yield shop
