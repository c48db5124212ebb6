"""An input of any number of different triplets, out of the demo's photographs."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

import editcorpus.demo

PHOTOS = sorted((Path(editcorpus.demo.__file__).parent / "photos").glob("*.jpg"))
SIDE = 640
"""Pixels of each source picture: the canvas has 1024 whatever the picture has."""
_WISHES = (
    "Make the whole picture {} warmer",
    "Paint a {} red patch in the middle",
    "Remove the object in the {} corner",
    "Blur the background a {} little",
)
_TASKS = ("env", "addition", "removal", "attribute_modification")
_WORDS = ("slightly", "small", "upper left", "very", "bit", "large", "lower right", "rather")


def write_input(folder: Path, rows: int) -> Path:
    """A file of so many rows in the layout of OmniEdit."""
    folder.mkdir(parents=True)
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [
            ("omni_edit_id", pa.string()),
            ("task", pa.string()),
            ("src_img", image),
            ("edited_prompt_list", pa.list_(pa.string())),
        ]
    )
    path = folder / "train-00000.parquet"
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, 8):
            part = [_row(number) for number in range(start, min(start + 8, rows))]
            writer.write_table(pa.Table.from_pylist(part, schema))
    return path


def _row(number: int) -> dict[str, object]:
    wish = _WISHES[number % len(_WISHES)].format(_WORDS[number // 4 % len(_WORDS)])
    return {
        "omni_edit_id": f"task_obj_add_{number}",
        "task": _TASKS[number % len(_TASKS)],
        "src_img": {"bytes": _picture(number), "path": None},
        "edited_prompt_list": [f"{wish}."],
    }


def _picture(number: int) -> bytes:
    with Image.open(PHOTOS[number % len(PHOTOS)]) as photo:
        left = number // len(PHOTOS) % 50
        box = (left, left // 2, photo.width - 50 + left, photo.height - 25)
        cut = photo.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box)
    cut.putpixel((0, 0), (number % 256, number // 256 % 256, 7))
    out = io.BytesIO()
    cut.save(out, "JPEG", quality=90)
    return out.getvalue()
