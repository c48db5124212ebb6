"""Edits with a mask: they fill it and keep inside it, unless they are told to leak."""

import numpy as np
import pytest
from PIL import Image

from editcorpus.sandbox.config import Fault, SandboxConfig
from editcorpus.sandbox.defects import Defect
from editcorpus.sandbox.defects import struck as drawn
from editcorpus.sandbox.edits import Plan, edited
from editcorpus.sandbox.faults import Attempt, marked, struck
from editcorpus.sandbox.jobs import Kind
from editcorpus.sandbox.others import Others
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.planting import Draw, planted

HOLE = (600, 300, 900, 600)
PROMPTS = [
    "Remove the dog",
    "Add a red hat",
    "Turn it into a watercolor painting",
    "Blur the passers-by",
    "Replace the background with a beach",
    "Make it a snowy winter evening",
    "Replace the cat with a lion",
    "Make the picture brighter",
    "Make the shirt blue",
]


@pytest.fixture(scope="module")
def mask() -> Image.Image:
    made = Image.new("L", (1536, 1024))
    made.paste(255, HOLE)
    return made


def difference(one, other):
    return np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max(axis=2)


def split(changed) -> tuple:
    """What changed inside the hole, and outside of it."""
    rest = np.ones(changed.shape, bool)
    rest[HOLE[1] : HOLE[3], HOLE[0] : HOLE[2]] = False
    return changed[~rest], changed[rest]


def plan(prompt, defect=None) -> Plan:
    return Plan(prompt, (1536, 1024), f"key {prompt}", 1, defect)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_an_edit_fills_the_mask_and_nothing_else(prompt, photo, mask):
    inside, outside = split(difference(photo, edited(photo, plan(prompt), mask)))
    assert (inside > 0).mean() > 0.3
    assert not outside.any()


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_leak_changes_something_outside_as_well(prompt, photo, mask):
    leaky = edited(photo, plan(prompt, Defect.LEAK), mask)
    inside, outside = split(difference(photo, leaky))
    assert (inside > 0).mean() > 0.3
    assert 0.05 < (outside > 25).mean() < 0.5


def test_neither_touches_the_padding(canvas, mask):
    for defect in (None, Defect.LEAK):
        changed = difference(canvas, edited(canvas, plan("Make it night", defect), mask))
        assert changed.any() and not changed[:, :118].any() and not changed[:, 1418:].any()


@pytest.mark.parametrize("level", [0, 255])
def test_a_mask_that_forbids_or_allows_all_is_heeded(level, photo):
    whole = Image.new("L", photo.size, level)
    for defect in (None, Defect.LEAK):
        changed = difference(photo, edited(photo, plan("Make it night", defect), whole))
        assert (changed > 0).mean() > 0.9 if level else changed.any() == (defect is Defect.LEAK)


def planted_leak(rates, photo, *, masked):
    config, lot = SandboxConfig(defects=rates), Draw("k", (), masked=masked)
    return planted(Plan("Add a dog", photo.size, "k", 0), photo, lot, Others(None, None), config)


def test_a_leak_is_drawn_by_its_rate_for_edits_with_a_mask_alone(photo):
    assert planted_leak({"leak": 1.0}, photo, masked=True).defect is Defect.LEAK
    assert planted_leak({"leak": 1.0}, photo, masked=False).defect is None
    assert planted_leak({}, photo, masked=True).defect is None


@pytest.mark.parametrize("defect", Defect)
def test_a_marker_plants_a_defect_and_is_no_fault(defect):
    text = f"Add a dog [[emulate {defect}]]"
    assert drawn({}, 0, dict.fromkeys(Defect, "k"), marked(text)) is defect
    attempt = Attempt("k", 1, Persona.OPENAI, Kind.IMAGES, text, "")
    assert struck(SandboxConfig(), attempt) is None
    always = SandboxConfig(faults={"internal_error": 1.0})
    assert struck(always, attempt) is Fault.INTERNAL_ERROR


def test_a_mask_over_http_is_a_file_or_a_reference(client, photo, png, decoded):
    mask = Image.new("RGBA", photo.size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), HOLE)
    given = {"model": "gpt-image-2", "size": "1536x1024", "quality": "low"}
    for prompt, leaks in (
        ("Make the car blue", False),
        ("Make the car blue [[emulate leak]]", True),
    ):
        answer = client.images.edit(
            image=("a.png", png(photo), "image/png"),
            mask=("mask.png", png(mask), "image/png"),
            prompt=prompt,
            **given,
        )
        inside, outside = split(difference(photo, decoded(answer.data[0].b64_json)))
        assert (inside > 0).mean() > 0.5
        assert outside.any() == leaks
        assert answer.usage.input_tokens_details.image_tokens == 1536
