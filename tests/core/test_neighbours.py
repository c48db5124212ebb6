"""Whose source a result fits."""

from collections import Counter
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from editcorpus.geometry import fixed_canvas
from editcorpus.neighbours import Misfit, Neighbour, Neighbours, signature
from editcorpus.steps.pad import lay

SIZES = ((480, 360), (640, 360), (480, 360), (300, 420), (450, 300), (480, 360))


@cache
def scene(seed: int) -> Image.Image:
    """Structure at several scales, of a size of its own."""
    rng = np.random.default_rng(seed)
    width, height = SIZES[seed]
    total = np.zeros((height, width, 3), np.float32)
    for cells in (8, 16, 32, 64):
        noise = rng.integers(0, 256, (cells * 3 // 4, cells, 3)).astype(np.uint8)
        layer = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(layer, np.float32) * (8 / cells) ** 0.5
    return Image.fromarray((total / total.max() * 235).astype(np.uint8))


def answered(picture: Image.Image) -> Image.Image:
    """A canvas as a model returns it: moved a little, softer, with noise."""
    canvas = lay(picture, fixed_canvas(*picture.size)).resize((768, 512))
    moved = canvas.transform(
        canvas.size,
        Image.Transform.EXTENT,
        (5.0, -3.0, 760.0, 500.0),
        Image.Resampling.BICUBIC,
        fillcolor="white",
    ).filter(ImageFilter.GaussianBlur(0.8))
    noise = np.random.default_rng(1).integers(-4, 5, (512, 768, 3))
    return Image.fromarray((np.asarray(moved, np.int16) + noise).clip(0, 255).astype(np.uint8))


def edited(picture: Image.Image, share: float = 0.1) -> Image.Image:
    """With a negative of itself in its middle."""
    made = picture.copy()
    width, height = (int(side * share**0.5) for side in picture.size)
    box = ((made.width - width) // 2, (made.height - height) // 2)
    part = made.crop((*box, box[0] + width, box[1] + height))
    made.paste(ImageOps.invert(part).rotate(180), box)
    return made


class Shard:
    """Sources of a shard, and how often each was looked at."""

    def __init__(self, *names: str) -> None:
        self.looks: Counter[str] = Counter()
        pictures = {name: scene(int(name.partition("#")[0][-1])) for name in names}
        self.neighbours = Neighbours([self._source(*each) for each in pictures.items()])

    def _source(self, name: str, picture: Image.Image) -> Neighbour:
        def look(side: int) -> Image.Image:
            self.looks[name] += 1
            assert side <= 768
            return picture.convert("L")

        return Neighbour(name, fixed_canvas(*picture.size), look)


@pytest.fixture(scope="module")
def shard() -> Shard:
    return Shard("x/0", "x/1", "x/2", "x/3", "x/4")


def test_nothing_is_looked_at_before_a_result_is_suspected() -> None:
    assert not Shard("x/0", "x/1").looks


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_an_edit_of_another_source_is_named(shard: Shard, share: float) -> None:
    found = shard.neighbours.whose("x/0", answered(edited(scene(1), share)))
    assert isinstance(found, Misfit)
    assert found.id == "x/1"
    assert found.ncc > 0.4
    assert found.own_ncc < 0.15
    assert found.of == "local contrast"


def test_a_change_of_tone_does_not_hide_it(shard: Shard) -> None:
    dark = scene(2).point(lambda level: int(level * 0.4) + 20)
    found = shard.neighbours.whose("x/4", answered(dark))
    assert found is not None
    assert found.id == "x/2"


def redrawn(picture: Image.Image) -> Image.Image:
    """Solarized: local contrast is turned round in half of the places, and finds nothing again."""
    grey = ImageOps.autocontrast(picture.convert("L"))
    return ImageOps.solarize(grey, 128).convert("RGB")


def test_what_was_redrawn_of_another_source_is_named_by_its_contours(shard: Shard) -> None:
    found = shard.neighbours.whose("x/0", answered(redrawn(scene(2))))
    assert found is not None
    assert (found.id, found.of) == ("x/2", "contours")
    assert found.ncc > 0.25
    assert found.own_ncc < 0.1


def test_what_was_redrawn_of_its_own_source_is_nobody_elses(shard: Shard) -> None:
    assert shard.neighbours.whose("x/2", answered(redrawn(scene(2)))) is None


def test_an_edit_of_its_own_source_is_nobody_elses(shard: Shard) -> None:
    for picture in (edited(scene(0)), edited(scene(0), 0.5), ImageOps.invert(scene(0))):
        assert shard.neighbours.whose("x/0", answered(picture)) is None


def test_a_picture_of_something_else_is_nobodys(shard: Shard) -> None:
    assert shard.neighbours.whose("x/0", answered(scene(5))) is None
    assert shard.neighbours.whose("x/0", Image.new("RGB", (1536, 1024), "teal")) is None


def test_sources_on_a_canvas_of_another_size_are_not_asked(shard: Shard) -> None:
    upright = lay(scene(3), fixed_canvas(*scene(3).size))
    assert shard.neighbours.whose("x/0", upright.resize((1536, 1024))) is None


def test_two_triplets_of_one_source_are_not_told_apart() -> None:
    twins = Shard("a/1", "b/1", "c/4")
    assert twins.neighbours.whose("a/1", answered(edited(scene(1)))) is None


@pytest.mark.parametrize(("name", "known"), [("y/1", True), ("x/0#1", False)])
def test_the_next_turn_of_a_conversation_may_begin_with_this_result(name: str, known: bool) -> None:
    geometry = fixed_canvas(*SIZES[1])
    first = Neighbour("x/0", fixed_canvas(*SIZES[0]), lambda _: scene(0).convert("L"))
    other = Neighbour(name, geometry, lambda _: scene(1).convert("L"))
    found = Neighbours([first, other]).whose("x/0", answered(edited(scene(1))))
    assert (found is not None) == known


def test_each_source_is_looked_at_once_for_all_suspects() -> None:
    shard = Shard("x/0", "x/1", "x/2")
    for _ in range(3):
        assert shard.neighbours.whose("x/0", answered(scene(5))) is None
    assert shard.looks == {"x/0": 1, "x/1": 1, "x/2": 1}


def test_a_signature_has_length_one_but_that_of_a_flat_picture() -> None:
    assert np.linalg.norm(signature(scene(0).convert("L"))) == pytest.approx(1, abs=1e-4)
    assert not signature(Image.new("L", (300, 200), 90)).any()
