"""Padding left at the edge, and everything that only looks like it."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from editcorpus.residue import (
    MAX_BORDER_FRACTION,
    SIDES,
    Kind,
    Pixels,
    Residue,
    border_fraction,
    residual_padding,
    ring_share,
)

WHITE = (255, 255, 255)


def scene(height: int = 160, width: int = 208, seed: int = 0) -> Pixels:
    """A textured picture of middle brightness without anything white in it."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 190, (height // 16, width // 16, 3)).astype(np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    noise = rng.integers(-6, 7, (height, width, 3))
    return (np.asarray(smooth, np.int16) + noise).clip(0, 215).astype(np.uint8)


def barred(image: Pixels, sides: str, thick: int, color: tuple[int, ...] = WHITE) -> Pixels:
    """A copy with bars at the sides, given by their initials."""
    made = image.copy()
    places = {
        "L": np.s_[:, :thick],
        "R": np.s_[:, -thick:],
        "T": np.s_[:thick],
        "B": np.s_[-thick:],
    }
    for side in sides:
        made[places[side]] = color
    return made


def through(image: Pixels, codec: str) -> Pixels:
    """The picture after a codec, a blur, or a change of size."""
    picture = Image.fromarray(image)
    if codec == "blur":
        return np.asarray(picture.filter(ImageFilter.GaussianBlur(0.7)))
    if codec.startswith("x"):
        size = tuple(round(side * float(codec[1:])) for side in picture.size)
        return np.asarray(picture.resize(size, Image.Resampling.BICUBIC))  # type: ignore[arg-type]
    name, _, quality = codec.partition(" ")
    buffer = io.BytesIO()
    picture.save(buffer, name, **({"quality": int(quality)} if quality else {}))
    return np.asarray(Image.open(buffer).convert("RGB"))


def names(initials: str) -> list[str]:
    return [side for side in SIDES if side[0].upper() in initials]


@pytest.mark.parametrize("sides", ["L", "R", "T", "B", "LR", "TB", "LTRB"])
@pytest.mark.parametrize("thick", [1, 2, 3, 5, 8, 16, 32])
@pytest.mark.parametrize("color", [WHITE, (249, 249, 249), (0, 0, 0), (128, 128, 128)])
def test_a_bar_is_found_with_its_thickness(
    sides: str, thick: int, color: tuple[int, int, int]
) -> None:
    source = scene()
    edited = barred(source, sides, thick, color)
    residue = residual_padding(edited, source, names(sides), color)
    assert residue.reject
    for side in residue.sides.values():
        assert side.kind is Kind.BAR
        assert abs(side.thickness - thick) <= 1


@pytest.mark.parametrize(
    "codec",
    ["png", "jpeg 95", "jpeg 85", "jpeg 75", "webp 80", "blur", "x0.5", "x1.5"],
)
@pytest.mark.parametrize("thick", [3, 8, 20])
@pytest.mark.parametrize("sides", ["L", "TB"])
def test_a_bar_is_found_behind_any_codec(codec: str, thick: int, sides: str) -> None:
    source = scene()
    edited = through(barred(source, sides, thick), codec)
    clean = through(source, codec)
    assert residual_padding(edited, clean, names(sides)).reject
    assert residual_padding(clean, clean, SIDES).share == 0


def test_a_single_white_line_of_two_pixels_is_enough() -> None:
    source = scene()
    residue = residual_padding(barred(source, "R", 2), source, ["right"])
    assert (residue.reject, residue.sides["right"].columns) == (True, 160)


def test_a_bar_in_front_of_a_white_sky_over_dark_ground_is_found() -> None:
    source = scene()
    source[:80] = 240
    assert residual_padding(barred(source, "L", 6), source, ["left"]).reject


def test_a_white_bar_before_nearly_white_content_is_found() -> None:
    source = np.clip(scene() // 12 + 228, 0, 243).astype(np.uint8)
    assert residual_padding(barred(source, "T", 5), source, ["top"]).reject


def test_a_turned_picture_leaves_a_wedge() -> None:
    source = scene(320, 416)
    columns = np.arange(416)
    depth = (2 + columns * 0.03).astype(int)
    edited = source.copy()
    edited[np.arange(320)[:, None] < depth[None, :]] = 255
    residue = residual_padding(edited, source, ["top"])
    assert (residue.reject, residue.sides["top"].kind) == (True, Kind.WEDGE)


def test_a_margin_deeper_than_a_quarter_is_padding() -> None:
    source = scene()
    edited = barred(source, "LR", 64)
    residue = residual_padding(edited, source, ["left", "right"])
    assert {side.kind for side in residue.sides.values()} == {Kind.DEEP}
    assert {side.thickness for side in residue.sides.values()} == {64.0}
    assert residue.reject


def test_a_white_sky_deeper_than_a_quarter_is_no_padding_where_it_ends_in_hills() -> None:
    edited = scene()
    hills = (np.sin(np.arange(208) / 9) * 25 + 75).astype(int)
    edited[np.arange(160)[:, None] < hills[None, :]] = 254
    residue = residual_padding(edited, scene(seed=1), ["top", "bottom"])
    assert (residue.reject, residue.sides["top"].kind) == (False, Kind.CLEAN)


def product() -> Pixels:
    """A dark ellipse on white that runs off the lower edge."""
    y, x = np.mgrid[0:160, 0:208]
    picture = np.full((160, 208, 3), 255, np.uint8)
    picture[((x - 104) / 60) ** 2 + ((y - 110) / 80) ** 2 < 1] = (60, 70, 90)
    return picture


def ramp(low: int, high: int) -> Pixels:
    line = np.linspace(high, low, 208).astype(np.uint8)
    return np.repeat(np.tile(line, (160, 1))[..., None], 3, axis=2)


def vignette() -> Pixels:
    y, x = np.mgrid[-1:1:160j, -1:1:208j]
    light = (255 - 90 * np.exp(-3 * (x**2 + y**2))).astype(np.uint8)
    return np.repeat(light[..., None], 3, axis=2)


def page() -> Pixels:
    picture = np.full((160, 208, 3), 250, np.uint8)
    for row in range(20, 140, 12):
        picture[row : row + 5, 18 : 190 - row % 7 * 9] = 30
    return picture


def snow() -> Pixels:
    picture = scene()
    jagged = (np.sin(np.arange(208) / 9) * 14 + 110).astype(int)
    picture[np.arange(160)[:, None] > jagged[None, :]] = 253
    return picture


def night() -> Pixels:
    picture = np.full((160, 208, 3), 3, np.uint8)
    picture[np.random.default_rng(0).random((160, 208)) > 0.995] = 230
    return picture


TRAPS = {
    "a product on white": product(),
    "a gradient that begins white": ramp(235, 255),
    "a full gradient": ramp(0, 255),
    "a bright vignette": vignette(),
    "a page of text": page(),
    "snow": snow(),
    "a night sky": night(),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_picture_that_only_looks_padded_passes(trap: str) -> None:
    picture = TRAPS[trap]
    regenerated = through(picture, "jpeg 85")
    assert not residual_padding(picture, picture, SIDES).reject
    assert not residual_padding(regenerated, picture, SIDES).reject


@pytest.mark.parametrize("trap", ["a product on white", "a full gradient", "snow", "a night sky"])
def test_a_picture_that_was_not_white_before_may_become_it(trap: str) -> None:
    assert not residual_padding(TRAPS[trap], scene(), SIDES).reject


def test_framed_art_keeps_its_frame() -> None:
    source = barred(scene(), "LTRB", 12)
    edited = barred(scene(seed=1), "LTRB", 12)
    residue = residual_padding(edited, source, SIDES)
    assert {side.kind for side in residue.sides.values()} == {Kind.NATURAL}
    assert not residue.reject
    assert residual_padding(edited, scene(), SIDES).reject
    assert residual_padding(edited, None, SIDES).reject


@pytest.mark.parametrize(("height", "kind"), [(40, Kind.CLEAN), (100, Kind.DEEP)])
def test_a_subject_that_is_set_on_white_passes(height: int, kind: Kind) -> None:
    edited = np.full((160, 208, 3), 255, np.uint8)
    edited[30 : 30 + height, 80:130] = (90, 20, 20)
    residue = residual_padding(edited, scene(), ["left", "right"])
    assert {side.kind for side in residue.sides.values()} == {kind}
    assert not residue.reject


@pytest.mark.parametrize("color", [(0, 0, 0), (128, 128, 128), (34, 139, 90)])
@pytest.mark.parametrize("codec", ["png", "jpeg 85"])
def test_a_bar_along_the_whole_side_is_found_whatever_its_colour(
    color: tuple[int, int, int], codec: str
) -> None:
    source = scene()
    edited = through(barred(source, "T", 9, color), codec)
    residue = residual_padding(edited, source, SIDES)
    assert residue.reject
    assert {name for name, side in residue.sides.items() if side.columns} == {"top"}


def test_a_part_of_a_side_in_another_colour_is_content() -> None:
    source = scene()
    edited = source.copy()
    edited[:9, :150] = (34, 139, 90)
    assert not residual_padding(edited, source, SIDES).reject


def test_a_line_of_the_source_that_a_codec_has_recoloured_stays_its_own() -> None:
    source = barred(scene(), "T", 1, (200, 30, 30))
    edited = barred(scene(), "T", 1, (150, 90, 60))
    assert residual_padding(edited, source, SIDES).sides["top"].kind is Kind.NATURAL
    assert residual_padding(edited, scene(), SIDES).reject


PAD = 24


def cropped(content: Pixels, blur: float = 0.6) -> Pixels:
    """The content out of a canvas with white on all sides, after a blur and a codec."""
    canvas = np.pad(content, ((PAD, PAD), (PAD, PAD), (0, 0)), constant_values=255)
    soft = Image.fromarray(canvas).filter(ImageFilter.GaussianBlur(blur))
    return through(np.asarray(soft), "jpeg 85")[PAD:-PAD, PAD:-PAD]


@pytest.mark.parametrize("color", [(0, 0, 0), (14, 16, 24), (90, 20, 20), (240, 100, 70)])
@pytest.mark.parametrize("blur", [0.0, 0.4, 0.6])
def test_what_a_blur_and_a_codec_mix_into_a_flat_border_is_no_bar(
    color: tuple[int, int, int], blur: float
) -> None:
    source = barred(scene(), "LTRB", 20, color)
    residue = residual_padding(cropped(source, blur), source, SIDES)
    assert not any(side.columns for side in residue.sides.values())


@pytest.mark.parametrize("color", [(0, 0, 0), (34, 139, 90), (128, 128, 128), (200, 40, 40)])
@pytest.mark.parametrize("thick", [4, 7, 16])
@pytest.mark.parametrize("sides", ["L", "TB"])
def test_a_bar_is_found_behind_what_the_padding_has_mixed_into_it(
    color: tuple[int, int, int], thick: int, sides: str
) -> None:
    source = scene()
    residue = residual_padding(cropped(barred(source, sides, thick, color)), source, SIDES)
    found = {name: side for name, side in residue.sides.items() if side.columns}
    assert residue.reject
    assert set(found) == set(names(sides))
    assert all(abs(side.thickness - thick) <= 1 for side in found.values())


def margined(color: tuple[int, int, int], shade: int, thick: int = 14) -> Pixels:
    """A picture on paper whose light falls off along its side."""
    picture = scene()
    light = np.linspace(0, shade, 208).astype(np.int16)[None, :, None]
    paper = np.broadcast_to(np.array(color, np.int16) - light, picture.shape)
    framed = barred(picture, "LTRB", thick)
    return np.where((framed == 255).all(axis=2, keepdims=True), paper, framed).astype(np.uint8)


def test_a_margin_of_the_source_may_become_white() -> None:
    source = margined((246, 229, 200), 120)
    edited = margined((254, 252, 246), 10)
    assert residual_padding(edited, source, ["top"]).sides["top"].kind is Kind.NATURAL
    assert residual_padding(edited, scene(), ["top"]).reject
    assert residual_padding(barred(source, "T", 7), source, ["top"]).reject


def chart(ground: int) -> Pixels:
    """Two towers on flat ground that end at the same height, and take less than half of the side."""
    picture = np.full((160, 208, 3), ground, np.uint8)
    picture[30:120, 20:60] = picture[30:120, 100:140] = (20, 20, 160)
    return picture


def test_flat_ground_between_objects_may_change_its_colour() -> None:
    source, edited = chart(255), chart(180)
    assert not residual_padding(edited, source, ["top"]).reject
    assert residual_padding(edited, scene(), ["top"]).reject
    assert residual_padding(barred(edited, "T", 6, (34, 139, 90)), source, ["top"]).reject


def test_a_margin_may_be_thicker_or_thinner_where_nobody_knows_how_the_content_moved() -> None:
    source, edited = barred(scene(), "T", 10, (0, 0, 0)), barred(scene(), "T", 7, (40, 60, 90))
    assert residual_padding(edited, source, ["top"]).reject
    assert not residual_padding(edited, source, ["top"], registered=False).reject
    assert residual_padding(barred(scene(), "T", 2), source, ["top"], registered=False).reject


def test_content_that_touches_the_edge_is_no_bar() -> None:
    source = scene()
    edited = barred(source, "T", 10)
    edited[0:10, 60:90] = 80
    assert not residual_padding(edited, source, ["top"]).reject


def test_only_the_named_sides_are_looked_at() -> None:
    residue = residual_padding(barred(scene(), "L", 9), scene(), ["top", "bottom"])
    assert (residue.share, set(residue.sides)) == (0.0, {"top", "bottom"})
    assert residual_padding(barred(scene(), "L", 9), scene(), []).share == 0.0


def test_the_threshold_lies_between_20_and_21_pixels_of_a_megapixel() -> None:
    assert ring_share(20, 1024, 1024) <= MAX_BORDER_FRACTION
    assert ring_share(21, 1024, 1024) > MAX_BORDER_FRACTION
    assert ring_share(9, 1, 1) == 1.0


def test_small_pictures_are_judged_as_well() -> None:
    source = scene(32, 48)
    assert residual_padding(barred(source, "L", 2), source, SIDES).reject
    assert not residual_padding(source, source, SIDES).reject


def test_pictures_of_two_sizes_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="shape"):
        residual_padding(scene(), scene(32, 48), SIDES)


def kinds(residue: Residue, order: list[str]) -> list[tuple[Kind, int, float]]:
    found = (residue.sides[side] for side in order)
    return [(side.kind, side.columns, side.thickness) for side in found]


@settings(deadline=None, max_examples=25)
@given(
    sides=st.sampled_from(["L", "T", "LT", "RB", "LTRB", ""]),
    thick=st.integers(1, 30),
    seed=st.integers(0, 5),
)
def test_flips_and_turns_carry_the_findings_along(sides: str, thick: int, seed: int) -> None:
    source = scene(seed=seed)
    edited = barred(source, sides, thick)
    found = kinds(residual_padding(edited, source, SIDES), ["left", "top", "right", "bottom"])
    flipped = residual_padding(edited[:, ::-1], source[:, ::-1], SIDES)
    assert kinds(flipped, ["right", "top", "left", "bottom"]) == found
    turned = residual_padding(np.rot90(edited), np.rot90(source), SIDES)
    assert kinds(turned, ["bottom", "left", "top", "right"]) == found


@settings(deadline=None, max_examples=25)
@given(
    order=st.permutations("LTRB"),
    thick=st.integers(1, 30),
    color=st.sampled_from([(255, 255, 255), (249, 250, 248), (0, 0, 0), (34, 139, 90)]),
)
def test_more_padding_never_lowers_the_fraction(
    order: list[str], thick: int, color: tuple[int, int, int]
) -> None:
    source = scene()
    edited, last = source, 0.0
    for side in order:
        edited = barred(edited, side, thick, color)
        fraction = residual_padding(edited, source, SIDES).share
        assert fraction > last
        last = fraction
    assert last <= 1.0


@settings(deadline=None, max_examples=25)
@given(widths=st.sets(st.integers(1, 208), min_size=2, max_size=20), thick=st.integers(1, 30))
def test_wider_bars_never_lower_the_fraction(widths: set[int], thick: int) -> None:
    source = scene()
    edited, shares, plain = source.copy(), [0.0], [0.0]
    for width in sorted(widths):
        edited[:thick, :width] = 255
        shares.append(residual_padding(edited, source, ["top"]).share)
        plain.append(border_fraction(edited))
    assert shares == sorted(shares)
    assert plain == sorted(plain)


def test_the_plain_rule_counts_the_ring_and_each_px_of_it_once() -> None:
    picture = np.full((40, 60, 3), 100, np.uint8)
    assert border_fraction(picture) == 0
    picture[1:-1, 1:-1] = 255
    assert border_fraction(picture) == 0
    picture[0, :10] = 255
    picture[0, 10:20] = 247
    picture[0, 20:30] = 246
    ring = 2 * (40 + 60) - 4
    assert border_fraction(picture) == pytest.approx(20 / ring)
    picture[:, 0] = 255
    assert border_fraction(picture) == pytest.approx((20 + 39) / ring)
    assert border_fraction(np.full((40, 60, 3), 255, np.uint8)) == 1
    assert border_fraction(np.full((40, 60, 3), 20, np.uint8), (20, 20, 20)) == 1


def test_the_plain_rule_of_the_smallest_pictures() -> None:
    assert border_fraction(np.full((1, 1, 3), 255, np.uint8)) == 1
    line = np.full((1, 4, 3), 255, np.uint8)
    line[0, 0] = 0
    assert border_fraction(line) == border_fraction(line.transpose(1, 0, 2)) == 0.75


@settings(deadline=None, max_examples=25)
@given(sides=st.sampled_from(["L", "T", "LT", "RB", "LTRB", ""]), thick=st.integers(1, 30))
def test_flips_and_turns_leave_the_plain_rule_alone(sides: str, thick: int) -> None:
    edited = barred(scene(), sides, thick)
    turned = (edited[::-1], edited[:, ::-1], np.rot90(edited))
    assert {border_fraction(one) for one in turned} == {border_fraction(edited)}
