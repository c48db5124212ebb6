"""Error of the registration of edited images, on real pictures that were moved by a known amount.

    EDITCORPUS_PHOTOGRAPHS=FOLDER python tests/benchmarks/vision/frames.py [tuned|reported]

Every picture is edited in one of these ways: not at all, over 10% or 40% of its area (another picture is
pasted there), in tone, in its background (all but an ellipse is another picture), or in style (drawn
anew in flat colours with black contours); or all of it is another picture, of which no fit is right.
Then it is zoomed by up to 3% (with up to 0.4% between the axes), shifted by up to 1.5%, blurred, given
noise, and written as JPEG, as image models do in effect. The error is how far the corner that is off most
lies from where it belongs, in px of pictures of 1024 px. Then what was found is undone, and what is left
is measured anew, as the filter does it.
"""

import sys
import time
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from photographs import REPORTED, WAYS, Photograph, photographs
from PIL import Image, ImageFilter, ImageOps

from editcorpus.frames import common_frame, cut, lasts
from editcorpus.intervals import wilson
from editcorpus.registration import Registration, luminance, register, remaining_px

LONGEST = 1024
EDITS = ("none", "10%", "40%", "tone", "background", "style", "another")
LOCAL = ("none", "10%", "40%")
ZOOM, UNEVEN, SHIFT = 0.03, 0.004, 0.015
WRONG = 1.0
"""Px from which on an accepted fit counts as wrong."""
MARGIN = 0.06
"""Share of each side that is kept in hand, so that what moves into sight is there."""


class Moved(NamedTuple):
    """By how much the edited content was moved, as `Registration` says it."""

    scale_x: float
    scale_y: float
    shift_x: float
    shift_y: float


def corner_error(found: Registration, true: Moved, size: tuple[int, int]) -> float:
    """How far the worst corner is off, in px."""
    across = abs(found.scale_x - true.scale_x) / 2 + abs(found.shift_x - true.shift_x)
    along = abs(found.scale_y - true.scale_y) / 2 + abs(found.shift_y - true.shift_y)
    return float(np.hypot(across * size[0], along * size[1]))


def _edited(
    image: Image.Image, other: Image.Image, edit: str, rng: np.random.Generator
) -> Image.Image:
    width, height = image.size
    fill = other.resize(image.size)
    if edit in {"10%", "40%"}:
        side = float(edit[:-1]) ** 0.5 / 10
        part = (round(width * side), round(height * side))
        place = (int(rng.integers(width - part[0])), int(rng.integers(height - part[1])))
        made = image.copy()
        made.paste(fill.crop((*place, place[0] + part[0], place[1] + part[1])), place)
        return made
    if edit == "tone":
        gain, lift = rng.uniform(0.75, 1.25, 3), rng.uniform(-25, 25, 3)
        toned = 255 * (np.asarray(image) / 255) ** rng.uniform(0.7, 1.4) * gain + lift
        return Image.fromarray(toned.clip(0, 255).astype(np.uint8))
    if edit == "another":
        return fill
    if edit == "style":
        return _drawn(image)
    if edit == "background":
        y, x = np.mgrid[:height, :width]
        inside = ((x / width - 0.5) / 0.36) ** 2 + ((y / height - 0.5) / 0.36) ** 2 < 1
        return Image.composite(image, fill, Image.fromarray(inside))
    return image


def _drawn(image: Image.Image) -> Image.Image:
    """Flat colours, and black where there are edges."""
    soft = image.filter(ImageFilter.GaussianBlur(2))
    steps = soft.convert("L").filter(ImageFilter.FIND_EDGES).point([0] * 12 + [255] * 244)
    made = ImageOps.posterize(soft, 2)
    made.paste((0, 0, 0), (2, 2), steps.crop((2, 2, image.width - 2, image.height - 2)))
    return made


def pair(
    photograph: Photograph, other: Photograph, edit: str
) -> tuple[Image.Image, Image.Image, Moved]:
    """Source and edited image, about 1024 px on the long side, and how the second was moved."""
    rng = np.random.default_rng((photograph.seed, EDITS.index(edit)))
    longest = round(LONGEST / (1 - 2 * MARGIN))
    wide = _pixels(photograph, longest)
    size = (round(wide.width * (1 - 2 * MARGIN)), round(wide.height * (1 - 2 * MARGIN)))
    left, top = (wide.width - size[0]) // 2, (wide.height - size[1]) // 2
    source = wide.crop((left, top, left + size[0], top + size[1]))
    zoom = rng.uniform(-ZOOM, ZOOM)
    uneven = rng.uniform(-UNEVEN, UNEVEN)
    moved = Moved(1 + zoom + uneven / 2, 1 + zoom - uneven / 2, *rng.uniform(-SHIFT, SHIFT, 2))
    changed = _edited(wide, _pixels(other, longest), edit, rng)
    middle = (left + size[0] / 2, top + size[1] / 2)
    box = []
    for axis, edge in ((0, 0), (1, 0), (0, 1), (1, 1)):
        scale, shift = moved[axis], moved[2 + axis]
        box.append(middle[axis] + size[axis] * (edge - 0.5 - shift) / scale)
    result = changed.transform(size, Image.Transform.EXTENT, tuple(box), Image.Resampling.BICUBIC)
    result = result.filter(ImageFilter.GaussianBlur(0.8))
    noise = rng.normal(0, 3, (size[1], size[0], 3))
    noisy = Image.fromarray((np.asarray(result) + noise).clip(0, 255).astype(np.uint8))
    return source, _as_jpeg(noisy), moved


@lru_cache(maxsize=16)
def _pixels(photograph: Photograph, longest: int) -> Image.Image:
    return photograph.pixels(longest)


def _as_jpeg(image: Image.Image) -> Image.Image:
    return WAYS["jpeg 85"](image)


class Fitted(NamedTuple):
    """What became of a pair.

    Attributes:
        error: In px; infinite where no fit is right.
        accepted: Whether the fit is trusted, and holds once it is undone.
        left: What is left after the correction as it is measured then, in px; nothing where refused.
        cpu_ms: Of the fit.
        more_ms: Of the correction and of what is measured then; nothing where refused at once.
    """

    error: float
    accepted: bool
    left: float
    cpu_ms: float
    more_ms: float


def fitted(photograph: Photograph, other: Photograph, edit: str) -> Fitted:
    """Register one pair."""
    source, edited, moved = pair(photograph, other, edit)
    began = time.process_time()
    found = register(luminance(source), luminance(edited))
    spent = 1e3 * (time.process_time() - began)
    error = np.inf if edit == "another" else corner_error(found, moved, source.size)
    if not found.accepted:
        return Fitted(error, False, np.nan, spent, np.nan)
    began = time.process_time()
    frame = common_frame(found, source.size, (0.0, 0.0, *source.size), edited.size)
    settled = luminance(cut(edited, frame.box, frame.size))
    left = remaining_px(luminance(source.crop(frame.kept)), settled, frame.size)
    more = 1e3 * (time.process_time() - began)
    lasting = lasts(left, frame.size)
    if error >= WRONG or not lasting:
        what = "wrong" if lasting else "does not last"
        name = f"{photograph.path.name} {photograph.trap} {edit}"
        print(f"{what}: {name}, off by {error:.2f} px, {left:.2f} px left", flush=True)
    return Fitted(error, lasting, left, spent, more)


def line(name: str, made: list[Fitted]) -> str:
    """A row of the table."""
    taken = [one for one in made if one.accepted]
    cpu = f"{np.mean([one.cpu_ms for one in made]):.0f}"
    if not taken:
        high = wilson(0, len(made)).high
        return f"| {name} | 0 of {len(made)} (at most {high:.2%}) |  |  |  |  |  | {cpu} |"
    errors = np.array([one.error for one in taken])
    wrong = int((errors >= WRONG).sum())
    _, mid, high = wilson(wrong, len(errors))
    left = np.quantile([one.left for one in taken], 0.95)
    cells = (
        f"{len(errors)} of {len(made)}",
        f"{np.median(errors):.3f}",
        f"{np.quantile(errors, 0.95):.3f}",
        f"{(errors < 0.5).mean():.1%}",
        f"{wrong} ({mid:.2%}, at most {high:.2%})",
        f"{left:.3f}",
        f"{cpu} + {np.nanmean([one.more_ms for one in made]):.0f}",
    )
    return f"| {name} | {' | '.join(cells)} |"


def main(half: str, edits: tuple[str, ...] = EDITS) -> None:
    """Measure one half of the pictures."""
    every = photographs(half)
    made: dict[str, list[Fitted]] = {edit: [] for edit in edits}
    for number, one in enumerate(every):
        for edit in edits:
            made[edit].append(fitted(one, every[number - 7], edit))
    print(
        "\n| edit | accepted | median px | p95 px | under 0.5 px | 1 px and more | p95 left | CPU ms |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for edit, each in made.items():
        print(line(edit, each))
    print(line("local", [one for edit in LOCAL for one in made.get(edit, [])]))
    print(line("all", [one for each in made.values() for one in each]))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else REPORTED, tuple(sys.argv[2:]) or EDITS)
