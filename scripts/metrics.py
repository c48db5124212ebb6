"""Writes docs/metrics.md: `make docs`."""

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from flows.instruments import ATTRIBUTES, BOUNDS_S, METRICS, RESOURCE

_HEAD = """\
# Metrics

What a run measures, sent by OTLP to an OpenTelemetry collector, or to whatever else takes OTLP over HTTP.
Nothing is sent, and nothing of it imported, unless the environment of the flow's process names a receiver:

| variable | |
|---|---|
| `OTEL_EXPORTER_OTLP_ENDPOINT` | Such as `http://collector:4318`; metrics go to `/v1/metrics` below it. |
| `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` | The same for metrics alone, with its whole path. |
| `OTEL_EXPORTER_OTLP_HEADERS` | Such as `Authorization=Bearer%20...`: a secret, which is never logged. |
| `OTEL_EXPORTER_OTLP_METRICS_HEADERS` | The same for metrics alone. |
| `OTEL_METRIC_EXPORT_INTERVAL` | Milliseconds between two exports; 60000 unless said otherwise. |
| `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | What else your receiver is to know. |
| `OTEL_SDK_DISABLED=true`, `OTEL_METRICS_EXPORTER=none` | Off, whatever else is set. |

OpenTelemetry's other variables for the exporter (certificates, compression, timeout, temporality) work as its
specification has them; the protocol is `http/protobuf` and no other. A worker of a process pool hands its own
environment on to its flow runs. Containers and pods have that of the job template: set the job variable `env`
of the deployment or the work pool. Prefect shows it to whoever can see the pool, so that headers belong into
the worker's environment, or into a secret that the template names.

A receiver that is away, slow or wrong costs figures, one warning in the log, and at most 4 seconds at the end
of a run. It never holds up a call. This page is written by `make docs`.

## Who sends what

Each process sends the calls that it makes, under attributes of its own: the process that owns the run, and
each partition in a process or on a worker of its own. Sum over processes. What is marked *owner* is told by
the process that owns the run, for all of them.

| resource attribute | |
|---|---|
"""
_METRICS = """
## All metrics

Names follow OpenTelemetry's semantic conventions where they have one; ours begin with `editcorpus`. Dollars
are exact in the ledger, and become floating-point numbers on their way out: take them for charts and alarms,
and `editcorpus ledger` for accounts.

| metric | kind | unit | | divided by |
|---|---|---|---|---|
"""
_ATTRIBUTES = """
| attribute | |
|---|---|
"""
_EXAMPLE = """
## Prometheus and Grafana

A collector takes the metrics and lets Prometheus scrape them:

```yaml
receivers:
  otlp:
    protocols:
      http:
        endpoint: 0.0.0.0:4318
exporters:
  prometheus:
    endpoint: 0.0.0.0:8889
    resource_to_telemetry_conversion:
      enabled: true
service:
  pipelines:
    metrics:
      receivers: [otlp]
      exporters: [prometheus]
```

```yaml
scrape_configs:
  - job_name: editcorpus
    honor_labels: true
    static_configs:
      - targets: [collector:8889]
```

Set `OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318` for the workers. Dots become underscores, and counters
end in `_total`. Panels that have proved useful:

| panel | query |
|---|---|
"""
PANELS = {
    "Calls a second, by outcome": "sum by (editcorpus_outcome) (rate(editcorpus_calls_total[5m]))",
    "Slowest 5% of the calls, s": "histogram_quantile(0.95, sum by (le, editcorpus_step) "
    "(rate(gen_ai_client_operation_duration_seconds_bucket[10m])))",
    "In flight": "sum by (editcorpus_endpoint) (editcorpus_calls_in_flight)",
    "Refusals a minute": "60 * sum by (editcorpus_endpoint, error_type) "
    "(rate(editcorpus_refusals_total[5m]))",
    "Dollars an hour": "3600 * sum by (editcorpus_run) (rate(editcorpus_cost_booked_total[15m]))",
    "Share of the budget": "max by (editcorpus_run) (editcorpus_run_spent) "
    "/ max by (editcorpus_run) (editcorpus_run_budget)",
    "Yield": 'sum by (editcorpus_run) (editcorpus_triplets{editcorpus_outcome="kept"}) '
    "/ sum by (editcorpus_run) (editcorpus_triplets)",
    "Endpoints that are away": "max by (editcorpus_endpoint) (editcorpus_endpoint_down) > 0",
}
"""What to look at, in PromQL."""
_TAIL = """
A process that has ended no longer sends; the collector forgets its figures after five minutes, unless its
`metric_expiration` says otherwise.
Automations of Prefect need none of this: see docs/events.md.
"""


def page() -> str:
    """The page, as the code has it."""
    bounds = ", ".join(f"{one:g}" for one in BOUNDS_S)
    classes = f"\nThe time of a call falls into classes that end at {bounds} s.\n"
    parts = (_HEAD, *_named(RESOURCE), _METRICS, *_metrics(), classes, _ATTRIBUTES)
    return "".join((*parts, *_named(ATTRIBUTES), _EXAMPLE, *_panels(), _TAIL))


def _named(members: dict[str, str]) -> Iterator[str]:
    for name, says in members.items():
        yield f"| `{name}` | {says} |\n"


def _metrics() -> Iterator[str]:
    for one in METRICS:
        by = ", ".join(f"`{name}`" for name in one.attributes)
        owner = "*Owner.* " if one.owned else ""
        yield f"| `{one.name}` | {one.sort} | `{one.unit}` | {owner}{one.says} | {by} |\n"


def _panels() -> Iterator[str]:
    for title, query in PANELS.items():
        yield f"| {title} | `{query}` |\n"


if __name__ == "__main__":
    sys.stdout.write(page())
