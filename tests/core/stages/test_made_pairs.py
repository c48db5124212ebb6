"""HQ-Edit with both images new: a picture is paid for, then its edit, and each of them once."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from editcorpus import images
from editcorpus.demo.hqedit import write_hqedit
from editcorpus.endpoints.requests import Ask, ImageEdit
from editcorpus.errors import ShardError
from editcorpus.geometry import FIXED_SIZES
from editcorpus.inputs import Inputs
from editcorpus.layouts.parquet import read_shard
from editcorpus.ledger import read_history
from editcorpus.planning import Selection
from editcorpus.records import Published, Reason
from editcorpus.runs import corpus_file
from editcorpus.sandbox import Running
from editcorpus.shards import ShardRef, need_manifest, read_facts
from editcorpus.sources.hqedit import RECIPES
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import rewrite, synthesize
from editcorpus.steps.synthesize import Synthesized

Open = Callable[..., AbstractContextManager[Workshop]]
PAID = 6  # rows with an instruction and a caption


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hqedit(tmp_path_factory.mktemp("hqedit"))


@pytest.fixture
def open_pairs(make_job: Callable[..., Job], rows: Path) -> Open:
    """Opens a run whose pairs are both made anew, planned as one shard."""

    @contextmanager
    def made(store: Path, run: str = "r") -> Iterator[Workshop]:
        job = make_job(store, run, rewrite=rewrite.Config(share=0))
        job = replace(
            job,
            source=RECIPES["generate"],
            inputs=Inputs.find(str(rows)),
            configs={**job.configs, "synthesize": synthesize.Config(quality="low")},
            endpoints={**job.endpoints, "synthesize": job.endpoints["regenerate"]},
            variant="pair",
        )
        with opened(job) as shop:
            make_plan(shop.store, shop.run, shop.source, shop.inputs, Selection())
            yield shop

    return made


@pytest.fixture
def calls(server: Running) -> Callable[[], list[dict[str, Any]]]:
    """The billed calls that the sandbox was asked since the test began."""
    before = len(server.admin("journal")["calls"])
    return lambda: [one for one in server.admin("journal")["calls"][before:] if one["billed"]]


def through(shop: Workshop, *names: str) -> list[ShardRef]:
    """Take the shard through some of its stages, or all."""
    return [run_stage(shop, 0, one) for one in shop.stages if not names or one.name in names]


def made_pictures(shop: Workshop) -> dict[str, Synthesized]:
    rows = read_facts(shop.store, shop.folder(0), synthesize.NAME, Synthesized)
    return {row.id: row for row in rows}


def published(shop: Workshop) -> dict[str, Published]:
    return {one.id: one for one in read_shard(shop.store, corpus_file(shop.run, 0))}


def kinds(calls: list[dict[str, Any]]) -> Counter[str]:
    return Counter(call["endpoint"].rpartition("/")[2] for call in calls)


def edited_pixels(shop: Workshop) -> dict[str, str]:
    """The pixels that each edit would be asked of, by id."""
    seen: dict[str, str] = {}

    def look(asks: Any) -> Iterator[Any]:
        for ask in asks:
            assert isinstance(ask, Ask)
            assert isinstance(ask.what, ImageEdit)
            seen[ask.id] = ask.what.picture.pixels
        yield from shop.engine.answers(asks)

    run_stage(shop.asking({"regenerate": look}), 0, shop.stage("regenerate"))
    return seen


def test_a_pair_is_two_paid_calls_of_which_the_second_is_about_the_first(
    tmp_path: Path, open_pairs: Open, calls: Callable[[], list[dict[str, Any]]]
) -> None:
    with open_pairs(tmp_path) as shop:
        through(shop, "synthesize", "pad")
        asked = edited_pixels(shop)
        through(shop)
        made = made_pictures(shop)
        for key, row in made.items():
            picture = images.decode(shop.responses.picture(row.response))
            assert picture.size == (row.width, row.height)
            assert picture.size in FIXED_SIZES
            assert asked[key] == images.pixel_hash(picture)  # it is its own canvas
        for key, record in published(shop).items():
            assert record.source_image == shop.responses.picture(made[key].response)
            assert record.edited_image == shop.responses.picture(record.response)
            assert (record.variant, record.license) == ("pair", "CC-BY-NC-4.0")
            assert (record.source_response, record.source_model) == (
                made[key].response,
                made[key].model,
            )
        paid = kinds(calls())
        assert (paid["generations"], paid["edits"]) == (PAID, PAID)
        assert shop.ledger.spent == sum(Decimal(call["usd"]) for call in calls())
    assert len(made) == PAID


def test_who_has_no_caption_is_rejected_and_costs_nothing(tmp_path: Path, open_pairs: Open) -> None:
    with open_pairs(tmp_path) as shop:
        through(shop, "synthesize")
        manifest = need_manifest(shop.store, shop.folder(0), synthesize.NAME)
    assert [(one.id, one.reason) for one in manifest.rejected] == [
        ("hqedit/generate/train-00000-of-00001/6", Reason.CAPTION_MISSING)
    ]


@pytest.mark.parametrize("last", ["synthesize", "pad", "regenerate"])
def test_a_run_that_ends_between_the_two_calls_goes_on_from_what_was_paid(
    tmp_path: Path, open_pairs: Open, calls: Callable[[], list[dict[str, Any]]], last: str
) -> None:
    with open_pairs(tmp_path) as shop:
        names = [stage.name for stage in shop.stages]
        through(shop, *names[: names.index(last) + 1])
    with open_pairs(tmp_path) as shop:
        through(shop)
        assert published(shop)
        spent = shop.ledger.spent
    history, billed = read_history(shop.store, "r"), calls()
    assert max(Counter(call["key"] for call in billed).values()) == 1
    assert spent == history.spent == sum(Decimal(call["usd"]) for call in billed)
    assert {one.request_id: one.usd for one in history.records} == {
        call["request_id"]: Decimal(call["usd"]) for call in billed
    }


def test_another_run_is_served_both_from_the_store(
    tmp_path: Path, open_pairs: Open, calls: Callable[[], list[dict[str, Any]]]
) -> None:
    with open_pairs(tmp_path) as shop:
        through(shop)
        first, paid = published(shop), len(calls())
    with open_pairs(tmp_path, "again") as shop:
        through(shop)
        assert published(shop) == first
        assert shop.ledger.spent == 0
    assert len(calls()) == paid


def damage(store: Path, key: str) -> None:
    path = next((store / "responses").rglob(key))
    path.write_bytes(path.read_bytes()[:-9])


def test_a_made_picture_that_was_damaged_is_asked_for_again_and_edited_anew(
    tmp_path: Path, open_pairs: Open, calls: Callable[[], list[dict[str, Any]]]
) -> None:
    with open_pairs(tmp_path) as shop:
        through(shop, "synthesize")
        key, row = next(iter(made_pictures(shop).items()))
        damage(tmp_path, row.response)
    with open_pairs(tmp_path) as shop:
        assert through(shop)[1].failed == 1  # pad found out
        again = through(shop)
        assert (again[0].skipped, again[1].failed) == (False, 0)
        assert made_pictures(shop)[key].response == row.response
        assert made_pictures(shop)[key].attempt != row.attempt
        assert key in published(shop)
    assert kinds(calls())["generations"] == PAID + 1


def test_a_made_picture_that_is_found_damaged_at_the_end_never_meets_an_edit_of_another(
    tmp_path: Path, open_pairs: Open
) -> None:
    with open_pairs(tmp_path) as shop:
        through(shop)
        key, row = next(iter(made_pictures(shop).items()))
        before = published(shop)
        damage(tmp_path, row.response)
        (tmp_path / "runs/r/shards/00000/publish.json").unlink()
        with pytest.raises(ShardError, match="is damaged"):
            through(shop, "publish")
        again = {ref.step: ref.skipped for ref in through(shop)}
        assert not again["synthesize"]
        assert not again["pad"]  # the canvas is of the picture that there is now
        assert published(shop) == before  # the sandbox has drawn the same
        assert key in before
