"""A wish to do triplets again is recorded once, however often and from wherever it is heard."""

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from editcorpus.errors import ConfigError
from editcorpus.leases import Owner
from editcorpus.lookups.verdicts import run_verdicts
from editcorpus.lookups.wishes import Wish, take_wish
from editcorpus.records import Reason
from editcorpus.runs import own_run
from editcorpus.shards import shard_folder, write_manifest
from editcorpus.stages.redriving import Redriving, read_redrives
from editcorpus.stages.workshop import Clocks
from editcorpus.storage import Store

AT = "2026-11-20T23:59:59.000+00:00"
ANY, DAMAGED = Wish(), Wish((Reason.ANSWER_DAMAGED,))


@pytest.fixture
def job(copied: Store, owner: Owner) -> Any:
    """The run `strict`, one triplet of which the judge's answers were no verdict for."""
    for shard in run_verdicts(copied, "strict"):
        old = shard.manifests["publish"]
        if old.rejected:
            break
    first, *others = old.rejected
    refused = replace(first, step="align", reason=Reason.JUDGE_UNREADABLE)
    made = replace(old, rejected=(refused, *others))
    write_manifest(copied, shard_folder("strict", shard.shard), made)
    clocks = Clocks(lambda: AT, time.monotonic)
    return SimpleNamespace(store=copied, run="strict", owner=owner, clocks=clocks)


def carried_out(job: Any) -> None:
    Redriving(read_redrives(job.store, "strict")).carried_out(job.store, "strict")


def test_a_wish_says_who_is_done_again_and_who_is_not(job: Any) -> None:
    done, beyond = take_wish(job, ANY)
    assert done == "strict: 1 are done again: 1 judge_unreadable."
    assert beyond.startswith("Not done again: ")
    assert "1 image_unreadable" in beyond
    assert "--sample (effort.redrive_sample)" in beyond
    (recorded,) = read_redrives(job.store, "strict")
    assert (recorded.reasons, recorded.at, recorded.by) == ((), AT, "")


def test_the_same_wish_goes_on_whoever_has_it(job: Any) -> None:
    take_wish(job, ANY)
    for by in ("", "flow-run-1"):
        assert take_wish(job, replace(ANY, by=by)) == [f"strict: the redrive of {AT} goes on."]
    assert len(read_redrives(job.store, "strict")) == 1


def test_a_name_s_wish_is_recorded_once_also_after_it_was_carried_out(job: Any) -> None:
    wish = replace(ANY, by="flow-run-1")
    take_wish(job, wish)
    assert take_wish(job, wish) == [f"strict: the redrive of {AT} goes on."]
    carried_out(job)
    (told,) = take_wish(job, wish)
    assert "was carried out before; nobody is done again" in told
    (recorded,) = read_redrives(job.store, "strict")
    assert (recorded.by, recorded.done) == ("flow-run-1", True)


def test_another_name_s_wish_is_another_one_once_the_first_is_carried_out(job: Any) -> None:
    for by in ("flow-run-1", "flow-run-2", ""):
        take_wish(job, replace(ANY, by=by))
        carried_out(job)
    assert [one.by for one in read_redrives(job.store, "strict")] == [
        *("flow-run-1", "flow-run-2", "")
    ]


def test_another_wish_waits_for_the_first(job: Any) -> None:
    take_wish(job, Wish((Reason.JUDGE_UNREADABLE,), by="flow-run-1"))
    with pytest.raises(ConfigError, match=r"waits to be carried out; .*--reason judge_unreadable"):
        take_wish(job, ANY)


def test_a_wish_for_nobody_is_refused_and_not_recorded(job: Any) -> None:
    with pytest.raises(ConfigError, match="has given up nobody for these reasons"):
        take_wish(job, DAMAGED)
    with pytest.raises(ConfigError, match="Not done again: 1 image_unreadable"):
        take_wish(job, Wish((Reason.IMAGE_UNREADABLE,), another=True))
    assert read_redrives(job.store, "strict") == []


def test_a_run_that_is_not_there_is_not_made_by_a_wish(job: Any) -> None:
    job.run = "strictly"
    with pytest.raises(ConfigError, match="has no run 'strictly' to redrive"):
        take_wish(job, ANY)
    assert job.store.list("runs/strictly") == []


def test_a_run_that_somebody_owns_takes_no_new_wish_but_one_that_waits_goes_on(job: Any) -> None:
    other = replace(job.owner, process="other")
    with own_run(job.store, "strict", other, lambda _: None):
        with pytest.raises(ConfigError, match="is owned"):
            take_wish(job, ANY)
        assert read_redrives(job.store, "strict") == []
    take_wish(job, ANY)
    with own_run(job.store, "strict", other, lambda _: None):
        assert "goes on" in take_wish(job, ANY)[0]
