"""Workers and an API are killed in the middle of a run: nothing is lost, nothing is paid twice."""

import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from books import Verdict, corpus, held_against
from cluster import FINAL, Cluster
from crew import Worker
from daemons import once
from scene import IMAGES_A_MINUTE, IN_FLIGHT, PARTITIONS, Scene, recipe, undisturbed, write_rows

from editcorpus.layouts.accounts import check_accounts
from editcorpus.layouts.audit import audit
from editcorpus.ledger import read_history
from editcorpus.permits import read_permits

pytestmark = [pytest.mark.prefect, pytest.mark.scale]
RUN = "spread"
ROWS = 4 * PARTITIONS
BUDGET = Decimal(60)
EACH = 4
"""Partitions of a worker at once."""


@dataclass(frozen=True)
class Team:
    """Three workers; `third` takes parents, too."""

    first: Worker
    second: Worker
    third: Worker


@pytest.fixture(scope="module")
def team(cluster: Cluster) -> Iterator[Team]:
    parts = ["partitions"]
    made = Team(
        cluster.worker("first", parts, EACH),
        cluster.worker("second", parts, EACH),
        cluster.worker("third", ["runs", *parts], EACH + 1),
    )
    cluster.online(made.first, made.second, made.third)
    yield made


@pytest.fixture(scope="module")
def wanted(scene: Scene) -> dict[str, Any]:
    address = scene.input("kills", write_rows(ROWS))
    return recipe(RUN, address, budget_usd=float(BUDGET))


def ends(cluster: Cluster) -> dict[str, list[str]]:
    """How the partitions' flow runs ended: their messages by the kind of end."""
    found: dict[str, list[str]] = {}
    for part in cluster.partitions(RUN):
        found.setdefault(part["state_type"], []).append(str(part["state"]["message"]))
    return found


def all_are_asking(cluster: Cluster, scene: Scene, team: Team) -> bool:
    """Whether the processes of all partitions are connected to the image API."""
    parts = {process_of(one) for one in cluster.partitions(RUN) if one["infrastructure_pid"]}
    connected = {
        one
        for worker in (team.first, team.second, team.third)
        for one in worker.asking(scene.images.port)
    }
    return len(parts & connected) == PARTITIONS


def process_of(flow_run: dict[str, Any]) -> int:
    return int(str(flow_run["infrastructure_pid"]).rpartition(":")[2])


def is_over(cluster: Cluster, run: str) -> bool:
    return cluster.state(run)["type"] in FINAL


def prove_promises(scene: Scene, budget: Decimal) -> None:
    """What is promised to partitions and booked does not pass the budget."""
    promised = [permit.usd for permit in read_permits(scene.store, RUN)]
    assert len(promised) == PARTITIONS
    assert None not in promised
    assert sum(filter(None, promised), Decimal(0)) <= budget


def prove_books(scene: Scene) -> Verdict:
    """Every call is booked to the cent, or named as possibly billed."""
    history = read_history(scene.store, RUN)
    verdict = held_against(history, scene.calls())
    assert verdict.problems == ()
    assert verdict.charged <= verdict.booked <= BUDGET
    return verdict


def test_a_run_over_three_workers_goes_to_its_end_though_two_and_an_api_are_killed(
    cluster: Cluster, scene: Scene, team: Team, wanted: dict[str, Any], folder: Path
) -> None:
    limits = {"concurrent": IN_FLIGHT, "input_images_per_minute": IMAGES_A_MINUTE}
    scene.images.ask("__admin/config", {"latency_s": 60.0, "limits": limits})
    run = cluster.start(wanted)
    once(
        "all partitions ask", lambda: all_are_asking(cluster, scene, team) or is_over(cluster, run)
    )
    assert cluster.state(run)["type"] == "RUNNING", cluster.state(run)
    prove_promises(scene, BUDGET)

    orphans = {one.pid for one in team.first.flow_processes()}
    team.first.end(signal.SIGKILL)
    assert {one.pid for one in team.first.flow_processes()} == orphans
    team.second.end(signal.SIGTERM)
    once("its flow runs die", lambda: not team.second.flow_processes(), 60)
    cluster.apis[0].kill()
    scene.images.ask("__admin/config", {"latency_s": 3.0})

    end = cluster.end_of(run)
    assert end["name"] == "Completed", end
    print(f"The partitions' flow runs that were lost: {ends(cluster)['CRASHED']}")
    ended = ends(cluster)
    assert ended.keys() == {"COMPLETED", "CRASHED"}, ended
    assert len(ended["COMPLETED"]) == PARTITIONS
    assert len(ended["CRASHED"]) >= EACH, ended
    of_orphans = [one for one in cluster.partitions(RUN) if process_of(one) in orphans]
    assert [one["state_type"] for one in of_orphans] == [
        "COMPLETED"
    ] * EACH  # they lived on, and paid
    verdict = prove_books(scene)
    assert 0 < verdict.possibly <= len(ended["CRASHED"]) * IN_FLIGHT // PARTITIONS
    assert verdict.twice <= verdict.possibly
    faults = Counter(call["fault"] for call in scene.calls() if call["fault"])
    assert faults == {}  # a limit that workers do not share would have been met
    assert scene.images.ask("__admin/summary")["most_in_flight"] <= IN_FLIGHT

    proved = audit(scene.store, RUN, [check_accounts])
    assert proved.problems == []
    assert proved.counts["records"] + proved.counts["rejected"] == ROWS
    assert read_permits(scene.store, RUN) == []
    assert scene.store.list("leases") == scene.store.list(f"runs/{RUN}/seats") == []
    assert corpus(scene.store, RUN) == undisturbed(folder / "alone", scene.rows, wanted)


def test_started_again_it_hands_nothing_out_and_pays_nothing(
    cluster: Cluster, scene: Scene, team: Team, wanted: dict[str, Any]
) -> None:
    before, parts = scene.billed(), len(cluster.partitions(RUN))
    end = cluster.end_of(cluster.start(wanted))
    assert end["name"] == "Completed", end
    assert scene.billed() == before
    assert len(cluster.partitions(RUN)) == parts
