"""Batch mode below the flow: steps are gone through ahead of time, and served from the store then."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.errors import ConfigError
from editcorpus.planning import Selection
from editcorpus.records import Reason
from editcorpus.sandbox import Running
from editcorpus.shards import need_manifest
from editcorpus.stages import compose, regenerate
from editcorpus.stages.awaiting import Awaiting
from editcorpus.stages.batching import (
    ask_ahead,
    batched,
    check_modes,
    is_through,
    known_modes,
    rounds,
)
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.order import STAGES
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Mode, Workshop

Make = Callable[..., Job]
Calls = Callable[[], list[dict[str, Any]]]
InMode = Callable[[Mode], AbstractContextManager[Workshop]]
Endpoints = Mapping[str, Endpoint]
EDIT = regenerate.STAGE


@pytest.fixture
def calls(server: Running) -> Callable[[], list[dict[str, Any]]]:
    """The calls that the server billed since this test began."""
    server.admin("reset", {})
    return lambda: list(server.admin("journal?billed=true")["calls"])


@pytest.fixture
def in_mode(make_job: Make, tmp_path: Path) -> InMode:
    """Opens a run, planned, that asks for edits in a mode."""

    @contextmanager
    def made(mode: Mode) -> Iterator[Workshop]:
        with opened(replace(make_job(tmp_path), modes={"regenerate": mode})) as shop:
            make_plan(shop.store, shop.run, shop.source, shop.inputs, Selection(shard_size=4))
            yield shop

    return made


@pytest.fixture
def endpoints(make_job: Make, tmp_path: Path) -> Endpoints:
    """Of a run; the judge's takes no batches."""
    return make_job(tmp_path).endpoints


def padded(shop: Workshop) -> None:
    run_stage(shop, 0, STAGES[0])


def answered(shop: Workshop) -> int:
    """Have batches answer what the edits of shard 0 lack; gives how many triplets waited."""
    waiting = ask_ahead(shop, 0, EDIT)
    shop.engine.bulk.flush()
    Awaiting(shop, 0.2).wait()
    return waiting


def tariffs(calls: Calls) -> list[str]:
    return [call["tariff"] for call in calls()]


def test_what_batches_have_answered_is_found_in_the_store(in_mode: InMode, calls: Calls):
    with in_mode("batch") as shop:
        padded(shop)
        assert [stage.name for stage in batched(shop)] == ["regenerate"]
        assert answered(shop) == 3
        assert not shop.store.exists(f"{shop.folder(0)}/regenerate.json")
        assert not is_through(shop, 0, EDIT)
        ref = run_stage(shop, 0, EDIT)
        assert is_through(shop, 0, EDIT)
        assert answered(shop) == 0
        assert shop.ledger.calls["cached"] == 0
        assert shop.ledger.calls["settled"] == 3
    assert (ref.kept, ref.failed) == (3, 0)
    assert tariffs(calls) == ["batch"] * 3


def test_under_batch_nothing_goes_out_online(in_mode: InMode, calls: Calls):
    with in_mode("batch") as shop:
        padded(shop)
        assert run_stage(shop, 0, EDIT).failed == 3
        made = need_manifest(shop.store, shop.folder(0), "regenerate")
        assert {item.reason for item in made.failed} == {Reason.UNAVAILABLE}
        assert "No batch has answered this within 3 rounds" in made.failed[0].detail
    assert calls() == []


def test_under_auto_what_batches_leave_open_goes_out_online(
    in_mode: InMode, calls: Calls, server: Running
):
    with in_mode("auto") as shop:
        padded(shop)
        server.admin("config", {"strikes": [{"fault": "server_error", "first": 2, "last": 2}]})
        try:
            assert answered(shop) == 3
        finally:
            server.admin("config", {"strikes": []})
        assert shop.ledger.calls == {"settled": 2, "free": 1}
        assert run_stage(shop, 0, EDIT).kept == 3
    assert tariffs(calls) == ["batch", "batch", "standard"]


def test_a_shard_whose_step_before_is_not_done_is_not_through(in_mode: InMode):
    with in_mode("batch") as shop:
        assert not is_through(shop, 0, EDIT)


def test_a_step_that_asks_nobody_has_nothing_to_ask(in_mode: InMode):
    with in_mode("batch") as shop, pytest.raises(ValueError, match="pad asks nobody"):
        ask_ahead(shop, 0, STAGES[0])


@pytest.mark.parametrize(
    ("wished", "repairs", "told"),
    [
        ({"regenerate": "online"}, False, []),
        ({"align": "auto"}, False, ["align asks online: judge takes no batches."]),
        ({"rewrite": "auto"}, True, ["rewrite asks online: a redrive is no bulk."]),
    ],
)
def test_auto_asks_online_where_batches_are_of_no_use(
    wished: Mapping[str, Mode],
    repairs: bool,
    told: list[str],
    endpoints: Endpoints,
    caplog: pytest.LogCaptureFixture,
):
    with caplog.at_level(logging.INFO, "editcorpus"):
        assert known_modes(wished, endpoints, repairs=repairs) == {}
    ours = [record for record in caplog.records if record.name.startswith("editcorpus.")]
    assert [record.message for record in ours] == told


def test_other_modes_are_as_they_are_wished_for(endpoints: Endpoints):
    auto: dict[str, Mode] = {"regenerate": "auto"}
    assert known_modes(auto, endpoints, repairs=False) == auto
    batch: dict[str, Mode] = {"rewrite": "batch"}
    assert known_modes(batch, endpoints, repairs=True) == batch


def test_batches_alone_need_an_endpoint_that_takes_them(endpoints: Endpoints):
    check_modes({"regenerate": "batch", "align": "auto"}, endpoints)
    with pytest.raises(ConfigError, match=r"judge at http.* takes no batches: use align=online"):
        check_modes({"align": "batch"}, endpoints)


@pytest.mark.parametrize(("mode", "times"), [("auto", (1, 3)), ("batch", (3, 5))])
def test_questions_that_follow_from_answers_take_a_batch_each(
    mode: Mode, times: tuple[int, int], in_mode: InMode
) -> None:
    with in_mode(mode) as shop:
        shop.modes = {**shop.modes, "compose": mode}
        assert (rounds(shop, EDIT), rounds(shop, compose.STAGE)) == times


def test_a_step_that_a_run_does_not_have_has_no_mode(make_job: Make, tmp_path: Path) -> None:
    job = replace(make_job(tmp_path), modes={"regenerate": "batch", "compose": "batch"})
    assert job.asking_modes == {"regenerate": "batch"}
    assert replace(job, variant="base").asking_modes == {}
