"""What the edit of one canvas asks for, and what is kept of its answer."""

from decimal import Decimal

import pytest

from editcorpus.ledger import Record
from editcorpus.records import Geometry, Triplet
from editcorpus.responses import ImageAnswer
from editcorpus.steps import regenerate

SQUARE = Geometry(700, 700, 1024, 1024, 0, 0, 1024, 1024)
WIDE = Geometry(900, 600, 1536, 1024, 0, 0, 1536, 1024)
TRIPLET = Triplet("omniedit/a", "omniedit", "addition", "", "Add a {hat}.", 0, "MIT", "f", 0, 0)


def test_the_prompt_is_the_instruction_even_with_braces():
    edit = regenerate.request(TRIPLET, SQUARE, "00", bytes, regenerate.Config())
    assert edit.prompt == "Add a {hat}."


def test_the_size_asked_for_is_the_canvas():
    edit = regenerate.request(TRIPLET, WIDE, "00", bytes, regenerate.Config())
    assert edit.size == (1536, 1024) == edit.picture.size


@pytest.mark.parametrize(("geometry", "quality"), [(SQUARE, "xhigh"), (WIDE, "max")])
def test_square_canvases_may_have_a_quality_of_their_own(geometry, quality):
    config = regenerate.Config(quality="max", square_quality="xhigh")
    assert regenerate.request(TRIPLET, geometry, "00", bytes, config).quality == quality


def test_the_canvas_is_read_only_when_somebody_asks():
    def never() -> bytes:
        raise AssertionError("read too early")

    regenerate.request(TRIPLET, SQUARE, "00", never, regenerate.Config())


def test_tokens_and_key_come_from_the_record():
    record = Record(
        attempt="p-0",
        key="ab" * 32,
        run="r",
        shard=0,
        id=TRIPLET.id,
        step="regenerate",
        sample=0,
        model="gpt-image-2.5-sunburst",
        usd=Decimal("0.06"),
        at="2026-11-20T00:00:00.000+00:00",
        outcome="settled",
        usage={"text_in": 5, "image_in": 1024, "image_out": 1756},
        request_id="req_1",
        seconds=1.0,
    )
    edit = regenerate.request(TRIPLET, SQUARE, "00", bytes, regenerate.Config())
    answer = ImageAnswer(record)
    made = regenerate.regenerated(TRIPLET, edit, answer, regenerate.Config())
    assert (made.response, made.image_tokens_out, made.prompt_version) == (
        "ab" * 32,
        1756,
        "plain-1",
    )
