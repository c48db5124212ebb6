"""What changed between two pictures, measured on their pixels, and the verdicts that follow."""

from colorsys import rgb_to_hsv
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from editcorpus.contours import agreement, contours
from editcorpus.sandbox.chance import share

Plane = NDArray[np.float32]

#: Both pictures are measured at this long side, in pixels.
_LONG_SIDE = 192

#: Levels, of 255, from which a difference is visible.
_VISIBLE = 25

#: Levels by which a spot must differ from what one tint over the whole picture would make of it.
_BEYOND_TINT = 40

#: Correlation of light around a spot below which its structure counts as gone.
_GONE = 0.3

#: Contrast, in levels, below which a spot counts as flat, so that its noise is not compared.
_FLAT = 8.0

#: Radius, in measured pixels, of the surroundings that are looked at.
_RADIUS = 4

#: Agreement of contours at which nothing of a picture is found again, and at which all of it is surely there:
#: of the whole, and of the part that has most.
_WHOLE, _PART = (0.07, 0.25), (0.15, 0.45)

#: Where a part of half the sides may lie, as shares of what is left.
_PARTS = tuple((x / 2, y / 2) for y in range(3) for x in range(3))

#: What `Change.staying` is where it was not asked.
_UNASKED = -1.0

#: Where each hue ends, in degrees.
_HUES = ((15, "red"), (45, "orange"), (70, "yellow"), (165, "green"), (195, "teal"),
         (260, "blue"), (295, "purple"), (345, "pink"), (361, "red"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """What is different in the second of two pictures.

    Attributes:
        changed: Share of the picture that visibly differs, 0 to 1.
        lost: Share that is neither as it was nor merely tinted, 0 to 1.
        likeness: Correlation of light over the whole picture, -1 to 1.
        place: Where the changed part lies, such as `upper left`.
        colour: Name of the changed part's new colour.
        brighter: Mean difference of light, in levels.
        smoother: Contrast of the changed part before, less after, in levels.
        spoilt: Whether the second picture is blank or has white bars that the first has not.
        staying: How sure it is that what has to stay is there, 0 to 1; -1 where it was not asked.
    """

    changed: float
    lost: float
    likeness: float
    place: str
    colour: str
    brighter: float
    smoother: float
    spoilt: bool
    staying: float = _UNASKED

    @property
    def whole(self) -> bool:
        """Whether most of the picture changed."""
        return self.changed >= 0.45


def measured(before: Image.Image, after: Image.Image, question: str = "") -> Change:
    """Compare two pictures, both RGB; the second is brought to the shape of the first.

    Args:
        before: The first one.
        after: The second one.
        question: What is asked of them; more is measured if it asks what is still shown.
    """
    scale = min(1.0, _LONG_SIDE / max(before.size))
    size = max(8, round(before.width * scale)), max(8, round(before.height * scale))
    first, second = _pixels(before, size), _pixels(after, size)
    visible = np.abs(first - second).max(axis=2) > _VISIBLE
    light, new_light = first.mean(axis=2), second.mean(axis=2)
    where = visible if visible.any() else np.ones_like(visible)
    return Change(
        changed=float(visible.mean()),
        lost=float(_lost(first, second).mean()),
        likeness=_likeness(light, new_light),
        place=_place(where),
        colour=colour_name(second[where].mean(axis=0)),
        brighter=float(new_light[where].mean() - light[where].mean()),
        smoother=float(_contrast(light)[where].mean() - _contrast(new_light)[where].mean()),
        spoilt=blank(second) or _bars(after) > _bars(before),
        staying=_staying(question.lower(), before, after),
    )


def blank(pixels: Plane) -> bool:
    """Whether pixels of shape (H, W, 3) show one flat colour."""
    return bool(pixels.std(axis=(0, 1)).max() < 2.0)


def _pixels(picture: Image.Image, size: tuple[int, int]) -> Plane:
    small = picture.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(small, np.float32)


def _local_mean(plane: Plane) -> Plane:
    edge, side = _RADIUS, 2 * _RADIUS + 1
    padded = np.pad(plane, edge, mode="edge").astype(np.float64)
    sums = np.pad(padded.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    box = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.asarray(box / side**2, np.float32)


def _contrast(light: Plane) -> Plane:
    mean = _local_mean(light)
    return np.asarray(np.sqrt(np.maximum(_local_mean(light**2) - mean**2, 0)), np.float32)


def _lost(first: Plane, second: Plane) -> NDArray[np.bool_]:
    """Where the second picture is neither the first nor one tint of it; shape (H, W)."""
    centre, new_centre = first.mean(axis=(0, 1)), second.mean(axis=(0, 1))
    spread = ((first - centre) ** 2).mean(axis=(0, 1)) + 1.0
    slope = ((first - centre) * (second - new_centre)).mean(axis=(0, 1)) / spread
    tinted = new_centre + slope * (first - centre)
    beyond = np.abs(second - tinted).max(axis=2) > _BEYOND_TINT
    light, new_light = first.mean(axis=2), second.mean(axis=2)
    both = _local_mean(light * new_light) - _local_mean(light) * _local_mean(new_light)
    contrast, new_contrast = _contrast(light), _contrast(new_light)
    alike = both / (contrast * new_contrast + 1.0)
    gone = (np.maximum(contrast, new_contrast) > _FLAT) & (alike < _GONE)
    different = np.abs(first - second).max(axis=2) > _VISIBLE / 2
    return np.asarray((beyond | gone) & different)


def _likeness(light: Plane, new_light: Plane) -> float:
    spread = float(light.std() * new_light.std())
    shared = float(((light - light.mean()) * (new_light - new_light.mean())).mean())
    return shared / spread if spread > 1e-3 else 0.0


def _staying(words: str, before: Image.Image, after: Image.Image) -> float:
    """Of a main subject: whether some part of the first picture is found again; else all of it."""
    if "still show" not in words:
        return _UNASKED
    if "main subject" in words:
        found = max(_agreement(before, after, part) for part in _PARTS)
        none, sure = _PART
    else:
        found, (none, sure) = agreement(contours(before), contours(after)), _WHOLE
    return 0.02 + 0.93 * min(1.0, max(0.0, (found - none) / (sure - none)))


def _agreement(before: Image.Image, after: Image.Image, part: tuple[float, float]) -> float:
    """Of the contours of a part of both pictures."""
    one, other = (contours(picture, _box(picture.size, part)) for picture in (before, after))
    return agreement(one, other)


def _box(size: tuple[int, int], part: tuple[float, float]) -> tuple[float, float, float, float]:
    width, height = size[0] / 2, size[1] / 2
    left, top = part[0] * width, part[1] * height
    return left, top, left + width, top + height


def _place(where: NDArray[np.bool_]) -> str:
    rows, columns = np.nonzero(where)
    down, across = rows.mean() / where.shape[0], columns.mean() / where.shape[1]
    vertical = "upper" if down < 0.4 else "lower" if down > 0.6 else ""
    horizontal = "left" if across < 0.4 else "right" if across > 0.6 else ""
    return f"{vertical} {horizontal}".strip() + (" part" if vertical or horizontal else "middle")


def colour_name(colour: NDArray[np.float32]) -> str:
    """What a colour, RGB of 0 to 255, is called."""
    hue, saturation, value = rgb_to_hsv(*(float(channel) / 255 for channel in colour))
    if saturation < 0.2:
        return "black" if value < 0.3 else "white" if value > 0.8 else "grey"
    if 15 <= hue * 360 < 45 and value < 0.6:
        return "brown"
    return next(name for end, name in _HUES if hue * 360 < end)


def _bars(picture: Image.Image) -> int:
    """How many of the four outermost lines, two pixels in, are white."""
    width, height = picture.size
    inset = 2 if min(picture.size) > 8 else 0
    lines = (
        (0, inset, width, inset + 1),
        (0, height - inset - 1, width, height - inset),
        (inset, 0, inset + 1, height),
        (width - inset - 1, 0, width - inset, height),
    )
    strips = (np.asarray(picture.crop(box), np.float32) for box in lines)
    return sum(bool(strip.min(axis=2).mean() > 250 and strip.std() < 6) for strip in strips)


def sentence(change: Change) -> str:
    """The instruction that would have led from the first picture to the second."""
    if change.changed < 0.002:
        return "Leave the picture as it is."
    if change.whole:
        return _whole_sentence(change)
    if change.smoother > 5:
        return f"Remove the object in the {change.place} and fill the gap from its surroundings."
    if change.smoother < -5:
        return f"Add a {change.colour} object in the {change.place}."
    return f"Make the {change.place} {change.colour}."


def _whole_sentence(change: Change) -> str:
    if change.likeness < 0.85:
        return f"Redraw the picture in a new style with {change.colour} tones."
    if abs(change.brighter) > 40:
        return f"Make the whole picture {'brighter' if change.brighter > 0 else 'darker'}."
    return f"Tint the whole picture {change.colour}."


def verdict(question: str, change: Change, key: str) -> float:
    """P(yes), 0 to 1, of the question that the judge is asked.

    Args:
        question: One of: free of artefacts, what is still shown, all else preserved, edit carried out
            (the default).
        change: What was measured.
        key: Verdicts differ a little between requests, decided by this name.
    """
    words = question.lower()
    if any(word in words for word in ("artefact", "artifact", "glitch", "distort", "natural")):
        sure = 0.04 if change.spoilt else 0.95
    elif change.staying != _UNASKED:
        sure = change.staying
    elif any(word in words for word in ("preserv", "unchanged", "apart from", "rest ", "else")):
        sure = _preserved(change)
    else:
        sure = _done(change)
    return min(0.99, max(0.01, sure + 0.03 * (share(key, "verdict") - 0.5)))


def _done(change: Change) -> float:
    """Nothing visible: no. From 0.6% of the picture on: yes; real edits start at 0.5%."""
    return 0.03 + 0.91 * min(1.0, max(0.0, change.changed - 0.001) / 0.005)


def _preserved(change: Change) -> float:
    """What is neither lost nor part of a picture of something else."""
    return (1.0 - change.lost) * min(1.0, max(0.0, (change.likeness - 0.1) / 0.4))
