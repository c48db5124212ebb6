"""When a Prefect server counts as gone, and what a build then does."""

import itertools
import socket
import threading
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from editcorpus.errors import RunStopped
from flows.server import Away, Vigil, patience_s
from flows.starting import answers, own_trust


class Shop:
    """As much of a workshop as can be stopped."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.engine = SimpleNamespace(stop=self._stop)
        self.reason: RunStopped | None = None
        self.stopped = threading.Event()

    def _stop(self, reason: RunStopped) -> None:
        self.reason = reason
        self.stopped.set()


def watched(looks: Iterable[bool], grace_s: float, shop: Any) -> Vigil:
    """A vigil that has looked through all looks but the last, which it sees from then on."""
    seen = threading.Event()
    left = iter(looks)

    def look() -> bool:
        there = next(left, None)
        if there is None:
            seen.set()
        return bool(there)

    vigil = Vigil(look, grace_s, 0.001)
    vigil.opened(shop)
    with vigil:
        assert seen.wait(30) or shop.stopped.is_set()
    return vigil


def test_what_is_away_is_gone_after_its_grace_and_not_before() -> None:
    away = Away(20)
    looks = [(True, 0), (False, 10), (False, 29), (True, 30), (False, 31), (False, 50), (False, 51)]
    assert [away.gone(there, now) for there, now in looks] == [*[False] * 6, True]


@pytest.mark.parametrize(
    ("url", "retries", "seconds"),
    [("http://team:4200/api", 6, 126), ("http://team:4200/api", 2, 20), (None, 6, 20)],
)
def test_a_team_s_server_is_waited_for_as_long_as_prefect_asks_again(
    url: str | None, retries: int, seconds: float
) -> None:
    with temporary_settings({PREFECT_API_URL: url, PREFECT_CLIENT_MAX_RETRIES: retries}):
        assert (patience_s(), Vigil().grace_s) == (seconds, seconds)


def test_a_build_whose_server_is_gone_stops_with_one_sentence() -> None:
    shop = Shop()
    vigil = Vigil(lambda: False, 0.01, 0.001)
    vigil.opened(shop)  # type: ignore[arg-type]
    with vigil:
        assert shop.stopped.wait(30)
    assert shop.stopping.is_set()
    assert isinstance(shop.reason, RunStopped)
    assert str(shop.reason).startswith("The Prefect server has been gone for 0 s; ")


def test_a_server_that_comes_back_in_time_stops_nothing() -> None:
    shop = Shop()
    watched(itertools.chain([True, False, False, True, False, True]), 1000, shop)
    assert shop.reason is None


def test_a_build_that_has_ended_is_not_stopped() -> None:
    shop = Shop()
    vigil = Vigil(lambda: False, 0, 0.001)
    vigil.opened(shop)  # type: ignore[arg-type]
    vigil.ended(SimpleNamespace())  # type: ignore[arg-type]
    with vigil:
        pass
    assert shop.reason is None


def test_a_slow_server_is_there_and_a_dead_one_is_not(dead_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert answers(f"http://127.0.0.1:{mute.getsockname()[1]}/api", 0.2)
    assert not answers(f"{dead_url}/api")


@pytest.mark.parametrize(
    "name", ["PREFECT_API_TLS_INSECURE_SKIP_VERIFY", "PREFECT_API_SSL_CERT_FILE"]
)
def test_a_server_whose_certificate_only_prefect_trusts_is_not_asked(name: str) -> None:
    assert own_trust({name: "x"})
    assert not own_trust({name: ""})
