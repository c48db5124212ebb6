"""A pair of a source without captions: described, made anew, edited; each answer is paid for once."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from editcorpus import images
from editcorpus.endpoints.requests import (
    Answered,
    Ask,
    Chat,
    Dropped,
    ImageMake,
    Outcome,
    Unanswered,
)
from editcorpus.errors import RunStopped
from editcorpus.layouts.parquet import read_shard
from editcorpus.lookups.redrivable import way_of
from editcorpus.lookups.search import find_triplet
from editcorpus.lookups.triplet import tell
from editcorpus.planning import Selection
from editcorpus.records import Published, Reason
from editcorpus.responses import ImageAnswer, TextAnswer
from editcorpus.sandbox import Running
from editcorpus.sandbox.described import description
from editcorpus.shards import Manifest, need_manifest, read_facts
from editcorpus.sources.omniedit import SOURCE
from editcorpus.stages import asking
from editcorpus.stages.awaiting import Awaiting
from editcorpus.stages.batching import ask_ahead
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.pilot import read_pilot
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Mode, Workshop
from editcorpus.steps import caption, rewrite, synthesize, view

Make = Callable[..., Job]
Open = Callable[..., AbstractContextManager[Workshop]]
Change = Callable[[Outcome], Outcome]
FIT = 5  # of six rows: one picture is cut short


@pytest.fixture
def open_pairs(make_job: Make) -> Open:
    """Opens a planned run of pairs over rows without captions; takes members of the step's Config."""

    @contextmanager
    def made(
        store: Path, run: str = "r", mode: Mode = "online", **members: Any
    ) -> Iterator[Workshop]:
        job = make_job(store, run, rewrite=rewrite.Config(share=0))
        writer, images_ = job.endpoints["rewrite"], job.endpoints["regenerate"]
        job = replace(
            job,
            source=SOURCE.as_pair(),
            variant="pair",
            modes={"caption": mode},
            configs={
                **job.configs,
                "view": view.Config(),
                "caption": caption.Config(**members),
                "synthesize": synthesize.Config(quality="low"),
            },
            endpoints={**job.endpoints, "caption": writer, "synthesize": images_},
        )
        with opened(job) as shop:
            make_plan(shop.store, shop.run, shop.source, shop.inputs, Selection(shard_size=8))
            yield shop

    return made


@pytest.fixture
def calls(server: Running) -> Callable[[], list[dict[str, Any]]]:
    """The billed calls that the sandbox was asked since the test began."""
    before = len(server.admin("journal")["calls"])
    return lambda: [one for one in server.admin("journal")["calls"][before:] if one["billed"]]


def through(shop: Workshop, last: str = "publish") -> Manifest:
    """Take the shard through its stages up to one; gives that one's manifest."""
    for stage in shop.stages:
        run_stage(shop, 0, stage)
        if stage.name == last:
            break
    return need_manifest(shop.store, shop.folder(0), last)


def rows(shop: Workshop) -> dict[str, caption.Captioned]:
    found = read_facts(shop.store, shop.folder(0), "caption", caption.Captioned)
    return {row.id: row for row in found}


def published(shop: Workshop) -> dict[str, Published]:
    path = f"corpora/{shop.run}/data/train-00000.parquet"
    return {one.id: one for one in read_shard(shop.store, path)}


def tampered(shop: Workshop, change: Change, asked: list[Ask] | None = None) -> Workshop:
    """The workshop with every caption changed; what is asked is noted."""

    def way(asks: Sequence[Ask]) -> Iterator[Outcome]:
        if asked is not None:
            asked.extend(asks)
        return (change(outcome) for outcome in shop.engine.answers(asks))

    return shop.asking({"caption": way})


def unreadable(outcome: Outcome) -> Outcome:
    assert isinstance(outcome, Answered)
    return replace(outcome, answer=TextAnswer(outcome.answer.record, "{}"))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def test_a_pair_is_described_made_and_edited_and_its_record_says_how(
    first: Path, open_pairs: Open, calls: Callable[[], list[dict[str, Any]]]
) -> None:
    with open_pairs(first) as shop:
        assert [stage.name for stage in shop.stages][:4] == ["view", "caption", "synthesize", "pad"]
        through(shop)
        made, kept = rows(shop), published(shop)
        spent = shop.ledger.spent
        for key, record in kept.items():
            told = json.loads(record.source_facts)
            row = made[key]
            assert told["input_description"] == row.caption
            assert told["caption_model"] == row.caption_model
            answer = shop.responses.text(row.caption_response)
            assert answer is not None
            assert caption.read(answer, caption.Config()) == (row.caption, "")
            assert told["caption_response"] == row.caption_response
            assert (record.variant, record.license) == ("pair", "MIT")
    assert len(made) == FIT
    assert kept.keys() <= made.keys()
    paid = calls()
    kinds = Counter(call["endpoint"].rpartition("/")[2] for call in paid)
    assert (kinds["generations"], kinds["edits"]) == (FIT, FIT)
    assert kinds["completions"] >= FIT
    assert spent == sum(Decimal(call["usd"]) for call in paid)


def test_what_is_described_is_the_published_picture_and_the_caption_is_the_prompt(
    first: Path, open_pairs: Open
) -> None:
    shown: dict[str, str] = {}
    prompts: dict[str, str] = {}
    with open_pairs(first, "again") as shop:

        def describes(asks: Sequence[Ask]) -> Iterator[Outcome]:
            for ask in asks:
                assert isinstance(ask.what, Chat)
                (picture,) = ask.what.pictures
                shown[ask.id] = description(images.decode(picture.load()))
            yield from shop.engine.answers(asks)

        def makes(asks: Sequence[Ask]) -> Iterator[Outcome]:
            for ask in asks:
                assert isinstance(ask.what, ImageMake)
                prompts[ask.id] = ask.what.prompt
            yield from shop.engine.answers(asks)

        through(shop.asking({"caption": describes, "synthesize": makes}), "synthesize")
        made = {key: row.caption for key, row in rows(shop).items()}
    assert prompts == shown == made
    assert len({*prompts.values()}) > 1


def test_a_second_start_and_another_run_pay_for_nothing(
    first: Path, open_pairs: Open, calls: Callable[[], list[dict[str, Any]]]
) -> None:
    with open_pairs(first) as shop:
        assert run_stage(shop, 0, shop.stage("caption")).skipped
        made, kept = rows(shop), published(shop)
    with open_pairs(first, "once-more") as shop:
        through(shop)
        assert (rows(shop), published(shop)) == (made, kept)
        assert shop.ledger.spent == 0
    assert calls() == []


def test_a_picture_that_cannot_be_used_costs_nothing(first: Path, open_pairs: Open) -> None:
    with open_pairs(first) as shop:
        through(shop, "view")
        manifest = need_manifest(shop.store, shop.folder(0), "view")
    assert [(one.id, one.reason) for one in manifest.rejected] == [
        ("omniedit/task_obj_add_4", Reason.IMAGE_UNREADABLE)
    ]


def test_the_story_of_a_triplet_tells_of_its_caption(first: Path, open_pairs: Open) -> None:
    with open_pairs(first) as shop:
        through(shop)
        (key, row), *_ = rows(shop).items()
        (story,) = tell(shop.store, find_triplet(shop.store, key, ["r"]), key)
    (request,) = (one for one in story.requests if one.step == "caption")
    assert request.request == row.caption_response
    assert row.caption in request.said
    assert story.as_json()["captioned"]["caption"] == row.caption
    assert [one.step for one in story.requests][:3] == ["caption", "synthesize", "regenerate"]


def test_a_pilot_counts_the_calls_for_captions(first: Path, open_pairs: Open) -> None:
    with open_pairs(first) as shop:
        through(shop)
        pilot = read_pilot(shop.store, "r")
        writer = {"caption": shop.engine.endpoints["caption"]}
    assert pilot.judged == FIT + 1
    assert pilot.calls["caption"].made >= FIT
    assert pilot.calls["caption"].tokens > 100  # a question and a picture
    assert pilot.hours(1000, writer)["caption"] > 0


def test_a_caption_that_is_unusable_twice_rejects_its_triplet(
    tmp_path: Path, open_pairs: Open
) -> None:
    asked: list[Ask] = []
    with open_pairs(tmp_path) as shop:
        manifest = through(tampered(shop, unreadable, asked), "caption")
        ids = [item.id for item in manifest.rejected]
        (story,) = tell(shop.store, find_triplet(shop.store, ids[0], ["r"]), ids[0])
    assert {item.reason for item in manifest.rejected} == {Reason.CAPTION_UNREADABLE}
    assert {way_of(item) for item in manifest.rejected} == {"same"}
    assert (len(ids), manifest.kept) == (FIT, 0)
    assert Counter(ask.sample for ask in asked) == {0: FIT, 1: FIT}
    assert [(one.step, one.sample) for one in story.requests] == [("caption", 0), ("caption", 1)]


def test_only_what_was_unusable_is_asked_again(tmp_path: Path, open_pairs: Open) -> None:
    def change(outcome: Outcome) -> Outcome:
        odd = outcome.ask.id.endswith("_1") and outcome.ask.sample == 0
        return unreadable(outcome) if odd else outcome

    asked: list[Ask] = []
    with open_pairs(tmp_path) as shop:
        manifest = through(tampered(shop, change, asked), "caption")
    assert manifest.kept == FIT
    assert [ask.id[-1] for ask in asked if ask.sample] == ["1"]


def test_who_has_no_answer_fails_and_the_next_start_asks_for_that_alone(
    tmp_path: Path, open_pairs: Open
) -> None:
    def change(outcome: Outcome) -> Outcome:
        if not outcome.ask.id.endswith("_2"):
            return outcome
        return Unanswered(outcome.ask, Reason.UNAVAILABLE, "Later.")

    with open_pairs(tmp_path) as shop:
        manifest = through(tampered(shop, change), "caption")
        assert [item.id[-1] for item in manifest.failed] == ["2"]
        again = through(shop, "caption")
        assert [key[-1] for key in rows(shop)] == ["0", "1", "2", "3", "5"]
    assert (again.kept, again.failed) == (FIT, ())


def test_what_the_endpoint_refuses_for_good_is_rejected_for_its_reason(
    tmp_path: Path, open_pairs: Open
) -> None:
    def change(outcome: Outcome) -> Outcome:
        if not outcome.ask.id.endswith("_1"):
            return outcome
        return Dropped(outcome.ask, Reason.MODERATION_INPUT, "No.")

    with open_pairs(tmp_path) as shop:
        manifest = through(tampered(shop, change), "caption")
    assert [(item.id[-1], item.reason) for item in manifest.rejected] == [
        ("1", Reason.MODERATION_INPUT)
    ]


def test_a_writer_that_gives_nothing_usable_stops_the_run(
    tmp_path: Path, open_pairs: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "MOST_UNREADABLE", 3)
    with (
        open_pairs(tmp_path) as shop,
        pytest.raises(RunStopped, match=r"None of the 5 .* caption\.model"),
    ):
        through(tampered(shop, unreadable), "caption")


def test_a_limit_that_no_caption_meets_rejects_them_with_the_reason(
    tmp_path: Path, open_pairs: Open
) -> None:
    with open_pairs(tmp_path, max_characters=50) as shop:
        manifest = through(shop, "caption")
    assert manifest.kept == 0
    assert all("overlong_instruction" in item.detail for item in manifest.rejected)


def test_a_picture_in_place_of_a_text_is_a_mistake(tmp_path: Path, open_pairs: Open) -> None:
    def change(outcome: Outcome) -> Outcome:
        assert isinstance(outcome, Answered)
        return replace(outcome, answer=ImageAnswer(outcome.answer.record))

    with open_pairs(tmp_path) as shop, pytest.raises(TypeError, match="answered with a picture"):
        through(tampered(shop, change), "caption")


def test_a_batch_answers_everything(tmp_path: Path, open_pairs: Open) -> None:
    with open_pairs(tmp_path, mode="batch") as shop:
        through(shop, "view")
        waiting = []
        for _ in range(2):
            waiting.append(ask_ahead(shop, 0, shop.stage("caption")))
            shop.engine.bulk.flush()
            Awaiting(shop, 0.2).wait()
        manifest = through(shop, "caption")
    assert waiting == [FIT, 0]
    assert manifest.kept == FIT
