"""One process has a thing for itself, on any store."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from editcorpus.conditions import Promise
from editcorpus.errors import ConfigError, StorageError, Taken
from editcorpus.leases import LEASE_S, RENEW_S, Owner, Times, Wanted, _Lease
from editcorpus.runs import own_run
from editcorpus.storage import Store

LOCKS = "runs/spring/lock"


def owner(name: str = "a", host: str = "here", pid: int = 1) -> Owner:
    return Owner(name, host, pid)


def never(sentence: str) -> None:
    raise AssertionError(sentence)


def test_the_lock_is_there_while_it_is_owned_and_gone_afterwards(any_store: Store):
    with own_run(any_store, "spring", owner(), never):
        (path,) = any_store.list(LOCKS)
        claim = json.loads(any_store.read(path))
        assert (claim["process"], claim["host"], claim["pid"]) == ("a", "here", 1)
    assert any_store.list(LOCKS) == []
    with pytest.raises(ZeroDivisionError), own_run(any_store, "spring", owner(), never):
        raise ZeroDivisionError
    assert any_store.list(LOCKS) == []


@pytest.mark.parametrize("name", ["0 first by name", "z last by name"])
def test_a_second_owner_is_refused_with_a_clear_sentence(any_store: Store, name: str):
    with own_run(any_store, "spring", owner(host="there", pid=77), never):
        sentence = "^The run 'spring' is owned by process 77 on there; wait until it ends, or 90 s"
        with (
            pytest.raises(ConfigError, match=sentence),
            own_run(any_store, "spring", owner(name), never),
        ):
            pytest.fail("two owners")
        assert len(any_store.list(LOCKS)) == 1
        with own_run(any_store, "autumn", owner(name), never):
            pass


@pytest.mark.parametrize(
    ("label", "since", "told"),
    [
        ("flow run spring, 7", "noon", " (flow run spring, 7, since noon);"),
        ("flow run spring", "", " (flow run spring);"),
        ("", "noon", " (since noon);"),
        ("x" * 999, "", f" ({'x' * 200});"),
    ],
)
def test_who_is_refused_is_told_what_people_know_the_owner_by(
    disk_store: Store, label: str, since: str, told: str
):
    other = Owner("other", "there", 77, label, since)
    with own_run(disk_store, "spring", other, never):
        with pytest.raises(ConfigError) as refused, own_run(disk_store, "spring", owner(), never):
            pytest.fail("two owners")
        assert f"by process 77 on there{told} wait until it ends" in str(refused.value)


CHILD = """
import os, socket, sys, time
from editcorpus.leases import Owner
from editcorpus.runs import own_run
from editcorpus.storage import Store
root, process, host, *options = sys.argv[1:]
store = Store(root, dict(zip(("key", "secret", "endpoint_url"), options)))
with own_run(store, "spring", Owner(process, host, os.getpid()), print):
    print("owned", flush=True)
    sys.stdin.read()
    time.sleep(600)
"""


def test_the_lock_of_a_process_that_was_killed_here_is_taken_over_at_once(any_store, s3, start):
    options = [] if any_store.local else list(s3.options.values())
    child = start(CHILD, any_store.root, "m", "here", *options)
    assert child.stdout.readline() == "owned\n"
    with pytest.raises(ConfigError, match=f"process {child.pid} on here"), ExitStack() as stack:
        stack.enter_context(own_run(any_store, "spring", owner(), never))
    child.kill()
    child.wait()
    with own_run(any_store, "spring", owner(), never):
        assert any_store.list(LOCKS) == [f"{LOCKS}/a.json"]


def test_a_process_of_another_machine_is_waited_for_until_its_lease_is_over(disk_store, start):
    child = start(CHILD, str(disk_store.local), "m", "there")
    assert child.stdout.readline() == "owned\n"
    child.kill()
    child.wait()
    expires = json.loads(disk_store.read(f"{LOCKS}/m.json"))["expires"]
    early = own_run(disk_store, "spring", owner(), never, Times(lambda: expires - 1))
    with pytest.raises(ConfigError, match="is owned by process"), early:
        pytest.fail("two owners")
    with own_run(disk_store, "spring", owner(), never, Times(lambda: expires + 1)):
        assert disk_store.list(LOCKS) == [f"{LOCKS}/a.json"]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"expires": "x"}', b"\xff"])
def test_a_claim_that_is_none_hinders_nobody(disk_store: Store, data: bytes):
    disk_store.write(f"{LOCKS}/m.json", data)
    with own_run(disk_store, "spring", owner(), never):
        pass


def test_of_many_who_start_at_once_never_two_own_the_run(any_store: Store):
    gate, tried = threading.Barrier(8, timeout=60), threading.Barrier(8, timeout=60)

    def contend(number: int, turn: int) -> bool:
        gate.wait()
        with ExitStack() as stack:
            try:
                stack.enter_context(own_run(any_store, "spring", owner(f"{number}-{turn}"), never))
            except ConfigError as error:
                assert "is owned by" in str(error)
                tried.wait()
                return False
            tried.wait()  # whoever owns it holds it until all have tried
            return True

    owners = []
    with ThreadPoolExecutor(8) as pool:
        for turn in range(4):
            owners.append(sum(pool.map(contend, range(8), [turn] * 8)))
            assert any_store.list(LOCKS) == []
    assert max(owners) == 1


def wait_until(happened: Callable[[], bool]) -> None:
    """Look until it has happened; whoever writes it does so in another thread."""
    pause = threading.Event()
    for _ in range(6000):
        if happened():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen within a minute")


def unconditional(store: Store) -> Store:
    """The same store, as if it had been found to ignore conditional writes."""
    store._promise = Promise(conditional=False, why="it is told so")
    return store


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Heard(list[str]):
    """Sentences that reached the owner of a lock, and an event for the first."""

    def __init__(self) -> None:
        super().__init__()
        self.came = threading.Event()

    def __call__(self, sentence: str) -> None:
        self.append(sentence)
        self.came.set()


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_a_living_owner_renews_its_lock(any_store: Store, clock, heard):
    begun = clock.now + LEASE_S
    with own_run(any_store, "spring", owner(), heard, Times(clock, 0.01)):
        clock.now += LEASE_S - 1
        wait_until(lambda: json.loads(any_store.read(f"{LOCKS}/a.json"))["expires"] > begun)
    assert heard == []


def test_an_owner_that_slept_past_its_lease_is_told(any_store: Store, clock, heard):
    with own_run(any_store, "spring", owner(), heard, Times(clock, 0.01)):
        clock.now += LEASE_S + 1
        assert heard.came.wait(10)
    assert heard == ["The lock on the run 'spring' expired before it could be renewed."]


def test_an_owner_whose_claim_was_cleared_away_is_told(any_store: Store, clock, heard):
    with own_run(any_store, "spring", owner(), heard, Times(clock, 0.01)):
        any_store.remove(f"{LOCKS}/a.json")
        with own_run(any_store, "spring", owner("b"), never, Times(clock)):
            assert heard.came.wait(10)
            assert any_store.list(LOCKS) == [f"{LOCKS}/b.json"]
    assert len(heard) == 1


def test_a_store_that_fails_is_tried_again_until_the_lease_runs_out(
    disk_store: Store, clock, heard
):
    tries, third = [], threading.Event()

    def failing(path: str) -> str:
        tries.append(path)
        if len(tries) == 3:
            third.set()
        raise StorageError("no answer")

    with own_run(disk_store, "spring", owner(), heard, Times(clock, 0.01)):
        disk_store.tag = failing  # type: ignore[method-assign]
        assert third.wait(10)
        assert heard == []
        clock.now += LEASE_S - RENEW_S
        assert heard.came.wait(10)
        assert heard == ["The lock on the run 'spring' could not be renewed: no answer"]


def test_a_lock_that_cannot_be_taken_back_does_not_hide_the_end(disk_store: Store):
    def failing(path: str) -> None:
        raise StorageError("no answer")

    with own_run(disk_store, "spring", owner(), never):
        disk_store.remove = failing  # type: ignore[method-assign]


def test_a_lease_outlives_three_renewals_that_failed():
    assert LEASE_S >= 4 * RENEW_S


@pytest.mark.parametrize("conditional", [True, False])
def test_the_protocol_holds_with_and_without_conditional_writes(
    disk_store: Store, clock, heard, conditional: bool
):
    store = disk_store if conditional else unconditional(disk_store)
    with own_run(store, "spring", owner(), heard, Times(clock, 0.01)):
        with pytest.raises(ConfigError, match="is owned by"), ExitStack() as stack:
            stack.enter_context(own_run(store, "spring", owner("b"), never, Times(clock)))
        first = json.loads(store.read(f"{LOCKS}/a.json"))["mark"]
        wait_until(lambda: json.loads(store.read(f"{LOCKS}/a.json"))["mark"] != first)
    assert (store.list(LOCKS), heard) == ([], [])


def test_whoever_slept_does_not_bring_back_a_claim_that_was_taken_over(disk_store: Store, clock):
    """The owner looks, sleeps while another takes over, and wakes up to write."""
    wanted = Wanted(LOCKS, "the run", lambda _: "It is owned")
    sleeper = _Lease(disk_store, wanted, owner(host="there"), clock)
    sleeper.take()
    swap = disk_store.swap

    def late(path: str, data: bytes, tag: str) -> bool:
        disk_store.swap = swap  # type: ignore[method-assign]
        clock.now += LEASE_S + 1
        _Lease(disk_store, wanted, owner("b"), clock).take()
        return disk_store.swap(path, data, tag)

    disk_store.swap = late  # type: ignore[method-assign]
    assert sleeper.renew() == "The lock on the run expired before it could be renewed."
    assert disk_store.list(LOCKS) == [f"{LOCKS}/b.json"]


def test_a_claim_that_was_renewed_meanwhile_is_not_cleared_away(disk_store: Store, clock):
    """Another looks at a claim that has just expired; its owner renews it before it is cleared."""
    wanted = Wanted(LOCKS, "the run", lambda _: "It is owned")
    renewing = _Lease(disk_store, wanted, owner(host="there"), clock)
    renewing.take()
    clock.now += LEASE_S + 1
    swap = disk_store.swap

    def overtaken(path: str, data: bytes, tag: str) -> bool:
        if path.endswith("/a.json"):
            disk_store.swap = swap  # type: ignore[method-assign]
            clock.now -= 2
            assert renewing.renew() == ""
            clock.now += 2
        return swap(path, data, tag)

    disk_store.swap = overtaken  # type: ignore[method-assign]
    with pytest.raises(Taken, match="It is owned"):
        _Lease(disk_store, wanted, owner("b"), clock).take()
    assert disk_store.list(LOCKS) == [f"{LOCKS}/a.json"]
