"""What docs/scaling.md says follows from the calculator, the deployment files, and the code it speaks of."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from annotated_types import Le
from prefect.settings import Settings as PrefectSettings
from prefect.settings.legacy import _get_settings_fields

from editcorpus import figures
from editcorpus.capacity import Fleet
from editcorpus.endpoints.limits import Limits
from editcorpus.partitions import PARTITION_SHARDS
from editcorpus.planning import Selection
from editcorpus.stages.order import USUAL
from flows.parameters import Effort
from flows.reactions import Settings, automations

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "scaling.md").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text("utf-8"))
CLUSTER = dict(
    line.split("=", 1)
    for line in (ROOT / "docker/kubernetes/base/server.env").read_text("utf-8").splitlines()
    if "=" in line and not line.startswith("#")
)
BATCHES = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "200",
}
"""By which the server's CPU of a task run was measured."""
RETENTION = {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(90 * 86_400),
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P14D",
}


def scaling() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scaling", ROOT / "scripts" / "scaling.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def servers() -> list[dict[str, str]]:
    """The environment of everything that is Prefect's server."""
    names = ("server", "server-2", "services")
    return [*(COMPOSE["services"][name]["environment"] for name in names), CLUSTER]


def test_the_tables_are_what_the_calculator_says() -> None:
    assert scaling().page(PAGE) == PAGE, "Run make docs."
    assert PAGE.count("\n| 1,500,000 | 1,000 | 8 |") == 1


def test_the_figures_of_the_orchestrator_are_those_on_the_page() -> None:
    rows = {
        "client CPU": f"{figures.CLIENT_TASK_S * 1000:.0f} ms",
        "server CPU": f"{figures.SERVER_TASK_S * 1000:.0f} ms",
        "server CPU, Prefect's own batch sizes": f"{figures.SERVER_TASK_DEFAULT_S * 1000:.0f} ms",
        "database, PostgreSQL": f"{figures.TASK_BYTES / 1000:.0f} kB",
        "database, SQLite": f"{figures.SQLITE_TASK_BYTES / 1000:.0f} kB",
    }
    for name, figure in rows.items():
        assert f"| {name} | {figure} |" in PAGE


def test_the_calculator_plans_with_what_the_code_does() -> None:
    assert len(USUAL) == figures.STAGES
    (most,) = (one.le for one in Effort.model_fields["processes"].metadata if isinstance(one, Le))
    assert most == figures.MOST_HANDS
    assert Fleet().shard_size == Selection().shard_size
    assert Fleet().partition_shards == PARTITION_SHARDS
    assert f"default of {Limits().in_flight} carries" in PAGE


def test_every_server_has_the_batch_sizes_that_were_measured() -> None:
    for environment in servers():
        assert {name: environment.get(name) for name in BATCHES} == BATCHES


def test_every_server_clears_away_what_has_ended() -> None:
    for environment in servers():
        assert {name: environment.get(name) for name in RETENTION} == RETENTION


def test_prefect_takes_these_settings() -> None:
    known = _get_settings_fields(PrefectSettings)
    assert {*BATCHES, *RETENTION} <= known.keys()


def test_a_run_that_never_ends_is_ended_by_the_heartbeats_that_it_no_longer_sends() -> None:
    """Prefect's clean-up counts from the end: what says that a run is dead must be there."""
    settings = Settings()
    (lost,) = (one for one in automations(settings) if one.name == "editcorpus: lost worker")
    assert lost.enabled
    assert [action.type for action in lost.actions] == ["change-flow-run-state"]
    beat = float(COMPOSE["services"]["worker"]["environment"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"])
    assert settings.lost_after_s >= 5 * beat
    assert f"`{lost.name}`" in PAGE
