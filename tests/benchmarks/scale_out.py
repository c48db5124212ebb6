"""How much more three workers do than one, and how long a start over finished shards takes.

    scripts/test-scale bench [--workers 1,2,3] [--window-s 100]
    scripts/test-scale rerun [SHARDS]           10,000 unless told
    scripts/test-scale orchestrator [SHARDS]    orchestrator.py on PostgreSQL; 300 unless told

The first has PostgreSQL, Redis, two APIs, Prefect's services, an S3 server, and so many workers, each
of which takes one partition; the sandbox answers after 30 s with pictures that cost no CPU, and each
partition has six calls out, so that a machine with two cores is no bound. Pictures that are answered are
counted over a window in which all partitions have all their calls out. The second does with a bucket
what the parent of a run does when all of its shards are finished. All need servers that `make bench`
does not have: without them, this says so, and measures nothing.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scale"), str(HERE.parent / "chaos")]

LATENCY_S = 30.0
IN_FLIGHT = 6
"""Calls of each worker."""
_RAMP_S = 100.0
"""For which there is work beside the window: until all have begun, and after it."""
_SHARD_SIZE = 6
_QUALITIES = ("high", "low", "medium")


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="editcorpus-scale-") as name:
        made = Path(name)
        made.chmod(0o711)  # for PostgreSQL's user
        yield made


def workers(counts: list[int], window_s: float) -> None:
    """Print a line for each number of workers, and the ratio of the last to the first."""
    from cluster import Cluster
    from scene import Scene

    found = []
    with _folder() as folder, Scene(folder).serving() as scene, Cluster(folder) as cluster:
        scene.set_up(cluster)
        hired = [cluster.worker(f"worker-{one}", ["partitions"], 1) for one in range(max(counts))]
        cluster.online(cluster.worker("parents", ["runs"], 1), *hired)
        for count in counts:
            found.append(_pace(cluster, scene, count, window_s))
            print(
                f"{count} workers: {found[-1]:.1f} pictures a minute, "
                f"{found[-1] / found[0] * counts[0]:.2f} times one; load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
    print(f"RATIO of {counts[-1]} workers to {counts[0]} = {found[-1] / found[0]:.2f} (bar: 2.7)")


def _pace(cluster: object, scene: object, count: int, window_s: float) -> float:
    """Pictures a minute over the window, with so many workers."""
    from cluster import FINAL, Cluster
    from daemons import once
    from scene import Pace, Scene, recipe, write_rows

    assert isinstance(cluster, Cluster)
    assert isinstance(scene, Scene)
    rows = round(count * IN_FLIGHT * (window_s + _RAMP_S) / LATENCY_S)
    scene.set_up(cluster, Pace(in_flight=count * IN_FLIGHT, images_a_minute=0))
    settings = {"latency_s": LATENCY_S, "time_scale": 1.0, "canned": True, "limits": {}}
    scene.images.ask("__admin/config", settings)
    scene.texts.ask("__admin/config", {"canned": True})
    wanted = recipe(f"pace-{count}", scene.input(f"pace-{count}", write_rows(rows)))
    wanted["selection"] = {"shard_size": _SHARD_SIZE}
    wanted["effort"]["processes"] = count  # so many partitions: other workers have nothing to do
    # Nothing is served out of what another number of workers has paid for.
    wanted |= {"preset": "custom", "regenerate": {"quality": _QUALITIES[count % 3]}}
    run = cluster.start(wanted)

    def all_out() -> bool:
        assert cluster.state(run)["type"] not in FINAL, cluster.state(run)
        return bool(scene.images.ask("__admin/summary")["in_flight"] >= count * IN_FLIGHT)

    once("all partitions have all their calls out", all_out)
    began, before = time.monotonic(), scene.billed()
    time.sleep(window_s)
    done, took = scene.billed() - before, time.monotonic() - began
    assert cluster.state(run)["type"] not in FINAL, "There was no work left in the window."
    scene.images.ask("__admin/config", {"latency_s": 0.5})
    end = cluster.end_of(run)
    assert end["type"] == "COMPLETED", end
    return 60 * done / took


def rerun(shards: int) -> None:
    """Print what a start over so many finished shards takes."""
    from rerun import finished_store

    with finished_store(shards) as again:
        for name in ("first", "second"):
            came = again()
            laps = ", ".join(f"{what} {taken:.1f} s" for what, taken in came.seconds.items())
            print(
                f"{name} start over {shards} finished shards: {sum(came.seconds.values()):.1f} s "
                f"({laps}), {came.cpu_s:.1f} s of CPU, {came.requests} requests "
                f"({came.requests / shards:.3f} a shard); load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
            assert came.left == 0


def orchestrator(shards: int) -> None:
    """Run orchestrator.py on a PostgreSQL of its own."""
    from daemons import postgres

    with _folder() as folder, postgres(folder / "postgres") as at:
        url = f"postgresql+asyncpg://prefect@{at}/prefect"
        words = [sys.executable, str(HERE / "orchestrator.py"), str(shards), url]
        subprocess.run(words, check=True)


def main() -> None:
    """Measure what the arguments name."""
    parser = argparse.ArgumentParser(description="What several machines' worth of servers do.")
    parser.add_argument("--workers", default="1,2,3")
    parser.add_argument("--window-s", type=float, default=100)
    parser.add_argument("--rerun", type=int, default=0, metavar="SHARDS")
    parser.add_argument("--orchestrator", type=int, default=0, metavar="SHARDS")
    given = parser.parse_args()
    if not os.environ.get("EDITCORPUS_TEST_POSTGRES"):
        print("Not measured: these servers are started by `scripts/test-scale bench`.")
    elif given.rerun:
        rerun(given.rerun)
    elif given.orchestrator:
        orchestrator(given.orchestrator)
    else:
        workers([int(word) for word in given.workers.split(",")], given.window_s)


if __name__ == "__main__":
    main()
