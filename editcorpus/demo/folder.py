"""Write somebody's own data: pictures in folders, and a file of lines that names them.

Of its eight lines one is no JSON, and one names a picture outside the folder; one edit has a mask.
"""

import json
from pathlib import Path
from typing import Any

from PIL import Image

from editcorpus.demo.scenes import Scene, recoloured, region

_BOX = (0.2, 0.2, 0.7, 0.8)
_SAID: tuple[tuple[str, str, str], ...] = (
    ("astronaut", "color_change", "Make the suit green."),
    ("cat", "object_addition", "Put a small red hat on the cat."),
    ("coffee", "style_transfer", "Make it look like a watercolour."),
    ("raccoon", "background_replacement", "Put the raccoon on a beach."),
    ("rocket", "tone_adjustment", "Make it night."),
    ("dandelion", "", "Turn the dandelion into a red rose."),
)


def write_folder(folder: Path) -> Path:
    """Write pictures and `rows.jsonl`; gives the folder, which is the input.

    Args:
        folder: Is made where it is missing; files of the same names are replaced.
    """
    lines = [json.dumps(_written(folder, number)) for number in range(len(_SAID))]
    outside = {"instruction": "Show the secret.", "source_image": "../private.jpg"}
    lines[3:3] = ['{"instruction": "Cut short.', json.dumps(outside)]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def _written(folder: Path, number: int) -> dict[str, Any]:
    """Write the pictures of a row, and give its line."""
    photo, task, instruction = _SAID[number]
    source = Scene(photo, (448, 320) if number % 2 else (320, 416)).shown()
    mask = region(source.size, _BOX) if number == 1 else None
    row = {
        "instruction": instruction,
        "source_image": _saved(source, folder, f"before/{photo}.jpg"),
        "edited_image": _saved(recoloured(source, mask), folder, f"after/{photo}.png"),
        "license": "CC0-1.0",
    }
    if mask is not None:
        row["mask"] = _saved(mask, folder, f"masks/{photo}.png")
    return {**row, "task": task} if task else row


def _saved(image: Image.Image, folder: Path, path: str) -> str:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    image.save(folder / path)
    return path
