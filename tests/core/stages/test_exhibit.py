"""Who is shown in the gallery, as what, and with which pictures."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from editcorpus.ledger import image_path
from editcorpus.records import Failed, Reason, Rejected, Triplet
from editcorpus.shards import need_manifest, read_facts, write_manifest
from editcorpus.stages.exhibit import _choice, _Shelf, exhibits
from editcorpus.stages.filter import Config as FilterConfig
from editcorpus.stages.order import STAGES
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import publish, regenerate
from editcorpus.steps.filter import Config as JudgeConfig
from editcorpus.storage import Store

Open = Callable[..., AbstractContextManager[Workshop]]


@pytest.fixture
def done(tmp_path: Path, open_run: Open) -> Iterator[Workshop]:
    """A run of two shards that is through."""
    with open_run(tmp_path) as shop:
        for shard in range(2):
            for stage in STAGES:
                run_stage(shop, shard, stage)
        yield shop


def verdicts(store: Store) -> dict[str, str]:
    return {entry.id: entry.verdict for entry in exhibits(store, "r", 100)}


def test_every_shard_has_its_share_and_the_choice_is_always_the_same(done: Workshop):
    def shown(limit: int) -> list[str]:
        return [entry.id for entry in exhibits(done.store, "r", limit)]

    through = [one for one in exhibits(done.store, "r", 100) if one.verdict == "kept"]
    assert through
    assert all(one.family and one.mask and one.residual_padding is not None for one in through)
    everybody = shown(100)
    assert len(everybody) == 6
    for limit in range(1, 7):
        assert len(shown(limit)) == limit
        assert shown(limit) == [key for key in everybody if key in shown(limit)]
    assert shown(0) == []
    late = {entry.id for entry in exhibits(done.store, "r", 3)} & set(everybody[4:])
    assert len(late) == 1


def shelf(*kinds: tuple[str, str, int]) -> _Shelf:
    """A shard by task, verdict and count, sorted by task."""
    triplets, gone, kept = [], {}, {}
    for task, verdict, count in kinds:
        for number in range(count):
            key = f"x/{task}-{verdict}-{number}"
            triplets.append(Triplet(key, "x", task, "", "Paint.", 0, "MIT", "f", 0, 0))
            if verdict == "kept":
                kept[key] = None
            else:
                cls = Failed if verdict == "failed" else Rejected
                gone[key] = cls(key, "filter", Reason.NO_EDIT, "So.")
    return _Shelf(triplets, {}, {}, {}, {}, kept, gone, True)  # type: ignore[arg-type]


def test_tasks_and_verdicts_are_shown_in_proportion_and_none_is_missing():
    mixed = shelf(("a", "kept", 80), ("a", "rejected", 10), ("b", "kept", 9), ("b", "failed", 1))
    chosen = _choice(mixed, 20, "0")
    counts = Counter(key.rpartition("-")[0] for key in chosen)
    assert counts["x/a-kept"] >= 14
    assert min(counts.values()) >= 1 and len(counts) == 4 and len(chosen) == 20


def test_small_shares_show_other_kinds_in_other_shards():
    mixed = shelf(("a", "kept", 80), ("a", "rejected", 10), ("b", "kept", 9))
    shown = {next(iter(_choice(mixed, 1, str(shard)))).rpartition("-")[0] for shard in range(20)}
    assert len(shown) == 3


def test_who_waits_for_a_stage_to_be_done_again_is_not_shown_as_kept(done: Workshop):
    folder = done.folder(0)
    old = need_manifest(done.store, folder, "regenerate")
    first = read_facts(done.store, folder, "regenerate", regenerate.Regenerated)[0].id
    kept = [key for key, verdict in verdicts(done.store).items() if verdict == "kept"]
    failed = Failed(first, "regenerate", Reason.UNAVAILABLE, "Later.")
    write_manifest(done.store, folder, replace(old, kept=old.kept - 1, failed=(failed,)))
    shard = {item.id for item in read_facts(done.store, folder, "plan", Triplet)}
    now = verdicts(done.store)
    assert kept
    assert all(now[key] == ("failed" if key in shard else "kept") for key in kept)


def test_a_manifest_of_another_configuration_counts_for_nothing(tmp_path: Path, open_run: Open):
    config = publish.Config(min_done=0, min_preserved=0, min_clean=0)
    with open_run(tmp_path, publish=config) as shop:
        for stage in STAGES:
            run_stage(shop, 0, stage)
        assert "kept" in verdicts(shop.store).values()
        old = need_manifest(shop.store, shop.folder(0), "publish")
        write_manifest(shop.store, shop.folder(0), replace(old, fingerprint="0" * 64))
        assert "kept" not in verdicts(shop.store).values()


@pytest.mark.parametrize("damage", [None, b"", b"{}\n", b"cut", "flip"])
def test_a_refused_answer_that_is_missing_or_damaged_has_no_picture(
    damage: bytes | str | None, tmp_path: Path, open_run: Open
):
    strict = FilterConfig(judge=JudgeConfig(max_changed_share=0))
    with open_run(tmp_path, filter=strict) as shop:
        for stage in STAGES[:3]:
            run_stage(shop, 0, stage)
        store, folder = shop.store, shop.folder(0)
        row = read_facts(store, folder, "regenerate", regenerate.Regenerated)[0]
        before = {entry.id: entry for entry in exhibits(store, "r", 100)}
        assert before[row.id].verdict == "rejected" and before[row.id].edited
        assert before[row.id].changed_share and before[row.id].scale_x
        path = image_path(row.response)
        if damage is None:
            store.remove(path)
        elif damage == "flip":
            data = bytearray(store.read(path))
            data[-20] ^= 255
            store.write(path, bytes(data))
        else:
            store.write(path, damage)  # type: ignore[arg-type]
        after = {entry.id: entry for entry in exhibits(store, "r", 100)}
    assert after[row.id].edited is None and after[row.id].mask is None
    assert after[row.id].source
