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
from editcorpus.stages.estimate import Kind, Prices, estimate
from editcorpus.stages.looking import Look, Sample, sample_rows
from editcorpus.steps import align, pad, regenerate, rewrite
from editcorpus.tokens import text_tokens

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
SAMPLE = Sample(
    rows=1000, looked_at=4, fit=(Look(TRIPLET, (1024, 1024)), Look(TRIPLET, (1536, 1024)))
)


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
        usage = replace(images.guessed_usage(what), text_in=text_tokens(what.prompt))
        usd.append(images.price(what, usage))
    found = estimate("standard", SAMPLE, given)
    assert found.total.low == sum(usd) * 250
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
    assert found["regenerate"].worst == sum(worst) * 250 * 3
    for name in ("rewrite", "align"):  # three tries of each of two samples
        assert found[name].worst >= 6 * found[name].expected / Decimal("1.02")


def test_what_would_be_padded_too_much_is_not_priced() -> None:
    long = replace(SAMPLE, fit=(Look(TRIPLET, (4000, 500)), Look(TRIPLET, (1024, 1024))))
    assert estimate("x", long, prices()).steps["regenerate"].calls == 250
    none = estimate("x", replace(SAMPLE, fit=(Look(TRIPLET, (4000, 500)),)), prices())
    assert (none.total.calls, none.total.worst, none.hours) == (0, 0, {})


def test_free_canvases_are_those_of_the_pad_step() -> None:
    free = pad.Config(canvas="free")
    size = (900, 700)
    found = estimate("x", replace(SAMPLE, fit=(Look(TRIPLET, size),)), prices(free))
    assert found.padded_share == float(padded_share(pad.canvas_geometry(size, free)))


def test_more_calls_in_flight_take_less_time() -> None:
    slow, fast = (estimate("x", SAMPLE, prices(in_flight=n)).hours for n in (8, 16))
    assert slow == pytest.approx({step: 2 * hours for step, hours in fast.items()})
    assert slow["regenerate"] == pytest.approx(500 * 15 / 8 / 3600)


@pytest.mark.parametrize(
    ("limit", "hours"),
    [
        ({"requests_per_minute": 1}, 500 / 60),
        ({"input_images_per_minute": 2}, 250 / 60),
        ({"tokens_per_minute": 1285}, 500 / 60),  # 1280 patches on average, and the instruction
        ({"requests_per_minute": 100_000}, 500 * 15 / 64 / 3600),  # what is in flight decides
    ],
)
def test_the_tightest_limit_decides_the_hours(limit: dict[str, int], hours: float) -> None:
    found = estimate("x", SAMPLE, prices(in_flight=64, **limit))
    assert found.hours["regenerate"] == pytest.approx(hours)


def test_a_batch_is_half_price_where_there_is_a_list() -> None:
    found = estimate("x", SAMPLE, prices())
    for cost in found.kinds.values():
        assert cost.batch * 2 == pytest.approx(cost.expected)
    flat = replace(
        prices(),
        endpoints={
            **prices().endpoints,
            "regenerate": endpoint_from("images", {"tariff": "per_image", "usd_per_image": "0.02"}),
        },
    )
    edits = estimate("x", SAMPLE, flat).steps["regenerate"]
    assert edits.batch == edits.expected == Decimal("0.02") * 500 * Decimal("1.02")


def test_edits_are_told_apart_by_quality_and_size() -> None:
    given = prices()
    given = replace(given, edit=regenerate.Config(quality="high", square_quality="low"))
    edits = [kind for kind in estimate("x", SAMPLE, given).kinds if kind.step == "regenerate"]
    model = given.edit.model
    assert edits == [
        Kind("regenerate", model, "high", "1536x1024"),
        Kind("regenerate", model, "low", "1024x1024"),
    ]


def test_edits_in_the_store_cost_nothing_more() -> None:
    other = Look(replace(TRIPLET, id="omniedit/b"), (1536, 1024))
    sample = replace(SAMPLE, fit=(SAMPLE.fit[0], other))
    every, rest, none = (
        estimate("x", sample, prices(), ids)
        for ids in ((), ("omniedit/a",), ("omniedit/a", "omniedit/b"))
    )
    assert (every.served, rest.served, none.served) == (0, 250, 500)
    assert every.total.low > rest.total.low > none.total.low == 0
    assert next(iter(rest.kinds)).size == "1536x1024"
    assert none.steps["regenerate"].calls == 0
    assert none.steps["align"] == every.steps["align"]
    assert none.keeps == every.keeps


def test_where_every_row_was_looked_at_the_rewrites_are_known() -> None:
    looks = tuple(Look(replace(TRIPLET, id=f"omniedit/{n}"), (1024, 1024)) for n in range(40))
    known = estimate("x", Sample(40, 40, looks), prices())
    config = rewrite.Config(share=0.1)
    assert known.steps["rewrite"].calls == sum(
        rewrite.chosen(f"omniedit/{n}", config) for n in range(40)
    )
    assert estimate("x", Sample(400, 40, looks), prices()).steps["rewrite"].calls == 40


def test_what_is_kept_follows_the_pixels() -> None:
    png = estimate("x", SAMPLE, prices()).keeps
    assert png.total == png.answers + png.pad + png.filter + png.corpus
    assert 0.7e9 < png.answers < 0.8e9  # 500 canvases of 1.3 megapixels, 1.12 bytes a pixel
    jpeg = replace(prices(), edit=regenerate.Config(quality="low", output_format="jpeg"))
    assert estimate("x", SAMPLE, jpeg).keeps.answers < png.answers
    converted = tuple(replace(look, as_published=False) for look in SAMPLE.fit)
    assert estimate("x", replace(SAMPLE, fit=converted), prices()).keeps.pad > png.pad


def test_a_sample_keeps_to_the_limits_of_the_pad_step(source: Path) -> None:
    inputs = Inputs.find(str(source))
    looked = [
        sample_rows(SOURCE, inputs, Selection(), 100, [config])
        for config in (pad.Config(), pad.Config(min_side=250), pad.Config(max_pixels=100_000))
    ]
    assert [(each.rows, each.looked_at) for each in looked] == [(6, 6)] * 3
    assert [sorted(look.size for look in each.fit) for each in looked] == [
        [(200, 300), (200, 310), (240, 240), (320, 240), (1024, 1024)],
        [(1024, 1024)],
        [(200, 300), (200, 310), (240, 240), (320, 240)],
    ]


def test_a_sample_is_no_larger_than_the_selection(source: Path) -> None:
    inputs = Inputs.find(str(source))
    few = sample_rows(SOURCE, inputs, Selection(limit=3), 100, [pad.Config()])
    assert (few.rows, few.looked_at) == (3, 3)
    one = sample_rows(SOURCE, inputs, Selection(), 1, [pad.Config()])
    assert (one.rows, one.looked_at) == (6, 1)


def test_canvases_are_hashed_only_where_they_are_asked_for(source: Path) -> None:
    inputs = Inputs.find(str(source))
    both = [pad.Config(), pad.Config(canvas="free")]
    plain = sample_rows(SOURCE, inputs, Selection(), 100, both)
    laid = sample_rows(SOURCE, inputs, Selection(), 100, both, canvases=True)
    assert {tuple(look.canvases) for look in plain.fit} == {()}
    assert {tuple(look.canvases) for look in laid.fit} == {("fixed", "free")}
    square = next(look for look in laid.fit if look.size == (1024, 1024))
    assert len(set(square.canvases.values())) == 1
    assert (square.as_published, square.stored_bytes > 1000) == (True, True)
