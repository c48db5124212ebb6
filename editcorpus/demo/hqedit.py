"""Write a small input in the layout of HQ-Edit: eight rows in one file.

Each defect of the release is there once: pairs that differ in size; a pair whose edited image is cut
short, which only `inverse` and a base pair look at; a row without `edit`, and one without a caption.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa

from editcorpus.demo.scenes import IMAGE, Scene, cut_short, png, recoloured, write_parquet

GROUP_ROWS = 4
_SIDES = ((448, 448), (448, 320), (336, 470), (470, 464))
_SAID: tuple[tuple[str, str | None, str | None, str, str], ...] = (
    (
        "astronaut",
        "An astronaut in an orange suit in front of a flag.",
        "Make the suit blue.",
        "Make the suit orange.",
        "An astronaut in a blue suit in front of a flag.",
    ),
    (
        "cat",
        "A tabby cat looks up.",
        "Add a red collar to the cat.",
        "Remove the collar.",
        "A tabby cat with a red collar looks up.",
    ),
    (
        "coffee",
        "A cup of coffee on a wooden table.",
        "Turn the table into green marble.",
        "Turn the table into wood.",
        "A cup of coffee on a table of green marble.",
    ),
    (
        "dandelion",
        "A dandelion in seed.",
        "'Make the background a purple sky.'",
        "Make the background green.",
        "A dandelion in seed before a purple sky.",
    ),
    (
        "raccoon",
        "A raccoon on a branch.",
        "Put a yellow hat on the raccoon.",
        "Take the hat off the raccoon.",
        "A raccoon with a yellow hat on a branch.",
    ),
    (
        "rocket",
        "A rocket lifts off in the evening.",
        None,
        "Make it evening.",
        "A rocket lifts off at noon.",
    ),
    (
        "photographer",
        None,
        "Replace the camera with a telescope.",
        "Replace the telescope with a camera.",
        "A man with a telescope on a tripod.",
    ),
    (
        "deep_field",
        "Galaxies on a black sky.",
        "Add a bright red star in the middle.",
        "Remove the red star.",
        "Galaxies and a red star on a black sky.",
    ),
)


def write_hqedit(folder: Path) -> Path:
    """Write the rows below a folder, which is what `Inputs.find` takes; always the same bytes."""
    names = ("input", "input_image", "edit", "inverse_edit", "output", "output_image")
    kinds = [IMAGE if name.endswith("image") else pa.string() for name in names]
    schema = pa.schema(list(zip(names, kinds, strict=True)))
    rows = [_row(number) for number in range(len(_SAID))]
    write_parquet(folder / "data/train-00000-of-00001.parquet", schema, rows, GROUP_ROWS)
    return folder


def _row(number: int) -> dict[str, Any]:
    photo, caption, edit, inverse, output = _SAID[number]
    source = Scene(photo, _SIDES[number % len(_SIDES)]).shown()
    width, height = source.size
    edited = png(recoloured(source.resize((width - 7, height + 2))))
    return {
        "input": caption,
        "input_image": png(source),
        "edit": edit,
        "inverse_edit": inverse,
        "output": output,
        "output_image": cut_short(edited) if number == len(_SAID) - 1 else edited,
    }
