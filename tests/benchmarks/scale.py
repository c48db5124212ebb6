"""Memory by number of rows, and Prefect's share of the client's CPU, over canned answers.

    python tests/benchmarks/scale.py [ROWS ...]

Each number of rows is one build in a process of its own, under an embedded Prefect server as on the
command line. Printed: peak resident memory of the client, its CPU, and the share of that CPU which is
not spent in this project's own threads and stages. Shards hold 32 rows and six are in progress whatever
the number of rows; files hold 192, since those of a published set do not grow with their number either,
and whoever opens one holds its footer (3.5 kB for each row group). Bars: 1 GiB; within 10% the same for
200 and 2,000 rows; 5% at 2,560 rows.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

SIZE = (1024, 1024)
_FILE_ROWS = 6 * 32
"""Whole shards, so that shards are the same as of one file."""
_OWN = ("editcorpus-",)
_WORK = (
    *((f"tasks.{name}", "run_stage") for name in ("align", "filter", "pad", "publish")),
    *((f"tasks.{name}", "run_stage") for name in ("regenerate", "rewrite")),
    ("tasks.plan", "planning"),
    ("tasks.finish", "finish_run"),
    ("tasks.gallery", "make_gallery"),
)
"""What tasks call: the CPU of these is the project's own, in whatever thread."""


def child(rows: int) -> None:
    """Build once, and print what it took as JSON."""
    from pydantic import SecretStr

    from editcorpus.sandbox import SandboxConfig, running
    from flows.connections import Connections
    from flows.memory import keep_memory_tight
    from flows.own_server import quiet_prefect
    from flows.parameters import Recipe

    keep_memory_tight()
    quiet_prefect(os.environ, verbose=False)
    with (
        tempfile.TemporaryDirectory() as name,
        running(SandboxConfig(canned=True, time_scale=0.01)) as server,
    ):
        folder = Path(name)
        os.environ["PREFECT_HOME"] = str(folder / "prefect")
        source = _input(folder / "input", rows)
        openai = {"base_url": server.url, "api_key": SecretStr("k"), "provider": "sandbox"}
        members = {**openai, "in_flight": 256}
        store = {
            "root": str(folder / "store"),
            "endpoint_url": "",
            "access_key": "",
            "secret_key": SecretStr(""),
            "spool": str(folder / "spool"),
            "hub_endpoint": "",
            "hub_token": SecretStr(""),
        }
        judge = {**members, "base_url": server.vllm_url, "tariff": "free"}
        recipe = Recipe.model_validate(
            {
                "run": "bench",
                "input": str(source),
                "selection": {"shard_size": 32},
                "effort": {"shards_in_progress": 6, "gallery": 100},
            }
        )
        from flows.running import run_flow

        watch = Watched()
        _count_stages(watch)
        began = time.monotonic()
        ended = run_flow("omniedit", recipe, Connections(store, members, members, judge), watch)
        seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu = watch.ended_at - watch.opened_at
    print(
        json.dumps(
            {
                "rows": rows,
                "kept": ended.outcome.standing.kept if ended.outcome else 0,
                "seconds": round(seconds, 1),
                "peak_mib": round(peak, 1),
                "cpu_s": round(cpu, 2),
                "prefect_s": round(cpu - watch.own - watch.stages, 2),
            }
        )
    )


class Watched:
    """Takes the CPU of this process when the run is open and when it has ended."""

    def __init__(self) -> None:
        self.opened_at = self.ended_at = self.own = self.stages = 0.0
        self._lock = threading.Lock()

    def opened(self, _shop: object) -> None:
        self.opened_at = time.process_time()

    def begun(self, _shards: int) -> None:
        """Nothing to measure."""

    def planned(self, _plan: object) -> None:
        """Nothing to measure."""

    def shard_ended(self, _number: int) -> None:
        """Nothing to measure."""

    def ended(self, _outcome: object) -> None:
        self.ended_at = time.process_time()
        self.own = sum(_thread_cpu(thread) for thread in threading.enumerate())

    def add(self, seconds: float) -> None:
        with self._lock:
            self.stages += seconds


def _thread_cpu(thread: threading.Thread) -> float:
    """CPU seconds of one of this project's own threads."""
    if not thread.name.startswith(_OWN):
        return 0.0
    try:
        stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return 0.0
    members = stat.rsplit(")", 1)[1].split()
    return (int(members[11]) + int(members[12])) / os.sysconf("SC_CLK_TCK")


def _count_stages(watch: Watched) -> None:
    """Count the CPU of what tasks call in their threads."""
    for module, name in _WORK:
        found = import_module(module)
        setattr(found, name, _counted(getattr(found, name), watch))


def _counted(work: Callable[..., object], watch: Watched) -> Callable[..., object]:
    def counted(*args: object, **named: object) -> object:
        began = time.thread_time()
        try:
            return work(*args, **named)
        finally:
            watch.add(time.thread_time() - began)

    return counted


def _input(folder: Path, rows: int) -> Path:
    sys.path.insert(0, str(Path(__file__).parent))
    import rig

    from editcorpus.images import encode_png
    from editcorpus.sandbox.canned import canned_source

    data = encode_png(canned_source(SIZE))
    rig.photograph = lambda *_: data
    return rig.write_input(folder, rows, SIZE, _FILE_ROWS)


def main(counts: list[int]) -> None:
    """One child a number of rows; print a line each and the ratios."""
    found = []
    for rows in counts:
        command = [sys.executable, __file__, "--child", str(rows)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
        last = found[-1]
        share = last["prefect_s"] / last["cpu_s"]
        print(
            f"{last['rows']} rows: {last['kept']} kept, {last['seconds']} s, "
            f"peak {last['peak_mib']} MiB, {last['cpu_s']} s CPU, "
            f"{share:.1%} of it in Prefect (server start apart)"
        )
    ratio = found[-1]["peak_mib"] / found[0]["peak_mib"]
    print(f"RATIO peak memory of the last to the first = {ratio:.3f} (bar: 1.1, and 1024 MiB)")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(int(sys.argv[2]))
    else:
        main([int(word) for word in sys.argv[1:]] or [200, 2000])
