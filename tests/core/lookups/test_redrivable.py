"""Who can be done again by the same request, who by another edit, and who not at all."""

import argparse
import shlex
from dataclasses import replace

import pytest

from editcorpus.errors import ConfigError
from editcorpus.layouts.removals import Removals, note_removals
from editcorpus.lookups.garbage import find_garbage
from editcorpus.lookups.redrivable import choose, redrive_command, way_of
from editcorpus.lookups.verdicts import run_verdicts
from editcorpus.records import Failed, Reason, Rejected
from editcorpus.shards import need_manifest, shard_folder, write_manifest
from editcorpus.stages.redriving import Item, record_redrive
from editcorpus.storage import Store
from flows.commands import redrive


def given_up(store: Store) -> tuple[str, str]:
    """Let `strict` have one triplet refused and one failed among those that publish rejects."""
    for shard in run_verdicts(store, "strict"):
        old = shard.manifests["publish"]
        if len(old.rejected) >= 2:
            break
    first, second, *others = old.rejected
    refused = Rejected(first.id, "align", Reason.JUDGE_UNREADABLE, "No.")
    failed = Failed(second.id, "publish", Reason.UNAVAILABLE, "Later.")
    made = replace(old, rejected=(refused, *others), failed=(failed,))
    write_manifest(store, shard_folder("strict", shard.shard), made)
    return first.id, second.id


def test_the_failed_and_those_whom_a_model_refused_can_be_done_again(copied: Store) -> None:
    refused, failed = given_up(copied)
    found = choose(copied, "strict", (), another=False)
    assert {(one.id, one.step, one.why) for one in found.items} == {
        (refused, "align", "rejected"),
        (failed, "publish", "failed"),
    }
    assert found.counts == {Reason.JUDGE_UNREADABLE: 1, Reason.UNAVAILABLE: 1}
    assert found.beyond[Reason.IMAGE_UNREADABLE] == 1
    assert found.beyond[Reason.NOT_DONE] >= 1


def test_a_reason_narrows_the_choice(copied: Store) -> None:
    refused, _ = given_up(copied)
    found = choose(copied, "strict", [Reason.JUDGE_UNREADABLE], another=False)
    assert [one.id for one in found.items] == [refused]
    assert not found.beyond
    assert not choose(copied, "strict", [Reason.MODERATION_INPUT], another=False).items


def test_what_was_measured_takes_another_edit_and_the_input_takes_none(built: Store) -> None:
    found = choose(built, "strict", [Reason.NOT_DONE, Reason.IMAGE_UNREADABLE], another=True)
    gone = {
        item.id: part.shard
        for part in run_verdicts(built, "strict")
        for item in part.gone
        if item.reason is Reason.NOT_DONE
    }
    assert gone
    assert set(found.items) == {
        Item(key, shard, "regenerate", "another") for key, shard in gone.items()
    }
    assert set(found.beyond) == {Reason.IMAGE_UNREADABLE}


def test_a_run_that_is_not_at_its_end_is_built_first(copied: Store) -> None:
    folder = shard_folder("strict", 1)
    assert need_manifest(copied, folder, "publish").kept == 0
    copied.remove(f"{folder}/publish.json")
    with pytest.raises(ConfigError, match="have yet to have their turn; build the run 'strict'"):
        choose(copied, "strict", (), another=False)


def test_a_run_without_its_paid_pictures_would_pay_for_them_again(copied: Store) -> None:
    at = "2026-11-20T00:00:00.000+00:00"
    note_removals(copied, "strict", Removals(at, answers=False))
    assert choose(copied, "strict", (), another=True).items
    note_removals(copied, "strict", Removals(at, answers=True))
    with pytest.raises(ConfigError, match=r"were removed on 2026-11-20: .* Use another run name"):
        choose(copied, "strict", (), another=True)


def test_nothing_is_garbage_that_a_waiting_redrive_needs(copied: Store) -> None:
    items = choose(copied, "strict", (), another=True).items
    record_redrive(copied, "strict", "2026-11-20T00:00:00.000+00:00", (), items)
    left = list(find_garbage(copied, "corpus", 0.0))
    assert {item.run for item in left} == {"spring"}
    assert not any(item.kind == "answers" for item in left)


@pytest.mark.parametrize("reason", Reason)
def test_the_command_for_a_reason_is_one_that_the_command_line_takes(reason: Reason) -> None:
    place = ("--store", "s3://team/a b")
    for way in ("same", "another"):
        command = redrive_command(place, "spring", reason, way)  # type: ignore[arg-type]
        assert bool(command) is (reason is not Reason.NOT_REACHED)
        if not command:
            continue
        words = shlex.split(command)
        parser = argparse.ArgumentParser()
        redrive.add_arguments(parser)
        asked = parser.parse_args(words[2:])
        assert words[:2] == ["editcorpus", "redrive"]
        assert (asked.store, asked.run) == ("s3://team/a b", "spring")
        assert (asked.reason, asked.sample) == ([reason.value], way == "another")
    assert redrive_command(place, "spring", reason, "") == ""


def test_how_somebody_is_done_again_is_what_a_redrive_then_does(copied: Store) -> None:
    given_up(copied)
    everybody = [gone for part in run_verdicts(copied, "strict") for gone in part.gone]
    same = {item.id for item in choose(copied, "strict", (), another=False).items}
    either = {item.id for item in choose(copied, "strict", (), another=True).items}
    assert {gone.id for gone in everybody if way_of(gone) == "same"} == same
    assert {gone.id for gone in everybody if way_of(gone)} == either
    assert {gone.id for gone in everybody} > either > same
