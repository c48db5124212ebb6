"""Large files that the disk takes from a few buffers."""

import errno
import fcntl
import mmap
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from editcorpus.layouts import direct
from editcorpus.layouts.direct import BLOCK, Direct

DATA = np.random.default_rng(0).bytes(8 * BLOCK + 4_711)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def written(place: Path, threads: ThreadPoolExecutor, step: int, *, stays: bool = True) -> bytes:
    with Direct(place, threads, stays) as file:
        for at in range(0, len(DATA), step):
            assert file.write(DATA[at : at + step]) == len(DATA[at : at + step])
        assert file.tell() == len(DATA)
    return place.read_bytes()


@pytest.mark.parametrize("step", [9_999, BLOCK - 512, BLOCK, len(DATA)])
def test_bytes_come_back_in_their_order(
    tmp_path: Path, threads: ThreadPoolExecutor, step: int
) -> None:
    assert written(tmp_path / "file", threads, step) == DATA


def test_bytes_that_were_put_into_its_room_come_back(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    left = DATA
    with Direct(tmp_path / "file", threads) as file:
        while left:
            room = file.room()
            part = left[: max(1, len(room) // 3)]
            room[: len(part)] = part
            file.grow(len(part))
            left = left[len(part) :]
    assert (tmp_path / "file").read_bytes() == DATA


def test_what_was_given_may_change_afterwards(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    mine = bytearray(DATA)
    with Direct(tmp_path / "file", threads) as file:
        file.write(mine)
        mine[:] = bytes(len(mine))
    assert (tmp_path / "file").read_bytes() == DATA


def test_a_file_can_be_read_once_it_is_flushed_and_grow_afterwards(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    with Direct(tmp_path / "file", threads) as file:
        for part in (DATA, b"more", b"", DATA):
            file.write(part)
            file.flush()
            assert (tmp_path / "file").stat().st_size == file.tell()
    assert (tmp_path / "file").read_bytes() == DATA + b"more" + DATA
    file.flush()
    file.close()
    assert not file.seekable()


def test_a_disk_without_direct_writes_is_written_like_any(
    plain_disk: Path, threads: ThreadPoolExecutor
) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        os.open(plain_disk / "file", os.O_CREAT | os.O_WRONLY | os.O_DIRECT)
    assert written(plain_disk / "file", threads, 9_999) == DATA


def test_blocks_that_a_disk_refuses_are_written_like_any(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "_aligned", lambda: memoryview(mmap.mmap(-1, BLOCK + 1))[1:])
    assert written(tmp_path / "file", threads, 9_999) == DATA


def test_a_file_that_is_to_be_read_soon_stays_in_memory(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    with Direct(tmp_path / "file", threads, stays=False) as file:
        assert not fcntl.fcntl(file.fileno(), fcntl.F_GETFL) & os.O_DIRECT
    assert written(tmp_path / "file", threads, 9_999, stays=False) == DATA


@pytest.mark.parametrize("size", [2 * BLOCK, 9 * BLOCK])
def test_a_full_disk_is_said_at_the_latest_when_the_file_is_closed(
    tiny: Path, threads: ThreadPoolExecutor, size: int
) -> None:
    file = Direct(tiny / "file", threads)

    def fill() -> None:
        with file:
            file.write(bytes(size))

    with pytest.raises(OSError, match="No space") as raised:
        fill()
    assert raised.value.errno == errno.ENOSPC
    assert file.closed


def test_a_place_where_no_file_can_be_is_said_at_once(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    with pytest.raises(FileNotFoundError):
        Direct(tmp_path / "missing" / "file", threads)
