"""What is found of results that are unfit, and whom of the others it costs, on real pictures.

    EDITCORPUS_PHOTOGRAPHS=FOLDER python tests/benchmarks/vision/changes.py [tuned|reported] [EVERY]

Every picture (or every so many of them) is the source of a triplet, all of a half make one shard, and
pictures of the other half are what edits bring in. Each is edited in every way of `CLEAN`, with the task
that fits; gets every result of `PLANTED` with a local task; and in turn edits of the next source on a
canvas of its size, `SWAPPED`. But for echo and blank, results are zoomed by up to 1.4%, moved a little,
blurred, given noise and written as JPEG, as image models do in effect. Canvases have half the sides of
those that the image API takes. Each result goes through the filter as in a build.
"""

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from edits import AS_IT_IS, CLEAN, PLANTED, SWAPPED, Change, place
from photographs import REPORTED, TUNED, WAYS, photographs
from PIL import Image, ImageFilter

from editcorpus.geometry import fixed_canvas
from editcorpus.intervals import wilson
from editcorpus.neighbours import Neighbour, Neighbours
from editcorpus.records import Geometry, Rejected, Triplet
from editcorpus.steps.filter import Config, Judged, judge, suspected
from editcorpus.steps.pad import lay

LONGEST = 768
ZOOM, NOISE = 0.014, 3.0
CONFIG = Config()


@dataclass(frozen=True, slots=True)
class Source:
    """A source on its canvas."""

    name: str
    seed: int
    image: Image.Image
    geometry: Geometry
    canvas: Image.Image


class Found(NamedTuple):
    """What became of a result: `kept` or a reason; what was measured; CPU of filter and of neighbours."""

    verdict: str
    judged: Judged | None
    judging_ms: float
    asking_ms: float


def half(geometry: Geometry) -> Geometry:
    """The same on a canvas of half the sides."""
    width, height = geometry.canvas_width // 2, geometry.canvas_height // 2
    x, y = geometry.box_x // 2, geometry.box_y // 2
    return replace(
        geometry,
        canvas_width=width,
        canvas_height=height,
        box_x=x,
        box_y=y,
        box_width=width - 2 * x,
        box_height=height - 2 * y,
    )


def sources(name: str, every: int = 1) -> Iterator[Source]:
    """The pictures of a half, or every so many of them."""
    for one in photographs(name)[::every]:
        image = one.pixels(LONGEST)
        geometry = half(fixed_canvas(*image.size))
        yield Source(one.path.name, one.seed, image, geometry, lay(image, geometry))


def regenerated(canvas: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A canvas as a model gives it back; no padding gets into the picture."""
    width, height = canvas.size
    rest = rng.uniform(0, ZOOM)
    left, top = rest * rng.uniform(0.4, 0.6, 2)
    box = (width * left, height * top, width * (1 + left - rest), height * (1 + top - rest))
    made = canvas.transform(canvas.size, Image.Transform.EXTENT, box, Image.Resampling.BICUBIC)
    return redrawn(made, rng)


def redrawn(canvas: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A canvas with a blur, noise and a codec."""
    soft = np.asarray(canvas.filter(ImageFilter.GaussianBlur(0.6)))
    noisy = soft + NOISE * rng.standard_normal(soft.shape, np.float32)
    return WAYS["jpeg 85"](Image.fromarray(noisy.clip(0, 255).astype(np.uint8)))


def answer(source: Source, other: Image.Image, change: Change, *, moved: bool) -> Image.Image:
    """A result over a source, on its canvas."""
    rng = np.random.default_rng((source.seed, 1))
    made = lay(change(source.image, other, rng), source.geometry)
    return regenerated(made, rng) if moved else made


class Shard:
    """The sources of a half, and the pictures of the other one."""

    def __init__(self, name: str, every: int) -> None:
        self.sources = list(sources(name, every))
        other = TUNED if name == REPORTED else REPORTED
        self.others = [one.pixels(LONGEST) for one in photographs(other)[::every]]
        self.neighbours = Neighbours(
            [Neighbour(one.name, one.geometry, self._look(one)) for one in self.sources]
        )

    def _look(self, source: Source) -> Callable[[int], Image.Image]:
        grey = source.image.convert("L")
        return lambda _: grey

    def other(self, number: int) -> Image.Image:
        """A picture of something else."""
        return self.others[(number * 7 + 3) % len(self.others)]

    def partner(self, number: int) -> Source | None:
        """The next source on a canvas of the same size."""
        own = self.sources[number]
        after = [*self.sources[number + 1 :], *self.sources[:number]]
        return next((one for one in after if one.canvas.size == own.canvas.size), None)

    def found(self, source: Source, task: str, result: Image.Image) -> Found:
        """What the filter makes of a result, as the stage has it."""
        triplet = Triplet(source.name, "vision", task, "", "do", 0, "", "", 0, 0)
        began = time.process_time()
        made = judge(triplet, source.geometry, source.canvas, result, CONFIG)
        judged = time.process_time()
        wrong = self.neighbours.whose(source.name, result) if suspected(made) else None
        asked = time.process_time()
        spent = 1e3 * (judged - began), 1e3 * (asked - judged)
        if wrong is not None:
            return Found(f"wrong_picture {wrong.id}", None, *spent)
        if isinstance(made, Rejected):
            return Found(made.reason.value, None, *spent)
        return Found("kept", made, *spent)


class Report:
    """What was counted."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.clean: dict[str, list[Found]] = defaultdict(list)
        self.planted: dict[str, list[Found]] = defaultdict(list)
        self.overlaps: dict[str, list[float]] = defaultdict(list)

    def count(self, number: int) -> None:
        """All cases of one source."""
        source, other = self.shard.sources[number], self.shard.other(number)
        for name, (task, change) in CLEAN.items():
            found = self.shard.found(source, task, answer(source, other, change, moved=True))
            self.clean[name].append(found)
            if found.judged is not None and "area" in name:
                self.overlaps[name].append(overlap(source, SHARES[name], found.judged))
            if found.verdict != "kept":
                print(f"refused: {source.name} {name}: {found.verdict}", flush=True)
        for name, (change, _) in PLANTED.items():
            result = answer(source, other, change, moved=name not in AS_IT_IS)
            self.planted[name].append(self.shard.found(source, "swap", result))
        partner = self.shard.partner(number)
        if partner is None:
            return
        for name in SWAPPED[number % 2 :: 2]:
            result = answer(partner, other, CLEAN[name][1], moved=True)
            found = self.shard.found(source, "swap", result)
            self.planted[f"swapped, {name}"].append(found)
            if found.verdict.startswith("wrong") and not found.verdict.endswith(partner.name):
                print(f"misnamed: {source.name} {name}: {found.verdict}", flush=True)

    def print(self) -> None:
        """Print the tables."""
        self._print_clean()
        self._print_planted()
        self._print_figures()
        every = [
            one for each in (self.clean, self.planted) for made in each.values() for one in made
        ]
        asked = [one.asking_ms for one in every if one.asking_ms > 0.1]
        print(f"\nCPU of the filter: {np.mean([one.judging_ms for one in every]):.0f} ms a result.")
        print(f"Neighbours were asked of {len(asked)}, at {np.mean(asked):.0f} ms each.")

    def _print_clean(self) -> None:
        head("clean pairs", "refused", "rate", "95% interval", "for", "in doubt")
        rows = {**self.clean, "all": [one for made in self.clean.values() for one in made]}
        for name, made in rows.items():
            refused = [one for one in made if one.judged is None]
            doubted = Counter(w for one in made if one.judged for w in one.judged.doubts.split())
            line(name, len(refused), len(made), told(_reasons(refused)), told(doubted))
        wrong = [one for one in rows["all"] if one.verdict.startswith("wrong")]
        line("all, as of another request", len(wrong), len(rows["all"]), "", "")

    def _print_planted(self) -> None:
        head("planted", "named", "rate", "95% interval", "else")
        for name, made in self.planted.items():
            wanted = "wrong_picture" if name.startswith("swapped") else PLANTED[name][1]
            named, others = 0, Counter[str]()
            for one in made:
                words = (one.verdict, *(one.judged.doubts.split() if one.judged else ()))
                if any(word.startswith(wanted) for word in words):
                    named += 1
                elif one.judged and one.judged.doubts:
                    others["only doubted"] += 1
                else:
                    others[one.verdict] += 1
            line(name, named, len(made), told(others))

    def _print_figures(self) -> None:
        print(
            "\n| clean pairs | PSNR 5%, 50% | SSIM 5%, 50% | drift 95% | IoU of the box 5%, 50% |"
        )
        print("| --- | --- | --- | --- | --- |")
        for name, made in self.clean.items():
            known = [one.judged.measures for one in made if one.judged]
            known = [one for one in known if one.psnr_outside >= 0]
            if not known:
                continue
            psnr = np.quantile([one.psnr_outside for one in known], (0.05, 0.5))
            ssim = np.quantile([one.ssim_outside for one in known], (0.05, 0.5))
            drift = np.quantile([one.tone_drift for one in known], 0.95)
            boxes = self.overlaps.get(name)
            iou = "{:.2f}, {:.2f}".format(*np.quantile(boxes, (0.05, 0.5))) if boxes else ""
            print(
                f"| {name} | {psnr[0]:.1f}, {psnr[1]:.1f} dB | {ssim[0]:.3f}, {ssim[1]:.3f} | "
                f"{drift:.4f} | {iou} |"
            )


SHARES = {"0.7% of the area": 0.007, "10% of the area": 0.10, "40% of the area": 0.40}


def overlap(source: Source, share: float, judged: Judged) -> float:
    """Of the box that was found and the true one: what they share, by what they cover."""
    true = place(source.image.size, share, np.random.default_rng((source.seed, 1)))
    left = judged.edit.change_x + judged.frame.kept[0]
    top = judged.edit.change_y + judged.frame.kept[1]
    box = (left, top, left + judged.edit.change_width, top + judged.edit.change_height)
    wide = min(true[2], box[2]) - max(true[0], box[0])
    high = min(true[3], box[3]) - max(true[1], box[1])
    common = max(wide, 0) * max(high, 0)
    areas = sum((one[2] - one[0]) * (one[3] - one[1]) for one in (true, box))
    return common / max(areas - common, 1)


def head(*names: str) -> None:
    """The head of a table."""
    print(f"\n| {' | '.join(names)} |\n|{' --- |' * len(names)}")


def line(name: str, count: int, cases: int, *rest: str) -> None:
    """A row of a table."""
    low, mid, high = wilson(count, cases)
    rate = f"{count} of {cases} | {mid:.2%} | {low:.2%} to {high:.2%}"
    print(f"| {name} | {rate} | {' | '.join(rest)} |")


def _reasons(refused: list[Found]) -> Counter[str]:
    return Counter(one.verdict.partition(" ")[0] for one in refused)


def told(counts: Counter[str]) -> str:
    """Counts in words."""
    return ", ".join(f"{word.replace('_', ' ')} {n}" for word, n in counts.most_common())


def main(name: str, every: int = 1) -> None:
    """Measure one half of the pictures, or every so many of it."""
    report = Report(Shard(name, every))
    for number in range(len(report.shard.sources)):
        report.count(number)
    report.print()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else REPORTED, *map(int, sys.argv[2:3]))
