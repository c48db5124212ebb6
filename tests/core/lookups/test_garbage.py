"""What a store can do without: what would go, what goes, and what is as true afterwards as before."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from editcorpus.bookings import to_fields
from editcorpus.errors import ConfigError, RunStopped
from editcorpus.journal import encode
from editcorpus.layouts.accounts import check_accounts
from editcorpus.layouts.audit import Audit, audit
from editcorpus.layouts.removals import Removals, note_removals, read_removals
from editcorpus.leases import Owner
from editcorpus.ledger import read_header, read_history
from editcorpus.lookups import garbage
from editcorpus.lookups.garbage import ORPHAN_S, Item, Keep, Runs, find_garbage, remove_garbage
from editcorpus.runs import corpus_file, own_run
from editcorpus.sandbox import Running
from editcorpus.stages.claiming import claimed
from editcorpus.stages.finish import finish
from editcorpus.stages.mending import healed
from editcorpus.stages.order import STAGES
from editcorpus.stages.page import make_gallery
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import publish
from editcorpus.storage import Store

Open = Callable[..., AbstractContextManager[Workshop]]
NOW = 2e9
AT = "2026-11-21T00:00:00.000+00:00"


def found(store: Store, keep: Keep = "responses") -> list[Item]:
    return list(find_garbage(store, keep, NOW))


def kinds(items: list[Item]) -> dict[tuple[str, str], int]:
    return dict(Counter((item.kind, item.run) for item in items))


def collect(store: Store, owner: Owner, keep: Keep = "responses") -> list[Item]:
    return list(remove_garbage(store, keep, NOW, owner, AT))


def hashes(store: Store) -> dict[str, str]:
    folders = ("corpora", "damaged", "journal", "responses", "runs")
    paths = [path for folder in folders for path in store.list(folder)]
    return {path: hashlib.sha256(store.read(path)).hexdigest() for path in paths}


def proved(store: Store, run: str) -> Audit:
    return audit(store, run, [check_accounts])


def billed(server: Running) -> int:
    return int(server.admin("summary")["billed"])


def test_a_look_changes_nothing_and_finds_the_pictures_of_finished_runs(built: Store) -> None:
    before = hashes(built)
    items = found(built)
    assert hashes(built) == before
    assert kinds(items) == {("pictures", "spring"): 8, ("pictures", "strict"): 8}
    assert all(item.bytes == built.size(item.path) for item in items)
    pictures = sum(item.bytes for item in items)
    rest = sum(size for path, size in built.sizes("runs").items() if path.endswith(".parquet"))
    assert pictures > 0.9 * rest


def test_with_the_corpus_kept_paid_pictures_go_too_at_a_price(built: Store) -> None:
    answers = [item for item in found(built, "corpus") if item.kind == "answers"]
    assert {item.path for item in answers} == set(built.list("responses"))
    assert {item.run for item in answers} == {"spring"}
    edits = [one for one in read_history(built, "spring").records if one.step == "regenerate"]
    assert sum(item.usd for item in answers) == sum(one.usd for one in edits) > 0


def test_afterwards_all_is_proved_and_a_rerun_pays_nothing_and_changes_no_byte(
    copied: Store,
    owner: Owner,
    open_run: Open,
    carried_out: Callable[[Workshop], None],
    one_sandbox: Running,
) -> None:
    before, paid = hashes(copied), billed(one_sandbox)
    went = collect(copied, owner)
    assert kinds(went) == {("pictures", "spring"): 8, ("pictures", "strict"): 8}
    after = hashes(copied)
    assert set(before) - set(after) == {item.path for item in went}
    assert set(after) - set(before) == {"runs/spring/gc.json", "runs/strict/gc.json"}
    assert found(copied) == []
    for run in ("spring", "strict"):
        assert (proved(copied, run).problems, proved(copied, run).unproven) == ([], [])
    with open_run(copied, "spring") as shop:
        carried_out(shop)
        assert shop.ledger.calls["settled"] == 0
    make_gallery(copied, "spring", 10)
    assert hashes(copied) == after
    assert billed(one_sandbox) == paid


def test_what_is_gone_is_made_again_for_nothing_where_it_is_needed(
    copied: Store,
    owner: Owner,
    open_run: Open,
    one_sandbox: Running,
) -> None:
    collect(copied, owner)
    paid, path = billed(one_sandbox), corpus_file("spring", 1)
    data = copied.read(path)
    copied.remove(path)
    with open_run(copied, "spring") as shop:
        healed(shop.mending, [lambda stage=stage: run_stage(shop, 1, stage) for stage in STAGES])
        finish(shop, 4, {}, emulated=True)
    assert copied.read(path) == data
    assert billed(one_sandbox) == paid


def test_without_answers_the_audit_says_what_it_cannot_prove(copied: Store, owner: Owner) -> None:
    spent = read_history(copied, "spring").spent
    collect(copied, owner, "corpus")
    assert copied.list("responses") == []
    audited = proved(copied, "spring")
    assert audited.problems == []
    (sentence,) = audited.unproven
    kept = audited.counts["records"]
    assert sentence.startswith(f"{kept} records name paid answers that `editcorpus gc` removed")
    assert "2026-11-21" in sentence
    assert read_history(copied, "spring").spent == spent


def test_a_lost_answer_stays_a_problem_where_only_pictures_were_removed(
    copied: Store, owner: Owner
) -> None:
    collect(copied, owner)
    copied.remove(copied.list("responses")[0])
    assert proved(copied, "spring").problems != []


def test_answers_that_an_unfinished_run_may_need_stay(
    copied: Store, open_run: Open, one_sandbox: Running
) -> None:
    with open_run(copied, "autumn", publish=publish.Config(min_done=0.9)):
        pass  # it is planned over the same rows, and no more
    assert kinds(found(copied, "corpus")) == kinds(found(copied))
    assert Runs.of(copied).unfinished == ["autumn"]


def test_answers_of_an_unfinished_run_stay_whatever_their_triplets_are_called(
    copied: Store,
) -> None:
    path = copied.list("responses")[0]
    key = path.rpartition("/")[2]
    header = read_header(copied, key)
    assert header is not None
    other = replace(header.record, id="other/1", run="autumn", attempt="x-1")
    copied.write("journal/autumn/p/0.jsonl", encode("end", key, **to_fields(other)))
    copied.write("runs/autumn/run.json", b"{}\n")
    left = {item.path for item in found(copied, "corpus")}
    assert path not in left
    assert len([one for one in left if one.startswith("responses")]) == 5


def test_an_answer_whose_end_only_its_header_tells_stays(copied: Store, owner: Owner) -> None:
    path = copied.list("responses")[0]
    key = path.rpartition("/")[2]
    header = read_header(copied, key)
    assert header is not None
    (name,) = {item for item in copied.list("journal/spring") if key in copied.read(item).decode()}
    lines = copied.read(name).splitlines(keepends=True)
    mark = f'"t":"end","k":"{key}"'.encode()
    copied.write(name, b"".join(line for line in lines if mark not in line))
    before = read_history(copied, "spring")
    collect(copied, owner, "corpus")
    assert copied.list("responses") == [path]
    after = read_history(copied, "spring")
    assert (after.spent, after.open) == (before.spent, ())


def test_a_picture_that_nobody_knows_stays(copied: Store, owner: Owner) -> None:
    copied.write(f"responses/ff/{'f' * 64}", b"{}\npicture")
    copied.write("responses/ff/odd", b"{}\npicture")
    collect(copied, owner, "corpus")
    assert copied.list("responses") == [f"responses/ff/{'f' * 64}", "responses/ff/odd"]


def test_a_run_with_failed_triplets_or_without_a_corpus_keeps_all_it_has(copied: Store) -> None:
    copied.remove("corpora/strict/manifest.json")
    assert kinds(found(copied)) == {("pictures", "spring"): 8}
    copied.write("corpora/spring/manifest.json", b"{")
    assert found(copied) == []


def test_files_that_no_manifest_names_go(copied: Store, owner: Owner) -> None:
    copied.write("corpora/spring/data/train-00099.parquet", b"x")
    copied.remove("runs/spring/shards/00000/align.json")
    loose = {item.path for item in found(copied) if item.kind == "loose"}
    assert loose == {
        "corpora/spring/data/train-00099.parquet",
        "runs/spring/shards/00000/align.parquet",
    }
    collect(copied, owner)
    assert not copied.exists("corpora/spring/data/train-00099.parquet")


def test_only_old_temporary_files_go(copied: Store, owner: Owner) -> None:
    old, young = (Path(copied.root) / f".{name}.tmp" for name in ("old", "young"))
    for file, age in ((old, ORPHAN_S + 1), (young, ORPHAN_S - 1)):
        file.write_bytes(b"12345")
        os.utime(file, (NOW - age, NOW - age))
    assert [item for item in found(copied) if item.kind == "temporary"] == [
        Item("temporary", "", str(old), 5)
    ]
    collect(copied, owner)
    assert (old.exists(), young.exists()) == (False, True)


def test_nothing_goes_while_a_run_is_owned_by_a_living_process(copied: Store, owner: Owner) -> None:
    before = set(hashes(copied))
    other = replace(owner, process="other")
    with (
        own_run(copied, "strict", other, lambda _: None),
        pytest.raises(ConfigError, match=r"The run 'strict' is owned by process \d+ on"),
    ):
        collect(copied, owner)
    assert set(hashes(copied)) == before


def test_nothing_goes_while_triplets_are_in_work(copied: Store, owner: Owner) -> None:
    before = set(hashes(copied))
    other = replace(owner, process="other")
    with (
        claimed(copied, "autumn", ["omniedit/1"], other, lambda _: None),
        pytest.raises(ConfigError, match=r"Triplets of run 'autumn' are in work by process"),
    ):
        collect(copied, owner)
    assert set(hashes(copied)) == before


def test_it_ends_when_a_lock_is_lost(
    copied: Store, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Event()
    monkeypatch.setattr(garbage, "_owned", lambda *_: nullcontext(lost))
    monkeypatch.setattr(garbage, "_BATCH", 4)
    going = remove_garbage(copied, "responses", NOW, owner, AT)
    next(going)
    lost.set()
    with pytest.raises(RunStopped, match="what is left was not removed"):
        list(going)
    assert len(found(copied)) == 16 - 4


def test_the_note_of_what_was_removed_keeps_what_was_said_before(disk_store: Store) -> None:
    assert read_removals(disk_store, "r") is None
    note_removals(disk_store, "r", Removals("2026-11-20", answers=True))
    note_removals(disk_store, "r", Removals("2026-11-21", answers=False))
    assert read_removals(disk_store, "r") == Removals("2026-11-21", answers=True)
    disk_store.write("runs/r/gc.json", b"[]")
    assert read_removals(disk_store, "r") is None


def test_sizes_are_those_of_every_file_below(any_store: Store) -> None:
    any_store.write("a/b/c", b"123")
    any_store.write("a/d", b"")
    any_store.write("ab/e", b"1")
    assert any_store.sizes("a") == {"a/b/c": 3, "a/d": 0}
    assert any_store.sizes("nothing") == {}


@pytest.mark.s3
def test_a_bucket_is_collected_the_same(
    built: Store, s3_store: Store, owner: Owner, tmp_path: Path
) -> None:
    for folder in ("corpora", "journal", "responses", "runs"):
        for path in built.list(folder):
            s3_store.write(path, built.read(path))
    (tmp_path / "spool").mkdir(exist_ok=True)
    orphan = tmp_path / "spool" / ".dead.tmp"
    orphan.write_bytes(b"1")
    os.utime(orphan, (0, 0))
    wanted = kinds(found(built, "corpus"))
    went = collect(s3_store, owner, "corpus")
    assert kinds(went) == {**wanted, ("temporary", ""): 1}
    assert not orphan.exists()
    assert s3_store.list("responses") == []
    assert proved(s3_store, "spring").problems == []


def test_a_damaged_answer_goes_with_the_answers_of_finished_runs_alone(
    copied: Store, owner: Owner
) -> None:
    key = copied.list("responses")[0].rpartition("/")[2]
    copied.write(f"damaged/{key}", copied.read(f"responses/{key[:2]}/{key}"))
    copied.write(f"damaged/{'0' * 64}", b"of a run that nobody knows")
    assert not [item for item in found(copied) if item.kind == "damaged"]
    (item,) = (item for item in found(copied, "corpus") if item.kind == "damaged")
    assert (item.path, item.run) == (f"damaged/{key}", "spring")
    assert item.usd > 0
    collect(copied, owner, "corpus")
    assert copied.list("damaged") == [f"damaged/{'0' * 64}"]
