"""What is on record of allowances that are out, and who works under them."""

import socket
from dataclasses import replace
from decimal import Decimal

import pytest

from editcorpus.errors import StorageError, Taken
from editcorpus.leases import LEASE_S, Owner, Times
from editcorpus.permits import (
    Permit,
    is_taken,
    read_permit,
    read_permits,
    remove_permit,
    seated,
    tell,
    told,
    write_permit,
)
from editcorpus.storage import Store

HOST = socket.gethostname()
FIRST = Permit("00000-0-a", 0, 0, 10, 3, Decimal("1.25"))
SECOND = Permit("00001-0-b", 1, 10, 20, 3, None)
AFAR = Owner("afar", "elsewhere", 7)


def never(sentence: str) -> None:
    raise AssertionError(sentence)


def test_permits_come_back_as_they_were_given_until_they_are_removed(any_store: Store):
    for permit in (SECOND, FIRST):
        write_permit(any_store, "r", permit)
    write_permit(any_store, "r", replace(SECOND, revoked=True))
    assert read_permits(any_store, "r") == [FIRST, replace(SECOND, revoked=True)]
    assert read_permit(any_store, "r", FIRST.name) == FIRST
    assert FIRST.shards == range(10)
    remove_permit(any_store, "r", FIRST.name)
    assert read_permit(any_store, "r", FIRST.name) is None
    assert read_permits(any_store, "other") == []


def test_a_damaged_permit_is_never_believed(disk_store: Store):
    write_permit(disk_store, "r", FIRST)
    path = f"runs/r/permits/{FIRST.name}.json"
    data = disk_store.read(path)
    for place in range(len(data) - 1):
        flipped = bytearray(data)
        flipped[place] ^= 1
        disk_store.write(path, bytes(flipped))
        with pytest.raises(StorageError, match="is damaged"):
            read_permits(disk_store, "r")
    for other in (b"", b"5", b"{}", b"[" * 100_000):
        disk_store.write(path, other)
        with pytest.raises(StorageError, match="is damaged"):
            read_permit(disk_store, "r", FIRST.name)


def test_one_at_a_time_works_under_a_permit_and_is_seen(disk_store: Store):
    now = [1000.0]
    times = Times(clock=lambda: now[0])

    def taken() -> bool:
        return is_taken(disk_store, "r", FIRST.name, HOST, times.clock)

    assert not taken()
    with seated(disk_store, "r", FIRST.name, AFAR, never, times):
        assert taken()
        assert not is_taken(disk_store, "r", SECOND.name, HOST, times.clock)
        other = seated(disk_store, "r", FIRST.name, Owner("b", HOST, 1), never, times)
        with pytest.raises(Taken, match="Work under the permit '00000-0-a' is done by"), other:
            pytest.fail("both have it")
        now[0] += LEASE_S + 1
        assert not taken()
        remove_permit(disk_store, "r", FIRST.name)
    assert disk_store.list("runs/r/seats") == []


def test_a_word_is_the_last_that_was_left_and_one_that_is_none_says_nothing(disk_store: Store):
    assert told(disk_store, "r", FIRST.name) == ([], 0)
    tell(disk_store, "r", FIRST.name, {3, 1}, 4)
    tell(disk_store, "r", FIRST.name, {3, 1, 2}, 5)
    assert told(disk_store, "r", FIRST.name) == ([1, 2, 3], 5)
    for word in (
        b"",
        b"5",
        b"[]",
        b'{"shards": [1]}',
        b'{"shards": 1, "cached": 1}',
        b"[" * 100_000,
    ):
        disk_store.write(f"runs/r/told/{FIRST.name}.json", word)
        assert told(disk_store, "r", FIRST.name) == ([], 0)
    remove_permit(disk_store, "r", FIRST.name)
    assert disk_store.list("runs/r") == []
