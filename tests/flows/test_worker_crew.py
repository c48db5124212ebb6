"""What is made of the flow runs on partitions, whatever becomes of them; no worker is at work here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID
from zlib import crc32

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey
from prefect.client.schemas.objects import StateType
from prefect.states import Completed, Failed, Pending, Running, State

from editcorpus.errors import ConfigError, RunStopped
from editcorpus.permits import Permit, tell
from editcorpus.storage import Store
from flows.parameters import Recipe
from flows.partition import partition
from flows.sharing import Order
from flows.workers import Limits, Place, Workers, check_deployment, deployment_named

pytestmark = pytest.mark.prefect
PERMIT = Permit("00000-0-a", 0, 0, 2, 1, None)
NOW = Limits(told_s=0, lost_s=0, stuck_s=0, late_s=0)


@dataclass
class Seats:
    """Whether somebody works on a partition, as tests say."""

    taken: set[str] = field(default_factory=set)

    def is_taken(self, permit: Permit) -> bool:
        return permit.name in self.taken


@dataclass
class Bench:
    """A crew, and the server that it asks."""

    client: SyncPrefectClient
    store: Store
    seats: Seats
    run: str

    def crew(self, limits: Limits = NOW, name: str = "bench") -> Workers:
        order = Order("omniedit", Recipe(run=self.run, input="rows.parquet"))
        return Workers(order, Place(self.store, f"partition/{name}", self.seats.is_taken), limits)

    def flow_run(self, permit: Permit = PERMIT) -> Any:
        keys = FlowRunFilterIdempotencyKey(any_=[f"{self.run}/{permit.name}"])
        (found,) = self.client.read_flow_runs(flow_run_filter=FlowRunFilter(idempotency_key=keys))
        return found

    def set_to(self, state: State[Any]) -> None:
        self.client.set_flow_run_state(self.flow_run().id, state, force=True)


@pytest.fixture(scope="module")
def client(prefect_api: str) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        flow: UUID = client.create_flow(partition)
        client.create_deployment(
            flow, "bench", parameter_openapi_schema=partition.parameters.model_dump_for_openapi()
        )
        yield client


@pytest.fixture
def bench(client: SyncPrefectClient, tmp_path: Path, request: pytest.FixtureRequest) -> Bench:
    """One under a run of its own, so that no other's flow runs are found."""
    name = crc32(request.node.name.encode())
    return Bench(client, Store.on_disk(tmp_path), Seats(), f"run-{name}")


ENDS: dict[str, tuple[Callable[[], State[Any]], dict[str, str] | None]] = {
    "done": (partial(Completed, name="Completed (2 failed)"), {"how": "done"}),
    "short": (
        lambda: Failed(name="Out of allowance", message="Little."),
        {"how": "short", "sentence": "Little."},
    ),
    "void": (lambda: Failed(name="Void", message="Used."), {"how": "void", "sentence": "Used."}),
    "a bug": (lambda: Failed(message="Bug."), {"how": "stopped", "sentence": "Bug."}),
    "a key": (
        lambda: Failed(name="Stopped: key", message="No."),
        {"how": "stopped", "sentence": "No.", "kind": "key"},
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_its_final_state_tells_how_it_ended_and_the_store_how_far_it_came(
    bench: Bench, name: str
) -> None:
    state, end = ENDS[name]
    crew = bench.crew(Limits(told_s=0))
    crew.start(PERMIT)
    assert list(crew.hear(0)) == []
    tell(bench.store, bench.run, PERMIT.name, {1}, 0)
    assert list(crew.hear(0)) == [(PERMIT.name, {"shard": 1})]
    bench.set_to(state())
    said = list(crew.hear(0))
    assert said[0] == (PERMIT.name, {"end": end})
    assert [list(word) for _, word in said] == [["end"], ["gone"]]
    assert list(crew.hear(0)) == []


def test_the_same_permit_asks_for_the_same_flow_run(bench: Bench) -> None:
    for _ in range(2):
        bench.crew().start(PERMIT, again=True)
    found = bench.flow_run()
    assert found.parameters["share"]["permit"] == PERMIT.name
    assert found.parameters["recipe"]["run"] == bench.run


@pytest.mark.parametrize("state", [Running, Pending])
def test_one_on_which_nobody_is_at_work_counts_as_lost(
    bench: Bench, state: Callable[[], State[Any]]
) -> None:
    crew = bench.crew()
    crew.start(PERMIT)
    bench.set_to(state())
    bench.seats.taken.add(PERMIT.name)
    patient = bench.crew(Limits(told_s=0))
    patient.start(PERMIT, again=True)
    assert list(patient.hear(0)) == []
    bench.seats.taken.clear()
    assert list(patient.hear(0)) == []
    ((_, end), (_, gone)) = crew.hear(0)
    assert end == {}
    assert "with nobody at work on it" in gone["gone"]
    assert bench.flow_run().state.type == StateType.CRASHED


def test_one_that_no_worker_has_fetched_is_waited_for_and_told_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    crew = bench.crew()
    crew.start(PERMIT)
    for _ in range(3):
        assert list(crew.hear(0)) == []
    assert caplog.text.count("No worker has fetched partition 0") == 1


def test_one_that_was_deleted_is_gone(bench: Bench) -> None:
    crew = bench.crew()
    crew.start(PERMIT)
    bench.client.delete_flow_run(bench.flow_run().id)
    assert list(crew.hear(0)) == [
        (PERMIT.name, {}),
        (PERMIT.name, {"gone": "Its flow run was deleted."}),
    ]


def test_who_is_dismissed_is_cancelled(bench: Bench) -> None:
    crew = bench.crew()
    crew.start(PERMIT)
    ((_, end), _) = crew.dismiss()
    assert end == {"end": {"how": "interrupted", "sentence": "Its flow run was cancelled."}}
    assert bench.flow_run().state.type == StateType.CANCELLED


def test_a_deployment_that_is_none_is_told_before_anything_begins(bench: Bench) -> None:
    check_deployment("bench")
    assert deployment_named("other/name") == "other/name"
    with pytest.raises(ConfigError, match="names the deployment 'partition/x', and this Prefect"):
        check_deployment("x")
    with pytest.raises(RunStopped, match="The Prefect server takes no partition"):
        bench.crew(name="x").start(PERMIT)
