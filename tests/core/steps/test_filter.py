"""Verdicts on results, by their pixels."""

import json
from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageFilter

from editcorpus.frames import whole_frame
from editcorpus.geometry import fixed_canvas
from editcorpus.records import Geometry, Reason, Rejected, Triplet
from editcorpus.steps.filter import Config, Judged, Measures, judge
from editcorpus.steps.pad import lay
from editcorpus.verdicts import refusal

TRIPLET = Triplet("omniedit/1", "omniedit", "swap", "obj_swap", "do", 0, "MIT", "a.parquet", 0, 0)
GEOMETRY = fixed_canvas(640, 480)
CONFIG = Config()


@cache
def scene(seed: int = 0) -> Image.Image:
    """Structure at several scales, nothing white."""
    rng = np.random.default_rng(seed)
    total = np.zeros((480, 640, 3), np.float32)
    for cells in (8, 16, 32, 64):
        noise = rng.integers(0, 256, (cells * 3 // 4, cells, 3)).astype(np.uint8)
        layer = Image.fromarray(noise).resize((640, 480), Image.Resampling.BICUBIC)
        total += np.asarray(layer, np.float32) * (8 / cells) ** 0.5
    return Image.fromarray((total / total.max() * 215).astype(np.uint8))


NOISE = np.random.default_rng(3).integers(-3, 4, (1024, 1536, 3), np.int16)
CANVAS = lay(scene(), GEOMETRY)


def patched(share: float = 0.1, seed: int = 7) -> Image.Image:
    """The source with another picture in its middle."""
    made = scene().copy()
    width, height = int(640 * share**0.5), int(480 * share**0.5)
    patch = scene(seed).crop((0, 0, width, height))
    made.paste(patch, ((640 - width) // 2, (480 - height) // 2))
    return made


def regenerated(content: Image.Image) -> Image.Image:
    """A canvas as a model returns it: a little softer, with a little noise."""
    soft = lay(content, GEOMETRY).filter(ImageFilter.GaussianBlur(0.6))
    return Image.fromarray((np.asarray(soft, np.int16) + NOISE).clip(0, 255).astype(np.uint8))


def moved(canvas: Image.Image, x: float, zoom: float = 1.0) -> Image.Image:
    """Content shifted right by x px and zoomed about the middle."""
    left, right = ((edge - 768 - x) / zoom + 768 for edge in (0, 1536))
    top, bottom = ((edge - 512) / zoom + 512 for edge in (0, 1024))
    return canvas.transform(
        canvas.size,
        Image.Transform.EXTENT,
        (left, top, right, bottom),
        Image.Resampling.BICUBIC,
        fillcolor=(255, 255, 255),
    )


def verdict(
    answer: Image.Image, triplet: Triplet = TRIPLET, config: Config = CONFIG
) -> Judged | Rejected:
    return judge(triplet, GEOMETRY, CANVAS, answer, config)


def passed(answer: Image.Image, triplet: Triplet = TRIPLET, config: Config = CONFIG) -> Judged:
    made = verdict(answer, triplet, config)
    assert isinstance(made, Judged), made
    return made


def kept(answer: Image.Image, triplet: Triplet = TRIPLET, config: Config = CONFIG) -> Measures:
    return passed(answer, triplet, config).measures


def refused(answer: Image.Image, triplet: Triplet = TRIPLET, config: Config = CONFIG) -> Rejected:
    made = verdict(answer, triplet, config)
    assert isinstance(made, Rejected), made
    assert (made.id, made.step) == ("omniedit/1", "filter")
    return made


def test_a_true_edit_is_kept_and_measured() -> None:
    made = kept(regenerated(patched(0.1)))
    assert made.border_fraction == made.residual_padding == made.lost_share == 0
    assert made.registration == "aligned"
    assert 0 <= made.displacement_px <= 0.5
    assert passed(regenerated(patched(0.1))).frame == whole_frame(GEOMETRY, (1536, 1024))
    assert 0.03 < made.changed_share < 0.12
    assert 0 < made.mean_difference < 0.1
    assert made.registered
    assert made.registration_ncc > 0.7
    assert made.scale_x == pytest.approx(1, abs=0.001)
    assert made.shift_y == pytest.approx(0, abs=0.001)


def test_an_echo_is_no_edit() -> None:
    assert refused(CANVAS).reason is Reason.NO_EDIT
    framed = CANVAS.copy()
    framed.paste((0, 0, 0), (0, 0, 80, 1024))  # only the padding differs
    assert "every pixel" in refused(framed).detail


@pytest.mark.parametrize("task", ["swap", "style"])
def test_a_regenerated_source_is_no_edit(task: str) -> None:
    made = refused(regenerated(scene()), replace(TRIPLET, task=task))
    assert made.reason is Reason.NO_EDIT
    assert "below 0.20% and 1.00% is no edit" in made.detail


def test_a_source_that_was_only_shifted_is_no_edit() -> None:
    answer = moved(regenerated(scene()), 0, zoom=1.012)
    assert refused(answer).reason is Reason.NO_EDIT


def test_a_change_of_light_is_an_edit() -> None:
    answer = regenerated(scene().point(lambda value: int(value * 0.7)))
    assert kept(answer, replace(TRIPLET, task="env", subtask="env_weather")).changed_share > 0.3


@pytest.mark.parametrize("color", ["white", "black", "teal"])
def test_one_flat_colour_is_blank(color: str) -> None:
    assert refused(Image.new("RGB", (1536, 1024), color)).reason is Reason.ANSWER_BLANK


def test_white_ground_that_was_asked_for_is_not_judged() -> None:
    answer = Image.new("RGB", (1536, 1024), "white")
    answer.paste(regenerated(scene()).crop((600, 300, 900, 700)), (600, 300))
    answer.paste((255, 255, 255), (0, 0, 90, 1024))
    kept(answer, replace(TRIPLET, task="extraction", subtask=""))


def barred(thick: int) -> Image.Image:
    """A result with a white bar over the left edge of its content."""
    made = regenerated(patched())
    made.paste((255, 255, 255), (0, 0, GEOMETRY.box_x + thick, 1024))
    return made


@pytest.mark.parametrize("pixels", [2, 6, 20])
def test_padding_that_leaks_into_the_crop_is_refused(pixels: int) -> None:
    leaking = moved(regenerated(patched()), pixels), TRIPLET, Config(correct=False)
    for made in (refused(barred(pixels)), refused(*leaking)):
        assert made.reason is Reason.RESIDUAL_PADDING
        assert "left bar" in made.detail
        assert "0.0050" in made.detail


def test_the_limits_of_padding_are_parameters() -> None:
    made = kept(barred(3), config=Config(residual_padding=0.9))
    assert 0.15 < made.residual_padding < 0.3
    assert made.border_fraction == pytest.approx(made.residual_padding, abs=0.01)
    plain = refused(barred(3), config=Config(residual_padding=0.9, border_fraction=0.005))
    assert plain.reason is Reason.RESIDUAL_PADDING
    assert "has the colour of the padding" in plain.detail


def test_the_plain_border_rule_is_recorded_where_white_belongs_to_the_source() -> None:
    source, edited = scene().copy(), patched().copy()
    for picture in (source, edited):
        picture.paste((255, 255, 255), (0, 0, 40, 480))
    made = judge(TRIPLET, GEOMETRY, lay(source, GEOMETRY), regenerated(edited), CONFIG)
    assert isinstance(made, Judged), made
    assert made.measures.residual_padding == 0
    assert 0.15 < made.measures.border_fraction < 0.4


@pytest.mark.parametrize("x", [-12, -3, 3, 12])
def test_what_was_shifted_onto_the_padding_is_brought_back_whole(x: float) -> None:
    made = passed(moved(regenerated(patched()), x))
    measures = made.measures
    assert (measures.registration, measures.lost_share) == ("corrected", 0)
    assert measures.shift_x == pytest.approx(x / GEOMETRY.box_width, abs=0.0002)
    assert measures.displacement_px < 0.2
    assert measures.residual_padding == 0
    assert made.frame.size == (640, 480)
    assert made.frame.box[0] == pytest.approx(GEOMETRY.box_x + x, abs=0.2)


def test_what_left_the_frame_is_cut_off_both() -> None:
    made = passed(moved(regenerated(patched()), 0, zoom=1.014))
    measures = made.measures
    assert (measures.registration, measures.crop_left, measures.crop_right) == ("corrected", 0, 0)
    assert 2 <= measures.crop_top <= 4
    assert 2 <= measures.crop_bottom <= 4
    cut = measures.crop_top + measures.crop_bottom
    assert measures.lost_share == pytest.approx(cut / 480)
    assert made.frame.kept == (0, measures.crop_top, 640, 480 - measures.crop_bottom)
    assert made.pair.source.size == made.pair.edited.size
    assert measures.changed_share < 0.12
    assert measures.displacement_px < 0.3


def test_more_than_may_be_cut_off_is_refused() -> None:
    answer = moved(regenerated(patched()), 0, zoom=1.05)
    made = refused(answer)
    assert made.reason is Reason.CONTENT_LOST
    assert "0.0300" in made.detail
    assert kept(answer, config=Config(max_lost_share=0.2)).lost_share > 0.03


def test_nothing_is_undone_that_is_not_to_be() -> None:
    answer = moved(regenerated(patched()), -2)
    made = passed(answer, config=Config(correct=False, residual_padding=1))
    assert made.measures.registration == "displaced"
    assert made.measures.displacement_px == pytest.approx(2 * 640 / GEOMETRY.box_width, abs=0.1)
    assert made.frame == whole_frame(GEOMETRY, (1536, 1024))
    moving = replace(TRIPLET, subtask="camera_pan")
    assert passed(answer, moving, Config(residual_padding=1)).measures.registration == "moving"


def test_who_is_refused_for_a_figure_bears_all_of_them() -> None:
    made = refused(barred(6))
    figures = Measures(**json.loads(made.measured))
    found = refusal(TRIPLET, figures, CONFIG)
    assert found is not None
    assert (found.reason, found.detail) == (made.reason, made.detail)
    assert refusal(TRIPLET, figures, Config(residual_padding=1)) is None
    assert refusal(TRIPLET, kept(regenerated(patched())), CONFIG) is None
    assert asdict(figures)["residual_sides"] == "left bar"


def test_a_displaced_result_is_refused_and_a_moved_frame_is_not() -> None:
    answer = moved(regenerated(patched()), 0, zoom=1.14)
    made = refused(answer)
    assert made.reason is Reason.DISPLACED
    assert "0.0600" in made.detail
    free = kept(answer, replace(TRIPLET, subtask="camera_zoom"))
    assert free.scale_x == pytest.approx(1.14, abs=0.002)
    assert (free.registration, free.lost_share) == ("moving", 0)


def test_a_small_displacement_is_measured_and_kept() -> None:
    made = kept(moved(regenerated(patched()), -10, zoom=1.01))
    assert made.scale_y == pytest.approx(1.01, abs=0.002)
    assert made.shift_x == pytest.approx(-10 / GEOMETRY.box_width, abs=0.001)
    assert made.changed_share < 0.15


def test_another_picture_changed_everything_where_the_task_is_local() -> None:
    answer = regenerated(scene(seed=9).point(lambda value: 255 - value))
    made = refused(answer)
    assert made.reason is Reason.EVERYTHING_CHANGED
    assert "0.600" in made.detail
    for task in ("style", "env"):
        free = kept(answer, replace(TRIPLET, task=task))
        assert not free.registered
        assert (free.registration, free.displacement_px) == ("unregistered", -1)
    kept(answer, replace(TRIPLET, subtask="background_swap"))


@pytest.mark.parametrize(
    ("source", "task", "local"),
    [
        ("folder", "object_addition", True),
        ("folder", "background_replacement", False),
        ("folder", "viewpoint_transformation", False),
        ("seed-data-edit", "remove", True),
        ("seed-data-edit", "openimages", False),
        ("gpt-image-edit", "change_color", True),
        ("gpt-image-edit", "change_global", False),
    ],
)
def test_tasks_of_any_source_are_known_by_their_family(
    source: str, task: str, *, local: bool
) -> None:
    answer = regenerated(scene(seed=9).point(lambda value: 255 - value))
    triplet = replace(TRIPLET, dataset_source=source, task=task, subtask="")
    if local:
        assert refused(answer, triplet).reason is Reason.EVERYTHING_CHANGED
    else:
        kept(answer, triplet)


def test_an_answer_of_another_size_is_judged_in_its_own_box() -> None:
    answer = regenerated(patched()).resize((768, 512), Image.Resampling.BICUBIC)
    made = kept(answer)
    assert made.registered
    assert made.shift_x == pytest.approx(0, abs=0.001)
    echo = CANVAS.resize((3072, 2048), Image.Resampling.BICUBIC)
    assert refused(echo).reason is Reason.NO_EDIT


def test_a_canvas_without_padding_has_no_residue() -> None:
    geometry = Geometry(640, 480, 640, 480, 0, 0, 640, 480)
    edited = patched()
    edited.paste((255, 255, 255), (0, 0, 12, 480))
    made = judge(TRIPLET, geometry, scene(), edited, CONFIG)
    assert isinstance(made, Judged)
    assert made.measures.residual_padding == 0


def test_the_same_pictures_get_the_same_verdict() -> None:
    assert verdict(regenerated(patched())) == verdict(regenerated(patched()))
