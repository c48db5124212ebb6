"""Partitions are handed out until all are done, whatever becomes of those who take them."""

import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.client.schemas.objects import StateType

from editcorpus.errors import BudgetExceeded, EditcorpusError, RunStopped
from editcorpus.leases import Owner
from editcorpus.ledger import Ledger
from editcorpus.partitions import cut
from editcorpus.permits import Permit, read_permits
from editcorpus.stages.permitting import Permits
from editcorpus.storage import Store
from flows.handing import Handing, Said
from flows.workers import Absence

DONE = {"end": {"how": "done"}}
GONE = {"gone": "It died."}


@dataclass
class Crew:
    """Says of each partition what it was told to, one answer a time that it is started."""

    answers: dict[int, list[tuple[dict[str, Any], ...]]]
    outlives: bool = True
    started: list[tuple[int, bool]] = field(default_factory=list)
    usd: list[Decimal | None] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    dismissed: bool = False

    def start(self, permit: Permit, *, again: bool = False) -> None:
        self.started.append((permit.number, again))
        self.usd.append(permit.usd)
        answers = self.answers.get(permit.number, [])
        for word in answers.pop(0) if answers else (DONE, GONE):
            self.said.append((permit.name, word))

    def hear(self, timeout_s: float) -> Iterator[Said]:
        while self.said:
            yield self.said.pop(0)

    def dismiss(self) -> Iterable[Said]:
        self.dismissed = True
        return ()


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    engine = SimpleNamespace(stopped=None)
    store = Store.on_disk(tmp_path)
    return SimpleNamespace(store=store, run="r", ledger=Ledger(Decimal(9)), engine=engine)


@pytest.fixture
def handed(shop: Any) -> Callable[..., list[int]]:
    """Hands out three partitions of two shards to a crew; gives the shards that are through."""

    def out(crew: Crew, hands: int = 3) -> list[int]:
        through: list[int] = []
        permits = Permits(shop, Owner("me", socket.gethostname(), 1))
        Handing(shop, permits, crew, hands, through.append).out(cut(6, 2))
        return through

    return out


def test_each_is_handed_out_once_and_its_shards_are_told(
    handed: Callable[..., list[int]], shop: Any
) -> None:
    crew = Crew({1: [({"shard": 2}, {"shard": 3}, DONE, GONE)]})
    assert handed(crew) == [2, 3]
    assert crew.started == [(0, False), (1, False), (2, False)]
    assert crew.usd == [3, 3, 3]
    assert (shop.ledger.free, read_permits(shop.store, "r")) == (9, [])


def test_one_that_dies_or_whose_allowance_is_void_is_handed_out_again_but_not_for_ever(
    handed: Callable[..., list[int]], shop: Any
) -> None:
    void = {"end": {"how": "void", "sentence": "It was used before."}}
    crew = Crew({0: [(GONE,), (void, GONE)]})
    handed(crew)
    assert sorted(crew.started) == [(0, False)] * 3 + [(1, False), (2, False)]
    with pytest.raises(
        EditcorpusError, match=r"Partition 0 came to no end 3 times, at last: It died"
    ):
        handed(Crew({0: [(GONE,)] * 3}))
    assert (shop.ledger.free, read_permits(shop.store, "r")) == (9, [])


def test_money_that_is_short_in_several_hands_goes_to_one(
    handed: Callable[..., list[int]],
) -> None:
    short = {"end": {"how": "short", "sentence": "Not enough."}}
    crew = Crew({1: [(short, GONE)]})
    handed(crew)
    assert crew.usd == [3, 3, 3, 9]
    with pytest.raises(BudgetExceeded, match="Not enough"):
        handed(Crew({1: [(short, GONE)] * 2}))


def test_what_stops_one_stops_all(handed: Callable[..., list[int]], shop: Any) -> None:
    stopped = {"end": {"how": "stopped", "sentence": "The key is revoked."}}
    crew = Crew({0: [()], 1: [(stopped, GONE)]})
    with pytest.raises(RunStopped, match="Partition 1: The key is revoked"):
        handed(crew)
    assert crew.dismissed
    assert (shop.ledger.free, read_permits(shop.store, "r")) == (9, [])


def test_what_was_handed_out_before_is_taken_over_if_it_goes_on_without_its_owner(
    handed: Callable[..., list[int]], shop: Any
) -> None:
    permits = Permits(shop, Owner("earlier", socket.gethostname(), 1))
    permits.give("old", cut(6, 2)[1], 3, 3)
    permits.give("other", cut(6, 3)[1], 2, 3)
    crew = Crew({})
    handed(crew)
    assert crew.started == [(1, True), (0, False), (2, False)]
    assert (shop.ledger.free, read_permits(shop.store, "r")) == (9, [])

    permits.give("old", cut(6, 2)[1], 3, 3)
    crew = Crew({}, outlives=False)
    handed(crew)
    assert crew.started == [(0, False), (1, False), (2, False)]
    assert (shop.ledger.free, read_permits(shop.store, "r")) == (9, [])


def test_an_absence_lasts_from_when_nobody_was_seen_in_one_state() -> None:
    absence = Absence()
    assert absence.lasts(StateType.PENDING, False, 10) == 0
    assert absence.lasts(StateType.PENDING, False, 25) == 15
    assert absence.lasts(StateType.RUNNING, False, 40) == 0
    assert absence.lasts(StateType.RUNNING, True, 50) == 0
    assert absence.lasts(StateType.RUNNING, False, 70) == 20
