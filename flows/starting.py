"""What is needed to start a build from a shell, without Prefect."""

import os
import socket
import time
import uuid
from collections.abc import MutableMapping
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module

from editcorpus.inputs import Inputs
from editcorpus.rows import Source
from editcorpus.runs import Owner
from editcorpus.stages.opening import Job
from editcorpus.stages.workshop import Clocks
from flows.connections import Connections
from flows.parameters import Recipe


def source_named(name: str) -> Source:
    """The source of that name."""
    found = import_module(f"editcorpus.sources.{name}").SOURCE
    if not isinstance(found, Source):
        raise TypeError(f"editcorpus.sources.{name}.SOURCE is a {type(found).__name__}.")
    return found


def direct_job(source: str, recipe: Recipe, connections: Connections) -> Job:
    """The run that a recipe describes, without saved blocks.

    Raises:
        ConfigError: The input is not to be found, or a connection cannot be made.
    """
    options = connections.options() if "://" in recipe.input else {}
    return Job(
        run=recipe.run,
        store=connections.open_store(),
        source=source_named(source),
        inputs=Inputs.find(recipe.input, options),
        recipe=recipe.identity(source),
        configs=recipe.configs(),
        endpoints=connections.endpoints(),
        budget_usd=budget(recipe),
        owner=this_process(),
        clocks=real_clocks(),
        today=datetime.now(UTC).date(),
    )


def budget(recipe: Recipe) -> Decimal | None:
    """What the run may cost; None is no limit."""
    return Decimal(str(recipe.effort.budget_usd)) if recipe.effort.budget_usd else None


def this_process() -> Owner:
    """Who we are, under a name that no other process ever has."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    return Owner(name, socket.gethostname(), os.getpid())


def real_clocks() -> Clocks:
    """The machine's own clocks."""
    return Clocks(lambda: datetime.now(UTC).isoformat(timespec="milliseconds"), time.monotonic)


def quiet_prefect(environment: MutableMapping[str, str], *, verbose: bool) -> None:
    """Settings under which Prefect serves one build from a shell; what is set already stays.

    Without an API URL Prefect starts a server of its own, which takes up to a minute on a loaded
    machine, and would report home.
    """
    defaults = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "editcorpus",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO" if verbose else "CRITICAL",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "200",
    }
    for name, value in defaults.items():
        environment.setdefault(name, value)
