"""Whether a run is measured, and by whom: nobody, unless the environment names a receiver of metrics.

What is told goes to a receiver by OTLP (`metrics.py`); what it needs is imported only then.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from prefect.runtime import deployment, flow_run

from editcorpus.endpoints.books import Told
from editcorpus.stages.workshop import Workshop
from flows.shown import Moment
from flows.tally import Tally

_log = logging.getLogger(__name__)
_SPOKEN = "http/protobuf"
"""The protocol that is spoken, as OpenTelemetry's environment variables name it."""


class Meter(Protocol):
    """Is told what there is to measure; it never raises, and never waits."""

    def called(self, told: Told) -> None:
        """A call has ended."""

    def opened(self, shop: Workshop) -> None:
        """The run is open; its engine, ledger and store may be watched."""

    def stands(self, now: Moment, tally: Tally, ended: int) -> None:
        """So the run stands, `ended` shards being through; the process that owns it tells so."""


class Silent:
    """Measures nothing."""

    def called(self, told: Told) -> None:
        """Nothing to do."""

    def opened(self, shop: Workshop) -> None:
        """Nothing to do."""

    def stands(self, now: Moment, tally: Tally, ended: int) -> None:
        """Nothing to do."""


@contextmanager
def metered(run: str, process: str, partition: int | None = None) -> Iterator[Meter]:
    """Measure a run while the block lasts, if the environment names a receiver.

    A receiver that is away, slow or wrong costs figures, and at the end at most some seconds.

    Args:
        run: Its name.
        process: Name of this process, unique over all that write to the store.
        partition: Its number, where this process has only that one.
    """
    if not is_wanted(os.environ):
        yield Silent()
        return
    from flows.metrics import exported  # half a second

    who = {
        "service.instance.id": process,
        "editcorpus.run": run,
        "prefect.flow-run.id": str(flow_run.id or ""),
        "prefect.deployment.id": str(deployment.id or ""),
    }
    number = {} if partition is None else {"editcorpus.partition": partition}
    known = {name: value for name, value in who.items() if value}
    with exported({**known, **number}) as meter:
        yield meter or Silent()


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether metrics are to be sent, by OpenTelemetry's own variables.

    Source: OpenTelemetry specification, "Environment Variable Specification" and "OTLP Exporter".
    """

    def given(*names: str) -> str:
        return next((found for name in names if (found := environment.get(name, "").strip())), "")

    exporters = {name.strip() for name in given("OTEL_METRICS_EXPORTER").split(",")}
    disabled = given("OTEL_SDK_DISABLED").lower() == "true"
    if disabled or not exporters & {"", "otlp"} or not given(*ENDPOINTS):
        return False
    protocol = given(*PROTOCOLS)
    if protocol not in {"", _SPOKEN}:
        _log.warning("No metrics are sent: they go out by %s, not by %.40r.", _SPOKEN, protocol)
        return False
    return True


ENDPOINTS = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
