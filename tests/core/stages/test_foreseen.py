"""What builds of other kinds than the usual are said to cost: their own steps, and no others."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from editcorpus.demo.complex_edit import write_complex_edit
from editcorpus.demo.hqedit import write_hqedit
from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection
from editcorpus.records import Triplet
from editcorpus.sources import complex_edit, hqedit, omniedit, scaleedit, ultraedit
from editcorpus.stages.estimate import Prices, edit_keys, estimate
from editcorpus.stages.foreseen import asking_steps
from editcorpus.stages.looking import Look, Sample, sample_rows
from editcorpus.steps import align, compose, embed, pad, regenerate, rewrite
from flows.connections import ROLES

GENERATE = replace(hqedit.RECIPES["generate"], recipe="generate")
TRIPLET = Triplet(
    id="x/a",
    dataset_source="x",
    task="addition",
    subtask="",
    instruction="Add a red balloon.",
    instruction_index=0,
    license="MIT",
    file="a.parquet",
    row_group=0,
    row=0,
    caption="A cat on a wall.",
)
SAMPLE = Sample(100, 2, (Look(TRIPLET, (1024, 1024)), Look(replace(TRIPLET, id="x/b"), (900, 700))))


def prices(steps: tuple[str, ...], share: float = 0.0) -> Prices:
    endpoints = {
        step: endpoint_from(role, {"tariff": "free"} if role in {"judge", "embedder"} else {})
        for step, role in ROLES.items()
    }
    return Prices(
        endpoints,
        pad.Config(),
        regenerate.Config(quality="low"),
        rewrite.Config(share=share),
        align.Config(),
        steps,
    )


@pytest.mark.parametrize(
    ("source", "variant", "steps"),
    [
        (omniedit.SOURCE, "output", ("regenerate", "rewrite", "align")),
        (omniedit.SOURCE, "base", ("rewrite", "align")),
        (scaleedit.SOURCE, "output", ("regenerate", "rewrite", "align")),
        (complex_edit.SOURCE, "output", ("compose", "regenerate", "rewrite", "align")),
        (complex_edit.SOURCE, "base", ("rewrite", "align")),
        (GENERATE, "pair", ("synthesize", "regenerate", "rewrite", "align")),
        (
            omniedit.SOURCE.as_pair(),
            "pair",
            ("caption", "synthesize", "regenerate", "rewrite", "align"),
        ),
        (
            complex_edit.SOURCE.as_pair(),
            "pair",
            ("caption", "synthesize", "compose", "regenerate", "rewrite", "align"),
        ),
        (ultraedit.RECIPES["free"], "output", ("classify", "regenerate", "rewrite", "align")),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_the_steps_are_those_of_the_build(source, variant, steps) -> None:  # type: ignore[no-untyped-def]
    assert asking_steps(source, variant) == steps
    found = estimate("x", SAMPLE, prices(steps))
    assert tuple(found.steps) == steps
    assert set(found.hours) == set(steps)
    empty = estimate("x", replace(SAMPLE, fit=()), prices(steps))
    assert tuple(empty.steps) == steps
    assert empty.total.worst == 0


def test_a_base_pair_asks_for_no_picture_and_keeps_no_answer() -> None:
    found = estimate("x", SAMPLE, prices(("rewrite", "align")))
    assert found.steps["align"].calls == 300
    assert (found.total.low, found.total.expected, found.total.worst) == (0, 0, 0)
    assert (found.tokens_out, found.keeps.answers) == (0.0, 0.0)
    assert edit_keys(SAMPLE, prices(("rewrite", "align"))) == {}


def test_a_composed_instruction_is_five_questions_of_three_kinds() -> None:
    steps = ("compose", "regenerate", "align")
    found = estimate("x", SAMPLE, prices(steps))
    assert found.steps["compose"].calls == 100 * 5
    assert 0 < found.steps["compose"].low < found.steps["compose"].worst
    harder = replace(prices(steps), composing=compose.Config(level=8))
    assert estimate("x", SAMPLE, harder).steps["compose"].calls == 100 * 10
    laid = replace(SAMPLE, fit=tuple(replace(one, canvases={"fixed": "a"}) for one in SAMPLE.fit))
    assert edit_keys(laid, prices(steps)) == {}
    assert len(edit_keys(laid, prices(("regenerate", "align")))) == 2


def test_a_new_source_image_is_one_picture_more_and_nothing_is_read_for_it(tmp_path: Path) -> None:
    inputs = Inputs.find(str(write_hqedit(tmp_path)))
    sample = sample_rows(GENERATE, inputs, Selection(), 100, [pad.Config()])
    assert (sample.rows, sample.looked_at, len(sample.fit)) == (8, 8, 7)
    assert {look.size for look in sample.fit} == {(0, 0)}
    given = prices(("synthesize", "regenerate", "align"))
    found = estimate("x", sample, given)
    assert found.steps["synthesize"].calls == found.steps["regenerate"].calls == 6  # no caption
    assert found.padded_share == 0  # they are made at the sizes of canvases
    assert found.total.low == found.steps["synthesize"].low + found.steps["regenerate"].low
    assert found.keeps.answers > 2 * 6 * 1024**2  # two answers for each row, at least square


def test_a_caption_is_a_cheap_question_about_the_published_picture_and_no_row_needs_one(
    tmp_path: Path,
) -> None:
    pair = complex_edit.SOURCE.as_pair()
    inputs = Inputs.find(str(write_complex_edit(tmp_path)))
    sample = sample_rows(pair, inputs, Selection(), 100, [pad.Config()])
    rows = len(sample.fit)
    assert 0 < rows < sample.looked_at  # some cannot be used
    assert all(min(look.size) > 0 for look in sample.fit)
    found = estimate("x", sample, prices(("caption", "synthesize", "regenerate")))
    calls = {step: cost.calls for step, cost in found.steps.items()}
    assert calls == dict.fromkeys(("caption", "synthesize", "regenerate"), rows)
    caption, made = found.steps["caption"], found.steps["synthesize"]
    assert 0 < caption.low < made.low * Decimal("0.3")
    assert caption.low < caption.expected < caption.worst
    larger = replace(sample, fit=tuple(replace(look, size=(4096, 4096)) for look in sample.fit))
    again = estimate("x", larger, prices(("caption", "synthesize", "regenerate")))
    assert again.steps["caption"].low > caption.low
    assert again.steps["synthesize"].low == made.low


def test_later_turns_are_neither_described_nor_made() -> None:
    later = Look(replace(TRIPLET, id="x/c#2", previous="x/c#1"), (800, 600))
    sample = replace(SAMPLE, looked_at=3, rows=3, fit=(*SAMPLE.fit, later))
    steps = estimate("x", sample, prices(("caption", "synthesize", "regenerate"))).steps
    assert [cost.calls for cost in steps.values()] == [2, 2, 3]


def test_kinds_are_told_by_a_cheap_question_about_the_text() -> None:
    found = estimate("x", SAMPLE, prices(("classify", "regenerate")))
    assert found.steps["classify"].calls == 100
    assert found.steps["classify"].expected < found.steps["regenerate"].expected * Decimal("0.05")


def test_a_sample_of_a_source_that_is_gone_through_once_is_of_its_first_rows(
    tmp_path: Path,
) -> None:
    keeping = replace(complex_edit.SOURCE, keeps=True)
    inputs = Inputs.find(str(write_complex_edit(tmp_path)))
    sample = sample_rows(keeping, inputs, Selection(stratify=False), 2, [pad.Config()])
    assert [look.triplet.row % 3 for look in sample.fit] == [0, 1]


def test_vectors_are_counted_by_model_and_priced_where_they_have_a_price() -> None:
    steps = asking_steps(omniedit.SOURCE, "output", embeds=True)
    assert steps == ("regenerate", "rewrite", "align", "embed")
    told = '{"input_description": "A cat.", "output_description": "A dog."}'
    captioned = replace(SAMPLE.fit[0], triplet=replace(TRIPLET, facts=told))
    sample = replace(SAMPLE, fit=(captioned, SAMPLE.fit[1]))
    config = embed.Config(model="q", clip_model="c", dino_model="d")
    row = {"kind": "chat", "prices": {"text_in": "1", "image_in": "1"}, "source": "mine"}
    own = {"as_of": "2026-11-20", "models": {name: dict(row) for name in ("q", "c", "d")}}
    for each in own["models"].values():  # type: ignore[attr-defined]
        each["input_tokens"] = {"rule": "patches"}
    given = replace(prices(steps), embedding=config)
    priced = endpoint_from("embedder", {"prices": own})
    found = estimate("x", sample, replace(given, endpoints={**given.endpoints, "embed": priced}))
    calls = {kind.model: cost.calls for kind, cost in found.kinds.items() if kind.step == "embed"}
    assert calls == {"q": 50 * (5 + 3), "c": 50 * (4 + 2), "d": 50 * (2 + 2)}
    cost = found.steps["embed"]
    assert cost.low == 0 < cost.expected < cost.worst
    unpriced = estimate("x", sample, given)
    assert unpriced.steps["embed"].expected == 0
    assert unpriced.hours["embed"] > 0
