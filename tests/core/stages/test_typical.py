"""What typical triplets need is what an estimate of such rows says."""

import pytest

from editcorpus import figures
from editcorpus.endpoints.endpoint import Endpoint, endpoint_from
from editcorpus.errors import ConfigError
from editcorpus.stages.typical import Typical, demand_of
from editcorpus.steps import pad, regenerate

ENDPOINTS: dict[str, Endpoint] = {
    "regenerate": endpoint_from("images", {}),
    "rewrite": endpoint_from("writer", {}),
    "align": endpoint_from("judge", {"tariff": "free"}),
}


def test_an_edit_shows_one_picture_and_takes_as_long_as_its_quality_does() -> None:
    high, low = (
        demand_of(Typical(100, edit=regenerate.Config(quality=quality)), ENDPOINTS)
        for quality in ("high", "low")
    )
    assert (high.images, high.edit_s, low.edit_s) == (1, 100, 15)
    assert demand_of(Typical(100, edit_s=42), ENDPOINTS).edit_s == 42
    assert high.usd > low.usd > 0


def test_dollars_bytes_and_batches_grow_with_the_triplets() -> None:
    one, ten = (demand_of(Typical(count), ENDPOINTS) for count in (1_000, 10_000))
    assert ten.usd == 10 * one.usd
    assert one.usd_batch * 2 == pytest.approx(one.usd, abs=1)
    assert one.usd_call * 1_000 > one.usd / 2
    assert ten.stored_bytes == pytest.approx(10 * one.stored_bytes)
    assert one.stored["journals"] == figures.JOURNAL_BYTES * 1_000
    assert all(size > 0 for size in one.stored.values())


def test_tokens_are_those_of_canvas_and_text() -> None:
    free = pad.Config(canvas="free")
    found = demand_of(Typical(1, (1024, 1024), padding=free), ENDPOINTS)
    shown = ENDPOINTS["regenerate"].tariffs.input_tokens(regenerate.Config().model, 1024, 1024)
    assert shown < found.tokens < shown + 50
    assert found.pixels == 1024 * 1024


def test_pictures_that_are_never_edited_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"4000x500 pixels would be padded by more than"):
        demand_of(Typical(10, (4000, 500)), ENDPOINTS)
