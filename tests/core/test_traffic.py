"""How many bytes went to and from a store: each counts once, by whatever method it goes."""

import os
from pathlib import Path

import pytest

from editcorpus.storage import Store
from editcorpus.traffic import Traffic

DATA = bytes(range(256)) * 100


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.on_disk(tmp_path)


def counted(store: Store) -> tuple[int, int]:
    return store.traffic.read, store.traffic.written


def test_nothing_has_passed_at_first(store: Store) -> None:
    assert counted(store) == (0, 0)


def test_a_write_and_a_read_count_once(store: Store) -> None:
    store.write("a/b", DATA)
    assert counted(store) == (0, len(DATA))
    assert store.read("a/b") == DATA and store.read_range("a/b", 5, 10) == DATA[5:15]
    assert counted(store) == (len(DATA) + 10, len(DATA))


def test_an_open_file_counts_what_is_read_of_it(store: Store) -> None:
    store.write("a", DATA)
    with store.open("a") as file:
        assert file.read() == DATA
        file.seek(7)
        assert file.read(9) == DATA[7:16]
    assert len(DATA) <= counted(store)[0] <= 2 * len(DATA)
    with store.open("a") as file:
        assert file.readinto(memoryview(bytearray(len(DATA)))) == len(DATA)  # type: ignore[attr-defined]


def test_uploads_creations_swaps_and_appends_count(store: Store) -> None:
    with store.upload("a") as file:
        file.write_bytes(DATA)
    assert store.create("b", b"12345")
    assert store.swap("b", b"1234567", store.tag("b"))
    handle = store.open_end("b")
    store.append("b", handle, b"89")
    os.close(handle)
    assert counted(store)[1] == len(DATA) + 5 + 7 + 2


def test_a_hasty_copy_counts_with_its_store(store: Store) -> None:
    store.hasty().write("a", DATA)
    assert counted(store) == (0, len(DATA))


@pytest.mark.s3
def test_a_bucket_counts_the_same(s3_store: Store) -> None:
    s3_store.write("a", DATA)
    with s3_store.upload("b") as file:
        file.write_bytes(DATA)
    assert counted(s3_store) == (0, 2 * len(DATA))
    assert s3_store.read("a") == DATA and s3_store.read_range("b", 5, 10) == DATA[5:15]
    with s3_store.open("a") as opened:
        assert opened.read() == DATA
    assert counted(s3_store) == (2 * len(DATA) + 10, 2 * len(DATA))


def test_what_was_never_committed_does_not_count(store: Store) -> None:
    with pytest.raises(KeyError), store.upload("a") as file:
        file.write_bytes(DATA)
        raise KeyError
    assert counted(store) == (0, 0)


def test_a_missing_file_is_told_as_ever(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Traffic().open(tmp_path / "none")
