"""Write small inputs in the layouts of UltraEdit: free-form rows in two files, region rows in one.

Of the masks one is a JPEG with its grey fringe, one holds its shape in alpha alone, one is white, one
belongs to a row whose object is NONE, one is black and of no use, and one is missing.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from editcorpus.demo.scenes import (
    IMAGE,
    Scene,
    jpeg,
    png,
    recoloured,
    region,
    write_parquet,
)

SIZE = (512, 512)
GROUP_ROWS = 4
_SCORES = (
    *("clip_sim_source", "clip_sim_target", "clip_sim_dir", "clip_sim_image"),
    *("dinov2_sim", "ssim"),
)
_FREE: tuple[tuple[str, str, str, str], ...] = (
    ("astronaut", "An astronaut smiles.", "Add a blue hat", "An astronaut with a blue hat smiles."),
    ("cat", "A cat looks up.", "Make it a winter day with snow", "A cat in the snow looks up."),
    ("coffee", "A cup of coffee.", "Make the cup red", "A red cup of coffee."),
    (
        "dandelion",
        "A dandelion.",
        "Turn it into an oil painting",
        "An oil painting of a dandelion.",
    ),
    ("raccoon", "A raccoon.", "Replace the raccoon with a fox", "A fox."),
    ("rocket", "A rocket.", "!" * 512, "A rocket."),
)
_HOLE = (0.25, 0.3, 0.7, 0.75)
_REGION: tuple[tuple[str, str, str, str], ...] = (
    ("cat", "fringe", "collar", "Make the cat's fur orange"),
    ("coffee", "alpha", "cup", "Make the cup green"),
    ("astronaut", "white", "astronaut", "Make the whole picture brighter"),
    ("raccoon", "fringe", "NONE", "Turn the whole picture into a watercolor"),
    ("dandelion", "black", "dandelion", "Make the dandelion pink"),
    ("photographer", "missing", "camera", "Replace the camera with a red box"),
    ("deep_field", "fringe", "star", "Add a yellow star [[emulate leak]]"),
)


def write_ultraedit(folder: Path) -> Path:
    """Write the rows of both parts below a folder; always the same bytes.

    Each recipe finds its own: `free` by names with `FreeForm`, `region` by those with `RegionBase`.
    """
    free = [_free(number) for number in range(len(_FREE))]
    for part in range(2):
        rows = free[part * len(free) // 2 : (part + 1) * len(free) // 2]
        name = f"data/FreeForm_0-{part:05d}-of-00002.parquet"
        write_parquet(folder / name, _schema(pa.null(), pa.null()), rows, GROUP_ROWS)
    rows = [_masked(number) for number in range(len(_REGION))]
    name = "data/RegionBase-00000-of-00001.parquet"
    write_parquet(folder / name, _schema(pa.string(), IMAGE), rows, GROUP_ROWS)
    return folder


def _schema(edit_object: pa.DataType, mask: pa.DataType) -> pa.Schema:
    return pa.schema(
        [
            *((name, pa.float64()) for name in _SCORES),
            ("source_caption", pa.string()),
            ("target_caption", pa.string()),
            ("idx", pa.int64()),
            ("edit_prompt", pa.string()),
            ("edit_object", edit_object),
            ("source_image", IMAGE),
            ("edited_image", IMAGE),
            ("mask_image", mask),
        ]
    )


def _free(number: int) -> dict[str, Any]:
    photo, caption, prompt, target = _FREE[number]
    source = Scene(photo, SIZE).shown()
    return {
        **_scores(number),
        "source_caption": caption,
        "target_caption": target,
        "idx": number,
        "edit_prompt": prompt,
        "source_image": jpeg(source),
        "edited_image": jpeg(recoloured(source)),
    }


def _masked(number: int) -> dict[str, Any]:
    photo, form, what, prompt = _REGION[number]
    source, hole = Scene(photo, SIZE, zoom=1.2).shown(), region(SIZE, _HOLE)
    return {
        **_scores(number),
        "source_caption": f"A picture with a {what.lower()}.",
        "target_caption": f"The same picture, edited: {prompt.lower()}.",
        "idx": number,
        "edit_prompt": prompt,
        "edit_object": what,
        "source_image": jpeg(source),
        "edited_image": jpeg(recoloured(source, hole)),
        "mask_image": _mask(form, hole),
    }


def _mask(form: str, hole: Image.Image) -> dict[str, Any] | None:
    if form == "alpha":
        white = Image.new("RGBA", hole.size, (255, 255, 255, 255))
        white.putalpha(hole)
        return png(white)
    plain = {"white": Image.new("L", SIZE, 255), "black": Image.new("L", SIZE, 0), "fringe": hole}
    return jpeg(plain[form].convert("RGB"), 100) if form in plain else None


def _scores(number: int) -> dict[str, float]:
    """Above the thresholds that the generator keeps rows by."""
    return {name: 0.75 + number / 50 + place / 100 for place, name in enumerate(_SCORES)}
