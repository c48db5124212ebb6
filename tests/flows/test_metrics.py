"""What a receiver of metrics gets of a run, by OTLP; and that it can never disturb the run."""

import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from otlp_receiver import Answer, Receiver, listening, plain

from editcorpus.endpoints.books import Told
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.engine import Standing
from editcorpus.endpoints.rules import Kind
from editcorpus.ledger import Record
from editcorpus.records import Reason
from editcorpus.stages import summary
from editcorpus.traffic import Traffic
from flows.instruments import ATTRIBUTES, BOUNDS_S, METRICS, REFUSALS, RESOURCE
from flows.metering import Meter, Silent, is_wanted, metered
from flows.shown import Moment
from flows.tally import Report, Tally

ROOT = Path(__file__).parents[2]
SECRET = "planted-7f3a"
IMAGES = Endpoint(name="images", provider="sandbox", base_url="https://images.example/v1")
JUDGE = Endpoint(name="judge", provider="openai", base_url="http://127.0.0.1:8001/v1")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with listening() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        yield made


class Engine:
    """An engine that stands still."""

    def __init__(self) -> None:
        self.endpoints = {"regenerate": IMAGES, "synthesize": IMAGES, "align": JUDGE}

    def standing(self, endpoint: str = "") -> Standing:
        if endpoint == "images":
            return Standing(in_flight=5, waiting=7, refused=2, away=frozenset({"images"}))
        return Standing(in_flight=1, waiting=0, refused=0)


def shop() -> Any:
    traffic = Traffic()
    traffic.count(read=3_000_000_000, written=41)
    store, ledger = SimpleNamespace(traffic=traffic), SimpleNamespace(reserved=Decimal("0.75"))
    return SimpleNamespace(engine=Engine(), store=store, ledger=ledger)


def told(
    usd: str = "0.1",
    *,
    outcome: Any = "settled",
    kind: str = "",
    seconds: float = 42.0,
    batch: bool = False,
    endpoint: Endpoint = IMAGES,
) -> Told:
    step = "regenerate" if endpoint is IMAGES else "align"
    facts: dict[str, Any] = {"usage": {}, "request_id": "", "seconds": seconds}
    who = ("a-1", "00", "spring", 0, "omniedit/1", step, 0, "gpt-image-2")
    record = Record(*who, Decimal(usd), "2026-11-20T00:00:00Z", outcome, **facts)
    return Told(endpoint, record, "image_edit", kind, batch)


def moment(**changed: Any) -> Moment:
    known = {"shards": 9, "begun": 9, "entered": 70, "in_flight": 0, "waiting": 0, "refused": 0}
    money = {"spent": Decimal("1.5"), "reserved": Decimal(0), "budget": Decimal(10)}
    return Moment(**{**known, **money, "partitions": 0, "a_minute": 0.0, **changed})


def report(shard: int, kept: int, gone: dict[Any, int]) -> Report:
    return Report(shard, kept + sum(gone.values()), kept, gone, {}, Decimal(0))


def measure(*calls: Told, meant: Callable[[Meter], None] = lambda _: None) -> None:
    """A run that makes calls."""
    with metered("spring", "process-7") as meter:
        meter.opened(shop())
        for one in calls:
            meter.called(one)
        meant(meter)


def test_calls_arrive_by_endpoint_step_model_and_outcome(receiver: Receiver) -> None:
    measure(told(), told(), told(outcome="free", kind="rate_minute"), told("0.002", endpoint=JUDGE))
    by = ("editcorpus.endpoint", "editcorpus.step", "editcorpus.outcome", "error.type")
    assert receiver.last.values("editcorpus.calls", *by) == {
        ("images", "regenerate", "settled", ""): 2,
        ("images", "regenerate", "free", "rate_minute"): 1,
        ("judge", "align", "settled", ""): 1,
    }
    assert receiver.last.values("editcorpus.calls", "gen_ai.request.model") == {("gpt-image-2",): 4}
    assert receiver.paths == ["/v1/metrics"]


def test_times_arrive_as_a_histogram_by_the_conventions(receiver: Receiver) -> None:
    measure(told(seconds=0.4), told(seconds=42.0), told(seconds=599.0), told(batch=True))
    (point,) = receiver.last.points("gen_ai.client.operation.duration")
    assert tuple(point.explicit_bounds) == BOUNDS_S
    assert (point.count, point.sum) == (3, 641.4) and point.bucket_counts[0] == 1
    assert plain(point.attributes) == {
        "gen_ai.operation.name": "image_edit",
        "gen_ai.provider.name": "sandbox",
        "gen_ai.request.model": "gpt-image-2",
        "server.address": "images.example",
        "server.port": 443,
        "editcorpus.endpoint": "images",
        "editcorpus.step": "regenerate",
    }


def test_dollars_are_summed_exactly(receiver: Receiver) -> None:
    measure(*(told("0.1") for _ in range(10)), told("0.05", outcome="possibly"))
    assert receiver.last.values("editcorpus.cost.booked") == {(): 1.05}
    assert receiver.last.metrics["editcorpus.cost.booked"].sum.is_monotonic
    assert receiver.last.values("editcorpus.cost.reserved") == {(): 0.75}


def test_refusals_arrive_by_kind(receiver: Receiver) -> None:
    kinds = ("rate_minute", "server", "server", "bad_image", "timeout")
    measure(*(told(outcome="free", kind=kind) for kind in kinds))
    found = receiver.last.values("editcorpus.refusals", "editcorpus.endpoint", "error.type")
    assert found == {("images", "rate_minute"): 1, ("images", "server"): 2}


def test_what_is_going_on_arrives_by_endpoint(receiver: Receiver) -> None:
    measure()
    by = "editcorpus.endpoint"
    assert receiver.last.values("editcorpus.calls.in_flight", by) == {("images",): 5, ("judge",): 1}
    assert receiver.last.values("editcorpus.calls.waiting", by) == {("images",): 7, ("judge",): 0}
    assert receiver.last.values("editcorpus.endpoint.down", by) == {("images",): 1, ("judge",): 0}
    found = receiver.last.values("editcorpus.store.io", "editcorpus.direction")
    assert found == {("read",): 3_000_000_000, ("write",): 41}


def test_triplets_arrive_by_outcome_and_one_that_failed_may_be_kept_later(
    receiver: Receiver,
) -> None:
    failed: Any = ("failed", "regenerate", Reason.UNAVAILABLE)
    lost: Any = ("rejected", "filter", Reason.NO_EDIT)
    tally = Tally(before=summary.Standing(entered=10, kept=10))

    def twice(meter: Meter) -> None:
        tally.add(report(1, 3, {failed: 2, lost: 1}), 0.0)
        meter.stands(moment(), tally, 1)
        tally.add(report(1, 5, {lost: 1}), 1.0)
        meter.stands(moment(), tally, 2)

    measure(meant=twice)
    by = ("editcorpus.outcome", "editcorpus.reason", "editcorpus.step")
    assert receiver.last.values("editcorpus.triplets", *by) == {
        ("kept", "", ""): 15,
        ("failed", "unavailable", "regenerate"): 0,
        ("rejected", "no_edit", "filter"): 1,
    }
    assert receiver.last.values("editcorpus.shards.finished") == {(): 2}
    assert receiver.last.values("editcorpus.run.shards") == {(): 9}
    assert receiver.last.values("editcorpus.run.triplets") == {(): 70}
    assert receiver.last.values("editcorpus.run.spent") == {(): 1.5}
    assert receiver.last.values("editcorpus.run.budget") == {(): 10}


def test_what_nobody_knows_is_not_told(receiver: Receiver) -> None:
    now = moment(shards=0, entered=0, budget=None)
    measure(meant=lambda meter: meter.stands(now, Tally(), 0))
    unknown = {"editcorpus.run.budget", "editcorpus.run.shards", "editcorpus.run.triplets"}
    assert not unknown & receiver.last.metrics.keys()


def test_everything_that_arrives_is_on_the_list_and_the_other_way_round(
    receiver: Receiver,
) -> None:
    refused = told(outcome="free", kind="slow_down")
    measure(told(), refused, meant=lambda meter: meter.stands(moment(), Tally(), 0))
    found = receiver.last.metrics
    assert found.keys() == {one.name for one in METRICS}
    for one in METRICS:
        metric = found[one.name]
        assert (metric.unit, metric.description) == (one.unit, one.says)
        data = metric.WhichOneof("data")
        assert data == {"histogram": "histogram", "gauge": "gauge"}.get(one.sort, "sum")
        if data == "sum":
            assert metric.sum.is_monotonic == (one.sort == "counter")
        for point in receiver.last.points(one.name):
            assert plain(point.attributes).keys() <= set(one.attributes) <= ATTRIBUTES.keys()


def test_who_sends_is_told(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__ID", "1234")
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "5678")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=red,editcorpus.run=other")
    with metered("spring", "permit-3", 3) as meter:
        meter.opened(shop())
    found = receiver.last.resource
    assert found.pop("service.version")
    assert found == {
        "service.name": "editcorpus",
        "service.instance.id": "permit-3",
        "editcorpus.run": "spring",
        "editcorpus.partition": 3,
        "prefect.flow-run.id": "1234",
        "prefect.deployment.id": "5678",
        "team": "red",
    }
    assert {*found, "service.version"} - {"team"} == RESOURCE.keys()


def test_a_service_name_of_the_environment_counts(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "red-team")
    measure()
    assert receiver.last.resource["service.name"] == "red-team"


def test_figures_go_out_while_the_run_goes_on(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
    with metered("spring", "process-7") as meter:
        meter.opened(shop())
        meter.called(told())
        while len(receiver.bodies) < 3:
            threading.Event().wait(0.01)
    assert receiver.last.values("editcorpus.calls") == {(): 1}


def test_the_path_of_a_receiver_of_metrics_alone_is_taken_as_it_is(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{receiver.url}/own/place")
    measure()
    assert receiver.paths == ["/own/place"]


@pytest.mark.parametrize("header", [f"x-key={SECRET}", f"x-key={SECRET}%0d%0aevil", SECRET])
def test_a_header_is_sent_or_not_and_never_logged(
    header: str,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", header)
    measure(told())
    assert SECRET not in caplog.text
    assert "evil" not in "".join(name for one in receiver.headers for name in one)
    if header == f"x-key={SECRET}":
        assert receiver.headers[0]["x-key"] == SECRET


def failing(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(500, SECRET)


def elsewhere(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(307)
    handler.send_header("location", "http://127.0.0.1:9/v1/metrics")
    handler.end_headers()


def later(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(503)
    handler.send_header("retry-after", "86400")
    handler.end_headers()


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "application/x-protobuf")
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"\xff" * 65536)
    except OSError:
        handler.close_connection = True


def mute(handler: BaseHTTPRequestHandler) -> None:
    """Take the connection, and say nothing until the other end gives up."""
    handler.rfile.read(1)


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x00\xff no protocol at all\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize("answer", [failing, elsewhere, later, endless, mute, nonsense])
def test_a_receiver_that_misbehaves_costs_at_most_some_seconds(
    answer: Answer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with listening(answer) as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)

        def wait(_: Meter) -> None:
            while not receiver.bodies:
                threading.Event().wait(0.01)

        measure(told(), meant=wait)
    said = [one.getMessage() for one in caplog.records]
    assert len(said) <= 1 and SECRET not in "".join(said)
    assert all(one.endswith("the build goes on.") for one in said)


def test_without_anybody_there_a_run_ends_in_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://user:{SECRET}@127.0.0.1:9/{SECRET}")
    began = time.monotonic()
    measure(told())
    assert time.monotonic() - began < 30, "three seconds, on a machine that has nothing else to do"
    assert SECRET not in caplog.text and caplog.text.count("the build goes on.") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", f"no url {SECRET}"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
        ("OTEL_METRIC_EXPORT_INTERVAL", f"soon {SECRET}"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", f"/none/{SECRET}.pem"),
    ],
)
def test_a_wrong_setting_costs_the_metrics_alone(
    name: str,
    value: str,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(name, value)
    measure(told())
    assert SECRET not in caplog.text


def test_compression_is_as_the_environment_says(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    measure()
    assert receiver.headers[0]["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://a"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_SDK_DISABLED": "no"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_METRICS_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "a", "OTEL_METRICS_EXPORTER": "console, otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "a", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "a",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
            },
            True,
        ),
    ],
)
def test_metrics_are_sent_where_the_environment_says_so(
    given: dict[str, str], wanted: bool
) -> None:
    assert is_wanted(given) is wanted


def test_another_protocol_is_refused_in_one_sentence(caplog: pytest.LogCaptureFixture) -> None:
    is_wanted({"OTEL_EXPORTER_OTLP_ENDPOINT": "a", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert caplog.messages == ["No metrics are sent: they go out by http/protobuf, not by 'grpc'."]


def test_where_nobody_asks_nothing_of_it_is_imported() -> None:
    code = (
        "import sys, flows.recipe, flows.partition\n"
        "from flows.metering import Silent, metered\n"
        "with metered('spring', 'a') as meter:\n"
        "    assert isinstance(meter, Silent)\n"
        "names = ('opentelemetry.sdk', 'opentelemetry.exporter', 'google.protobuf', 'requests')\n"
        "print([name for name in names if name in sys.modules])"
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    command = [sys.executable, "-c", code]
    made = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=True)
    assert made.stdout == "[]\n"


def test_what_measures_nothing_takes_everything() -> None:
    silent = Silent()
    silent.opened(shop())
    silent.called(told())
    silent.stands(moment(), Tally(), 0)


def test_the_page_about_metrics_is_what_the_code_says() -> None:
    command = [sys.executable, ROOT / "scripts" / "metrics.py"]
    made = subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    assert made.stdout == (ROOT / "docs" / "metrics.md").read_bytes(), "Run make docs."


def test_the_page_names_every_class_of_error() -> None:
    assert set(REFUSALS) <= {*get_args(Kind)}
    assert all(f"`{kind}`" in ATTRIBUTES["error.type"] for kind in get_args(Kind))


def test_queries_on_the_page_ask_for_what_is_sent() -> None:
    ends = {"counter": "_total", "histogram": "_seconds_bucket"}
    known = {one.name.replace(".", "_") + ends.get(one.sort, "") for one in METRICS}
    known |= {name.replace(".", "_") for name in {*ATTRIBUTES, *RESOURCE}}
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    queries = page[page.index("| panel | query |") :]
    asked = set(re.findall(r"\b(?:editcorpus|gen_ai|error)_\w+", queries))
    assert len(asked) > 10 and asked <= known
