"""New source images for a shard: who gets one, and that it is paid for once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from editcorpus import images
from editcorpus.endpoints.requests import Answered, Ask, Dropped, ImageMake, Outcome
from editcorpus.planning import Selection
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.responses import TextAnswer
from editcorpus.rows import Place, Row
from editcorpus.sandbox import Running
from editcorpus.shards import Manifest, need_manifest, read_facts
from editcorpus.sources import omniedit
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.stages.synthesize import STAGE
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import synthesize

Make = Callable[..., Job]
Open = Callable[..., AbstractContextManager[Workshop]]
SPEECHLESS = "omniedit/task_obj_add_1"


def captioned(row: Row, place: Place, seed: int) -> Triplet | Rejected:
    """A row with a caption; one has none."""
    found = omniedit.to_triplet(row, place, seed)
    assert isinstance(found, Triplet)
    caption = "" if found.id == SPEECHLESS else f"A quiet harbour at dawn, {found.id}."
    return replace(found, caption=caption)


@pytest.fixture
def open_planned(make_job: Make) -> Open:
    """Opens a run that is planned, its rows with captions."""

    @contextmanager
    def made(store: Path, run: str = "r") -> Iterator[Workshop]:
        job = make_job(store, run)
        job = replace(
            job,
            source=replace(job.source, triplet=captioned),
            configs={**job.configs, "synthesize": synthesize.Config(quality="low")},
            endpoints={**job.endpoints, "synthesize": job.endpoints["regenerate"]},
        )
        with opened(job) as shop:
            make_plan(shop.store, shop.run, shop.source, shop.inputs, Selection(shard_size=8))
            yield shop

    return made


def done(shop: Workshop) -> Manifest:
    run_stage(shop, 0, STAGE)
    return need_manifest(shop.store, shop.folder(0), "synthesize")


def rows(shop: Workshop) -> list[synthesize.Synthesized]:
    return read_facts(shop.store, shop.folder(0), "synthesize", synthesize.Synthesized)


def billed(server: Running) -> int:
    return int(server.admin("summary")["billed"])


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def test_each_caption_becomes_one_picture_of_the_size_that_was_drawn(
    first: Path, open_planned: Open, server: Running
) -> None:
    paid = billed(server)
    with open_planned(first) as shop:
        manifest = done(shop)
        made = rows(shop)
        for row in made:
            picture = images.decode(shop.responses.picture(row.response))
            assert picture.size == (row.width, row.height)
            assert picture.size == synthesize.size_of(row.id, synthesize.Config())
    assert len(made) == manifest.kept == billed(server) - paid == 5
    assert all(row.image_tokens_out > 0 for row in made)


def test_a_row_without_a_caption_is_rejected_and_never_asked_about(
    first: Path, open_planned: Open
) -> None:
    with open_planned(first) as shop:
        manifest = done(shop)
    assert [(item.id, item.reason) for item in manifest.rejected] == [
        (SPEECHLESS, Reason.CAPTION_MISSING)
    ]


def test_a_second_start_and_another_run_pay_for_nothing(
    first: Path, open_planned: Open, server: Running
) -> None:
    paid = billed(server)
    with open_planned(first) as shop:
        assert run_stage(shop, 0, STAGE).skipped
        made = rows(shop)
    with open_planned(first, "again") as shop:
        done(shop)
        assert rows(shop) == made
    assert billed(server) == paid


def test_an_answer_that_was_found_damaged_is_asked_for_again(
    tmp_path: Path, open_planned: Open, server: Running
) -> None:
    with open_planned(tmp_path) as shop:
        done(shop)
        key = rows(shop)[0].response
        path = next((tmp_path / "responses").rglob(key))
        path.write_bytes(path.read_bytes()[:-9])
        paid = billed(server)
        assert shop.responses.image(key) is None
        assert not run_stage(shop, 0, STAGE).skipped
        assert rows(shop)[0].response == key
        assert run_stage(shop, 0, STAGE).skipped
    assert billed(server) == paid + 1


def test_what_the_endpoint_refuses_for_good_is_rejected_for_its_reason(
    tmp_path: Path, open_planned: Open
) -> None:
    def refusing(asks: Sequence[Ask]) -> Iterator[Outcome]:
        for ask in asks:
            assert isinstance(ask.what, ImageMake)
            yield Dropped(ask, Reason.MODERATION_OUTPUT, "No.")

    with open_planned(tmp_path) as shop:
        manifest = done(shop.asking({"synthesize": refusing}))
    reasons = {item.id: item.reason for item in manifest.rejected}
    assert reasons.pop(SPEECHLESS) is Reason.CAPTION_MISSING
    assert set(reasons.values()) == {Reason.MODERATION_OUTPUT}
    assert manifest.kept == 0


def test_a_text_in_place_of_a_picture_is_a_mistake(tmp_path: Path, open_planned: Open) -> None:
    with open_planned(tmp_path) as shop:

        def writing(asks: Sequence[Ask]) -> Iterator[Outcome]:
            for outcome in shop.engine.answers(asks):
                assert isinstance(outcome, Answered)
                yield replace(outcome, answer=TextAnswer(outcome.answer.record, "{}"))

        with pytest.raises(TypeError, match="answered with text"):
            done(shop.asking({"synthesize": writing}))
