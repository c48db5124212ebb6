"""Which canvas, where the source lies on it, and the exact way back: whole pixels and fractions only.

The image models of the paper work at three sizes. A source of another ratio is scaled to touch one
of them and padded on one axis; the crop that undoes it is known to the pixel before a call is paid.
"""

from fractions import Fraction

from editcorpus.records import Geometry

FIXED_SIZES = ((1024, 1024), (1536, 1024), (1024, 1536))
"""Canvases of gpt-image-1 and all later models (image API reference), width x height in px."""
HAIRLINE = 4
"""Padding of at most so many px in all is stretched away: models and JPEG blur such lines."""
STRIDE = 16
"""Both sides of a free size divide by it (image API reference, gpt-image-2 and later)."""
MAX_RATIO = 3
"""Long side to short side of a free size, at most (image API reference)."""
FREE_EDGE = 3840
"""The longest side of a free size in px, at most (image API reference)."""
FREE_PIXELS = 1_048_576
"""What a free size aims at: the pixels of the square fixed canvas."""
FREE_SPREAD = Fraction(1, 8)
"""How far a free size may lie from `FREE_PIXELS` for the sake of a truer ratio; well inside the
655,360 to 8,294,400 px that the API allows."""


def fixed_canvas(width: int, height: int) -> Geometry:
    """Lay a source on the fixed canvas that needs the least padding; ties go to the smaller one.

    Raises:
        ValueError: A side is below 1 px.
    """
    _check(width, height)
    size = min(FIXED_SIZES, key=lambda to: (_mismatch((width, height), to), to[0] * to[1]))
    return _lay(width, height, size)


def free_canvas(width: int, height: int) -> Geometry:
    """Fill the free size of about one megapixel whose ratio is nearest to the source's.

    No padding, up to a ratio of 3:1; beyond it the source lies on the canvas of 3:1.

    Raises:
        ValueError: A side is below 1 px.
    """
    _check(width, height)
    long, short = max(width, height), min(width, height)
    beyond = long > MAX_RATIO * short
    to = _free_size(MAX_RATIO, 1) if beyond else _free_size(long, short)
    size = to if width >= height else (to[1], to[0])
    if beyond:
        return _lay(width, height, size)
    return Geometry(width, height, *size, 0, 0, *size)


def padded_share(geometry: Geometry) -> Fraction:
    """The share of the canvas that is padding, 0 to 1."""
    box = geometry.box_width * geometry.box_height
    return 1 - Fraction(box, geometry.canvas_width * geometry.canvas_height)


def padded_sides(geometry: Geometry) -> tuple[str, ...]:
    """Which sides of the canvas bear padding: of `left`, `top`, `right`, `bottom`."""
    right = geometry.canvas_width - geometry.box_x - geometry.box_width
    bottom = geometry.canvas_height - geometry.box_y - geometry.box_height
    pads = {"left": geometry.box_x, "top": geometry.box_y, "right": right, "bottom": bottom}
    return tuple(side for side, pad in pads.items() if pad > 0)


def to_canvas(
    geometry: Geometry, x: Fraction | int, y: Fraction | int
) -> tuple[Fraction, Fraction]:
    """A point of the source, in px from its upper left corner, on the canvas."""
    return (
        geometry.box_x + Fraction(x) * geometry.box_width / geometry.source_width,
        geometry.box_y + Fraction(y) * geometry.box_height / geometry.source_height,
    )


def to_source(
    geometry: Geometry, x: Fraction | int, y: Fraction | int
) -> tuple[Fraction, Fraction]:
    """A point of the canvas on the source: undoes `to_canvas` exactly."""
    return (
        (Fraction(x) - geometry.box_x) * geometry.source_width / geometry.box_width,
        (Fraction(y) - geometry.box_y) * geometry.source_height / geometry.box_height,
    )


def way_back(geometry: Geometry, answer_size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Where the source's content lies in an answer: left, top, right, bottom in its px.

    Whole numbers where the answer has the size of the canvas; scaled where the endpoint chose
    another size.
    """
    x = Fraction(answer_size[0], geometry.canvas_width)
    y = Fraction(answer_size[1], geometry.canvas_height)
    return (
        float(geometry.box_x * x),
        float(geometry.box_y * y),
        float((geometry.box_x + geometry.box_width) * x),
        float((geometry.box_y + geometry.box_height) * y),
    )


def canvas_box(
    geometry: Geometry, kept: tuple[int, int, int, int]
) -> tuple[float, float, float, float]:
    """Where a part of the source, in its px, lies on the canvas: left, top, right, bottom."""
    left, top = to_canvas(geometry, kept[0], kept[1])
    right, bottom = to_canvas(geometry, kept[2], kept[3])
    return float(left), float(top), float(right), float(bottom)


def _check(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ValueError(f"A source has {width}x{height} px; each side needs at least 1 px.")


def _mismatch(source: tuple[int, int], canvas: tuple[int, int]) -> Fraction:
    """Area of the canvas by area of the content in it; 1 is a perfect fit."""
    a, b = source[0] * canvas[1], source[1] * canvas[0]
    return Fraction(max(a, b), min(a, b))


def _round(over: int, under: int) -> int:
    """`over / under`, half up, at least 1."""
    return max(1, (2 * over + under) // (2 * under))


def _lay(width: int, height: int, size: tuple[int, int]) -> Geometry:
    canvas_width, canvas_height = size
    if width * canvas_height >= height * canvas_width:
        box_width, box_height = canvas_width, _round(height * canvas_width, width)
    else:
        box_width, box_height = _round(width * canvas_height, height), canvas_height
    if canvas_width - box_width <= HAIRLINE:
        box_width = canvas_width
    if canvas_height - box_height <= HAIRLINE:
        box_height = canvas_height
    x, y = (canvas_width - box_width) // 2, (canvas_height - box_height) // 2
    return Geometry(width, height, canvas_width, canvas_height, x, y, box_width, box_height)


def _free_size(long: int, short: int) -> tuple[int, int]:
    """The allowed size, long side first, nearest in ratio; then nearest to `FREE_PIXELS`."""
    least, most = FREE_PIXELS * (1 - FREE_SPREAD), FREE_PIXELS * (1 + FREE_SPREAD)
    sizes = (
        (a, (a * short // (long * STRIDE) + up) * STRIDE)
        for a in range(STRIDE, FREE_EDGE + 1, STRIDE)
        for up in (0, 1)
    )
    allowed = (to for to in sizes if least <= to[0] * to[1] <= most and _free(*to))
    return min(
        allowed, key=lambda to: (_mismatch((long, short), to), abs(to[0] * to[1] - FREE_PIXELS), to)
    )


def _free(long: int, short: int) -> bool:
    return short <= long <= MAX_RATIO * short
