"""Metrics of a run, sent to a receiver by OTLP over HTTP; docs/metrics.md tells of them.

A thread of the library collects and sends them, once a minute unless `OTEL_METRIC_EXPORT_INTERVAL` says
otherwise. Sums are kept exact here, and become floats only as they go out.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import requests
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.metrics import Meter as Instruments
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource

from editcorpus.endpoints.books import Told
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.stages.workshop import Workshop
from flows import instruments as names
from flows.instruments import Metric
from flows.shown import Moment
from flows.tally import Sort, Tally

_log = logging.getLogger(__name__)
_FLUSH_S = 3.0
"""How long the last figures may take at the end of a run: a run that was cancelled has 30 s in all."""
_HOPELESS_S = 0.5
"""The same where those before did not arrive."""
_SCHEMA = "https://opentelemetry.io/schemas/1.37.0"
"""The conventions that have `gen_ai.provider.name`."""
_LIBRARY = ("opentelemetry.exporter", "opentelemetry.sdk.metrics", "opentelemetry.util")
"""Loggers of the library, which are silenced: what they say of a wrong header holds that secret."""
_PORTS = {"http": 80, "https": 443}
_Seen = Iterator[tuple[float, Mapping[str, Any]]]


@contextmanager
def exported(resource: Mapping[str, str | int]) -> Iterator["Metrics | None"]:
    """Send metrics while the block lasts, and the last ones at its end; none if they cannot be.

    Args:
        resource: Who sends them.
    """
    for name in _LIBRARY:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        exporter = _Outgoing(session=_session())
        reader = PeriodicExportingMetricReader(exporter)
    except (ValueError, OSError) as error:  # of a variable, whose value may be a secret
        _log.warning("No metrics are sent: a setting is wrong (%s).", type(error).__name__)
        yield None
        return
    made = {"service.name": "editcorpus", "service.version": version("editcorpus")}
    who = Resource(made).merge(OTELResourceDetector().detect()).merge(Resource({**resource}))
    provider = MeterProvider([reader], who, shutdown_on_exit=False)
    try:
        yield Metrics(provider.get_meter("editcorpus", made["service.version"], _SCHEMA))
    finally:
        _end(provider, _HOPELESS_S if exporter.lost else _FLUSH_S)
        if exporter.sending or exporter.lost:
            exporter.complain()


def _end(provider: MeterProvider, patience_s: float) -> None:
    """Send the last figures, and wait a little for that; in a thread, whatever becomes of it."""
    last = threading.Thread(target=provider.shutdown, args=(1000 * patience_s,), daemon=True)
    last.start()
    last.join(patience_s + 1)


def _session() -> requests.Session:
    """A session that reads no more of an answer than its head: a body may have no end."""
    session = requests.Session()
    session.stream = True
    session.hooks["response"].append(lambda response, **_: response.close())
    return session


class _Outgoing(OTLPMetricExporter):
    """Sends metrics, and tells once if they do not arrive.

    Attributes:
        sending: Whether some are on their way.
        lost: Whether the last ones before did not arrive.
    """

    sending = lost = _told = False
    _telling = threading.Lock()

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **given: Any
    ) -> MetricExportResult:
        """Send them."""
        self.sending = True
        result = super().export(metrics_data, timeout_millis, **given)
        self.lost = result is not MetricExportResult.SUCCESS
        self.sending = False
        if self.lost:
            self.complain()
        return result

    def complain(self) -> None:
        """Say that metrics do not arrive, if nobody has said it yet; on return it has been said."""
        with self._telling:
            if not self._told:
                _log.warning(
                    "Metrics of this run do not arrive at their receiver; the build goes on."
                )
                self._told = True


@dataclass(frozen=True, slots=True)
class _Stand:
    """How a run stood when its artifacts were last brought up to date."""

    now: Moment
    ended: int
    kept: int
    gone: Mapping[Sort, int]


class Metrics:
    """Measures a run; any thread may tell it anything.

    Args:
        instruments: Makes the library's instruments.
    """

    def __init__(self, instruments: Instruments) -> None:
        self._shop: Workshop | None = None
        self._stand: _Stand | None = None
        self._booked: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        self._lock = threading.Lock()
        self._calls = instruments.create_counter(*_facts(names.CALLS))
        self._refused = instruments.create_counter(*_facts(names.REFUSED))
        self._duration = instruments.create_histogram(
            *_facts(names.DURATION), explicit_bucket_boundaries_advisory=names.BOUNDS_S
        )
        observed: dict[Metric, Callable[[], _Seen]] = {
            names.IN_FLIGHT: lambda: self._engine("in_flight"),
            names.WAITING: lambda: self._engine("waiting"),
            names.DOWN: self._down,
            names.BOOKED: self._dollars,
            names.RESERVED: self._reserved,
            names.BYTES: self._bytes,
            names.SPENT: lambda: self._run(lambda at: at.now.spent),
            names.BUDGET: lambda: self._run(lambda at: at.now.budget),
            names.ENTERED: lambda: self._run(lambda at: at.now.entered or None),
            names.PLANNED: lambda: self._run(lambda at: at.now.shards or None),
            names.FINISHED: lambda: self._run(lambda at: at.ended),
            names.TRIPLETS: self._triplets,
        }
        for metric, see in observed.items():
            _observe(instruments, metric, see)

    def called(self, told: Told) -> None:
        """Count a call that has ended, its time and its dollars."""
        record, endpoint = told.record, told.endpoint
        where = {
            names.ENDPOINT: endpoint.name,
            names.STEP: record.step,
            names.MODEL: record.model,
        }
        failed = {} if record.outcome == "settled" else {names.ERROR: told.kind or "_OTHER"}
        facts = {names.OUTCOME: record.outcome, names.BATCH: told.batch}
        self._calls.add(1, {**where, **facts, **failed})
        with self._lock:
            self._booked[endpoint.name, record.step, record.model] += record.usd
        if told.kind in names.REFUSALS:
            self._refused.add(1, {names.ENDPOINT: endpoint.name, names.ERROR: told.kind})
        if not told.batch:
            what = {names.OPERATION: told.operation, names.PROVIDER: endpoint.provider}
            self._duration.record(record.seconds, {**where, **what, **_address(endpoint), **failed})

    def opened(self, shop: Workshop) -> None:
        """Watch engine, ledger and store from now on."""
        self._shop = shop

    def stands(self, now: Moment, tally: Tally, ended: int) -> None:
        """Take how the run stands; sorts of triplets that were once told stay, with none of them."""
        before = self._stand.gone if self._stand else {}
        gone = {**dict.fromkeys(before, 0), **tally.gone}
        self._stand = _Stand(now, ended, tally.kept, gone)

    def _engine(self, member: str) -> _Seen:
        for name, standing in self._standings():
            yield getattr(standing, member), {names.ENDPOINT: name}

    def _down(self) -> _Seen:
        for name, standing in self._standings():
            yield int(name in standing.away), {names.ENDPOINT: name}

    def _standings(self) -> Iterator[tuple[str, Any]]:
        if self._shop is not None:
            engine = self._shop.engine
            for name in sorted({one.name for one in engine.endpoints.values()}):
                yield name, engine.standing(name)

    def _dollars(self) -> _Seen:
        with self._lock:
            booked = dict(self._booked)
        for (endpoint, step, model), usd in booked.items():
            where = {names.ENDPOINT: endpoint, names.STEP: step, names.MODEL: model}
            yield float(usd), where

    def _reserved(self) -> _Seen:
        if self._shop is not None:
            yield float(self._shop.ledger.reserved), {}

    def _bytes(self) -> _Seen:
        if self._shop is not None:
            traffic = self._shop.store.traffic
            yield traffic.read, {names.DIRECTION: "read"}
            yield traffic.written, {names.DIRECTION: "write"}

    def _run(self, member: Callable[[_Stand], int | Decimal | None]) -> _Seen:
        value = member(self._stand) if self._stand else None
        if value is not None:
            yield float(value), {}

    def _triplets(self) -> _Seen:
        stand = self._stand
        if stand is None:
            return
        yield stand.kept, {names.OUTCOME: "kept"}
        for (verdict, step, reason), count in stand.gone.items():
            why = {names.REASON: reason.value, names.STEP: step}
            yield count, {names.OUTCOME: verdict, **why}


def _facts(metric: Metric) -> Sequence[str]:
    return metric.name, metric.unit, metric.says


def _observe(instruments: Instruments, metric: Metric, see: Callable[[], _Seen]) -> None:
    """Have what is seen at each collection told under a metric's name."""

    def seen(_: CallbackOptions) -> list[Observation]:
        return [Observation(value, attributes) for value, attributes in see()]

    made: Mapping[str, Callable[..., Any]] = {
        "counter": instruments.create_observable_counter,
        "up-down counter": instruments.create_observable_up_down_counter,
        "gauge": instruments.create_observable_gauge,
    }
    made[metric.sort](metric.name, [seen], metric.unit, metric.says)


def _address(endpoint: Endpoint) -> dict[str, str | int]:
    parts = urlsplit(endpoint.base_url)
    port = parts.port or _PORTS.get(parts.scheme)
    found: dict[str, str | int] = {names.ADDRESS: parts.hostname or "", names.PORT: port or 0}
    return {name: value for name, value in found.items() if value}
