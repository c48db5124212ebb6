"""What is expected of a build is what the sandbox bills for it, by model, size and quality."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection
from editcorpus.sandbox import Running
from editcorpus.sources.omniedit import SOURCE
from editcorpus.stages.estimate import Kind, Prices, edit_keys, estimate
from editcorpus.stages.looking import sample_rows
from editcorpus.stages.opening import opened
from editcorpus.stages.order import STAGES
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.steps import align, pad, regenerate, rewrite

PRESETS = {
    "standard": ("fixed", {"quality": "high"}),
    "paper": ("fixed", {"quality": "max", "square_quality": "xhigh"}),
    "modern": ("free", {"quality": "medium"}),
    "cheap": ("fixed", {"quality": "low", "model": "gpt-image-2"}),
}
SELECTION = Selection(shard_size=64)
NEAR = Decimal("0.05")


@pytest.fixture(scope="module")
def rows(
    demo_rows: Mapping[str, Mapping[str, Any]],
    write_rows: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Twenty-four rows of the demo, of all shapes; some cannot be used."""
    names = list(demo_rows)[:24]
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.parquet", names, 8)


def prices_of(preset: str, endpoints: Mapping[str, Endpoint]) -> Prices:
    canvas, edit = PRESETS[preset]
    return Prices(
        endpoints,
        pad.Config.model_validate({"canvas": canvas}),
        regenerate.Config.model_validate(edit),
        rewrite.Config(share=1),
        align.Config(),
    )


def billed(server: Running) -> dict[tuple[str, int], Decimal]:
    """Dollars by model and output tokens, which size and quality decide; of chats by model."""
    found: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for call in server.admin("journal")["calls"]:
        assert call["status"] == 200
        made = call["usage"].get("output_tokens", 0)
        found[call["model"], made] += Decimal(call["usd"])
    return found


def is_near(guess: Decimal, truth: Decimal) -> bool:
    return abs(guess - truth) <= NEAR * truth


@pytest.mark.parametrize("preset", list(PRESETS))
def test_what_is_expected_is_billed(
    preset: str, make_job: Callable[..., Any], rows: Path, server: Running, tmp_path: Path
) -> None:
    """The first preset goes through every step; for the others the edits are enough."""
    job = make_job(tmp_path, budget=None)
    prices = prices_of(preset, job.endpoints)
    configs = {"pad": prices.padding, "regenerate": prices.edit, "rewrite": prices.writing}
    job = replace(job, inputs=Inputs.find(str(rows)), configs={**job.configs, **configs}, recipe={})
    inputs = Inputs.find(str(rows))
    sample = sample_rows(SOURCE, inputs, SELECTION, 100, [prices.padding], canvases=True)
    guess = estimate("x", sample, prices)
    server.admin("reset", {})
    with opened(job) as shop:
        make_plan(shop.store, shop.run, shop.source, shop.inputs, SELECTION)
        for stage in STAGES if preset == "standard" else STAGES[:2]:
            run_stage(shop, 0, stage)
        keys = edit_keys(sample, prices)
        served = {one for one, key in keys.items() if shop.responses.image(key)}
    truth = billed(server)
    edits = {kind: cost for kind, cost in guess.kinds.items() if kind.step == "regenerate"}
    assert len(edits) >= 3
    by_tokens: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for kind, cost in edits.items():
        by_tokens[kind.model, _tokens(kind, prices)] += cost.expected
    assert by_tokens.keys() == {key for key in truth if key[1]}
    for key, usd in by_tokens.items():
        assert is_near(usd, truth[key]), key
    if preset == "standard":
        written = guess.steps["rewrite"].expected
        assert is_near(written, truth["gpt-6-luna", 0])
    assert len(served) == guess.steps["regenerate"].calls
    again = estimate("x", sample, prices, served)
    assert again.served == len(served)
    assert not again.steps["regenerate"].expected


def _tokens(kind: Kind, prices: Prices) -> int:
    width, height = map(int, kind.size.split("x"))
    listed = prices.endpoints["regenerate"].tariffs
    return listed.image_output_tokens(kind.model, kind.quality, width, height)
