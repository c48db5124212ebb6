"""What a team builds: an input and a store in a bucket, model APIs with journals, and their blocks."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from books import corpus
from cluster import BIN, ROOT, Cluster
from daemons import run
from inputs import write_input
from servers import KEY, SECRET, bucket, sandbox

from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.sandbox import SandboxConfig, running
from editcorpus.stages.finish import finish
from editcorpus.stages.mending import healed
from editcorpus.stages.opening import opened
from editcorpus.stages.order import STAGES
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.storage import Store
from flows.parameters import Recipe
from flows.settling import settled
from flows.sources import source_named
from flows.starting import Connected, job_over

PARTITIONS = 12
IN_FLIGHT = 2 * PARTITIONS
IMAGES_A_MINUTE = 2 * PARTITIONS
"""Of the account: the API refuses what is more, and so would tell of workers that do not share it."""
_SETUP = """
[store.editcorpus]
root = "s3://team/corpora"
endpoint_url = "{store}"
access_key = {{ env = "TEAM_S3_KEY" }}
secret_key = {{ env = "TEAM_S3_SECRET" }}
spool = "{spool}"

[endpoint.images]
base_url = "{images}/v1"
api_key = {{ env = "TEAM_API_KEY" }}
provider = "sandbox"
in_flight = {in_flight}
input_images_per_minute = {images_a_minute}

[endpoint.writer]
base_url = "{texts}/v1"
api_key = {{ env = "TEAM_API_KEY" }}
provider = "sandbox"

[endpoint.judge]
base_url = "{texts}/vllm/v1"
provider = "sandbox"
tariff = "free"

[pool.local]
type = "process"
queues.runs.concurrency_limit = 8
queues.partitions.concurrency_limit = 64

[automations]
lost_after_s = {lost_after_s}
"""


@dataclass(frozen=True)
class Pace:
    """How fast the image API is asked, and when a flow run counts as lost.

    Attributes:
        in_flight: Calls out at once, over all workers.
        images_a_minute: Pictures sent in a minute, over all workers; 0 is no limit.
        lost_after_s: Seconds without a heartbeat.
    """

    in_flight: int = IN_FLIGHT
    images_a_minute: int = IMAGES_A_MINUTE
    lost_after_s: int = 180


class Scene:
    """Servers that a cluster works with, and what lies in its store.

    Args:
        folder: Of the servers.

    Attributes:
        images: The image API.
        texts: The API of writer and judge.
        store: Where runs lie.
        rows: The input, as this process reads it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._bucket = bucket(folder / "s3")
        calm = {"latency_s": 0.2, "time_scale": 1.0}
        self.images = sandbox(folder / "images", calm)
        self.texts = sandbox(folder / "texts", calm)
        self.rows = folder

    @contextmanager
    def serving(self) -> Iterator["Scene"]:
        """Start the servers, and end them after the block."""
        with ExitStack() as stack:
            for server in (self._bucket, self.images, self.texts):
                stack.callback(server.kill)
                server.start()
            self._options = {"key": KEY, "secret": SECRET, "endpoint_url": self._bucket.root}
            self.store = Store("s3://team/corpora", self._options, self.folder / "spool")
            yield self

    def input(self, name: str, write: Callable[[Path], Path]) -> str:
        """Have an input written and put into the bucket; gives its address there."""
        self.rows = write(self.folder / name)
        path = f"{name}/{self.rows.name}"
        Store("s3://team/in", self._options, self.folder / "spool").write(
            path, self.rows.read_bytes()
        )
        return f"s3://team/in/{path}"

    def set_up(self, cluster: Cluster, pace: "Pace | None" = None) -> None:
        """Have `editcorpus setup-prefect` make blocks, pool, deployments and automations."""
        wanted, pace = self.folder / "setup.toml", pace or Pace()
        texts = {"store": self._bucket.root, "images": self.images.root, "texts": self.texts.root}
        spool = str(self.folder / "spool")
        wanted.write_text(_SETUP.format(**texts, spool=spool, **asdict(pace)), "utf-8")
        keys = {"TEAM_S3_KEY": KEY, "TEAM_S3_SECRET": SECRET, "TEAM_API_KEY": "sk-team"}
        words = [BIN / "editcorpus", "setup-prefect", "--from", wanted]
        words += ["--deployments", ROOT / "deployments" / "prefect.yaml"]
        env = {**os.environ, **cluster.settings, **keys}
        run(words, env | {"PREFECT_HOME": str(self.folder / "setup")}, self.folder / "setup.log")

    def calls(self) -> list[dict[str, Any]]:
        """The journals of both APIs."""
        return [
            call
            for one in (self.images, self.texts)
            for call in one.ask("__admin/journal")["calls"]
        ]

    def billed(self) -> int:
        """How many pictures were billed so far."""
        return int(self.images.ask("__admin/summary")["billed"])


def recipe(run: str, address: str, **effort: Any) -> dict[str, Any]:
    """A run in twelve partitions, which workers take."""
    return {
        "run": run,
        "input": address,
        "selection": {"shard_size": 2},
        "effort": {
            "workers": "omniedit-partition",
            "processes": PARTITIONS,
            "gallery": 0,
            "retry_delay_s": 1,
            **effort,
        },
    }


def undisturbed(folder: Path, rows: Path, wanted: Mapping[str, Any]) -> dict[str, bytes]:
    """The corpus that one process makes of the same rows in a store of its own, without Prefect."""
    source, of = source_named("omniedit"), Recipe.model_validate({**wanted, "input": str(rows)})
    store = Store.on_disk(folder)
    with running(SandboxConfig(time_scale=0.001)) as api:
        members = {"base_url": api.url, "api_key": "sk-alone", "provider": "sandbox"}
        judge = {**members, "base_url": api.vllm_url, "tariff": "free"}
        roles = {"regenerate": members, "rewrite": members, "align": judge}
        asked = {step: endpoint_from(step, given) for step, given in roles.items()}
        job = job_over(source, settled(of, source), Connected(store, {}, asked))
        with opened(job) as shop:
            plan = make_plan(store, of.run, source, job.inputs, of.selection)
            for shard in range(plan.shards):
                stages = [partial(run_stage, shop, shard, stage) for stage in STAGES]
                assert not any(ref.failed for ref in healed(shop.mending, stages))
            finish(shop, plan.shards, job.identity, emulated=True)
    return corpus(store, of.run)


def write_rows(rows: int) -> Callable[[Path], Path]:
    """Writes so many different triplets into a folder; gives the file."""
    return partial(write_input, rows=rows)
