"""From a picture and an instruction to the edited picture, with the defects that are planted.

The edit touches only what lies inside a white margin, so white padding comes back as it was sent; with
a mask it fills what the mask lets change, and nothing else.
"""

import hashlib
from dataclasses import dataclass, replace

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps, ImageStat

from editcorpus.sandbox.chance import pick, share
from editcorpus.sandbox.defects import Defect
from editcorpus.sandbox.paint import Box, paint
from editcorpus.sandbox.wishes import COLOURS, Kind, Wish, understand

Size = tuple[int, int]

#: Levels below 255 that still count as white margin: JPEG leaves a little noise on it.
_WHITE_TOLERANCE = 8
_INK = [255 if level > _WHITE_TOLERANCE else 0 for level in range(256)]

#: Width of coarse and fine grains of a picture that is made from a text, in pixels.
_GRAINS = (24, 6)

#: What the grain leaves of the light: 51% to 88% of it.
_SHADE = [130 + level * 95 // 255 for level in range(256)]


@dataclass(frozen=True, slots=True)
class Plan:
    """How one edit is to come out.

    Attributes:
        prompt: The instruction.
        size: Width and height of the answer in pixels.
        key: Name under which all choices are drawn; the same key gives the same picture.
        seed: Seed of the server.
        defect: What is wrong with it, if anything.
        drift: Shift or zoom as a share of a side, for the defects of that name, and the most that
            padding reaches into the picture.
        instead: What a benchmark's picture shows, or the canvas of the other request; RGB.
    """

    prompt: str
    size: Size
    key: str
    seed: int
    defect: Defect | None = None
    drift: float = 0.03
    instead: Image.Image | None = None


def edited(source: Image.Image, plan: Plan, mask: Image.Image | None = None) -> Image.Image:
    """The source at the plan's size with the edit in it.

    Args:
        source: RGB.
        plan: How the edit is to come out.
        mask: Mode L, 255 where the picture may change; none allows all of it.
    """
    canvas = source if source.size == plan.size else source.resize(plan.size)
    if plan.defect is Defect.ECHO:
        return canvas
    if plan.defect is Defect.BLANK:
        return Image.new("RGB", plan.size, pick(tuple(COLOURS.values()), plan.key, "blank"))
    if plan.defect is Defect.EVERYTHING:
        return scene(plan)
    if plan.instead is not None:
        return _other(canvas, plan, plan.instead)
    wish = understand(plan.prompt, plan.seed)
    if mask is None:
        result = _inside_margin(canvas, wish)
    else:
        result = _inside_mask(canvas, wish, mask.resize(plan.size), plan.defect)
    if plan.defect is Defect.PADDING:
        return _padded(result, plan, margin_box(canvas))
    return _drifted(result, plan) if plan.defect in (Defect.SHIFT, Defect.ZOOM) else result


def margin_box(picture: Image.Image) -> tuple[int, int, int, int]:
    """The box that holds everything but a white margin; all of a picture that is white."""
    ink = ImageOps.invert(picture).point(_INK * 3)
    return ink.getbbox() or (0, 0, *picture.size)


def is_padded(picture: Image.Image) -> bool:
    """Whether a side has a white margin, and not all of the picture is one."""
    return margin_box(picture) != (0, 0, *picture.size)


def _other(canvas: Image.Image, plan: Plan, shown: Image.Image) -> Image.Image:
    """A benchmark's picture where the content was, or the edit of another canvas."""
    if plan.defect is Defect.SWAPPED:
        return edited(shown, replace(plan, defect=None, instead=None))
    box = margin_box(canvas)
    result = canvas.copy()
    result.paste(shown.resize((box[2] - box[0], box[3] - box[1])), box[:2])
    return result


def _padded(picture: Image.Image, plan: Plan, content: Box) -> Image.Image:
    """White on one of the padded sides, at least 2 px of the content deep."""
    width, height = picture.size
    left, top, right, bottom = content
    sides = {
        "left": (left, width),
        "top": (top, height),
        "right": (width - right, width),
        "bottom": (height - bottom, height),
    }
    name = pick([side for side, (margin, _) in sides.items() if margin], plan.key, "side")
    deep = 2 + round(share(plan.key, "deep") * max(0, plan.drift * sides[name][1] - 2))
    bars = {
        "left": (0, 0, left + deep, height),
        "top": (0, 0, width, top + deep),
        "right": (right - deep, 0, width, height),
        "bottom": (0, bottom - deep, width, height),
    }
    result = picture.copy()
    result.paste((255, 255, 255), bars[name])
    return result


def _inside_margin(canvas: Image.Image, wish: Wish) -> Image.Image:
    box = margin_box(canvas)
    if box == (0, 0, *canvas.size):
        return paint(canvas, wish)
    result = canvas.copy()
    result.paste(paint(canvas.crop(box), wish), box[:2])
    return result


def _inside_mask(
    canvas: Image.Image, wish: Wish, mask: Image.Image, defect: Defect | None
) -> Image.Image:
    result = canvas.copy()
    margin = margin_box(canvas)
    hole = _common(margin, mask.getbbox() or (0, 0, 0, 0))
    if hole is not None:
        painted = paint(canvas.crop(hole), replace(wish, fills=True))
        result.paste(painted, hole[:2], mask.crop(hole))
    if defect is Defect.LEAK:
        spill = min(_quarters(margin), key=lambda box: ImageStat.Stat(mask.crop(box)).sum[0])
        tinted = paint(canvas.crop(spill), replace(wish, kind=Kind.ENVIRONMENT))
        result.paste(tinted, spill[:2], ImageOps.invert(mask.crop(spill)))
    return result


def _common(one: Box, other: Box) -> Box | None:
    """The box that two boxes share, if any."""
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right, bottom = min(one[2], other[2]), min(one[3], other[3])
    return (left, top, right, bottom) if left < right and top < bottom else None


def _quarters(box: Box) -> list[Box]:
    """The quarters of a box that has at least a pixel."""
    left, top, right, bottom = box
    width, height = max(1, (right - left) // 2), max(1, (bottom - top) // 2)
    corners = ((x, y) for x in (left, right - width) for y in (top, bottom - height))
    return [(x, y, x + width, y + height) for x, y in corners]


def _drifted(picture: Image.Image, plan: Plan) -> Image.Image:
    """Moved or zoomed; what is uncovered keeps what was there."""
    width, height = picture.size
    sign = pick((-1, 1), plan.key, "direction")
    if plan.defect is Defect.SHIFT:
        moved = picture.copy()
        moved.paste(picture, (round(sign * plan.drift * width), round(plan.drift * height / 2)))
        return moved
    if sign > 0:
        cut_x, cut_y = width * plan.drift / 2, height * plan.drift / 2
        return picture.resize(picture.size, box=(cut_x, cut_y, width - cut_x, height - cut_y))
    small = picture.resize((round(width * (1 - plan.drift)), round(height * (1 - plan.drift))))
    moved = picture.copy()
    moved.paste(small, ((width - small.width) // 2, (height - small.height) // 2))
    return moved


def scene(plan: Plan) -> Image.Image:
    """A picture out of nothing but a text: sky, ground and a few shaded bodies."""
    palette = understand(plan.prompt, plan.seed).colours
    sky = ImageOps.colorize(Image.linear_gradient("L"), palette[0], (250, 248, 240)).resize(
        (96, 96)
    )
    draw = ImageDraw.Draw(sky)
    horizon = round(40 + 30 * share(plan.key, "horizon"))
    draw.rectangle((0, horizon, 96, 96), fill=palette[1])
    for number in range(6):
        x, y = 96 * share(plan.key, "x", number), horizon + 40 * share(plan.key, "y", number) - 20
        radius = 5 + 12 * share(plan.key, "radius", number)
        colour = palette[(number + 2) % len(palette)]
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return sky.filter(ImageFilter.SMOOTH).resize(plan.size, Image.Resampling.BICUBIC)


def generated(plan: Plan) -> Image.Image:
    """A picture out of nothing but a text that can be edited in its turn: a scene with grain.

    The grain is what tells its places apart, so that an edit of it can be laid over it; it darkens all
    of the picture a little, so that no margin of it is white.
    """
    coarse, fine = (_grain(plan, side) for side in _GRAINS)
    grain = Image.blend(coarse, fine, 0.4).point(_SHADE)
    return ImageChops.multiply(scene(plan), Image.merge("RGB", [grain] * 3))


def _grain(plan: Plan, side: int) -> Image.Image:
    """Noise whose grains are so many pixels wide."""
    width, height = (-(-each // side) for each in plan.size)
    noise = hashlib.shake_256(f"{plan.key}:grain:{side}".encode()).digest(width * height)
    small = Image.frombytes("L", (width, height), noise)
    return small.resize(plan.size, Image.Resampling.BILINEAR)
