"""An export of pairs, read by a trainer's own dataset class, which `make test-trainers` installs."""

import hashlib
import io
import json
import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.export import export
from editcorpus.layouts.kontext import LAYOUT
from editcorpus.storage import Store

READER = Path(__file__).with_name("diffsynth_pairs.py")


def told(picture: bytes) -> list[object]:
    """Width, height and hash of the pixels, as the reader prints them."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    return [*image.size, hashlib.sha256(image.tobytes()).hexdigest()]


@pytest.mark.trainers
def test_diffsynth_reads_each_pair_and_its_instruction(build, sample, tmp_path: Path) -> None:
    # It cuts both sides to multiples of 16, so these are some.
    records = tuple(
        sample.published(
            number,
            instruction=instruction,
            source_image=sample.draw(number, size, kind),
            edited_image=sample.draw(number + 100, (64, 48)),
        )
        for number, (instruction, size, kind) in enumerate(
            (
                ("Add a bird.", (64, 48), "JPEG"),
                ('Write "Grüße, 你好" on it,\nin two lines.', (64, 48), "WEBP"),
                ("Make it wider.", (32, 48), "PNG"),
            )
        )
    )
    target = Store.on_disk(tmp_path / "target")
    export(open_corpus(build((records[:2], records[2:])), sample.folder), LAYOUT, target, "out")
    command = [os.environ["EDITCORPUS_TEST_TRAINERS"], READER, target.url("out")]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    read = [json.loads(line) for line in lines.splitlines()]
    assert [item["prompt"] for item in read] == [record.instruction for record in records]
    assert [item["image"] for item in read] == [told(record.edited_image) for record in records]
    for name in ("edit_image", "kontext_images"):
        assert [item[name] for item in read] == [told(record.source_image) for record in records]
