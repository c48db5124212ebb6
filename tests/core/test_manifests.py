"""Manifests: what makes a step's result valid, and what decides that it is done."""

import json
from dataclasses import replace

import pytest
from pydantic import BaseModel

from editcorpus.errors import ShardDamaged, ShardError
from editcorpus.records import Failed, Reason, Rejected
from editcorpus.shards import (
    Manifest,
    ShardRef,
    fingerprint,
    hash_of,
    need_manifest,
    read_manifest,
    ref,
    shard_folder,
    write_manifest,
)
from editcorpus.storage import Store

FOLDER = shard_folder("spring", 17)


class Config(BaseModel):
    canvas: str = "fixed"
    most: float = 0.5


def manifest(**changes: object) -> Manifest:
    rejected = (Rejected("toy/ü", "pad", Reason.IMAGE_BLANK, 'a "flat" one\n'),)
    failed = (Failed("toy/f", "pad", Reason.UNAVAILABLE, ""),)
    history = ({"at": "2026-11-20", "usd": "0.10", "seconds": 1.5},)
    made = Manifest("pad", 2, "f" * 64, 12, 10, rejected, failed, "e" * 64, 1234, history)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_manifest_comes_back_and_is_the_same_bytes_each_time(any_store: Store):
    assert read_manifest(any_store, FOLDER, "pad") is None
    write_manifest(any_store, FOLDER, manifest())
    assert read_manifest(any_store, FOLDER, "pad") == manifest()
    assert need_manifest(any_store, FOLDER, "pad").encode() == manifest().encode()
    assert any_store.list("runs") == ["runs/spring/shards/00017/pad.json"]


def test_figures_of_a_rejected_triplet_come_back_and_those_without_any_leave_no_trace(
    disk_store: Store,
):
    (plain,) = manifest().rejected
    measured = replace(plain, measured='{"changed_share": 0.7}')
    write_manifest(disk_store, FOLDER, manifest(rejected=(measured,)))

    found = need_manifest(disk_store, FOLDER, "pad")

    assert found.rejected == (measured,)
    assert found.digest == manifest().digest, "what follows is made of the verdicts alone"
    assert b"measured" not in manifest().encode()


def test_a_step_that_is_not_done_is_named(disk_store: Store):
    with pytest.raises(ShardError, match=r"shards/00017 has no pad\.json; run the step pad first"):
        need_manifest(disk_store, FOLDER, "pad")


@pytest.mark.parametrize("change", [{"entered": 13}, {"kept": 9}, {"rejected": ()}, {"failed": ()}])
def test_ids_that_do_not_add_up_are_never_written(disk_store: Store, change: dict):
    with pytest.raises(ShardError, match=r"00017: \d+ ids entered pad, but \d+ were kept"):
        write_manifest(disk_store, FOLDER, manifest(**change))
    assert disk_store.list("runs") == []


def test_the_digest_is_that_of_what_came_out():
    digest = manifest().digest
    later = ({"at": "2027-01-01"}, {"at": "2027-01-02"})
    gone = manifest().rejected[0]
    for same in (
        {"history": later},
        {"fingerprint": "0" * 64},
        {"version": 3},
        {"failed": ()},
        {"rejected": (replace(gone, detail=""),)},
    ):
        assert manifest(**same).digest == digest
    for other in (
        {"sha256": "d" * 64},
        {"pictures_sha256": "d" * 64},
        {"step": "filter"},
        {"rejected": ()},
        {"rejected": (replace(gone, id="toy/x"),)},
        {"rejected": (replace(gone, reason=Reason.IMAGE_TOO_SMALL),)},
    ):
        assert manifest(**other).digest != digest
    assert manifest(history=later).digest == digest
    assert manifest().gone == ["toy/ü", "toy/f"]


def test_a_fingerprint_follows_all_that_determines_the_result():
    print_ = fingerprint("before", "pad", 1, Config())
    assert print_ == fingerprint("before", "pad", 1, Config(canvas="fixed", most=0.5))
    others = {
        fingerprint("other", "pad", 1, Config()),
        fingerprint("before", "filter", 1, Config()),
        fingerprint("before", "pad", 2, Config()),
        fingerprint("before", "pad", 1, Config(canvas="free")),
        fingerprint("before", "pad", 1, Config(most=0.25)),
    }
    assert len(others | {print_}) == 6


def change(data: bytes, **members: object) -> bytes:
    made = json.loads(data)
    made.update(members)
    return json.dumps(made).encode()


DAMAGED = {
    "empty": lambda data: b"",
    "cut short": lambda data: data[:-20],
    "no object": lambda data: b"5",
    "a list": lambda data: b"[1, 2]",
    "no text": lambda data: b"\xff" + data,
    "too deep": lambda data: b"[" * 100_000,
    "a member missing": lambda data: data.replace(b'"sha256"', b'"sha255"'),
    "a member too many": lambda data: change(data, colour="red"),
    "an unknown reason": lambda data: data.replace(b"image_blank", b"image_black"),
    "a verdict that is none": lambda data: change(data, rejected=[5]),
    "a count that is text": lambda data: change(data, kept="10"),
    "a count that is true": lambda data: change(data, version=True),
    "a negative count": lambda data: change(data, size=-1),
    "a hash that is none": lambda data: change(data, fingerprint=None),
    "a sum that does not close": lambda data: change(data, entered=13),
    "another file's hash": lambda data: change(data, sha256="d" * 64),
    "another id": lambda data: data.replace(b"toy/f", b"toy/g"),
    "another digest": lambda data: change(data, digest="d" * 64),
    "another file with pictures": lambda data: change(data, pictures_sha256="d" * 64),
    "another size of pictures": lambda data: change(data, pictures_size=1),
    "another format": lambda data: change(data, format=1),
    "the first format": lambda data: data.replace(b'"format": 2,', b""),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_manifest_is_named_and_never_believed(disk_store: Store, name: str):
    disk_store.write(f"{FOLDER}/pad.json", DAMAGED[name](manifest().encode()))
    with pytest.raises(ShardDamaged, match=r"00017/pad\.json: (A manifest is|13 ids)") as raised:
        read_manifest(disk_store, FOLDER, "pad")
    damage = raised.value
    assert (damage.folder, damage.step, damage.path) == (FOLDER, "pad", f"{FOLDER}/pad.json")


def test_the_manifest_of_another_step_is_refused(disk_store: Store):
    disk_store.write(f"{FOLDER}/filter.json", manifest().encode())
    with pytest.raises(ShardDamaged, match=r"filter\.json is the manifest of 'pad'"):
        read_manifest(disk_store, FOLDER, "filter")


def test_a_reference_is_small_and_says_how_it_went():
    made = ref(manifest(), "spring", 17, skipped=True)
    assert made == ShardRef("spring", 17, "pad", 12, 10, 1, 1, manifest().digest, True)


def test_hashes_do_not_follow_the_order_of_members():
    assert hash_of({"a": 1, "b": [1, "ü\ud800"]}) == hash_of({"b": [1, "ü\ud800"], "a": 1})
    assert hash_of([1, 2]) != hash_of([2, 1])
