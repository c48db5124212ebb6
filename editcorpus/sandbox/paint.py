"""The strokes: each changes one region, or the whole, of a picture, and keeps the frame aligned."""

from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFilter, ImageOps, ImageStat

from editcorpus.sandbox.chance import pick, share
from editcorpus.sandbox.wishes import Kind, Rgb, Wish

Box = tuple[int, int, int, int]

#: Sides of an edited region as shares of the picture's sides: about 8% to 18% of its area, within
#: the changed share that real local edits show.
_REGION = (0.28, 0.42)

#: Levels, of 255, by which a colour must differ from what it is painted over, in some channel.
_SHOWS = 70

#: Masks and fills are computed at a quarter of the size: edges are soft anyway.
_COARSE = 4

#: Four levels of posterised light, lifted from black.
_LIFTED = [min(255, 40 + level) for level in range(256)] * 3


def paint(picture: Image.Image, wish: Wish) -> Image.Image:
    """The picture with the wish carried out; same size, RGB; the picture is not changed."""
    return _STROKES[wish.kind](picture, wish)


def region(picture: Image.Image, wish: Wish, *, detail: bool = False) -> Box:
    """Where a local edit goes, in pixels.

    Args:
        picture: RGB.
        wish: Its position is one of the candidates.
        detail: Take, of several candidates, the one with the most detail in it, since
            smoothing a flat region would show nothing.
    """
    if wish.fills:
        return 0, 0, *picture.size
    low, high = _REGION
    width = max(1, round(picture.width * (low + (high - low) * share(wish.key, "width"))))
    height = max(1, round(picture.height * (low + (high - low) * share(wish.key, "height"))))
    spots = [(wish.left, wish.top)]
    if detail:
        spots += [(share(wish.key, "x", n), share(wish.key, "y", n)) for n in range(7)]
    boxes = []
    for left, top in spots:
        x, y = round(left * (picture.width - width)), round(top * (picture.height - height))
        boxes.append((x, y, x + width, y + height))
    return max(boxes, key=lambda box: _detail(picture, box)) if detail else boxes[0]


def _detail(picture: Image.Image, box: Box) -> float:
    small = picture.resize((24, 24), Image.Resampling.NEAREST, box=box).convert("L")
    return ImageStat.Stat(small).var[0]


def _mean(picture: Image.Image) -> Rgb:
    small = picture.resize((16, 16), Image.Resampling.BOX, reducing_gap=1.0)
    red, green, blue = (round(mean) for mean in ImageStat.Stat(small).mean)
    return red, green, blue


def _showing(under: Rgb, wish: Wish) -> Rgb:
    """The first colour of the wish that shows over `under`."""
    for colour in wish.colours:
        if max(abs(a - b) for a, b in zip(colour, under, strict=True)) >= _SHOWS:
            return colour
    return wish.colours[0]


def _soft_ellipse(size: tuple[int, int]) -> Image.Image:
    small = Image.new("L", (max(8, size[0] // _COARSE), max(8, size[1] // _COARSE)))
    edge = max(1, min(small.size) // 20)
    inside = (edge * 2, edge * 2, small.width - edge * 2 - 1, small.height - edge * 2 - 1)
    ImageDraw.Draw(small).ellipse(inside, fill=255)
    return small.filter(ImageFilter.GaussianBlur(edge)).resize(size, Image.Resampling.BILINEAR)


def _scaled(colour: Rgb, factor: float) -> Rgb:
    """Darker below 1, nearer to white above."""
    if factor <= 1:
        red, green, blue = (round(channel * factor) for channel in colour)
    else:
        red, green, blue = (round(255 - (255 - channel) / factor) for channel in colour)
    return red, green, blue


def _in_colour(picture: Image.Image, colour: Rgb) -> Image.Image:
    """The same light and shade in one colour."""
    dark, light = _scaled(colour, 0.15), _scaled(colour, 3.0)
    return ImageOps.colorize(picture.convert("L"), dark, light, mid=colour)


def _patched(picture: Image.Image, box: Box, patch: Image.Image) -> Image.Image:
    result = picture.copy()
    result.paste(patch, box[:2], _soft_ellipse(patch.size))
    return result


def _remove(picture: Image.Image, wish: Wish) -> Image.Image:
    """Fills a region from the pixels around it: both pairs of opposite edges, blended."""
    box = region(picture, wish, detail=True)
    patch = picture.crop(box)
    size = max(4, patch.width // _COARSE), max(4, patch.height // _COARSE)
    thin = max(1, min(patch.size) // 24)
    left = patch.resize((1, size[1]), box=(0, 0, thin, patch.height))
    right = patch.resize((1, size[1]), box=(patch.width - thin, 0, *patch.size))
    top = patch.resize((size[0], 1), box=(0, 0, patch.width, thin))
    bottom = patch.resize((size[0], 1), box=(0, patch.height - thin, *patch.size))
    ramp = Image.linear_gradient("L")
    down = ramp.resize(size)
    across = ramp.rotate(90).resize(size)
    rows = Image.composite(right.resize(size), left.resize(size), across)
    columns = Image.composite(bottom.resize(size), top.resize(size), down)
    fill = Image.blend(rows, columns, 0.5).filter(ImageFilter.GaussianBlur(max(1, size[0] // 20)))
    return _patched(picture, box, fill.resize(patch.size, Image.Resampling.BICUBIC))


def _add(picture: Image.Image, wish: Wish) -> Image.Image:
    """Draws a shaded ball, box or star with a hard edge."""
    box = region(picture, wish)
    size = box[2] - box[0], box[3] - box[1]
    colour = _showing(_mean(picture.crop(box)), wish)
    light = ImageOps.invert(Image.radial_gradient("L")).resize(size, box=(20, 20, 236, 236))
    body = ImageOps.colorize(light, _scaled(colour, 0.3), _scaled(colour, 2.2), mid=colour)
    shape = Image.new("L", size)
    draw = ImageDraw.Draw(shape)
    form = pick(("ball", "box", "star"), wish.key, "form")
    if form == "ball":
        draw.ellipse((0, 0, size[0] - 1, size[1] - 1), fill=255)
    elif form == "box":
        draw.rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius=min(size) // 8, fill=255)
    else:
        spikes = (50, 0, 63, 36, 100, 38, 71, 61, 82, 100, 50, 77, 18, 100, 29, 61, 0, 38, 37, 36)
        draw.polygon(
            [value * size[index % 2] / 100 for index, value in enumerate(spikes)], fill=255
        )
    result = picture.copy()
    result.paste(body, box[:2], shape)
    return result


def _swap(picture: Image.Image, wish: Wish) -> Image.Image:
    """Gives a region another texture, stripes or squares, under the old light and shade."""
    box = region(picture, wish)
    patch = picture.crop(box)
    first = _showing(_mean(patch), wish)
    cells = Image.new("RGB", (16, 16), first)
    dark = _scaled(first, 0.35)
    squares = pick((False, True), wish.key, "squares")
    for x in range(16):
        for y in range(16):
            if (x + y * squares) % 2:
                cells.putpixel((x, y), dark)
    texture = cells.resize(patch.size, Image.Resampling.NEAREST)
    shade = patch.convert("L").convert("RGB")
    return _patched(picture, box, Image.blend(texture, shade, 0.25))


def _blur(picture: Image.Image, wish: Wish) -> Image.Image:
    box = region(picture, wish, detail=True)
    patch = picture.crop(box)
    coarse = max(1, patch.width // 40), max(1, patch.height // 40)
    smooth = patch.resize(coarse, Image.Resampling.BOX).resize(patch.size, Image.Resampling.BICUBIC)
    return _patched(picture, box, smooth)


def _colour(picture: Image.Image, wish: Wish) -> Image.Image:
    if wish.whole:
        return Image.blend(picture, _in_colour(picture, wish.colours[0]), 0.6)
    box = region(picture, wish)
    patch = picture.crop(box)
    colour = _showing(_mean(patch), wish)
    return _patched(picture, box, Image.blend(patch, _in_colour(patch, colour), 0.85))


def _background(picture: Image.Image, wish: Wish) -> Image.Image:
    """Tints all but an ellipse in the middle, where most photographs have their subject."""
    tinted = Image.blend(picture, _in_colour(picture, _showing(_mean(picture), wish)), 0.7)
    size = round(picture.width * 0.6), round(picture.height * 0.75)
    subject = Image.new("L", picture.size)
    subject.paste(
        _soft_ellipse(size), ((picture.width - size[0]) // 2, (picture.height - size[1]) // 2)
    )
    return Image.composite(picture, tinted, subject)


def _environment(picture: Image.Image, wish: Wish) -> Image.Image:
    """Tints the whole, strongest at the top."""
    tinted = _in_colour(picture, _showing(_mean(picture), wish))
    strength = Image.linear_gradient("L").point([round(205 - level * 0.35) for level in range(256)])
    return Image.composite(tinted, picture, strength.resize(picture.size))


def _tone(picture: Image.Image, wish: Wish) -> Image.Image:
    text = wish.text.lower()
    if any(word in text for word in ("black and white", "gray", "grey", "monochrome")):
        return picture.convert("L").convert("RGB")
    if any(word in text for word in ("sepia", "vintage", "warm")):
        return Image.blend(picture, _in_colour(picture, (190, 130, 70)), 0.6)
    if "cool" in text:
        return Image.blend(picture, _in_colour(picture, (70, 130, 190)), 0.6)
    if any(word in text for word in ("dark", "dim")):
        return picture.point([round(255 * (level / 255) ** 1.9) for level in range(256)] * 3)
    return picture.point([round(255 * (level / 255) ** 0.55) for level in range(256)] * 3)


def _style(picture: Image.Image, wish: Wish) -> Image.Image:
    """Few colours and dark contours, as in a poster."""
    half = picture.reduce(2)
    edges = half.convert("L").filter(ImageFilter.SMOOTH).filter(ImageFilter.FIND_EDGES)
    lines = edges.point([255 if level > 40 else 0 for level in range(256)])
    frame = (0, 0, lines.width - 1, lines.height - 1)
    ImageDraw.Draw(lines).rectangle(frame, outline=0)  # these px are not filtered
    smooth = half.filter(ImageFilter.BoxBlur(2))
    flat = ImageOps.posterize(smooth, 2).resize(picture.size, Image.Resampling.NEAREST)
    tint = Image.new("RGB", picture.size, wish.colours[0])
    poster = Image.blend(flat.point(_LIFTED), tint, 0.12)
    poster.paste((20, 18, 24), (0, 0), lines.resize(picture.size))
    return poster


_STROKES: dict[Kind, Callable[[Image.Image, Wish], Image.Image]] = {
    Kind.REMOVAL: _remove,
    Kind.ADDITION: _add,
    Kind.SWAP: _swap,
    Kind.BLUR: _blur,
    Kind.COLOUR: _colour,
    Kind.BACKGROUND: _background,
    Kind.ENVIRONMENT: _environment,
    Kind.TONE: _tone,
    Kind.STYLE: _style,
}
