"""Write a small input in the layout of SEED-Data-Edit: sequences of edits, and single ones of each part.

Defects of the release are there: a sequence whose second picture is damaged, one whose first picture
is not in the archive, and one with a turn that has no instruction; a source picture of OpenImages that the
archive does not have; a line that is no JSON.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from editcorpus.demo.packed import write_parts
from editcorpus.demo.scenes import Scene, jpeg, recoloured, region

_SIZE = (400, 300)
_PART = "SEED-Data-Edit-Part{}"
_SEQUENCES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "astronaut",
        ("Make the suit blue.", "Add a star to the sky.", "Turn the background orange."),
    ),
    ("cat", ("Add a red collar to the cat.",)),
    ("coffee", ("Turn the table into green marble.", "Add a biscuit beside the cup.")),
    ("dandelion", ("Make the background a purple sky.", "", "Add a bee.")),
    ("raccoon", ("Put a yellow hat on the raccoon.", "Remove the branch.")),
    ("rocket", ("Add a second rocket.", "Make it noon.")),
)
_DAMAGED, _MISSING = "raccoon", "rocket"
"""The sequences whose first edited picture is cut short, and whose source picture is not there."""
_SINGLE = {
    "real_editing": ("Give the cup a golden rim.", "Restore the colours.", "Brighten the face."),
    "unsplash": ("Remove the cup from the table.", "Add a cup to the table.", "Tidy the table."),
    "openimages": ("Make it a painting.", "Let it snow.", "Turn day into night."),
}
_PHOTOS = ("coffee", "cat", "astronaut")


def write_seed_data_edit(folder: Path) -> Path:
    """Write all parts below a folder, which is what `--input` names; always the same bytes."""
    _write_sequences(folder / _PART.format("2-3") / "multi_turn_editing")
    real = folder / _PART.format("2-3") / "real_editing"
    _write_lines(real / "annotations/split_0001.jsonl", _singles("real_editing"))
    for path, data in _pictures().items():
        (real / "images" / path).parent.mkdir(parents=True, exist_ok=True)
        (real / "images" / path).write_bytes(data)
    unsplash = folder / _PART.format("1-Unsplash") / "auto_editing/unsplash"
    _write_automatic(unsplash, "unsplash")
    write_parts(unsplash, "unsplash_images.tar.gz", _pictures(), ("part-aa", "part-ab"))
    openimages = folder / _PART.format("1-Openimages") / "auto_editing/openimages"
    _write_automatic(openimages, "openimages")
    for kind in ("source_images", "target_images"):
        found = {path: data for path, data in _pictures().items() if path.startswith(kind)}
        found.pop(f"source_images/{len(_PHOTOS) - 1}.jpg", None)
        write_parts(openimages / "images", f"{kind}.tar.gz", found, ("part-aa", "part-ab"))
    return folder


def _write_sequences(folder: Path) -> None:
    lines: list[str] = []
    members: dict[str, bytes] = {}
    for number, (photo, instructions) in enumerate(_SEQUENCES):
        paths = [f"20240330_315P_1323turns/Data/{208 + number}/{k}.jpg" for k in range(6)]
        line = {"source_image": paths[0]}
        for turn, text in enumerate(instructions, start=1):
            line |= {f"instruction_{turn}": text, f"edit_image_{turn}": paths[turn]}
        lines.append(json.dumps(line))
        shown = zip(paths, _turns(photo, len(instructions)), strict=False)
        members |= {path: jpeg(image)["bytes"] for path, image in shown}
        if photo == _DAMAGED:
            members[paths[1]] = members[paths[1]][:1500]
        if photo == _MISSING:
            del members[paths[0]]
    _write_lines(folder / "annotations/split_0001.jsonl", lines)
    write_parts(folder / "images", "multi_turn.tar.gz", members, ("part-aa", "part-ab"))


def _turns(photo: str, turns: int) -> Iterator[Image.Image]:
    """A photograph, and what each edit makes of it: other colours in one place after the other."""
    image = Scene(photo, _SIZE).shown()
    yield image
    for turn in range(turns):
        left = 0.1 + 0.25 * turn
        image = recoloured(image, region(_SIZE, (left, 0.2, left + 0.3, 0.7)))
        yield image


def _write_automatic(folder: Path, part: str) -> None:
    """Annotations of a part, and those with a wording by another model."""
    _write_lines(folder / "annotations/split_0000.jsonl", [*_singles(part), '{"source_image": "so'])
    told = []
    for number, text in enumerate(_singles(part)):
        new = "" if number == 0 else f"Please do this: {json.loads(text)['instruction']}"
        told.append(json.dumps({**json.loads(text), "instruction_new": new, "response": "Sure."}))
    _write_lines(folder / "annotations_GPT4V/split_0000.jsonl", told)


def _singles(part: str) -> list[str]:
    return [
        json.dumps(
            {
                "source_image": f"source_images/{number}.jpg",
                "target_image": f"target_images/{number}.jpg",
                "instruction": text,
            }
        )
        for number, text in enumerate(_SINGLE[part])
    ]


def _pictures() -> dict[str, bytes]:
    made: dict[str, Any] = {}
    for number, photo in enumerate(_PHOTOS):
        source, target = _turns(photo, 1)
        made[f"source_images/{number}.jpg"] = jpeg(source)["bytes"]
        made[f"target_images/{number}.jpg"] = jpeg(target)["bytes"]
    return made


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
