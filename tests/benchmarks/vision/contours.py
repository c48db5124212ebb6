"""How well contours agree between real pictures and what becomes of them where all of a picture may change.

    EDITCORPUS_PHOTOGRAPHS=FOLDER python tests/benchmarks/vision/contours.py [tuned|reported]

Every picture of a half is edited by the sandbox (light, poster, background), in the ways of `edits.py`, and
gets an unrelated picture; some results are also zoomed and shifted by up to 3%. All are written as JPEG 85.
The table has the agreement with the own source, and the best one with another source of the half; *doubted*
are those below the limit, *exchanged* those that would be given to another source.
"""

import sys

import numpy as np
from edits import backed, styled, toned
from photographs import REPORTED, TUNED, WAYS, photographs
from PIL import Image

from editcorpus.contours import agreements, contours, shifts
from editcorpus.doubts import UNLIKE
from editcorpus.neighbours import REDRAWN, STRANGE
from editcorpus.sandbox.defects import Defect
from editcorpus.sandbox.edits import Plan, edited

SIDE, MOST = 384, 0.03
ASKED = {
    "light": "Let an orange sunset fall on the scene.",
    "poster": "Turn it into a poster.",
    "wall": "Replace the background with a blue wall.",
}
ALSO_MOVED = ("styled", "backed", "poster", "other", "unrelated")


def moved(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Zoomed and shifted; what is uncovered is white."""
    width, height = image.size
    zoom, (x, y) = 1 + rng.uniform(-MOST, MOST), rng.uniform(-MOST, MOST, 2)
    left, top = 0.5 + x - zoom / 2, 0.5 + y - zoom / 2
    box = (width * left, height * top, width * (left + zoom), height * (top + zoom))
    return image.transform(
        image.size, Image.Transform.EXTENT, box, Image.Resampling.BICUBIC, fillcolor="white"
    )


def results(
    picture: Image.Image, other: Image.Image, name: str, rng: np.random.Generator
) -> dict[str, Image.Image]:
    """What becomes of a picture, by the kind of edit."""
    plans = {kind: Plan(text, picture.size, name, 0) for kind, text in ASKED.items()}
    made = {kind: edited(picture, plan) for kind, plan in plans.items()}
    for kind, change in (("styled", styled), ("backed", backed), ("toned", toned)):
        made[kind] = change(picture, other, rng)
    strange = Plan(ASKED["poster"], picture.size, name, 0, Defect.EVERYTHING)
    made |= {"unrelated": edited(picture, strange), "other": other.resize(picture.size)}
    return made | {f"{kind}, moved": moved(made[kind], rng) for kind in ALSO_MOVED}


def main(half: str) -> None:
    """Print the table of a half."""
    chosen, others = photographs(half), photographs(TUNED if half == REPORTED else REPORTED)
    pictures = [one.pixels(SIDE) for one in chosen]
    known = np.stack([contours(picture).ravel() for picture in pictures])
    found: dict[str, list[tuple[float, float]]] = {}
    for number, (one, picture) in enumerate(zip(chosen, pictures, strict=True)):
        other = others[number % len(others)].pixels(SIDE)
        made = results(picture, other, one.path.name, np.random.default_rng(one.seed))
        for kind, result in made.items():
            each = agreements(known, shifts(contours(WAYS["jpeg 85"](result))))
            best = float(np.delete(each, number).max())
            found.setdefault(kind, []).append((float(each[number]), best))
    print("| result | least | 2% | 50% | most | best other, 50% | most | doubted | exchanged |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind, pairs in found.items():
        own, best = np.array(pairs).T
        cells = [*np.quantile(own, (0, 0.02, 0.5, 1)), np.median(best), best.max()]
        exchanged = int(((own <= STRANGE) & (best >= REDRAWN)).sum())
        told = " | ".join(f"{cell:.2f}" for cell in cells)
        print(f"| {kind} | {told} | {int((own < UNLIKE).sum())} | {exchanged} |")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else REPORTED)
