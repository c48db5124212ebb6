"""The journal: many wait for one write, and what was promised is there."""

import asyncio
import errno
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from editcorpus.errors import StorageError, StorageFull
from editcorpus.journal import Journal, Line, encode, read_lines
from editcorpus.sinks import FILE_BYTES, SEGMENT_BYTES, places
from editcorpus.storage import Store

KEY = "ab" * 32
FOLDER = "journal/run"


def line(number: int, size: int = 0) -> bytes:
    return encode("intent", f"{number:064x}", n=number, fill="x" * size)


def numbers(store: Store) -> list[int]:
    return [one.fields()["n"] for path in store.list("journal") for one in read_lines(store, path)]


class Counting:
    """A sink that counts writes and fails when told to."""

    def __init__(self, sink: Any) -> None:
        self.sink, self.writes, self.broken = sink, 0, []

    def append(self, lines: list[bytes]) -> Any:
        self.writes += 1
        if self.broken:
            raise self.broken.pop(0)
        return self.sink.append(lines)

    def close(self) -> None:
        self.sink.close()


def run(store: Store, work: Callable[[Journal, Counting], Coroutine[Any, Any, Any]]) -> Any:
    async def main() -> Any:
        journal = Journal(store, FOLDER, "p", 0.001)
        sink = Counting(journal._sink)
        journal._sink = sink
        try:
            return await work(journal, sink)
        finally:
            journal.close()

    return asyncio.run(main())


def test_a_line_is_json_with_kind_and_key_first():
    data = encode("end", KEY, text="ü\n\u2028\ud800", usd="0.1")
    assert data.startswith(b'{"t":"end","k":"' + KEY.encode() + b'",')
    assert data.count(b"\n") == 1
    made = Line("", 0, "end", KEY, data).fields()
    assert made == {"t": "end", "k": KEY, "text": "ü\n\u2028\ud800", "usd": "0.1"}


def test_many_waiters_share_few_writes_in_order(any_store: Store):
    async def work(journal: Journal, sink: Counting) -> None:
        found = await asyncio.gather(*(journal.durable(line(n)) for n in range(500)))
        assert sink.writes <= 2
        for number, place in enumerate(found):
            assert any_store.read_range(*place) == line(number)
        await journal.durable(line(500))

    run(any_store, work)
    assert numbers(any_store) == list(range(501))


def test_places_and_offsets_agree_with_what_is_read(any_store: Store):
    async def work(journal: Journal, _sink: Counting) -> Any:
        return [await journal.durable(line(n, size=n)) for n in range(5)]

    found = run(any_store, work)
    lines = list(read_lines(any_store, found[0].path))
    assert [(one.path, one.offset, len(one.data)) for one in lines] == [tuple(p) for p in found]
    assert [one.key for one in lines] == [f"{n:064x}" for n in range(5)]


def test_notes_ride_along_and_flush_waits_for_them(any_store: Store):
    async def work(journal: Journal, sink: Counting) -> None:
        await journal.flush()
        journal.note(line(0))
        journal.note(line(1))
        await journal.durable(line(2))
        assert sink.writes == 1
        journal.note(line(3))
        await journal.flush()

    run(any_store, work)
    assert numbers(any_store) == [0, 1, 2, 3]


def test_a_waiter_that_is_cancelled_harms_nobody(disk_store: Store):
    async def work(journal: Journal, _sink: Counting) -> None:
        gone = asyncio.ensure_future(journal.durable(line(0)))
        await asyncio.sleep(0)
        gone.cancel()
        await journal.durable(line(1))
        assert gone.cancelled()

    run(disk_store, work)
    assert numbers(disk_store) == [0, 1]


@pytest.mark.parametrize("error", [StorageFull("No space."), StorageError("Gone.")])
def test_a_failed_write_reaches_every_waiter_and_the_next_one_succeeds(disk_store: Store, error):
    async def work(journal: Journal, sink: Counting) -> None:
        await journal.durable(line(0))
        sink.broken = [error]
        journal.note(line(1))
        waiting = [journal.durable(line(n)) for n in (2, 3, 4)]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert found == [error] * 3
        await journal.durable(line(5))
        await journal.flush()

    run(disk_store, work)
    assert numbers(disk_store) == [0, 1, 5]  # the note was kept, the others were refused


def test_flush_tries_once_more_and_then_says_why(disk_store: Store):
    async def work(journal: Journal, sink: Counting) -> None:
        sink.broken = [StorageFull("No space.")] * 2
        journal.note(line(0))
        with pytest.raises(StorageFull):
            await journal.flush()
        with pytest.raises(StorageFull):
            await journal.flush()
        await journal.flush()

    run(disk_store, work)
    assert numbers(disk_store) == [0]


def test_a_bug_in_a_write_leaves_nobody_waiting(disk_store: Store):
    async def work(journal: Journal, sink: Counting) -> None:
        sink.broken = [ZeroDivisionError()]
        first, second = journal.durable(line(0)), journal.durable(line(1))
        found = await asyncio.gather(first, second, return_exceptions=True)
        assert [type(one) for one in found] == [ZeroDivisionError] * 2
        await journal.durable(line(2))

    loop_errors: list[Any] = []

    async def heard(journal: Journal, sink: Counting) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: loop_errors.append(what))
        await work(journal, sink)

    run(disk_store, heard)
    assert numbers(disk_store) == [2]
    assert all(isinstance(what["exception"], ZeroDivisionError) for what in loop_errors)


def test_half_a_line_of_a_full_disk_is_cut_off(disk_store: Store, monkeypatch):
    write, calls = os.write, []

    def half(handle: int, data: Any) -> int:
        calls.append(len(data))
        if len(calls) == 2:
            return write(handle, bytes(data)[: len(data) // 2])
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data)

    async def work(journal: Journal, _sink: Counting) -> None:
        await journal.durable(line(0))
        with pytest.raises(StorageFull, match=r"^No space is left for .*000000\.jsonl\.$"):
            await journal.durable(line(1, size=100))
        assert disk_store.read(f"{FOLDER}/p/000000.jsonl") == line(0)
        await journal.durable(line(2))

    monkeypatch.setattr("editcorpus.storage.os.write", half)
    run(disk_store, work)
    assert numbers(disk_store) == [0, 2]


def test_a_file_whose_sync_failed_is_left(disk_store: Store, monkeypatch):
    sync, broken = os.fdatasync, []

    def failing(handle: int) -> None:
        if broken:
            raise broken.pop()
        sync(handle)

    async def work(journal: Journal, _sink: Counting) -> None:
        await journal.durable(line(0))
        broken.append(OSError(errno.EIO, "Input/output error"))
        with pytest.raises(StorageError, match=r"000000\.jsonl: .*Input/output"):
            await journal.durable(line(1))
        await journal.durable(line(2))

    monkeypatch.setattr("editcorpus.storage.os.fdatasync", failing)
    run(disk_store, work)
    assert disk_store.list(FOLDER) == [f"{FOLDER}/p/{n:06d}.jsonl" for n in (0, 1)]
    assert numbers(disk_store) == [0, 2]


def test_a_journal_is_never_written_over(any_store: Store):
    for number in range(3):
        run(any_store, lambda journal, _, n=number: journal.durable(line(n)))
    assert numbers(any_store) == [0, 1, 2]
    assert len(any_store.list(FOLDER)) == 3


def test_local_files_roll(disk_store: Store):
    big = line(0, size=FILE_BYTES // 8)

    async def work(journal: Journal, _sink: Counting) -> None:
        for _ in range(9):
            await journal.durable(big)

    run(disk_store, work)
    sizes = [disk_store.size(path) for path in disk_store.list(FOLDER)]
    assert sizes == [8 * len(big), len(big)]


@pytest.mark.s3
def test_segments_of_a_bucket_roll_and_hold_each_line_once(s3_store: Store):
    size = SEGMENT_BYTES // 4

    async def work(journal: Journal, _sink: Counting) -> Any:
        return [await journal.durable(line(n, size)) for n in range(9)]

    found = run(s3_store, work)
    assert numbers(s3_store) == list(range(9))
    assert [int(place.path[-8:-6]) for place in found] == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    assert [s3_store.read_range(*place) for place in found] == [line(n, size) for n in range(9)]


@pytest.mark.s3
def test_a_segment_whose_put_failed_is_never_put_again(s3_store: Store, monkeypatch):
    write, broken = s3_store.write, []

    def failing(path: str, data: bytes) -> None:
        write(path, data)
        if broken:
            raise broken.pop()  # it arrived, but nobody was told

    async def work(journal: Journal, _sink: Counting) -> None:
        await journal.durable(line(0))
        broken.append(StorageError("no answer"))
        with pytest.raises(StorageError):
            await journal.durable(line(1))
        await journal.durable(line(2))

    monkeypatch.setattr(s3_store, "write", failing)
    run(s3_store, work)
    assert numbers(s3_store) == [0, 1, 2]
    assert len(s3_store.list(FOLDER)) == 2


def test_places_follow_each_other():
    assert [tuple(one) for one in places("x", 10, [b"ab", b"c"])] == [("x", 10, 2), ("x", 12, 1)]


def test_a_folder_that_vanished_is_a_storage_error(tmp_path: Path):
    (tmp_path / "store").write_text("no folder")

    async def work(journal: Journal, _sink: Counting) -> None:
        with pytest.raises(StorageError, match=r"File exists|Not a directory"):
            await journal.durable(line(0))

    run(Store.on_disk(tmp_path / "store"), work)
