"""A process works on a part of a run that another owns, and on nothing that is in work elsewhere."""

import os
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from editcorpus.errors import AllowanceVoid, Interrupted, RunStopped
from editcorpus.leases import Owner, Times
from editcorpus.permits import Permit, remove_permit, write_permit
from editcorpus.records import Triplet
from editcorpus.runs import own_run
from editcorpus.shards import PLAN, read_facts
from editcorpus.stages.claiming import claimed
from editcorpus.stages.partition import held, opened_part
from editcorpus.storage import Store

PARENT = Owner("parent", "elsewhere", 7)
QUICK = Times(renew_s=0.01)
PERMIT = Permit("mine", 0, 0, 1, 1, None)


def never(sentence: str) -> None:
    raise AssertionError(sentence)


@pytest.fixture
def planned(open_run: Callable[..., Any], make_job: Callable[..., Any], tmp_path: Path) -> Any:
    """A run that is planned, as a process sees it that takes part of it under the permit `mine`."""
    with open_run(tmp_path):
        pass
    write_permit(Store.on_disk(tmp_path), "r", PERMIT)
    return replace(make_job(tmp_path), owner=Owner("child", socket.gethostname(), os.getpid()))


def ids_of(planned: Any, shard: int) -> list[str]:
    return [
        row.id for row in read_facts(planned.store, f"runs/r/shards/{shard:05d}", PLAN, Triplet)
    ]


def stopped(shop: Any) -> RunStopped:
    """What stops an engine, once something does."""
    for _ in range(3000):
        if shop.engine.stopped is not None:
            break
        threading.Event().wait(0.01)
    assert isinstance(shop.engine.stopped, RunStopped)
    return shop.engine.stopped


def test_a_part_is_worked_on_while_somebody_owns_the_run(planned: Any):
    with (
        own_run(planned.store, "r", PARENT, never),
        opened_part(planned, "mine", range(1), QUICK) as shop,
    ):
        assert shop.engine.books.process == "mine"
        assert shop.mine == range(1)
        assert planned.store.list("leases") == ["leases/mine.json"]
        assert planned.store.list("runs/r/seats") == ["runs/r/seats/mine/child.json"]
        threading.Event().wait(0.2)  # many looks
        assert shop.engine.stopped is None
    assert planned.store.list("leases") == []
    assert planned.store.list("runs/r/seats") == []


def test_a_part_stops_once_nobody_owns_the_run_for_some_looks(planned: Any):
    with opened_part(planned, "mine", range(1), QUICK) as shop:
        found = stopped(shop)
        assert isinstance(found, AllowanceVoid)
        assert "The process that owns the run 'r' is gone" in str(found)


@pytest.mark.parametrize("revoked", [True, False])
def test_a_part_stops_once_its_permit_is_taken_back(planned: Any, revoked: bool):
    with (
        own_run(planned.store, "r", PARENT, never),
        opened_part(planned, "mine", range(1), QUICK) as shop,
    ):
        if revoked:
            write_permit(planned.store, "r", replace(PERMIT, revoked=True))
        else:
            remove_permit(planned.store, "r", "mine")
        found = stopped(shop)
        assert isinstance(found, AllowanceVoid)
        said = "There is no permit 'mine' of the run 'r'"
        if not revoked and said not in str(found):  # its seat is forgotten as well
            said = "The lock on the permit 'mine' expired"
        assert said in str(found)


def test_nobody_begins_under_a_permit_that_is_no_more_or_was_used_or_is_used(planned: Any):
    other = replace(planned, owner=Owner("other", "elsewhere", 7))
    with pytest.raises(AllowanceVoid, match="There is no permit 'x'"):
        enter(opened_part(planned, "x", range(1), QUICK))
    used = pytest.raises(AllowanceVoid, match="Work under the permit 'mine' is done by process")
    with opened_part(planned, "mine", range(1), QUICK), used:
        enter(opened_part(other, "mine", range(1), QUICK))
    planned.store.write("journal/r/mine/000000.jsonl", b"")
    with pytest.raises(AllowanceVoid, match="was used before"):
        enter(opened_part(planned, "mine", range(1), QUICK))
    assert planned.store.list("runs/r/seats") == []


def enter(context: Any) -> None:
    with context:
        pytest.fail("it begins")


def test_an_allowance_comes_on_top_of_what_was_spent_before(planned: Any):
    job = replace(planned, budget_usd=None)
    with opened_part(job, "mine", range(0), QUICK) as shop:
        assert shop.ledger.budget_usd is None
    with opened_part(replace(planned, budget_usd=2), "mine", range(0), QUICK) as shop:
        assert shop.ledger.free == 2


def test_triplets_in_work_elsewhere_are_waited_for(planned: Any, caplog: pytest.LogCaptureFixture):
    ids = ids_of(planned, 0)
    free = threading.Event()

    def other() -> None:
        with claimed(planned.store, "other", ids[:1], Owner("a", "elsewhere", 7), never):
            begun.set()
            free.wait(60)

    begun = threading.Event()
    thread = threading.Thread(target=other)
    thread.start()
    begun.wait(60)
    with opened_part(planned, "mine", range(0)) as shop:
        threading.Timer(0.1, free.set).start()
        with held(shop, planned.owner, range(1), QUICK, look_s=0.02):
            assert free.is_set()
    thread.join()
    assert caplog.text.count("1 of these triplets are in work for the run 'other'") == 1


def test_a_run_that_waits_can_be_interrupted(planned: Any):
    ids = ids_of(planned, 0)
    with (
        claimed(planned.store, "other", ids, Owner("other", "elsewhere", 7), never),
        opened_part(planned, "mine", range(0)) as shop,
    ):
        shop.stopping.set()
        with pytest.raises(Interrupted), held(shop, planned.owner, range(1), QUICK):
            pytest.fail("it does not wait")
