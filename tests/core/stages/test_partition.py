"""A process works on a part of a run that another owns, and on nothing that is in work elsewhere."""

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from editcorpus.errors import Interrupted, RunStopped
from editcorpus.leases import Owner, Times
from editcorpus.records import Triplet
from editcorpus.runs import own_run
from editcorpus.shards import PLAN, read_facts
from editcorpus.stages.claiming import claimed
from editcorpus.stages.partition import held, opened_part

PARENT = Owner("parent", "elsewhere", 7)
QUICK = Times(renew_s=0.01)


def never(sentence: str) -> None:
    raise AssertionError(sentence)


@pytest.fixture
def planned(open_run: Callable[..., Any], make_job: Callable[..., Any], tmp_path: Path) -> Any:
    """A run that is planned, as a process sees it that takes part of it."""
    with open_run(tmp_path):
        pass
    return replace(make_job(tmp_path), owner=Owner("child", socket.gethostname(), 1))


def ids_of(planned: Any, shard: int) -> list[str]:
    return [
        row.id for row in read_facts(planned.store, f"runs/r/shards/{shard:05d}", PLAN, Triplet)
    ]


def test_a_part_is_worked_on_while_the_parent_owns_the_run(planned: Any):
    with (
        own_run(planned.store, "r", PARENT, never),
        opened_part(planned, PARENT.process, range(1), QUICK) as shop,
    ):
        assert shop.engine.stopped is None
        assert planned.store.list("leases") == ["leases/child.json"]
    assert planned.store.list("leases") == []


def test_a_part_stops_once_the_parent_is_gone(planned: Any):
    with opened_part(planned, PARENT.process, range(1), QUICK) as shop:
        for _ in range(1000):
            if shop.engine.stopped is not None:
                break
            threading.Event().wait(0.01)
        assert isinstance(shop.engine.stopped, RunStopped)
        assert "The process that owns the run 'r' gave no sign of life" in str(shop.engine.stopped)


def test_an_allowance_comes_on_top_of_what_was_spent_before(planned: Any):
    job = replace(planned, budget_usd=None)
    with opened_part(job, PARENT.process, range(0), QUICK) as shop:
        assert shop.ledger.budget_usd is None
    with opened_part(replace(planned, budget_usd=2), PARENT.process, range(0), QUICK) as shop:
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
    with opened_part(planned, PARENT.process, range(0), QUICK) as shop:
        threading.Timer(0.1, free.set).start()
        with held(shop, planned.owner, range(1), QUICK, look_s=0.02):
            assert free.is_set()
    thread.join()
    assert caplog.text.count("1 of these triplets are in work for the run 'other'") == 1


def test_a_run_that_waits_can_be_interrupted(planned: Any):
    ids = ids_of(planned, 0)
    with (
        claimed(planned.store, "other", ids, Owner("other", "elsewhere", 7), never),
        opened_part(planned, PARENT.process, range(0), QUICK) as shop,
    ):
        shop.stopping.set()
        with pytest.raises(Interrupted), held(shop, planned.owner, range(1), QUICK):
            pytest.fail("it does not wait")
