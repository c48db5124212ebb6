"""Shards: columns in their files, and that nothing is believed which was not written so."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from editcorpus.errors import ShardDamaged, ShardError
from editcorpus.records import Reason
from editcorpus.shards import (
    Columns,
    Manifest,
    Written,
    pictures,
    read_facts,
    shard_folder,
    write_columns,
    write_manifest,
)
from editcorpus.storage import Store

FOLDER = shard_folder("spring", 17)


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


@dataclass(frozen=True, slots=True)
class Plain:
    id: str
    width: int


def commit(store: Store, written: Written) -> None:
    made = Manifest("pad", 2, "f" * 64, written.records, written.records, (), (), *written[1:3])
    proof = {"pictures_sha256": written.pictures_sha256, "pictures_size": written.pictures_size}
    write_manifest(store, FOLDER, replace(made, **proof))


def proof(data: bytes) -> tuple[str, int]:
    return hashlib.sha256(data).hexdigest(), len(data)


def test_columns_are_written_whole_with_their_count_size_and_hash(any_store: Store):
    written = write_columns(any_store, FOLDER, "pad", Row, rows(10))
    facts = any_store.read(f"{FOLDER}/pad.parquet")
    found = any_store.read(f"{FOLDER}/pad.pictures.parquet")
    assert written == (10, *proof(facts), *proof(found))
    assert write_columns(any_store, FOLDER, "pad", Row, rows(10)) == written


def test_a_step_without_pictures_has_one_file(disk_store: Store):
    plain = [Plain("toy/1", 1), Plain("toy/2", 2)]
    written = write_columns(disk_store, FOLDER, "pad", Plain, iter(plain))
    assert disk_store.list(FOLDER) == [f"{FOLDER}/pad.parquet"]
    assert written[3:] == ("", 0)
    commit(disk_store, written)
    assert read_facts(disk_store, FOLDER, "pad", Plain) == plain


def test_a_step_that_breaks_leaves_the_columns_that_were_there(disk_store: Store):
    before = write_columns(disk_store, FOLDER, "pad", Row, rows(3))

    def breaking() -> Iterator[Row]:
        yield from rows(9)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_columns(disk_store, FOLDER, "pad", Row, breaking())
    files = ("pad.parquet", "pad.pictures.parquet")
    kept = [proof(disk_store.read(f"{FOLDER}/{name}")) for name in files]
    assert kept == [before[1:3], before[3:]]
    assert disk_store.list(FOLDER) == [f"{FOLDER}/{name}" for name in files]


def test_facts_are_the_records_with_their_pictures_left_empty(any_store: Store):
    commit(any_store, write_columns(any_store, FOLDER, "pad", Row, rows(10)))
    found = read_facts(any_store, FOLDER, "pad", Row)
    assert found == [replace(row(number), canvas=b"", view=b"") for number in range(10)]
    assert isinstance(found[0].why, Reason)
    commit(any_store, write_columns(any_store, FOLDER, "pad", Row, rows(0)))
    assert read_facts(any_store, FOLDER, "pad", Row) == []


class Counting(Store):
    """A store that notes what is read of it: whole files, and ranges of files."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner.root, inner._options, inner.spool)
        self.reads: list[tuple[str, bool]] = []

    def _cat(self, path: str, start: int, end: int | None) -> bytes:
        self.reads.append((path.rpartition("/")[2], end is None))
        return super()._cat(path, start, end)

    def size(self, path: str) -> int:
        raise AssertionError(f"Nobody needs to ask for the size of {path}.")


@pytest.mark.s3
def test_each_file_of_facts_is_one_request_and_pictures_one_for_each_row_group(s3_store: Store):
    commit(s3_store, write_columns(s3_store, FOLDER, "pad", Row, rows(10)))
    store = Counting(s3_store)
    columns = Columns(store, FOLDER)
    assert len(columns.facts("pad", Row)) == len(columns.facts("pad", Row)) == 10
    assert columns.manifest("pad") is columns.known("pad")
    assert store.reads == [("pad.json", True), ("pad.parquet", True)]
    store.reads.clear()
    with columns.pictures("pad", "canvas") as canvases, columns.pictures("pad", "view") as views:
        assert store.reads == []
        assert [len(canvases.need(number)) for number in range(10)] == [9] * 10
        assert [views[number] for number in range(10)] == [None] * 10
    footer, groups = 1, 3
    assert store.reads == [("pad.pictures.parquet", False)] * (footer + groups)


def test_pictures_are_read_by_row(any_store: Store):
    commit(any_store, write_columns(any_store, FOLDER, "pad", Row, rows(10)))
    with pictures(any_store, FOLDER, "pad", "canvas") as found:
        assert len(found) == 10
        assert [found[number] for number in (9, 0, 5)] == [b"9" * 9, b"0" * 9, b"5" * 9]
    with (
        pytest.raises(ShardError, match="no column 'share' of pictures"),
        pictures(any_store, FOLDER, "pad", "share"),
    ):
        pytest.fail("opened")


BROKEN = {
    "missing": None,
    "empty": lambda data: b"",
    "cut": lambda data: data[:-30],
    "garbage": lambda data: b"garbage",
    "flipped": lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:],
}


def broken(store: Store, name: str, damage: str) -> None:
    commit(store, write_columns(store, FOLDER, "pad", Row, rows(10)))
    path = f"{FOLDER}/{name}"
    change = BROKEN[damage]
    if change is None:
        store.remove(path)
    else:
        store.write(path, change(store.read(path)))


@pytest.mark.parametrize("damage", BROKEN)
def test_facts_that_are_not_what_was_written_are_never_believed(any_store: Store, damage: str):
    broken(any_store, "pad.parquet", damage)
    told = r"00017/pad\.parquet is damaged: It(s SHA-256| is missing)"
    with pytest.raises(ShardDamaged, match=told) as raised:
        read_facts(any_store, FOLDER, "pad", Row)
    assert (raised.value.step, raised.value.path) == ("pad", f"{FOLDER}/pad.parquet")
    with pytest.raises(ShardDamaged, match=told), pictures(any_store, FOLDER, "pad", "canvas"):
        pytest.fail("opened")


@pytest.mark.parametrize("damage", BROKEN)
def test_a_picture_that_is_not_what_was_written_is_never_served(any_store: Store, damage: str):
    broken(any_store, "pad.pictures.parquet", damage)
    columns = Columns(any_store, FOLDER)
    assert len(columns.facts("pad", Row)) == 10
    columns.check()
    told = r"00017/pad\.pictures\.parquet is damaged: (It|Row)"
    with columns.pictures("pad", "canvas") as found, pytest.raises(ShardDamaged, match=told):
        [found[number] for number in range(10)]
    with pytest.raises(ShardDamaged, match=told):
        columns.check()
