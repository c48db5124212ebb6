"""The story of one triplet: every request, sample, verdict, dollar and picture."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from editcorpus import images
from editcorpus.errors import ConfigError
from editcorpus.layouts.parquet import read_shard
from editcorpus.ledger import image_path, read_header, read_history
from editcorpus.lookups.calls import read_calls, wanted_runs
from editcorpus.lookups.pictures import save_pictures, triplet_pictures
from editcorpus.lookups.search import find_triplet
from editcorpus.lookups.triplet import Story, tell
from editcorpus.records import Reason
from editcorpus.refusals import Refusal, refusal_line
from editcorpus.runs import corpus_file
from editcorpus.storage import Store

KEPT = "omniedit/task_env_weather_113010"
CUT_SHORT = "omniedit/task_obj_add_45556"
ROLES = ["source", "canvas", "answer", "edited"]


def stories(store: Store, wanted: str, run: str = "") -> dict[str, Story]:
    places = find_triplet(store, wanted, wanted_runs(store, run))
    return {story.run: story for story in tell(store, places, wanted)}


def test_a_kept_triplet_is_told_with_all_its_columns_and_requests(built: Store) -> None:
    story = stories(built, KEPT)["spring"]
    assert (story.verdict, story.gone, story.emulated) == ("kept", None, True)
    assert story.triplet is not None
    assert story.triplet.id == KEPT
    facts = story.facts
    assert facts.padded and facts.regenerated and facts.filtered and facts.rewritten
    assert facts.aligned is not None
    asked = [(one.step, one.question, one.outcome) for one in story.requests]
    judged = [("align", name, "settled") for name in ("clean", "done", "preserved")]
    assert asked == [("regenerate", "", "settled"), ("rewrite", "", "settled"), *judged]
    assert all(one.request_id and one.seconds > 0 and one.run == "spring" for one in story.requests)
    booked = [call.usd for call in read_history(built, "spring").records if call.id == KEPT]
    assert story.usd == sum(booked, Decimal(0)) > 0
    assert facts.rewritten.instruction in story.requests[1].said
    assert story.requests[3].said.startswith(f"P(yes) {facts.aligned.score_done:.4f}")


def test_what_another_run_paid_for_costs_this_one_nothing(built: Store) -> None:
    story = stories(built, KEPT, "strict")["strict"]
    assert {one.outcome for one in story.requests} == {"cached"}
    assert {one.run for one in story.requests} == {"spring"}
    assert (len(story.requests), story.usd) == (5, Decimal(0))
    assert story.gone is not None
    assert (story.verdict, story.gone.step, story.gone.reason) == (
        "rejected",
        "publish",
        Reason.NOT_DONE,
    )


def test_a_refusal_that_another_run_was_given_is_told(copied: Store) -> None:
    key = stories(copied, KEPT)["strict"].requests[0].request
    header = read_header(copied, key)
    assert header is not None
    copied.remove(image_path(key))
    said = Refusal(Reason.MODERATION_INPUT, "The safety system refused it.")
    record = replace(header.record, run="winter", outcome="free", usd=Decimal(0), attempt="w-1")
    copied.write("journal/winter/p/000000.jsonl", refusal_line(record, said))
    edit = stories(copied, KEPT)["strict"].requests[0]
    assert (edit.step, edit.outcome, edit.usd, edit.said) == (
        "regenerate",
        "cached",
        0,
        said.sentence,
    )
    (called,) = read_calls(copied, "winter")
    assert (called.attempt, called.usd) == ("w-1", 0)


def test_a_triplet_that_never_was_asked_about_has_no_request(built: Store) -> None:
    found = stories(built, CUT_SHORT)
    assert list(found) == ["spring", "strict"]
    for story in found.values():
        assert story.verdict == "rejected"
        assert story.gone is not None
        assert story.gone.reason is Reason.IMAGE_UNREADABLE
        assert story.requests == ()


def test_the_story_as_json_holds_no_picture_and_exact_dollars(built: Store) -> None:
    told = stories(built, KEPT)["spring"].as_json()
    assert Decimal(told["usd"]) == sum(Decimal(one["usd"]) for one in told["requests"])
    assert "canvas" not in told["padded"]
    assert "edited" not in told["filtered"]
    assert told["plan"]["task"] == "env"
    strict = stories(built, KEPT)["strict"].as_json()
    assert (strict["reason"], strict["step"]) == ("not_done", "publish")
    assert strict["sentence"] and strict["what_to_do"] and strict["detail"]


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        ("omniedit/task_env_weather_11301", KEPT),
        ("task_env_weather_113010", KEPT),
        ("omniedit/task_obj_add_42251", "omniedit/task_obj_add_42250"),
    ],
)
def test_a_wrong_id_is_one_sentence_that_names_near_ones(
    built: Store, wanted: str, near: str
) -> None:
    with pytest.raises(ConfigError, match=f"has no triplet '{wanted}'. Near ones: {near}"):
        find_triplet(built, wanted, ["spring", "strict"])


def test_an_id_like_no_other_is_one_sentence(built: Store) -> None:
    with pytest.raises(ConfigError, match=r"has no triplet '%'\.$"):
        find_triplet(built, "%", ["spring"])


def test_pictures_of_a_kept_triplet_are_those_of_the_corpus(built: Store, tmp_path: Path) -> None:
    story = stories(built, KEPT)["spring"]
    found = dict(triplet_pictures(built, story))
    assert list(found) == ROLES
    records = read_shard(built, corpus_file("spring", story.shard))
    record = next(item for item in records if item.id == KEPT)
    assert (found["source"], found["edited"]) == (record.source_image, record.edited_image)
    assert images.decode(found["canvas"]).size == (record.canvas_width, record.canvas_height)
    names = list(save_pictures(built, story, tmp_path / "out"))
    assert [Path(name).parent for name in names] == [tmp_path / "out"] * 4
    assert Path(names[0]).name.startswith("omniedit%2Ftask_env_weather_113010-spring-source.")
    assert [Path(name).read_bytes() for name in names] == list(found.values())


def test_pictures_of_a_rejected_triplet_come_from_its_columns(built: Store) -> None:
    found = dict(triplet_pictures(built, stories(built, KEPT)["strict"]))
    assert list(found) == ["source-view", *ROLES[1:]]


def test_pictures_that_are_gone_are_left_out_and_nothing_is_set_aside(copied: Store) -> None:
    for path in copied.list("runs"):
        if path.endswith(".pictures.parquet"):
            copied.remove(path)
    story = stories(copied, KEPT)["spring"]
    assert story.facts.regenerated is not None
    copied.remove(image_path(story.facts.regenerated.response))
    assert [role for role, _ in triplet_pictures(copied, story)] == ["source", "edited"]
    assert list(triplet_pictures(copied, stories(copied, KEPT)["strict"])) == []
    assert copied.list("damaged") == []


def test_a_folder_that_cannot_be_is_one_sentence(built: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    story: Any = stories(built, KEPT)["spring"]
    with pytest.raises(ConfigError, match="cannot be written"):
        list(save_pictures(built, story, tmp_path / "file" / "out"))
