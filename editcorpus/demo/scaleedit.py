"""Write a small input in the layout of ScaleEdit-12M: a folder for each task, and a file of one row group.

Defects of the release are there once: ids that repeat from task to task, an instruction in quotation marks,
one of 512 exclamation marks, a row with an address in the place of its picture, and a pair whose publisher
would have left it out by its own scores.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from editcorpus.demo.scenes import Scene, jpeg, png, recoloured

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("edit_task", pa.string()),
        ("edit_instruction", pa.string()),
        ("source_image", pa.binary()),
        ("edited_image", pa.binary()),
        ("source_image_width", pa.int64()),
        ("source_image_height", pa.int64()),
        ("edited_image_width", pa.int64()),
        ("edited_image_height", pa.int64()),
        ("instruction_following_score", pa.int64()),
        ("editing_consistency_score", pa.int64()),
        ("generation_quality_score", pa.int64()),
        ("source_image_url", pa.string()),
        ("source_image_sha256", pa.string()),
        ("source_image_fetch_date", pa.string()),
    ]
)
"""The 15 columns of the release; the dataset card has the first 12."""
LINK = "https://images.example/rocket.jpg"
_SCORES = ("instruction_following_score", "editing_consistency_score", "generation_quality_score")
_SIZE = (448, 336)
_ROWS: dict[str, tuple[tuple[str, str, tuple[int, int, int]], ...]] = {
    "2.1_object_addition": (
        ("coffee", "Add a small biscuit on the saucer.", (3, 3, 3)),
        ("cat", '"Add a blue bow tie to the cat."', (3, 3, 2)),
        ("raccoon", "!" * 512, (3, 3, 3)),
        ("rocket", "Add a second rocket on the left.", (3, 3, 3)),
    ),
    "3.1_color_change": (
        ("astronaut", "Change the colour of the suit to green.", (3, 2, 3)),
        ("raccoon", "Change the colour of the fur to white.", (2, 3, 3)),
        ("dandelion", "Change the colour of the sky to orange.", (3, 3, 3)),
    ),
}
"""Photograph, instruction and scores of each row, by the folder of its task."""


def write_scaleedit(folder: Path) -> Path:
    """Write the rows below a folder, which is what `Inputs.find` takes; always the same bytes."""
    for name, rows in _ROWS.items():
        task = name.partition("_")[2]
        made = [_row(number, task, row) for number, row in enumerate(rows)]
        path = folder / name / f"{task}_0000.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pylist(made, SCHEMA)
        pq.write_table(table, path, row_group_size=len(rows), compression="snappy")
    return folder


def _row(number: int, task: str, row: tuple[str, str, tuple[int, int, int]]) -> dict[str, Any]:
    photo, instruction, scores = row
    source = Scene(photo, _SIZE).shown()
    linked = photo == "rocket"
    return {
        "id": number,
        "edit_task": task,
        "edit_instruction": instruction,
        "source_image": None if linked else _bytes(source, number),
        "edited_image": _bytes(recoloured(source), number),
        "source_image_width": source.width,
        "source_image_height": source.height,
        "edited_image_width": source.width,
        "edited_image_height": source.height,
        **dict(zip(_SCORES, scores, strict=True)),
        "source_image_url": LINK if linked else None,
        "source_image_sha256": "0" * 64 if linked else None,
        "source_image_fetch_date": "2026-03-01" if linked else None,
    }


def _bytes(image: Image.Image, number: int) -> bytes:
    """The picture as a JPEG; one in a thousand of the release is a PNG, here one of each task is."""
    found: bytes = (png(image) if number == 1 else jpeg(image))["bytes"]
    return found
