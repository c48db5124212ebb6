"""Shards: columns, the manifest that makes them valid, and what decides that a step is done."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from pydantic import BaseModel

from editcorpus.errors import ShardError
from editcorpus.records import Failed, Reason, Rejected
from editcorpus.shards import (
    Manifest,
    ShardRef,
    fingerprint,
    hash_of,
    need_manifest,
    pictures,
    read_facts,
    read_manifest,
    ref,
    shard_folder,
    write_columns,
    write_manifest,
)
from editcorpus.storage import Store

FOLDER = shard_folder("spring", 17)


class Config(BaseModel):
    canvas: str = "fixed"
    most: float = 0.5


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    width: int
    share: float
    blank: bool
    note: str | None
    why: Reason
    canvas: bytes
    view: bytes | None


def row(number: int) -> Row:
    why = Reason.NO_EDIT
    return Row(f"toy/{number}", number, 0.5, False, None, why, b"%d" % number * 9, None)


def rows(count: int) -> Iterator[Row]:
    return (row(number) for number in range(count))


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
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_manifest_is_named_and_never_believed(disk_store: Store, name: str):
    disk_store.write(f"{FOLDER}/pad.json", DAMAGED[name](manifest().encode()))
    with pytest.raises(ShardError, match=r"00017/pad\.json: .*Remove the file and start the run"):
        read_manifest(disk_store, FOLDER, "pad")


def test_the_manifest_of_another_step_is_refused(disk_store: Store):
    disk_store.write(f"{FOLDER}/filter.json", manifest().encode())
    with pytest.raises(ShardError, match=r"filter\.json is the manifest of 'pad'"):
        read_manifest(disk_store, FOLDER, "filter")


def test_columns_are_written_whole_with_their_count_size_and_hash(any_store: Store):
    written = write_columns(any_store, FOLDER, "pad", Row, rows(10))
    data = any_store.read(f"{FOLDER}/pad.parquet")
    assert written == (10, hashlib.sha256(data).hexdigest(), len(data))
    assert write_columns(any_store, FOLDER, "pad", Row, rows(10)) == written


def test_a_step_that_breaks_leaves_the_columns_that_were_there(disk_store: Store):
    before = write_columns(disk_store, FOLDER, "pad", Row, rows(3))

    def breaking() -> Iterator[Row]:
        yield from rows(9)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_columns(disk_store, FOLDER, "pad", Row, breaking())
    assert hashlib.sha256(disk_store.read(f"{FOLDER}/pad.parquet")).hexdigest() == before.sha256
    assert disk_store.list(FOLDER) == [f"{FOLDER}/pad.parquet"]


def test_facts_are_the_records_with_their_pictures_left_empty(any_store: Store):
    write_columns(any_store, FOLDER, "pad", Row, rows(10))
    found = read_facts(any_store, FOLDER, "pad", Row)
    assert found == [replace(row(number), canvas=b"", view=b"") for number in range(10)]
    assert isinstance(found[0].why, Reason)
    write_columns(any_store, FOLDER, "pad", Row, rows(0))
    assert read_facts(any_store, FOLDER, "pad", Row) == []


def test_reading_facts_reads_no_pictures(disk_store: Store):
    big = (replace(row(number), canvas=bytes(1_000_000)) for number in range(8))
    write_columns(disk_store, FOLDER, "pad", Row, big)
    read = []
    open_ = disk_store.open

    def counted(path: str):
        file = open_(path)
        read_ = file.read

        class Counted:
            closed = False
            seek, tell, close = file.seek, file.tell, file.close

            def read(self, size: int = -1) -> bytes:
                read.append(size)
                return read_(size)

            def __enter__(self):
                return self

            def __exit__(self, *_: object) -> None:
                file.close()

        return Counted()

    disk_store.open = counted  # type: ignore[method-assign]
    assert len(read_facts(disk_store, FOLDER, "pad", Row)) == 8
    assert sum(read) < 200_000


def test_pictures_are_read_by_row(any_store: Store):
    write_columns(any_store, FOLDER, "pad", Row, rows(10))
    with pictures(any_store, FOLDER, "pad", "canvas") as found:
        assert len(found) == 10
        assert [found[number] for number in (9, 0, 5)] == [b"9" * 9, b"0" * 9, b"5" * 9]


@pytest.mark.parametrize("damage", ["missing", "cut", "garbage"])
def test_a_column_file_that_is_not_whole_is_a_shard_error(any_store: Store, damage: str):
    path = f"{FOLDER}/pad.parquet"
    write_columns(any_store, FOLDER, "pad", Row, rows(10))
    data = any_store.read(path)
    if damage == "missing":
        any_store.remove(path)
    else:
        any_store.write(path, data[:-30] if damage == "cut" else b"garbage")
    with pytest.raises(ShardError, match=r"pad\.parquet is (missing|not a whole parquet file)"):
        read_facts(any_store, FOLDER, "pad", Row)
    with (
        pytest.raises(ShardError, match=r"pad\.parquet is (missing|not a whole parquet file)"),
        pictures(any_store, FOLDER, "pad", "canvas"),
    ):
        pytest.fail("opened")


def test_a_reference_is_small_and_says_how_it_went():
    made = ref(manifest(), "spring", 17, skipped=True)
    assert made == ShardRef("spring", 17, "pad", 12, 10, 1, 1, manifest().digest, True)


def test_hashes_do_not_follow_the_order_of_members():
    assert hash_of({"a": 1, "b": [1, "ü\ud800"]}) == hash_of({"b": [1, "ü\ud800"], "a": 1})
    assert hash_of([1, 2]) != hash_of([2, 1])
