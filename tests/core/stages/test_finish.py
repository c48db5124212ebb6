"""What lies beside the records of a finished corpus, and that it is not read or written twice."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from PIL import Image

from editcorpus.layouts.contents import contents
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.tally import decode
from editcorpus.stages.finish import finish
from editcorpus.stages.order import STAGES
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Workshop

Open = Callable[..., AbstractContextManager[Workshop]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def finished(folder: Path, open_run: Open) -> Path:
    """The folder of a store with one finished run, `r`; the first test makes it."""
    if not (folder / "corpora").is_dir():
        with open_run(folder) as shop:
            for shard in range(2):
                for stage in STAGES:
                    run_stage(shop, shard, stage)
            finish(shop, 2, {}, emulated=True)
    return folder


def test_the_card_shows_pairs_and_counts_families(finished: Path) -> None:
    folder = finished / "corpora" / "r"
    card = (folder / "README.md").read_text("utf-8")
    shown = sorted(file.name for file in (folder / "previews").iterdir())
    pairs = [name for name in shown if name not in ("sheet.jpg", "spreads.svg")]
    assert pairs
    assert all(f"![source and edited image](previews/{name})" in card for name in pairs)
    assert "## Families" in card
    assert "### Scores by the types of GEdit-Bench" in card


def test_the_description_for_machines_says_what_the_card_says(finished: Path) -> None:
    made = json.loads((finished / "corpora/r/croissant.json").read_text("utf-8"))
    assert made["name"] == "r"
    assert made["description"].startswith("Emulated: ")
    assert made["license"] == ["https://spdx.org/licenses/MIT.html"]


def test_all_of_it_belongs_to_the_corpus_wherever_it_goes(finished: Path, open_run: Open) -> None:
    with open_run(finished) as shop:
        cargo = contents(shop.store, "corpora/r")
    paths = {file.path for file in (*cargo.files, *cargo.last)}
    assert {"README.md", "croissant.json", "manifest.json", "rejects.parquet"} <= paths
    assert any(path.startswith("previews/") for path in paths)


def test_what_was_counted_is_not_counted_again(finished: Path, open_run: Open) -> None:
    tally = finished / "runs" / "r" / "tally.json"
    before, written = tally.read_bytes(), tally.stat().st_mtime_ns
    drawn = (finished / "corpora/r/previews/sheet.jpg").stat().st_mtime_ns
    with open_run(finished) as shop:
        kept = open_corpus(shop.store, "corpora/r").manifest.kept
        assert sum(one.records for groups in decode(before).values() for one in groups) == kept
        finish(shop, 2, {}, emulated=True)
    assert (tally.read_bytes(), tally.stat().st_mtime_ns) == (before, written)
    assert (finished / "corpora/r/previews/sheet.jpg").stat().st_mtime_ns == drawn


def test_the_card_says_what_was_measured_and_shows_a_sheet(finished: Path, open_run: Open) -> None:
    folder = finished / "corpora" / "r"
    card = (folder / "README.md").read_text("utf-8")
    with open_run(finished) as shop:
        kept = open_corpus(shop.store, "corpora/r").manifest.kept
    assert f"| any residual padding left | 0 of {kept} | 0.00% | 0.00% to " in card
    assert f"| judge: all three, geometric mean, 0 to 1 | {kept} | " in card
    assert "| DINO: source and result | not measured |" in card
    sheet = folder / "previews" / "sheet.jpg"
    assert "](previews/sheet.jpg)" in card
    with Image.open(sheet) as drawn:
        assert drawn.width > 1_000
