"""What a partition tells of its endpoints, and in whose name."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from flows import channel, lookout
from flows.channel import PARENT, Channel, related
from flows.lookout import Lookout

DEPLOYMENT = {"prefect.resource.id": "prefect.deployment.1", "prefect.resource.role": "deployment"}


class Engine:
    """An engine whose endpoint goes, and comes back; somebody is told when it was asked often enough."""

    def __init__(self) -> None:
        self.states = [frozenset[str](), frozenset({"images"}), frozenset[str]()]
        self.asked = 0

    def standing(self) -> Any:
        state = self.states[min(self.asked, len(self.states) - 1)]
        self.asked += 1
        return SimpleNamespace(away=state)


def test_a_partition_tells_of_its_endpoints_in_the_name_of_its_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(channel, "_sent", sent.extend)
    monkeypatch.setattr(lookout, "_EVERY_S", 0.0)
    token = PARENT.set((DEPLOYMENT,))
    try:
        engine = Engine()
        shop: Any = SimpleNamespace(run="spring", engine=engine)
        with Lookout(shop):
            while engine.asked <= len(engine.states):
                time.sleep(0.005)
    finally:
        PARENT.reset(token)
    assert [event.event for event in sent] == ["editcorpus.endpoint.down", "editcorpus.endpoint.up"]
    assert {event.resource["editcorpus.endpoint"] for event in sent} == {"images"}
    assert all([dict(one.root) for one in event.related] == [DEPLOYMENT] for event in sent)


def test_without_a_flow_run_nobody_has_to_do_with_it() -> None:
    assert related() == []


def test_nothing_is_sent_where_there_is_nothing_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "_sent", lambda _: pytest.fail("Something was sent."))
    Channel().post([])
