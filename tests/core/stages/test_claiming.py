"""No two runs pay for the same triplets at the same time."""

import json
from contextlib import ExitStack

import pytest

from editcorpus.errors import ConfigError
from editcorpus.leases import Owner, Times
from editcorpus.stages.claiming import claimed
from editcorpus.storage import Store

IDS = [f"omniedit/{number}" for number in range(300)]


def owner(name: str, host: str = "there", pid: int = 77) -> Owner:
    return Owner(name, host, pid)


def never(sentence: str) -> None:
    raise AssertionError(sentence)


@pytest.mark.parametrize("name", ["0 first by name", "z last by name"])
def test_triplets_in_work_for_another_run_are_waited_for(any_store: Store, name: str):
    sentence = "^7 of these triplets are in work for the run 'spring' by process 77 on there; wait"
    with claimed(any_store, "spring", IDS[:100], owner("m"), never):
        with pytest.raises(ConfigError, match=sentence), ExitStack() as stack:
            stack.enter_context(claimed(any_store, "autumn", IDS[93:200], owner(name), never))
        with claimed(any_store, "autumn", IDS[100:], owner(name), never):
            assert len(any_store.list("leases")) == 2
    with claimed(any_store, "autumn", IDS[:200], owner(name), never):
        pass
    assert any_store.list("leases") == []


def test_those_of_a_dead_process_are_waited_for_until_its_lease_is_over(disk_store: Store):
    stack = ExitStack()
    stack.enter_context(claimed(disk_store, "spring", IDS, owner("m"), never))
    (path,) = disk_store.list("leases")
    left = disk_store.read(path)
    stack.close()
    disk_store.write(path, left)
    expires = json.loads(left)["expires"]

    def at(now: float) -> Times:
        return Times(lambda: now)

    mine = owner("a", "here", 1)
    with pytest.raises(ConfigError, match="300 of these"), ExitStack() as other:
        other.enter_context(claimed(disk_store, "spring", IDS, mine, never, at(expires - 1)))
    with claimed(disk_store, "spring", IDS, mine, never, at(expires + 1)):
        assert disk_store.list("leases") == ["leases/a.json"]


@pytest.mark.parametrize("ids", [None, 7, "no base64", "AAAA"])
def test_a_claim_that_cannot_be_read_stands_against_everything(disk_store: Store, ids):
    with claimed(disk_store, "spring", IDS, owner("m"), never):
        (path,) = disk_store.list("leases")
        disk_store.write(
            path, json.dumps({**json.loads(disk_store.read(path)), "ids": ids}).encode()
        )
        with pytest.raises(ConfigError, match="2 of these"), ExitStack() as stack:
            stack.enter_context(claimed(disk_store, "autumn", IDS[:2], owner("a"), never))


def test_nothing_stands_against_nothing(disk_store: Store):
    with (
        claimed(disk_store, "spring", [], owner("m"), never),
        claimed(disk_store, "autumn", IDS, owner("a"), never),
    ):
        pass
