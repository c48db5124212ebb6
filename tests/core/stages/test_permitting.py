"""The owner of a run gives its money out, and gets back what was not spent, whoever dies."""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from editcorpus.bookings import Intent, Record, to_fields
from editcorpus.errors import BudgetExceeded, Interrupted, RunStopped
from editcorpus.journal import encode
from editcorpus.leases import Owner, Times
from editcorpus.partitions import Partition
from editcorpus.permits import read_permits, seated, tell
from editcorpus.stages.permitting import Permits
from editcorpus.storage import Store

PART = Partition(0, 0, 1)
ME = Owner("me", socket.gethostname(), 1)
AFAR = Owner("afar", "elsewhere", 7)


def never(sentence: str) -> None:
    raise AssertionError(sentence)


def spend(store: Store, name: str, usd: str, open_usd: str = "") -> None:
    """Leave the journal of somebody who spent under a permit, and perhaps died over a call."""
    intent = Intent(f"{name}-0", "a" * 64, "r", 0, "a/1", "align", 0, "m", Decimal(usd), "now")
    record = Record.of(intent, Decimal(usd), "now", "settled")
    lines = [encode("intent", intent.key, **to_fields(intent))]
    lines.append(encode("end", record.key, **to_fields(record)))
    if open_usd:
        last = replace(intent, attempt=f"{name}-1", key="b" * 64, usd=Decimal(open_usd))
        lines.append(encode("intent", last.key, **to_fields(last)))
    store.write(f"journal/r/{name}/000000.jsonl", b"".join(lines))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.on_disk(tmp_path)


@pytest.fixture
def opened_run(open_run: Callable[..., Any], tmp_path: Path) -> Callable[[], Any]:
    return lambda: open_run(tmp_path, budget="10")


def test_money_is_on_record_before_anybody_can_spend_it_and_what_is_left_comes_back(
    opened_run: Callable[[], Any], store: Store
):
    with opened_run() as shop:
        permits = Permits(shop, ME)
        first = permits.give("a", PART, 2, 2)
        second = permits.give("b", Partition(1, 1, 2), 1, 2)
        assert (first.usd, second.usd, shop.ledger.free) == (5, 5, 0)
        assert read_permits(store, "r") == [first, second]
        with pytest.raises(BudgetExceeded):
            permits.give("c", PART, 1, 2)
        spend(store, "a", "1.5", open_usd="0.25")
        tell(store, "r", "a", {0}, 7)
        permits.close(permits.revoke(first))
        assert (shop.ledger.spent, shop.ledger.free) == (Decimal("1.75"), Decimal("3.25"))
        assert (shop.ledger.possibly, shop.ledger.calls["cached"]) == (1, 7)
        assert read_permits(store, "r") == [second]


def test_what_an_earlier_owner_gave_out_is_neither_free_nor_counted_twice(
    opened_run: Callable[[], Any], store: Store
):
    with opened_run() as shop:
        Permits(shop, ME).give("a", PART, 2, 2)
    spend(store, "a", "2")
    spend(store, "earlier", "1")
    with opened_run() as shop:
        permits = Permits(shop, ME)
        assert (shop.ledger.spent, shop.ledger.free) == (1, 4)
        (stray,) = permits.out()
        permits.book(stray)
        assert (shop.ledger.spent, shop.ledger.free) == (3, 4)
        spend(store, "a", "3")
    with opened_run() as shop:
        permits = Permits(shop, ME)
        permits.settle(permits.out())
        assert (shop.ledger.spent, shop.ledger.free) == (4, 6)
        assert permits.out() == []


def test_an_account_is_settled_only_once_nobody_works_under_the_permit(
    opened_run: Callable[[], Any], store: Store
):
    with opened_run() as shop:
        permits = Permits(shop, ME)
        stray = permits.give("a", PART, 1, 1)
        seen: list[bool] = []

        def works() -> None:
            with seated(store, "r", "a", AFAR, never, Times()):
                begun.set()
                while not any(one.revoked for one in read_permits(store, "r")):
                    threading.Event().wait(0.01)
                spend(store, "a", "4")
                seen.append(read_permits(store, "r") != [])

        begun = threading.Event()
        thread = threading.Thread(target=works)
        thread.start()
        begun.wait(60)
        assert permits.is_taken(stray)
        permits.settle([stray], look_s=0.01)
        thread.join()
        assert seen == [True]
        assert shop.ledger.free == 6


def test_a_wait_for_the_last_of_them_can_be_interrupted(
    opened_run: Callable[[], Any], store: Store
):
    with opened_run() as shop, seated(store, "r", "a", AFAR, never, Times()):
        permits = Permits(shop, ME)
        stray = permits.give("a", PART, 1, 1)
        shop.stopping.set()
        with pytest.raises(Interrupted):
            permits.settle([stray], look_s=0.01)
        shop.engine.stop(RunStopped("The lease is lost."))
        while shop.engine.stopped is None:
            time.sleep(0.01)
        with pytest.raises(RunStopped, match="The lease is lost"):
            permits.settle([stray], look_s=0.01)
        assert [one.revoked for one in permits.out()] == [True]
