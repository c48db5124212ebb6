"""What a build is said to cost follows from the formulas and the limits of the engine."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.geometry import padded_share
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection
from editcorpus.records import Triplet
from editcorpus.sources.omniedit import SOURCE
from editcorpus.stages.estimate import Prices, Sample, estimate, sample_rows
from editcorpus.steps import align, pad, regenerate, rewrite

TRIPLET = Triplet(
    id="omniedit/a",
    dataset_source="omniedit",
    task="addition",
    subtask="",
    instruction="Add a red balloon.",
    instruction_index=0,
    license="MIT",
    file="a.parquet",
    row_group=0,
    row=0,
)
SAMPLE = Sample(rows=1000, looked_at=4, fit=((TRIPLET, (1024, 1024)), (TRIPLET, (1536, 1024))))


def prices(padding: pad.Config | None = None, judge_tariff: str = "free", **pace: int) -> Prices:
    endpoints = {
        "regenerate": endpoint_from("images", pace),
        "rewrite": endpoint_from("writer", pace),
        "align": endpoint_from("judge", {"tariff": judge_tariff, **pace}),
    }
    judging = align.Config(model="gpt-6-luna") if judge_tariff == "listed" else align.Config()
    return Prices(
        endpoints,
        padding or pad.Config(),
        regenerate.Config(quality="low"),
        rewrite.Config(share=0.1),
        judging,
    )


def test_calls_are_counted_by_step() -> None:
    steps = estimate("standard", SAMPLE, prices()).steps
    assert {name: cost.calls for name, cost in steps.items()} == {
        "regenerate": 500,  # two of four that were looked at are fit
        "rewrite": 50,
        "align": 1500,
    }


def test_low_is_every_edit_once_at_its_price() -> None:
    given = prices()
    images = given.endpoints["regenerate"]
    usd = []
    for size in ((1024, 1024), (1536, 1024)):
        geometry = pad.canvas_geometry(size, given.padding)
        what = regenerate.request(TRIPLET, geometry, "", bytes, given.edit)
        usd.append(images.price(what, images.guessed_usage(what)))
    found = estimate("standard", SAMPLE, given)
    assert found.total.low == sum(usd) / 2 * 500
    assert found.steps["rewrite"].low == found.steps["align"].low == 0


def test_expected_has_rewrites_and_judge_and_two_percent_of_repeats() -> None:
    free, listed = (
        estimate("x", SAMPLE, prices(judge_tariff=tariff)) for tariff in ("free", "listed")
    )
    edits = free.steps["regenerate"]
    assert edits.expected == edits.low * Decimal("1.02")
    assert free.total.expected == edits.expected + free.steps["rewrite"].expected
    assert free.steps["align"].expected == 0 < listed.steps["align"].expected
    assert listed.total.expected == sum(cost.expected for cost in listed.steps.values())


def test_worst_is_every_call_as_often_as_the_engine_pays_for_it() -> None:
    given = prices(judge_tariff="listed")
    view = pad.Config().view_longest
    assert view == 1024
    found = estimate("x", SAMPLE, given).steps
    images = given.endpoints["regenerate"]
    worst = []
    for size in ((1024, 1024), (1536, 1024)):
        geometry = pad.canvas_geometry(size, given.padding)
        worst.append(images.worst(regenerate.request(TRIPLET, geometry, "", bytes, given.edit)))
    assert found["regenerate"].worst == sum(worst) / 2 * 500 * 3
    for name in ("rewrite", "align"):  # three tries of each of two samples
        assert found[name].worst >= 6 * found[name].expected / Decimal("1.02")


def test_what_would_be_padded_too_much_is_not_priced() -> None:
    long = replace(SAMPLE, fit=((TRIPLET, (4000, 500)), (TRIPLET, (1024, 1024))))
    assert estimate("x", long, prices()).steps["regenerate"].calls == 250
    none = estimate("x", replace(SAMPLE, fit=((TRIPLET, (4000, 500)),)), prices())
    assert (none.total.calls, none.total.worst, none.hours) == (0, 0, 0)


def test_free_canvases_are_those_of_the_pad_step() -> None:
    free = pad.Config(canvas="free")
    size = (900, 700)
    found = estimate("x", replace(SAMPLE, fit=((TRIPLET, size),)), prices(free))
    assert found.padded_share == float(padded_share(pad.canvas_geometry(size, free)))


def test_more_calls_in_flight_take_less_time() -> None:
    slow, fast = (estimate("x", SAMPLE, prices(in_flight=n)).hours for n in (8, 16))
    assert slow == pytest.approx(2 * fast)
    assert slow == pytest.approx(500 * 15 / 8 / 3600)


def test_a_sample_keeps_to_the_limits_of_the_pad_step(source: Path) -> None:
    inputs = Inputs.find(str(source))
    looked = [
        sample_rows(SOURCE, inputs, Selection(), 100, config)
        for config in (pad.Config(), pad.Config(min_side=250), pad.Config(max_pixels=100_000))
    ]
    assert [(each.rows, each.looked_at) for each in looked] == [(6, 6)] * 3
    assert [sorted(size for _, size in each.fit) for each in looked] == [
        [(200, 300), (200, 310), (240, 240), (320, 240), (1024, 1024)],
        [(1024, 1024)],
        [(200, 300), (200, 310), (240, 240), (320, 240)],
    ]


def test_a_sample_is_no_larger_than_the_selection(source: Path) -> None:
    inputs = Inputs.find(str(source))
    few = sample_rows(SOURCE, inputs, Selection(limit=3), 100, pad.Config())
    assert (few.rows, few.looked_at) == (3, 3)
    one = sample_rows(SOURCE, inputs, Selection(), 1, pad.Config())
    assert (one.rows, one.looked_at) == (6, 1)
