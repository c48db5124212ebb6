"""Write a small input in the layout of GPT-IMAGE-EDIT-1.5M: eight records, two of them in an archive.

One record names pictures that are not there, as 6,705 of the release do, and one has no edited image.
"""

import json
from pathlib import Path
from typing import Any

from PIL import Image

from editcorpus.demo.packed import write_parts
from editcorpus.demo.scenes import Scene, png, recoloured, region

_SIZE = (360, 240)
_SAID: dict[str, tuple[tuple[str, str, str], ...]] = {
    "hqedit/generate": (
        ("astronaut", "Make the suit blue.", "original"),
        ("cat", "Add a red collar to the cat.", "original"),
        ("", "Put a hat on the dog.", "original"),
    ),
    "omniedit/addition": (
        ("coffee", "Add a biscuit beside the cup.", "original"),
        ("dandelion", "Add a bee with large wings to the left.", "rewrite"),
    ),
    "omniedit/complex-edit": (
        ("raccoon", "Put a hat on the raccoon, make it dusk and add fog.", "complex"),
    ),
    "ultraedit/add": (
        ("rocket", "Add a second rocket.", "original"),
        ("photographer", "Add a dog.", "original"),
    ),
}
"""Photograph, instruction and its kind, by folder; no photograph: pictures that are not there."""
_PACKED = "ultraedit"
_SINGLE = "photographer"
"""Of this one there is no edited image."""


def write_gpt_image_edit(folder: Path) -> Path:
    """Write `gpt-edit` below a folder, and give it: it is what `--input` names."""
    top = folder / "gpt-edit"
    packed: dict[str, bytes] = {}
    for name in _SAID:
        for path, data in _task(name).items():
            if name.startswith(_PACKED):
                packed[path] = data
            else:
                (top / path).parent.mkdir(parents=True, exist_ok=True)
                (top / path).write_bytes(data)
    write_parts(top, f"{_PACKED}.tar.gz", packed, ("part001", "part002"))
    return top


def _task(name: str) -> dict[str, bytes]:
    """The files of a task by their paths, pictures first."""
    source, _, task = name.partition("/")
    made: dict[str, bytes] = {}
    records = []
    for number, (photo, text, kind) in enumerate(_SAID[name], start=70_858):
        record: dict[str, Any] = {
            "id": f"{source}_{task}_{number:08d}",
            "dataset_source": source,
            "task": task,
            "input": f"input/{number:08d}.png",
            "output": f"output/{number:08d}.png",
            "instruction": text,
            "instruction_type": kind,
            "input_description": f"A picture of {photo}." if photo else "",
        }
        if kind == "rewrite":
            record["instruction_original"] = "Add a bee."
        records.append(record)
        if photo:
            shown = Scene(photo, _SIZE).shown()
            made[f"{name}/{record['input']}"] = png(shown)["bytes"]
        if photo not in {"", _SINGLE}:
            made[f"{name}/{record['output']}"] = png(_edited(shown))["bytes"]
    text = json.dumps(records, ensure_ascii=False, indent=2)
    made[f"{name}/metadata/{source}_{task}.json"] = text.encode()
    return made


def _edited(shown: Image.Image) -> Image.Image:
    return recoloured(shown, region(_SIZE, (0.2, 0.2, 0.7, 0.8)))
