"""Real pictures to measure methods on, in two halves, and what happens to pictures on their way.

A method is tuned on one half and its error rates are reported on the other. Which half a picture is in
is decided by a hash of its name, so that it stays there when pictures are added.
"""

import csv
import hashlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

Pixels = NDArray[np.uint8]

FOLDER = "EDITCORPUS_PHOTOGRAPHS"
"""The variable of the environment that names a folder of pictures; with an `index.csv` beside them whose
columns `file`, `kind` and `trap` say what they are, the tables tell the kinds apart."""
TUNED, REPORTED = "tuned", "reported"


@dataclass(frozen=True, slots=True)
class Photograph:
    """One picture of the set.

    Attributes:
        path: Its file.
        kind: What it is, such as `photo` or `screenshot`; empty where no index says so.
        trap: What may fool a detector of white borders, such as `snow_sky`; `none`, or empty.
    """

    path: Path
    kind: str
    trap: str

    @property
    def seed(self) -> int:
        """A number of its own, the same in every run."""
        return int.from_bytes(hashlib.sha256(self.path.name.encode()).digest()[:6], "big")

    def pixels(self, longest: int) -> Image.Image:
        """RGB, upright, without transparency, and exactly so long on its long side."""
        with Image.open(self.path) as opened:
            upright = ImageOps.exif_transpose(opened)
            if upright.mode in {"RGBA", "LA", "P", "PA"}:
                upright = upright.convert("RGBA")
                upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
            plain = upright.convert("RGB")
        share = longest / max(plain.size)
        size = (max(16, round(plain.width * share)), max(16, round(plain.height * share)))
        return plain.resize(size, Image.Resampling.LANCZOS)


def photographs(half: str) -> list[Photograph]:
    """The pictures of a half, in the order of their names; ends the program where there are none."""
    named = os.environ.get(FOLDER, "")
    if not named:
        sys.exit(f"Set {FOLDER} to a folder of pictures: the rates are those of real ones.")
    folder = Path(named)
    told = _index(folder)
    paths = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}
    ]
    found = [Photograph(path, *told.get(path.name, ("", ""))) for path in paths]
    chosen = [one for one in found if (TUNED, REPORTED)[one.seed % 2] == half]
    return chosen or sys.exit(f"{named} holds no picture of that half.")


def _index(folder: Path) -> Mapping[str, tuple[str, str]]:
    file = folder / "index.csv"
    if not file.is_file():
        return {}
    with file.open(newline="") as opened:
        return {row["file"]: (row["kind"], row["trap"]) for row in csv.DictReader(opened)}


def _coded(image: Image.Image, name: str, **options: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)  # type: ignore[arg-type]
    return Image.open(buffer).convert("RGB")


def _scaled(image: Image.Image, share: float) -> Image.Image:
    size = (round(image.width * share), round(image.height * share))
    return image.resize(size, Image.Resampling.BICUBIC)


WAYS: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "png": lambda image: image,
    "jpeg 95": lambda image: _coded(image, "JPEG", quality=95),
    "jpeg 85": lambda image: _coded(image, "JPEG", quality=85),
    "jpeg 75": lambda image: _coded(image, "JPEG", quality=75),
    "webp 80": lambda image: _coded(image, "WEBP", quality=80),
    "blur 0.7": lambda image: image.filter(ImageFilter.GaussianBlur(0.7)),
    "x 0.5": lambda image: _scaled(image, 0.5),
    "x 1.5": lambda image: _scaled(image, 1.5),
}
"""What can happen to a picture between the model and us, by name."""


def each_way(image: Image.Image, names: tuple[str, ...]) -> Iterator[tuple[str, Pixels]]:
    """The picture after each of these."""
    for name in names:
        yield name, np.asarray(WAYS[name](image))
