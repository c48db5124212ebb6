"""One cluster and one scene for all tests of the scale-out; `scripts/test-scale` starts them."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "chaos")]

from cluster import PREFECT_REDIS, Cluster  # noqa: E402
from daemons import POSTGRES  # noqa: E402
from scene import Scene  # noqa: E402

LATER = (datetime.now(UTC) + timedelta(days=365)).isoformat()
VACUUM = {"PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "5"}
"""Prefect clears away every hour; what it clears away is what docker/compose.yaml says."""


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can enter, below which all of it lies."""
    for name in (POSTGRES, PREFECT_REDIS):
        assert os.environ.get(name), f"{name} is not set: run these tests by `make test-scale`."
    with tempfile.TemporaryDirectory(prefix="editcorpus-scale-") as name:
        made = Path(name)
        made.chmod(0o711)
        yield made


@pytest.fixture(scope="session")
def scene(folder: Path) -> Iterator[Scene]:
    with Scene(folder).serving() as made:
        yield made


@pytest.fixture(scope="session")
def cluster(folder: Path, scene: Scene) -> Iterator[Cluster]:
    with Cluster(folder, VACUUM) as made:
        scene.set_up(made)
        yield made


@pytest.fixture(scope="session")
def flow_run(cluster: Cluster) -> Callable[[str], str]:
    """Makes a flow run of a deployment in a state, as if a worker had; gives its id."""

    def made(kind: str) -> str:
        found = cluster.ask("/deployments/name/omniedit/omniedit")
        # No worker fetches what is due only in a year.
        later = {"state": {"type": "SCHEDULED", "state_details": {"scheduled_time": LATER}}}
        run = cluster.ask(f"/deployments/{found['id']}/create_flow_run", later)["id"]
        for state in ("PENDING", "RUNNING", kind):
            cluster.ask(f"/flow_runs/{run}/set_state", {"state": {"type": state}, "force": True})
            if state == kind:
                break
        return str(run)

    return made


@pytest.fixture(scope="session", autouse=True)
def unending(request: pytest.FixtureRequest) -> dict[str, str]:
    """Flow runs whose worker is gone without a word, by the state that they were left in."""
    if not any("cluster" in item.fixturenames for item in request.session.items):
        return {}
    flow_run = request.getfixturevalue("flow_run")
    return {kind: flow_run(kind) for kind in ("RUNNING", "PENDING")}
