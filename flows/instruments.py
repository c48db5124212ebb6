"""What is measured of a run: names, units and meanings. docs/metrics.md is written from here.

Names that begin with `gen_ai`, `server` and `error` are those of OpenTelemetry's semantic conventions
(semantic-conventions-genai, docs/gen-ai/gen-ai-metrics.md, as of 2026-11).
"""

from dataclasses import dataclass
from typing import Literal

Sort = Literal["counter", "up-down counter", "gauge", "histogram"]
BOUNDS_S = (0.5, 1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600)
"""Upper bounds of the classes of a call's time, in seconds. The conventions advise ones that end at 82 s;
an image of high quality takes up to 150 s, and a call has 600 s (`Endpoint.deadline_s`)."""
REFUSALS = ("rate_minute", "rate_concurrency", "slow_down", "server", "edge")
"""Classes of error (`rules.Kind`) in which the server turned a call away: 429, 5xx, or a gateway's page."""

ENDPOINT, STEP, MODEL = "editcorpus.endpoint", "editcorpus.step", "gen_ai.request.model"
OUTCOME, REASON, ERROR = "editcorpus.outcome", "editcorpus.reason", "error.type"
OPERATION, PROVIDER = "gen_ai.operation.name", "gen_ai.provider.name"
ADDRESS, PORT = "server.address", "server.port"
BATCH, DIRECTION = "editcorpus.batch", "editcorpus.direction"

ATTRIBUTES = {
    ENDPOINT: "Name of the endpoint: that of its saved block.",
    STEP: "Name of the step.",
    MODEL: "Model, as it was asked for.",
    OUTCOME: "Of a call: `settled`, `damaged` (paid and useless), `possibly` (nobody knows whether it was "
    "billed) or `free`. Of a triplet: `kept`, `rejected` or `failed`.",
    REASON: "Why triplets were given up, as in docs/reasons.md.",
    ERROR: "Class of the error: `rate_minute`, `rate_concurrency`, `slow_down`, `server`, `edge`, "
    "`transport_unsent`, `transport`, `timeout`, `damaged`, `moderation_input`, `moderation_output`, "
    "`bad_image`, `bad_request`, `auth`, `access`, `quota`, `dead_model`, `unknown`; `_OTHER` where "
    "nobody knows. Missing where there was none.",
    OPERATION: "`chat`, `embeddings`, `image_edit` or `image_generation`; conventions name the first two.",
    PROVIDER: "Provider of the endpoint, such as `openai`, or `sandbox`.",
    ADDRESS: "Host of the endpoint.",
    PORT: "Its port.",
    BATCH: "Whether it was a line of a batch.",
    DIRECTION: "`read` or `write`.",
}

RESOURCE = {
    "service.name": "`editcorpus`, unless `OTEL_SERVICE_NAME` says otherwise.",
    "service.version": "Version of this project.",
    "service.instance.id": "Name of the process: no other has it, also after a restart.",
    "editcorpus.run": "Name of the run.",
    "editcorpus.partition": "Number of the partition, where a process has only one.",
    "prefect.flow-run.id": "Of the flow run, or of the partition's.",
    "prefect.deployment.id": "Of its deployment, where it has one.",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """Something that is measured.

    Attributes:
        unit: By UCUM.
        says: What it is, as a sentence.
        attributes: By which it is divided.
        owned: Whether the process that owns the run tells it, for all processes of the run.
    """

    name: str
    sort: Sort
    unit: str
    says: str
    attributes: tuple[str, ...] = ()
    owned: bool = False


DURATION = Metric(
    "gen_ai.client.operation.duration",
    "histogram",
    "s",
    "Time of a call, from sending to the last byte; lines of batches have none.",
    (OPERATION, PROVIDER, MODEL, ADDRESS, PORT, ERROR, ENDPOINT, STEP),
)
CALLS = Metric(
    "editcorpus.calls",
    "counter",
    "{call}",
    "Calls that went out and have ended; an answer that the store had is none.",
    (ENDPOINT, STEP, MODEL, OUTCOME, ERROR, BATCH),
)
REFUSED = Metric(
    "editcorpus.refusals",
    "counter",
    "{call}",
    "Those among them that the server turned away (429, 5xx).",
    (ENDPOINT, ERROR),
)
IN_FLIGHT = Metric(
    "editcorpus.calls.in_flight",
    "up-down counter",
    "{call}",
    "Calls that are out now.",
    (ENDPOINT,),
)
WAITING = Metric(
    "editcorpus.calls.waiting",
    "up-down counter",
    "{call}",
    "Calls that wait for their turn.",
    (ENDPOINT,),
)
DOWN = Metric(
    "editcorpus.endpoint.down",
    "gauge",
    "{endpoint}",
    "1 while the endpoint cannot be reached, else 0.",
    (ENDPOINT,),
)
BOOKED = Metric(
    "editcorpus.cost.booked",
    "counter",
    "{USD}",
    "Dollars booked for calls of this process; the worst case for those possibly billed.",
    (ENDPOINT, STEP, MODEL),
)
RESERVED = Metric(
    "editcorpus.cost.reserved",
    "up-down counter",
    "{USD}",
    "Dollars set aside: worst cases of calls that are out; of the owner, allowances of partitions as well.",
)
SPENT = Metric(
    "editcorpus.run.spent",
    "gauge",
    "{USD}",
    "Dollars booked for the run, earlier starts and partitions included.",
    owned=True,
)
BUDGET = Metric(
    "editcorpus.run.budget",
    "gauge",
    "{USD}",
    "Dollars that the run may cost; missing where there is no limit.",
    owned=True,
)
ENTERED = Metric(
    "editcorpus.run.triplets",
    "gauge",
    "{triplet}",
    "Triplets of the run; missing while they are being counted.",
    owned=True,
)
TRIPLETS = Metric(
    "editcorpus.triplets",
    "up-down counter",
    "{triplet}",
    "Triplets of the shards that went through, earlier starts included; one that failed may be kept later.",
    (OUTCOME, REASON, STEP),
    owned=True,
)
PLANNED = Metric(
    "editcorpus.run.shards",
    "gauge",
    "{shard}",
    "Shards of the run; missing while they are being counted.",
    owned=True,
)
FINISHED = Metric(
    "editcorpus.shards.finished",
    "up-down counter",
    "{shard}",
    "Shards that went through their stages, those of earlier starts included.",
    owned=True,
)
BYTES = Metric(
    "editcorpus.store.io",
    "counter",
    "By",
    "Bytes read from the store, and handed to it; the input and exports do not count.",
    (DIRECTION,),
)
METRICS = (
    *(DURATION, CALLS, REFUSED, IN_FLIGHT, WAITING, DOWN, BOOKED, RESERVED),
    *(SPENT, BUDGET, ENTERED, TRIPLETS, PLANNED, FINISHED, BYTES),
)
