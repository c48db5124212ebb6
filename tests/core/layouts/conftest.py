"""Small records and a small finished corpus, made of drawn pictures."""

import io
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editcorpus.layouts.manifest import CorpusManifest, commit_manifest
from editcorpus.layouts.parquet import write_outcomes, write_shard
from editcorpus.ledger import image_path
from editcorpus.records import Failed, Published, Reason, Rejected
from editcorpus.storage import Store
from editcorpus.taxonomy import family_of

RUN = "spring"
FOLDER = f"corpora/{RUN}"


def draw(seed: int, size: tuple[int, int] = (24, 16), kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def published(number: int, **changes: object) -> Published:
    made = Published(
        id=f"omniedit/task_obj_add_{number}",
        dataset_source="omniedit",
        task="addition",
        subtask="obj_add",
        family="object_addition",
        variant="output",
        instruction=f"Add a bird, number {number}.",
        instruction_type="original",
        instruction_original="",
        source_image=draw(number, kind="JPEG"),
        edited_image=draw(number + 1000),
        width=24,
        height=16,
        edited_width=24,
        edited_height=16,
        score=0.8,
        score_done=0.9,
        score_preserved=0.8,
        score_clean=0.7,
        border_fraction=0.0,
        changed_share=0.2,
        shift_x=0.0,
        shift_y=0.0,
        scale_x=1.0,
        scale_y=1.0,
        registration_ncc=0.9,
        registered=True,
        outside_mask=-1.0,
        canvas_width=1536,
        canvas_height=1024,
        box_x=0,
        box_y=0,
        box_width=1536,
        box_height=1024,
        padded_share=0.0,
        license="MIT",
        source_file="dev-00000.parquet",
        source_row=number,
        source_facts="",
        previous="",
        instruction_index=0,
        model="gpt-image-2.5-sunburst",
        quality="high",
        response=f"{number:064x}",
        prompt_version="1",
        rewrite_model="",
        judge_model="Qwen/Qwen2.5-VL-7B-Instruct",
    )
    sizes = {f"edited_{side}": changes[side] for side in ("width", "height") if side in changes}
    made = replace(made, **(sizes | changes))  # type: ignore[arg-type]
    if "family" in changes or None in (made.task, made.subtask):
        return made
    task = made.task, made.subtask, made.instruction_type
    return replace(made, family=family_of(made.dataset_source, *task) or "")


RECORDS = (
    published(0),
    published(
        1, instruction_type="rewrite", instruction_original="Add.", rewrite_model="gpt-6-luna"
    ),
    published(2, source_image=draw(2, kind="WEBP")),
)
REJECTED = (
    Rejected("omniedit/r0", "pad", Reason.IMAGE_UNREADABLE, "cut short"),
    Rejected("omniedit/r1", "filter", Reason.NO_EDIT, "0.000 changed, 0.002 is the least"),
)
FAILED = (Failed("omniedit/f0", "regenerate", Reason.UNAVAILABLE, "status 503, four times"),)

Build = Callable[..., Store]


class Sample:
    """What tests make corpora of."""

    run, folder = RUN, FOLDER
    records, rejected, failed = RECORDS, REJECTED, FAILED
    draw, published = staticmethod(draw), staticmethod(published)


@pytest.fixture
def sample() -> type[Sample]:
    return Sample


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.on_disk(tmp_path / "store")


@pytest.fixture
def build(store: Store) -> Build:
    """Write a whole corpus: `build(shards, rejected, failed)`."""

    def make(
        shards: tuple[tuple[Published, ...], ...] = (RECORDS[:2], RECORDS[2:]),
        rejected: tuple[Rejected, ...] = REJECTED,
        failed: tuple[Failed, ...] = FAILED,
    ) -> Store:
        files = [
            write_shard(store, f"{FOLDER}/data/train-{number:05d}.parquet", records)
            for number, records in enumerate(shards)
        ]
        files.append(write_outcomes(store, f"{FOLDER}/rejects.parquet", rejected))
        files.append(write_outcomes(store, f"{FOLDER}/failed.parquet", failed))
        for record in (record for records in shards for record in records):
            if len(record.response) == 64:
                store.write(image_path(record.response), b"{}\npicture")
        store.write(f"{FOLDER}/README.md", b"# spring\n")
        kept = sum(map(len, shards))
        manifest = CorpusManifest(
            run=RUN,
            entered=kept + len(rejected) + len(failed),
            kept=kept,
            rejected=Counter(outcome.reason for outcome in rejected),
            failed=Counter(outcome.reason for outcome in failed),
            files=tuple(files),
            models={"regenerate": "gpt-image-2.5-sunburst"},
            tasks={"addition": kept},
            licences={"MIT": kept},
        )
        commit_manifest(store, FOLDER, manifest)
        return store

    return make


@contextmanager
def mounted(kind: str, folder: Path) -> Iterator[Path]:
    """A disk in memory, while the block lasts."""
    folder.mkdir()
    command = ["mount", "-t", kind, "-o", "size=1m", kind, str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse("No right to mount a small disk.")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    with mounted("tmpfs", tmp_path / "tiny") as folder:
        yield folder


@pytest.fixture
def plain_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that takes no direct writes."""
    with mounted("ramfs", tmp_path / "plain") as folder:
        yield folder
