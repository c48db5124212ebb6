"""Which picture a caption asks for, and what is kept of it."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from editcorpus.endpoints.requests import ImageMake, request_hash
from editcorpus.geometry import FIXED_SIZES
from editcorpus.ledger import Record
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.responses import ImageAnswer
from editcorpus.steps import synthesize

TRIPLET = Triplet(
    *("hqedit/a", "hqedit", "edit", "", "Add a hat.", 0, "CC-BY-NC-4.0", "f", 0, 0),
    caption="A man with a {small} dog in a park.",
)
CONFIG = synthesize.Config()


def made(triplet: Triplet, config: synthesize.Config = CONFIG) -> ImageMake:
    found = synthesize.request(triplet, config)
    assert isinstance(found, ImageMake)
    return found


def test_the_prompt_is_the_caption_even_with_braces() -> None:
    assert made(TRIPLET).prompt == TRIPLET.caption


@pytest.mark.parametrize("caption", ["", "  \n", "“”", "!" * 512, "a cat " * 9000])
def test_a_row_without_a_usable_caption_is_rejected(caption: str) -> None:
    found = synthesize.request(replace(TRIPLET, caption=caption), CONFIG)
    assert isinstance(found, Rejected)
    assert (found.id, found.step, found.reason) == (
        *("hqedit/a", "synthesize"),
        Reason.CAPTION_MISSING,
    )


def test_each_of_the_three_ratios_is_drawn_about_as_often() -> None:
    sizes = Counter(synthesize.size_of(f"hqedit/{n}", CONFIG) for n in range(3000))
    assert set(sizes) == set(FIXED_SIZES)
    assert all(900 < count < 1100 for count in sizes.values())


def test_the_ratio_follows_from_seed_and_id_alone() -> None:
    ids = [f"hqedit/{n}" for n in range(50)]
    first = [synthesize.size_of(key, CONFIG) for key in ids]
    assert first == [synthesize.size_of(key, synthesize.Config(model="other")) for key in ids]
    assert first != [synthesize.size_of(key, synthesize.Config(seed=1)) for key in ids]
    assert made(TRIPLET).size == synthesize.size_of(TRIPLET.id, CONFIG)


def test_the_draw_never_changes() -> None:
    drawn = [synthesize.size_of(f"hqedit/{n}", CONFIG) for n in range(4)]
    assert drawn == [(1024, 1024), (1024, 1536), (1024, 1024), (1024, 1024)]


def test_no_quality_is_sent_where_none_is_set() -> None:
    assert made(TRIPLET, synthesize.Config(quality="unset")).quality == ""
    assert made(TRIPLET).quality == "high"


def test_tokens_key_and_size_come_from_answer_and_request() -> None:
    make = made(TRIPLET)
    record = Record(
        attempt="p-0",
        key=request_hash("openai", make, 0),
        run="r",
        shard=0,
        id=TRIPLET.id,
        step="synthesize",
        sample=0,
        model=make.model,
        usd=Decimal("0.06"),
        at="2026-11-20T00:00:00.000+00:00",
        outcome="settled",
        usage={"text_in": 12, "image_out": 1756},
        request_id="req_1",
        seconds=1.0,
    )
    row = synthesize.synthesized(TRIPLET, make, ImageAnswer(record), CONFIG)
    assert (row.id, row.response, (row.width, row.height)) == (TRIPLET.id, record.key, make.size)
    assert row.attempt == "p-0"
    assert (row.text_tokens_in, row.image_tokens_in, row.image_tokens_out) == (12, 0, 1756)
    assert (row.model, row.quality, row.prompt_version) == (make.model, "high", "plain-1")
