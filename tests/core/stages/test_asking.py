"""What is asked again, what stays decided, and when verdicts stop a run."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from editcorpus.errors import RunStopped
from editcorpus.records import Failed, Reason, Rejected
from editcorpus.sandbox import Running
from editcorpus.shards import Manifest, need_manifest, read_facts, read_manifest, write_manifest
from editcorpus.stages import judging
from editcorpus.stages.filter import Config as FilterConfig
from editcorpus.stages.order import STAGES
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import align, rewrite
from editcorpus.steps.regenerate import Regenerated
from editcorpus.steps.restore import Config as RestoreConfig

Open = Callable[..., AbstractContextManager[Workshop]]


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """No verdict holds enough of the probability."""
    monkeypatch.setattr(align, "MIN_MASS", 2)


def billed(server: Running) -> int:
    return int(server.admin("summary")["billed"])


def through(shop: Workshop, last: str) -> Manifest:
    """Take shard 0 through the stages up to one."""
    for stage in STAGES:
        run_stage(shop, 0, stage)
        if stage.name == last:
            break
    return need_manifest(shop.store, shop.folder(0), last)


def doctored(shop: Workshop, print_: str | None = None) -> Manifest:
    """The regenerate manifest of shard 0, as if one was refused for good and one not answered."""
    old = through(shop, "regenerate")
    first, second, *_ = (
        row.id for row in read_facts(shop.store, shop.folder(0), "regenerate", Regenerated)
    )
    made = replace(
        old,
        kept=old.kept - 2,
        rejected=(Rejected(first, "regenerate", Reason.MODERATION_INPUT, "No."),),
        failed=(Failed(second, "regenerate", Reason.UNAVAILABLE, "Later."),),
        fingerprint=print_ or old.fingerprint,
    )
    write_manifest(shop.store, shop.folder(0), made)
    return made


def test_who_was_refused_for_good_is_not_asked_again_with_the_failed(
    tmp_path: Path, open_run: Open
):
    with open_run(tmp_path) as shop:
        old = doctored(shop)
        new = through(shop, "regenerate")
    assert new.rejected == old.rejected
    assert new.failed == ()
    assert new.kept == old.kept + 1
    assert new.history[-1]["cached"] == new.kept


def test_verdicts_of_another_fingerprint_are_not_taken_over(tmp_path: Path, open_run: Open):
    with open_run(tmp_path) as shop:
        old = doctored(shop, "0" * 64)
        new = through(shop, "regenerate")
    assert new.rejected == ()
    assert new.kept == old.entered


def test_a_shard_without_any_readable_verdict_stops_the_run_before_they_are_final(
    tmp_path: Path, open_run: Open, unreadable: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(judging, "MOST_UNREADABLE", 2)
    with open_run(tmp_path) as shop:
        with pytest.raises(RunStopped, match=r"is readable: check align\.model .*token_ids"):
            through(shop, "align")
        assert read_manifest(shop.store, shop.folder(0), "align") is None


def test_a_few_unreadable_verdicts_are_verdicts(tmp_path: Path, open_run: Open, unreadable: None):
    with open_run(tmp_path) as shop:
        found = through(shop, "align")
    assert found.kept == 0
    assert {item.reason for item in found.rejected} == {Reason.JUDGE_UNREADABLE}


def test_another_quality_of_the_edited_view_is_another_question(
    tmp_path: Path, open_run: Open, server: Running
):
    paid = []
    for quality in (90, 60, 60):
        config = FilterConfig(restore=RestoreConfig(view_quality=quality))
        members = {"filter": config, "rewrite": rewrite.Config(share=0)}
        with open_run(tmp_path, f"q{len(paid)}", **members) as shop:
            through(shop, "rewrite")
            before = billed(server)
            asked = 3 * through(shop, "align").entered
        paid.append(billed(server) - before)
    assert paid == [asked, asked, 0]


def test_refused_questions_are_not_asked_again_on_a_retry_of_the_shard(
    tmp_path: Path, open_run: Open, server: Running
):
    def again() -> tuple[Manifest, Manifest, int]:
        """Rewrite and align anew, as after a kill before their manifests were written."""
        before = int(server.admin("summary")["calls"])
        with open_run(tmp_path, rewrite=rewrite.Config(share=1)) as shop:
            for step in ("rewrite", "align"):
                shop.store.remove(f"{shop.folder(0)}/{step}.json")
            found = through(shop, "rewrite"), through(shop, "align")
        return *found, int(server.admin("summary")["calls"]) - before

    with open_run(tmp_path, rewrite=rewrite.Config(share=1)) as shop:
        through(shop, "filter")
    server.admin("config", {"faults": {"invalid_image_format": 1.0}})
    try:
        first = again()
        second = again()
    finally:
        server.admin("config", {"faults": {}})
    third = again()
    rewritten, aligned, calls = first
    asked = rewritten.entered
    assert asked >= 2 and rewritten.kept == asked
    assert [item.reason for item in aligned.rejected] == [Reason.JUDGE_UNREADABLE] * asked
    assert rewritten.history[-1]["dropped"] == asked
    assert calls == asked + len(align.ASPECTS) * asked
    for manifests in (second, third):
        assert manifests[2] == 0, "neither asked nor paid again"
        assert manifests[0].sha256 == rewritten.sha256
        assert manifests[1].rejected == aligned.rejected
