"""A run that is started again when all of its shards are finished, as its parent does it, on a bucket."""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from finished import finish_shards, write_many
from pydantic import SecretStr
from servers import KEY, SECRET, Server

from editcorpus.planning import Selection
from editcorpus.sandbox import Running, SandboxConfig, running
from editcorpus.stages.finish import finish
from editcorpus.stages.opening import Job, check, opened
from editcorpus.stages.plan import make_plan, need_plan
from editcorpus.stages.rollup import shards_left
from editcorpus.storage import Store
from flows.connections import Connections
from flows.parameters import Recipe
from flows.starting import direct_job

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))
from bucket_requests import counted

RUN = "finished"
SELECTION = Selection(shard_size=1)


@dataclass(frozen=True)
class Rerun:
    """What a start over finished shards came to.

    Attributes:
        seconds: By what was done.
        cpu_s: Of this process.
        by_method: Requests to the bucket.
        left: Shards that would have been handed out.
        entered: Triplets of the run.
        kept: Those in its corpus.
        calls: To the model APIs.
    """

    seconds: Mapping[str, float]
    cpu_s: float
    by_method: Mapping[str, int]
    left: int
    entered: int
    kept: int
    calls: int

    @property
    def requests(self) -> int:
        """Requests to the bucket in all."""
        return sum(self.by_method.values())


@contextmanager
def finished_store(shards: int) -> Iterator[Callable[[], Rerun]]:
    """A bucket with a run of so many finished shards; gives what starts that again.

    It lies in memory where it can: nine files a shard, each of them made durable, take a disk minutes.
    """
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="editcorpus-finished-", dir=memory) as name,
        _bucket_in(Path(name) / "s3", shards) as again,
    ):
        yield again


@contextmanager
def _bucket_in(folder: Path, shards: int) -> Iterator[Callable[[], Rerun]]:
    server = _bucket(folder)
    write_many(folder / "data" / "team" / "in", shards)
    with running(SandboxConfig(time_scale=0.001)) as api:
        server.start()
        try:
            job = _job(server.root, folder / "spool", api)
            _finish(replace(job, store=Store.on_disk(folder / "data" / "team" / "corpora")), shards)
            server.kill()  # it would not see what was put into its folder behind its back
            server.start()
            yield lambda: _again(_job(server.root, folder / "spool", api), api)
        finally:
            server.kill()


def _bucket(folder: Path) -> Server:
    """An S3 server that hashes no file to name it: S3 knows the ETags of what it lists."""
    (folder / "data" / "team").mkdir(parents=True)
    rclone = Path(sys.executable).with_name("rclone")
    words = (rclone, "serve", "s3", "--addr", "127.0.0.1:{port}", "--config", "", "--etag-hash", "")
    return Server((*words, "--auth-key", f"{KEY},{SECRET}", folder / "data"), folder, "")


def _job(s3: str, spool: Path, api: Running) -> Job:
    members = {"base_url": api.url, "api_key": SecretStr("k"), "provider": "sandbox"}
    store = {
        "root": "s3://team/corpora",
        "endpoint_url": s3,
        "access_key": KEY,
        "secret_key": SecretStr(SECRET),
        "spool": str(spool),
        "hub_endpoint": "",
        "hub_token": SecretStr(""),
    }
    judge = {**members, "base_url": api.vllm_url, "tariff": "free"}
    recipe = {
        "run": RUN,
        "input": "s3://team/in/*.parquet",
        "selection": SELECTION.model_dump(mode="json"),
        "effort": {"workers": "omniedit-partition", "processes": 12},
    }
    connections = Connections(store, members, members, judge)
    return direct_job("omniedit", Recipe.model_validate(recipe), connections)


def _finish(job: Job, shards: int) -> None:
    with opened(job) as shop:
        plan = make_plan(shop.store, shop.run, shop.source, shop.inputs, SELECTION)
        assert plan.shards == shards
        finish_shards(shop, shards)
        finish(shop, shards, job.identity, emulated=job.emulated)


def _again(job: Job, api: Running) -> Rerun:
    """All that the parent does with the store, from its checks to the manifest of the corpus."""
    began, cpu, seconds = time.monotonic(), time.process_time(), dict[str, float]()

    def lap(name: str) -> None:
        seconds[name] = time.monotonic() - began - sum(seconds.values())

    with counted() as asked:
        check(job)
        lap("checks")
        with opened(job) as shop:
            lap("books")
            plan = make_plan(shop.store, shop.run, shop.source, shop.inputs, SELECTION)
            assert plan == need_plan(shop.store, shop.run)
            left = shards_left(shop, plan)
            lap("planning")
            made = finish(shop, plan.shards, job.identity, emulated=job.emulated)
            lap("finish")
    return Rerun(
        seconds,
        time.process_time() - cpu,
        Counter(asked),
        len(left),
        made.standing.entered,
        made.standing.kept,
        int(api.admin("summary")["billed"]),
    )
