"""Error rates of the detector of residual padding, on real pictures.

    EDITCORPUS_PHOTOGRAPHS=FOLDER python tests/benchmarks/vision/bars.py [tuned|reported]

Clean cases are the pictures themselves in every encoding, all four sides looked at with the picture as
its own source; *plain count* is what the border rule refuses of them if it counts white px. Cases with
bars have them painted over the edge, on one side or two, in white, off-white or another colour, 1 to 32 px
or 2 to 20% thick, before a codec, a blur or a scaling. Where the source is itself flat and of the bar's
colour along that side, nothing can be told from the pixels of the side: such cases are counted apart.

*Beside padding* are the same two kinds as a build sees them: the picture, or the picture with bars on a side
or both that its canvas pads, lies on half of a canvas of the image API, is blurred, given noise, written as
JPEG 85 and cut out again, and its padded sides are looked at.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from changes import half as halved
from changes import redrawn
from photographs import REPORTED, WAYS, Photograph, Pixels, photographs
from PIL import Image

from editcorpus.geometry import fixed_canvas, padded_sides
from editcorpus.intervals import wilson
from editcorpus.residue import MAX_BORDER_FRACTION, SIDES, border_fraction, residual_padding
from editcorpus.steps.pad import lay

LONGEST = 1024
CLEAN = ("png", "jpeg 95", "jpeg 85", "jpeg 75", "webp 80")
THICK = (1, 2, 3, 4, 5, 8, 12, 16, 24, 32, 0.02, 0.05, 0.10, 0.20)
"""Px, and shares of the side below 1."""
COLORS = {
    "white": (255, 255, 255),
    "off-white": (249, 250, 248),
    "black": (0, 0, 0),
    "grey": (128, 128, 128),
    "coloured": (34, 139, 90),
}
PLACES = (("left",), ("top",), ("right",), ("bottom",), ("left", "right"), ("top", "bottom"))
CASES = 12
"""Bars that each picture gets, drawn by its own numbers."""


class Case(NamedTuple):
    """A picture with bars."""

    sides: tuple[str, ...]
    thick: float
    color: str
    way: str

    @property
    def wide(self) -> str:
        """Its class in the table."""
        if self.thick < 1:
            return f"{self.thick:.0%}"
        return "1 px" if self.thick == 1 else "2-4 px" if self.thick <= 4 else "5-32 px"


def cases(photograph: Photograph) -> Iterator[Case]:
    """Bars of all kinds over all pictures, in shares that are the same for each kind."""
    rng = np.random.default_rng(photograph.seed)
    for _ in range(CASES):
        yield Case(
            PLACES[rng.integers(len(PLACES))],
            THICK[rng.integers(len(THICK))],
            list(COLORS)[rng.integers(len(COLORS))],
            list(WAYS)[rng.integers(len(WAYS))],
        )


def _outer(pixels: Pixels, side: str, thick: int) -> Pixels:
    return {
        "left": pixels[:, :thick],
        "right": pixels[:, -thick:],
        "top": pixels[:thick],
        "bottom": pixels[-thick:],
    }[side]


def depth(case: Case, side: str, shape: tuple[int, ...]) -> int:
    """Thickness of the bar at a side, in px of the picture before it was scaled."""
    whole = shape[1] if side in {"left", "right"} else shape[0]
    return int(case.thick) if case.thick >= 1 else round(case.thick * whole)


def barred(pixels: Pixels, case: Case) -> Pixels:
    """A copy with the bars."""
    made = pixels.copy()
    for side in case.sides:
        _outer(made, side, depth(case, side, pixels.shape))[:] = COLORS[case.color]
    return made


def hidden(pixels: Pixels, case: Case) -> bool:
    """Whether the source has the bar's colour itself, within 12 levels, over half of a bar or more."""
    color = np.array(COLORS[case.color], np.int16)
    for side in case.sides:
        strip = _outer(pixels, side, depth(case, side, pixels.shape)).astype(np.int16)
        if (np.abs(strip - color).max(axis=-1) <= 12).mean() >= 0.5:
            return True
    return False


class Rates:
    """What was counted, and the CPU that it took."""

    def __init__(self) -> None:
        self.alarms: dict[str, list[bool]] = defaultdict(list)
        self.found: dict[str, list[bool]] = defaultdict(list)
        self.cpu_ms: list[float] = []
        self.aside = 0

    def clean(self, photograph: Photograph, source: Image.Image) -> None:
        """Count the picture in every encoding."""
        pixels = np.asarray(source)
        for way in CLEAN:
            seen = np.asarray(WAYS[way](source))
            began = time.process_time()
            rejected = residual_padding(seen, pixels, SIDES).reject
            spent = time.process_time() - began
            self.cpu_ms.append(1e3 * spent * LONGEST**2 / (seen.shape[0] * seen.shape[1]))
            self.alarms[way].append(rejected)
            if rejected:
                print(f"false: {photograph.path.name} {photograph.trap} {way}")

    def plain(self, source: Image.Image) -> None:
        """Count the picture by the plain border rule."""
        share = border_fraction(np.asarray(source))
        self.alarms["plain count, png"].append(share > MAX_BORDER_FRACTION)

    def foreign(self, source: Image.Image, other: Image.Image) -> None:
        """Count the picture as the edit of another one."""
        unlike = np.asarray(other.resize(source.size))
        rejected = residual_padding(np.asarray(source), unlike, SIDES).reject
        self.alarms["against another picture"].append(rejected)

    def barred(self, photograph: Photograph, source: Image.Image) -> None:
        """Count the picture with bars."""
        pixels = np.asarray(source)
        for case in cases(photograph):
            if hidden(pixels, case):
                self.aside += 1
                continue
            seen = WAYS[case.way](Image.fromarray(barred(pixels, case)))
            shown = np.asarray(source.resize(seen.size, Image.Resampling.BICUBIC))
            found = residual_padding(np.asarray(seen), shown, SIDES).reject
            self.found[case.wide].append(found)
            if case.thick == 1:
                continue
            for group in (case.way, case.color, "2 px and more"):
                self.found[group].append(found)
            if not found:
                print(f"missed: {photograph.path.name} {photograph.trap} {case}")

    def beside(self, photograph: Photograph) -> None:
        """Count the picture beside its padding, as it is and with bars between them."""
        image = photograph.pixels(LONGEST // 2)
        geometry = halved(fixed_canvas(*image.size))
        padded = padded_sides(geometry)
        if not padded:
            return
        rng = np.random.default_rng((photograph.seed, 2))
        left, top = geometry.box_x, geometry.box_y
        box = (left, top, left + geometry.box_width, top + geometry.box_height)
        source = lay(image, geometry).crop(box)
        pixels, places = np.asarray(source), (padded[:1], padded[1:], padded)
        for kind in range(CASES + 1):
            thick, color = THICK[rng.integers(len(THICK))], [*COLORS][rng.integers(len(COLORS))]
            case = Case(places[rng.integers(3)], thick, color, "beside padding")
            if kind and hidden(pixels, case):
                self.aside += 1
                continue
            canvas = Image.new("RGB", (geometry.canvas_width, geometry.canvas_height), "white")
            canvas.paste(Image.fromarray(barred(pixels, case)) if kind else source, box)
            seen = np.asarray(redrawn(canvas, rng).crop(box))
            rejected = residual_padding(seen, pixels, padded).reject
            if not kind:
                self.alarms[case.way].append(rejected)
            elif case.thick != 1:
                self.found[f"beside padding, {case.wide}"].append(rejected)
                self.found["beside padding, 2 px and more"].append(rejected)

    def print(self) -> None:
        """Print the tables."""
        every = [one for way in CLEAN for one in self.alarms[way]]
        rows = {"clean": every, **self.alarms}
        for title, groups in (("false rejects", rows), ("found", self.found)):
            print(f"\n| {title} | cases | rate | 95% interval |\n| --- | --- | --- | --- |")
            for name, each in groups.items():
                low, mid, high = wilson(sum(each), len(each))
                print(
                    f"| {name} | {sum(each)} of {len(each)} | {mid:.2%} | {low:.2%} to {high:.2%} |"
                )
        print(f"\nLeft out, since the source has the bar's colour there: {self.aside} cases.")
        mean, most = np.mean(self.cpu_ms), np.quantile(self.cpu_ms, 0.95)
        print(f"CPU for a clean picture of 1024 x 1024 px: mean {mean:.1f} ms, p95 {most:.1f} ms.")


def main(half: str) -> None:
    """Measure one half of the pictures."""
    rates = Rates()
    other: Image.Image | None = None
    for photograph in photographs(half):
        source = photograph.pixels(LONGEST)
        rates.clean(photograph, source)
        rates.plain(source)
        rates.barred(photograph, source)
        rates.beside(photograph)
        if other is not None:
            rates.foreign(source, other)
        other = source
    rates.print()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else REPORTED)
