"""What the server keeps: old runs go by its own clean-up, also those that never came to an end."""

import asyncio
from typing import Any

import asyncpg
import pytest
from cluster import Cluster
from daemons import once

pytestmark = [pytest.mark.prefect, pytest.mark.scale]
KEPT_DAYS = 90


def age(cluster: Cluster, runs: list[str]) -> None:
    """Move flow runs and what happened in them into the past, beyond what is kept."""

    async def aged() -> None:
        connection = await asyncpg.connect(cluster.database.replace("+asyncpg", ""))
        past = f"- interval '{KEPT_DAYS + 1} days'"
        try:
            for column in ("expected_start_time", "start_time", "end_time", "created"):
                await connection.execute(
                    f"UPDATE flow_run SET {column} = {column} {past} WHERE id = ANY($1::uuid[])",
                    runs,
                )
        finally:
            await connection.close()

    asyncio.run(aged())


def known(cluster: Cluster, runs: list[str]) -> set[str]:
    """Those of some flow runs that the server still has."""
    found = cluster.ask("/flow_runs/filter", {"flow_runs": {"id": {"any_": runs}}})
    return {str(one["id"]) for one in found}


@pytest.mark.parametrize("kind", ["RUNNING", "PENDING"])
def test_a_run_that_never_ended_is_ended_by_the_server_itself(
    cluster: Cluster, unending: dict[str, str], kind: str
) -> None:
    end = cluster.end_of(unending[kind])
    assert end["type"] == "CRASHED"
    assert "no sign of life" in end["message"]


def test_old_runs_go_whether_they_ended_by_themselves_or_not_and_young_ones_stay(
    cluster: Cluster, unending: dict[str, str], flow_run: Any
) -> None:
    for run in unending.values():
        cluster.end_of(run)
    old, young = flow_run("COMPLETED"), flow_run("COMPLETED")
    gone = [*unending.values(), old]
    assert known(cluster, [*gone, young]) == {*gone, young}
    age(cluster, gone)
    once("old runs are gone", lambda: not known(cluster, gone))
    assert known(cluster, [young]) == {young}
