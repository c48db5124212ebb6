"""How much changed, and what counts as blank."""

import numpy as np
import pytest
from PIL import Image

from editcorpus.changes import Pixels, changed, compare, is_blank


def scene(seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 200, (16, 24, 3)).astype(np.uint8)
    return np.array(Image.fromarray(coarse).resize((384, 256), Image.Resampling.BICUBIC))


def test_identical_pictures_have_not_changed() -> None:
    found = compare(scene(), scene())
    assert (found.mae, found.changed_share, found.changed_share_no_tone) == (0, 0, 0)


def test_a_patch_changes_its_own_share() -> None:
    edited = scene()
    edited[40:104, 100:196] = 255
    found = compare(scene(), edited)
    assert found.changed_share == pytest.approx(64 * 96 / (256 * 384), abs=0.005)
    assert found.changed_share_no_tone == pytest.approx(found.changed_share, abs=0.005)


def test_the_pixels_that_changed_are_those_of_the_patch() -> None:
    edited = scene()
    edited[40:104, 100:196] = 255
    found = changed(scene(), edited)
    assert found.mean() == compare(scene(), edited).changed_share
    assert found[42:102, 102:194].all()
    assert found.sum() == found[39:105, 99:197].sum()


def test_noise_of_single_pixels_is_not_a_change() -> None:
    noise = np.random.default_rng(1).normal(0, 6, (256, 384, 3))
    edited = (scene() + noise).clip(0, 255).astype(np.uint8)
    found = compare(scene(), edited)
    assert found.changed_share == 0
    assert 0 < found.mae < 0.01


def test_a_change_of_tone_is_told_apart() -> None:
    found = compare(scene(), (scene().astype(int) + np.array([40, 30, -29])).astype(np.uint8))
    assert found.changed_share == 1
    assert found.changed_share_no_tone < 0.01
    assert found.mae == pytest.approx(33 / 255, abs=0.002)


def test_another_picture_changed_almost_everywhere() -> None:
    found = compare(scene(), scene(seed=4))
    assert found.changed_share > 0.7


def test_extremes_do_not_wrap() -> None:
    black, white = np.zeros((32, 48, 3), np.uint8), np.full((32, 48, 3), 255, np.uint8)
    assert compare(black, white).mae == 1
    assert compare(white, black).mae == 1


def test_pictures_of_two_shapes_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="shape"):
        compare(scene(), scene()[:10])
    with pytest.raises(ValueError, match="shape"):
        changed(scene(), scene()[:10])


def noisy(level: int, sigma: float) -> Image.Image:
    values = level + np.random.default_rng(0).normal(0, sigma, (512, 512, 3))
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def specked() -> Image.Image:
    image = Image.new("RGB", (512, 512), (240, 240, 240))
    image.paste((0, 0, 0), (10, 10, 22, 22))
    return image


@pytest.mark.parametrize(
    "image",
    [Image.new("RGB", (512, 300), color) for color in ("white", "black", "red")]
    + [noisy(250, 2), specked(), Image.new("RGB", (20, 400), "grey")],
)
def test_flat_colours_are_blank(image: Image.Image) -> None:
    assert is_blank(image)


def ramp() -> Image.Image:
    line = np.linspace(0, 255, 512).astype(np.uint8)
    return Image.fromarray(np.repeat(np.tile(line, (512, 1))[..., None], 3, axis=2))


@pytest.mark.parametrize("image", [Image.fromarray(scene()), ramp(), noisy(120, 40)])
def test_pictures_are_not_blank(image: Image.Image) -> None:
    assert not is_blank(image)
