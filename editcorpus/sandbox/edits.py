"""From a picture and an instruction to the edited picture, with the defects that are planted.

The edit touches only what lies inside a white margin, so white padding comes back as it was sent.
"""

from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from editcorpus.sandbox.chance import pick, share
from editcorpus.sandbox.config import Defect
from editcorpus.sandbox.paint import paint
from editcorpus.sandbox.wishes import COLOURS, Wish, understand

Size = tuple[int, int]

#: Levels below 255 that still count as white margin: JPEG leaves a little noise on it.
_WHITE_TOLERANCE = 8
_INK = [255 if level > _WHITE_TOLERANCE else 0 for level in range(256)]


@dataclass(frozen=True, slots=True)
class Plan:
    """How one edit is to come out.

    Attributes:
        prompt: The instruction.
        size: Width and height of the answer in pixels.
        key: Name under which all choices are drawn; the same key gives the same picture.
        seed: Seed of the server.
        defect: What is wrong with it, if anything.
        drift: Shift or zoom as a share of a side, for the defects of that name.
    """

    prompt: str
    size: Size
    key: str
    seed: int
    defect: Defect | None = None
    drift: float = 0.03


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
    result = _inside_margin(canvas, understand(plan.prompt, plan.seed))
    if mask is not None:
        result = Image.composite(result, canvas, mask.resize(plan.size))
    return _drifted(result, plan) if plan.defect else result


def margin_box(picture: Image.Image) -> tuple[int, int, int, int]:
    """The box that holds everything but a white margin; all of a picture that is white."""
    ink = ImageOps.invert(picture).point(_INK * 3)
    return ink.getbbox() or (0, 0, *picture.size)


def _inside_margin(canvas: Image.Image, wish: Wish) -> Image.Image:
    box = margin_box(canvas)
    if box == (0, 0, *canvas.size):
        return paint(canvas, wish)
    result = canvas.copy()
    result.paste(paint(canvas.crop(box), wish), box[:2])
    return result


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
