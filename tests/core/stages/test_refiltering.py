"""Corpora made anew with other thresholds: what is another in them, and that they are those a build gives."""

import inspect
import json
import os
import re
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from editcorpus.bands import Band
from editcorpus.errors import ConfigError, ShardError
from editcorpus.inputs import Inputs
from editcorpus.layouts.accounts import check_accounts
from editcorpus.layouts.audit import audit
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.parquet import read_outcomes
from editcorpus.layouts.removals import Removals, last_removals, note_removals
from editcorpus.leases import Owner
from editcorpus.records import Published, Rejected
from editcorpus.refiltering.basis import Basis, open_basis
from editcorpus.refiltering.difference import usd_a_judgement
from editcorpus.refiltering.refilter import Wish, difference, refilter, with_bands
from editcorpus.refiltering.thresholds import NAMES, Thresholds
from editcorpus.rows import Shelf
from editcorpus.sandbox import Running
from editcorpus.shards import read_facts, shard_folder
from editcorpus.sources.omniedit import SOURCE
from editcorpus.stages.filter import Config as FilterConfig
from editcorpus.stages.filter import Filtered
from editcorpus.stages.finish import finish
from editcorpus.stages.order import STAGES
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import filter as filter_step
from editcorpus.steps import publish
from editcorpus.storage import Store

Open = Callable[..., AbstractContextManager[Workshop]]
OWNER = Owner(uuid.uuid4().hex, socket.gethostname(), os.getpid())
LOOSE = publish.Config(min_done=0, min_preserved=0, min_clean=0)


def build(open_run: Open, folder: Path, run: str, **configs: object) -> None:
    settings = {"filter": FilterConfig(), "publish": LOOSE, **configs}
    with open_run(folder, run, **settings) as shop:
        for shard in range(2):
            for stage in STAGES:
                run_stage(shop, shard, stage)
        finish(shop, 2, {"input": "rows"}, emulated=True)


def no_input() -> AbstractContextManager[Shelf]:
    raise AssertionError("nothing of the input is needed")


def made(basis: Basis, name: str, thresholds: Thresholds, opens: Callable = no_input) -> Path:
    """The folder of a corpus that is refiltered now; what is told beforehand is what is written."""
    foretold = difference(basis, thresholds)
    manifest, changed = refilter(
        basis, Wish(name, thresholds, False, opens), OWNER, lambda *_: None
    )
    assert changed == foretold
    before = basis.corpus.manifest
    lost, won = foretold.lost.total(), foretold.won.total()
    assert manifest.kept == before.kept - lost + won == foretold.kept + won
    assert manifest.runs == {basis.run: basis.corpus.sha256}
    assert audit(basis.store, name, [check_accounts]).problems == []
    return Path(basis.store.root) / "corpora" / name


def files(corpus: Path) -> dict[str, bytes]:
    """The records and the verdicts of a corpus."""
    paths = sorted(corpus.glob("**/*.parquet"))
    return {str(path.relative_to(corpus)): path.read_bytes() for path in paths}


def records(basis: Basis, name: str) -> dict[str, Published]:
    corpus = open_corpus(basis.store, f"corpora/{name}")
    return {one.id: one for shard in corpus.shards for _, one in shard.records()}


class Died(BaseException):
    """The process is gone: nothing catches this."""


class Mortal(Store):
    """A store whose process dies before its n-th change, which is after the one before."""

    left = 10**9

    @contextmanager
    def upload(self, path: str) -> Iterator[Path]:
        if "/lock/" not in path and not path.startswith("probe-"):
            self.left -= 1
            if self.left == 0:
                raise Died
        with super().upload(path) as file:
            yield file


def between(values: list[float]) -> float:
    """A threshold that some of the values reach and others do not."""
    ranked = sorted(set(values))
    assert len(ranked) > 1, ranked
    return (ranked[0] + ranked[1]) / 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def basis(folder: Path, open_run: Open) -> Basis:
    """The finished run `r`; the first test builds it."""
    if not (folder / "corpora" / "r").is_dir():
        build(open_run, folder, "r")
    return open_basis(Store.on_disk(folder), "r")


@pytest.fixture
def tight(basis: Basis) -> Thresholds:
    """Thresholds under which somebody is lost for a score, and somebody for a figure of the pictures."""
    found = list(records(basis, "r").values())
    done = between([one.score_done for one in found])
    share = sorted(one.changed_share_no_tone for one in filtered(basis))[1]
    return Thresholds.of(basis.identity).changed(
        [
            f"publish.min_done={done}",
            f"filter.unchanged_share={share}",
            "filter.unchanged_difference=1",
        ]
    )


def filtered(basis: Basis) -> list[Filtered]:
    return [
        row
        for shard in range(basis.shards)
        for row in read_facts(basis.store, shard_folder(basis.run, shard), "filter", Filtered)
    ]


def test_the_same_thresholds_give_the_same_records_and_verdicts(basis: Basis) -> None:
    same = Thresholds.of(basis.identity)

    corpus = made(basis, "same", same)

    assert files(corpus) == files(corpus.parent / "r")
    assert (corpus / "manifest.json").is_file()


def test_tighter_thresholds_give_the_corpus_that_a_build_with_them_gives(
    basis: Basis, tight: Thresholds, open_run: Open, folder: Path, server: Running
) -> None:
    told = difference(basis, tight)
    assert set(told.lost) == {"no_edit", "not_done"}
    assert not told.won
    corpus = made(basis, "tight", tight)
    paid = server.admin("summary")["billed"]

    build(open_run, folder, "built", filter=FilterConfig(judge=tight.filter), publish=tight.publish)

    assert server.admin("summary")["billed"] == paid
    assert files(corpus) == files(corpus.parent / "built")
    gone = {one.id for one in read_outcomes(basis.store, "corpora/tight/rejects.parquet", Rejected)}
    assert set(records(basis, "tight")) == set(records(basis, "r")) - gone


def test_whoever_passes_again_comes_in_with_all_that_a_record_has(
    basis: Basis, source: Path
) -> None:
    """Who was refused before anybody judged them is counted and named, and never in."""

    @contextmanager
    def rows() -> Iterator[Shelf]:
        shelf = SOURCE.reader.shelf(SOURCE, Inputs.find(str(source)), basis.store)
        yield shelf
        shelf.close()

    strict = open_basis(basis.store, "built")
    told = difference(strict, Thresholds.of(basis.identity))
    assert set(told.won) == {"not_done"}
    assert set(told.unjudged) == {"no_edit"}
    assert usd_a_judgement(strict) > 0, "the run itself had all answers from the store"

    made(strict, "won", Thresholds.of(basis.identity), rows)

    all_of_them, found = records(basis, "r"), records(basis, "won")
    assert len(found) == strict.corpus.manifest.kept + told.won.total()
    assert found.items() <= all_of_them.items()
    rejects = read_outcomes(basis.store, "corpora/won/rejects.parquet", Rejected)
    open_ = {one.id for one in rejects if one.reason == "not_judged"}
    assert open_ == set(all_of_them) - set(found)


@pytest.mark.parametrize("left", [1, 2, 4, 6, 8, 10])
def test_a_death_at_any_moment_leaves_no_half_corpus(
    basis: Basis, tight: Thresholds, left: int
) -> None:
    root, name = Path(basis.store.root), f"killed-{left}"
    store = Mortal(str(root))
    store.left = left
    wish = Wish(name, tight, False, no_input)

    with pytest.raises(Died):
        refilter(open_basis(store, "r"), wish, OWNER, lambda *_: None)

    with pytest.raises(ConfigError, match="holds no finished corpus"):
        open_corpus(basis.store, f"corpora/{name}")
    refilter(basis, wish, OWNER, lambda *_: None)
    assert files(root / "corpora" / name) == files(root / "corpora" / "tight")


def test_whoever_is_unlike_the_others_of_its_family_can_be_left_out_and_the_card_says_so(
    basis: Basis,
) -> None:
    known = Thresholds.of(basis.identity)
    assert with_bands(basis, known).bands == {}, "six records are no family"
    found = records(basis, "r").values()
    family = next(iter(found)).family
    shares = sorted(one.changed_share for one in found if one.family == family)
    bands = {family: {"changed_share": Band(0.0, (shares[-2] + shares[-1]) / 2)}}

    corpus = made(basis, "banded", replace(known, bands=bands))

    (gone,) = set(records(basis, "r")) - set(records(basis, "banded"))
    assert records(basis, "r")[gone].changed_share == shares[-1]
    rejects = read_outcomes(basis.store, "corpora/banded/rejects.parquet", Rejected)
    (told,) = [one for one in rejects if one.id == gone]
    assert (told.step, told.reason) == ("refilter", "beyond_band")
    assert told.detail.startswith(f"changed_share is {shares[-1]:.4f}; of 98% of {family} in this")
    card = (corpus / "README.md").read_text("utf-8")
    assert "that says what is rare in it, not what is wrong" in card
    again = Wish("banded", known, False, no_input)
    with pytest.raises(ConfigError, match="differs in thresholds"):
        refilter(basis, again, OWNER, lambda *_: None)


def test_a_second_call_writes_nothing_again(basis: Basis, tight: Thresholds) -> None:
    folder = Path(basis.store.root) / "corpora" / "tight"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}

    made(basis, "tight", tight)

    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_name_stands_for_one_corpus(basis: Basis, tight: Thresholds, open_run: Open) -> None:
    same = Thresholds.of(basis.identity)
    for name in ("r", "built"):
        with pytest.raises(ConfigError, match="is the name of a run or corpus that is there"):
            made(basis, name, same)
    with pytest.raises(ConfigError, match="is another one: it differs in thresholds"):
        made(basis, "tight", same)
    with pytest.raises(ConfigError, match="is no name of a corpus"):
        made(basis, "../r", same)
    with (
        pytest.raises(ConfigError, match="is the name of a refiltered corpus"),
        open_run(Path(basis.store.root), "tight"),
    ):
        pass
    with pytest.raises(ConfigError, match=r"has no run 'tight'; a corpus that unites runs, or was"):
        open_basis(basis.store, "tight")


def test_the_card_names_the_run_and_what_is_another(basis: Basis, tight: Thresholds) -> None:
    folder = Path(basis.store.root) / "corpora" / "tight"
    card = (folder / "README.md").read_text("utf-8")
    assert "## Refiltered" in card
    assert "made of the run `r`" in card
    assert basis.corpus.sha256 in card
    assert (
        f"| `filter.unchanged_difference` | `0.01` | `{tight.filter.unchanged_difference}` |"
        in card
    )
    assert "| `en Latn` |" in card
    assert "Geography: unknown." in card
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["runs"] == {"r": basis.corpus.sha256}
    assert manifest["models"]


def test_what_was_removed_of_the_run_is_known_of_whatever_was_made_of_it(basis: Basis) -> None:
    assert last_removals(basis.store, ["tight"]) is None
    note_removals(basis.store, "r", Removals("2026-11-22", answers=True))
    try:
        assert last_removals(basis.store, ["tight"]) == Removals("2026-11-22", answers=True)
    finally:
        basis.store.remove("runs/r/gc.json")


def test_a_run_that_changes_meanwhile_gives_no_corpus(basis: Basis, tight: Thresholds) -> None:
    old = Basis(
        basis.store, basis.run, basis.identity, open_corpus(basis.store, "corpora/built"), 2
    )
    with pytest.raises(ShardError, match=r"not the file|has changed meanwhile|not in its file"):
        made(old, "stale", tight)
    assert not basis.store.exists("corpora/stale/manifest.json")


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (
            "publish.min_fun=0.5",
            "is no threshold that can be set once a run is finished; these are:",
        ),
        ("pad.canvas=own", "is no threshold"),
        ("filter.restore.quality=3", "is no threshold"),
        ("filter.correct=false", "is no threshold"),
        ("publish.min_done", "takes STEP.NAME=VALUE"),
        ("publish.min_done=2", r"publish.min_done cannot be 2: .*less than or equal to 1"),
        ("publish.min_done=much", "publish.min_done cannot be 'much'"),
    ],
)
def test_what_is_no_threshold_is_refused_with_those_that_are(setting: str, told: str) -> None:
    thresholds = Thresholds(filter_step.Config(), publish.Config())

    with pytest.raises(ConfigError, match=told) as raised:
        thresholds.changed([setting])

    if "no threshold" in told:
        assert all(name in str(raised.value) for name in NAMES)


def test_what_decides_how_a_result_is_measured_is_no_threshold() -> None:
    used = set(re.findall(r"\bconfig\.(\w+)", inspect.getsource(filter_step)))
    used.remove(
        "max_displacement"
    )  # what lies beyond it is refused, and only then not brought back
    assert used >= {"correct", "whole_tasks"}
    assert {f"filter.{name}" for name in used}.isdisjoint(NAMES)
    assert {
        name.removeprefix("filter.") for name in NAMES if name.startswith("filter.")
    } | used == {*filter_step.Config.model_fields}


def test_a_threshold_has_two_names_as_of_a_build_and_the_last_one_counts() -> None:
    known = Thresholds(filter_step.Config(), publish.Config())
    settings = ["filter.max_changed_share=0.2", "filter.judge.max_changed_share=0.3"]

    made: dict[str, Any] = known.against(known.changed([*settings, "publish.min_done=0.7"]))

    assert made == {
        "filter.max_changed_share": (0.6, 0.3),
        "publish.min_done": (known.publish.min_done, 0.7),
    }
