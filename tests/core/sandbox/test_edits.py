import numpy as np
import pytest
from PIL import Image

from editcorpus.sandbox.defects import Defect
from editcorpus.sandbox.edits import Plan, edited, margin_box, scene
from editcorpus.sandbox.judge import measured
from editcorpus.sandbox.wishes import Kind, understand

PROMPTS = {
    "Remove the dog in the background": Kind.REMOVAL,
    "Add a red hat to the man": Kind.ADDITION,
    "Turn it into a watercolor painting": Kind.STYLE,
    "Blur the passers-by": Kind.BLUR,
    "Replace the background with a beach": Kind.BACKGROUND,
    "Make it a snowy winter evening": Kind.ENVIRONMENT,
    "Replace the cat with a lion": Kind.SWAP,
    "Make the picture brighter": Kind.TONE,
    "Make the shirt blue": Kind.COLOUR,
}


def plan(prompt, **given):
    return Plan(prompt, given.pop("size", (1536, 1024)), f"key {prompt}", 1, **given)


def difference(one, other):
    return np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max(axis=2)


@pytest.mark.parametrize(("prompt", "kind"), PROMPTS.items())
def test_the_words_of_an_instruction_choose_the_edit(prompt, kind):
    assert understand(prompt, 0).kind is kind


@pytest.mark.parametrize("prompt", PROMPTS)
def test_an_edit_shows_in_the_content_and_never_in_the_padding(prompt, canvas):
    result = edited(canvas, plan(prompt))
    changed = difference(canvas, result)
    assert result.size == canvas.size
    assert (changed[:, 118:1418] > 25).mean() > 0.002
    assert not changed[:, :118].any()
    assert not changed[:, 1418:].any()


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_same_plan_paints_the_same_picture(prompt, canvas):
    once, again = (edited(canvas, plan(prompt, size=(384, 256))) for _ in range(2))
    assert once.tobytes() == again.tobytes()


@pytest.mark.parametrize("prompt", ["Remove the dog", "Add a red hat", "Make the shirt blue"])
def test_local_edits_leave_most_of_the_frame_where_it_was(prompt, photo):
    result = edited(photo, plan(prompt))
    assert (difference(photo, result) == 0).mean() > 0.8


def test_another_instruction_edits_another_way(canvas):
    one, other = (edited(canvas, plan(f"Add a {what}")) for what in ("blue ball", "red car"))
    assert (difference(one, other) > 25).mean() > 0.01


def test_the_seed_moves_the_edit(photo):
    one, other = (edited(photo, Plan("Add a dog", photo.size, "k", seed)) for seed in (1, 2))
    assert (difference(one, other) > 25).mean() > 0.01


def test_the_picture_is_brought_to_the_size_that_was_asked_for(photo):
    assert edited(photo, plan("Add a dog", size=(1024, 1536))).size == (1024, 1536)


def test_a_mask_holds_the_edit_inside_it(photo):
    mask = Image.new("L", photo.size)
    mask.paste(255, (0, 0, 700, 1024))
    changed = difference(photo, edited(photo, plan("Make it night"), mask))
    assert changed[:, :690].mean() > 20
    assert not changed[:, 710:].any()


def test_an_echo_is_the_source(photo):
    assert edited(photo, plan("Add a dog", defect=Defect.ECHO)).tobytes() == photo.tobytes()


def test_a_blank_answer_has_one_colour(photo):
    extremes = edited(photo, plan("Add a dog", defect=Defect.BLANK)).getextrema()
    assert all(low == high for low, high in extremes)


def test_a_shift_moves_the_frame_by_the_configured_share(photo):
    shifted = edited(photo, plan("Add a dog", defect=Defect.SHIFT, drift=0.05))
    plain = np.asarray(edited(photo, plan("Add a dog")))
    pixels = np.asarray(shifted)
    across, down = round(0.05 * 1536), round(0.05 * 1024 / 2)
    right = (pixels[down:, across:] == plain[:-down, :-across]).all()
    left = (pixels[down:, :-across] == plain[:-down, across:]).all()
    assert right or left


def test_a_zoom_and_a_strange_picture_are_not_preserved(photo):
    changes = {
        defect: measured(photo, edited(photo, plan("Add a dog", defect=defect, drift=0.05)))
        for defect in (Defect.ZOOM, Defect.EVERYTHING)
    }
    assert changes[Defect.ZOOM].lost > 0.1
    assert changes[Defect.EVERYTHING].lost > 0.7


@pytest.mark.parametrize("drift", [0.001, 0.03])
def test_padding_that_is_left_is_a_white_bar_of_2_px_or_more_at_a_padded_side(canvas, drift):
    clean = edited(canvas, plan("Add a red hat"))
    found = edited(canvas, plan("Add a red hat", defect=Defect.PADDING, drift=drift))
    columns = difference(clean, found).any(axis=0).nonzero()[0]
    width = round(columns.max() - columns.min() + 1)
    assert 2 <= width <= max(2, drift * 1536 + 1)
    assert {columns.min() - 118, 1417 - columns.max()} & {0}
    assert (np.asarray(found)[:, columns.min() : columns.max() + 1] == 255).all()


def test_the_picture_of_a_benchmark_takes_the_place_of_the_content(canvas, photo):
    known = photo.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    found = edited(canvas, plan("Add a hat", defect=Defect.BENCHMARK, instead=known))
    shown = found.crop((118, 0, 1418, 1024)).resize((300, 200))
    assert difference(shown, known.resize((300, 200))).mean() < 2
    assert (np.asarray(found)[:, :118] == 255).all()


def test_an_exchanged_answer_is_the_edit_that_the_other_request_asked_for(canvas, photo):
    swapped = plan("Add a red hat", defect=Defect.SWAPPED, instead=photo)
    assert edited(canvas, swapped) == edited(photo, plan("Add a red hat"))


def test_a_white_margin_is_found_and_a_white_picture_is_all_content(canvas):
    assert margin_box(canvas) == (118, 0, 1418, 1024)
    assert margin_box(Image.new("RGB", (40, 30), "white")) == (0, 0, 40, 30)


def test_a_scene_is_painted_from_its_text_alone():
    one, other = (scene(plan(f"A {what}")) for what in ("red house", "green hill"))
    assert one.size == (1536, 1024)
    assert (difference(one, other) > 25).mean() > 0.05


@pytest.mark.parametrize("size", [(1, 1), (16, 3), (64, 64)])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_even_the_smallest_picture_can_be_edited(prompt, size):
    picture = Image.linear_gradient("L").convert("RGB").resize(size)
    assert edited(picture, plan(prompt, size=size)).size == size
