"""Seconds until a build over a huge source that lies far away has kept its first triplet, and bytes read.

    python tests/benchmarks/first_triplet.py [hf|s3 ...]

The source has the schema of OmniEdit, 500 files and 1.5 million rows: 12 files differ, and the others are
copies of theirs under names of their own. The first rows of the first file have pictures. It lies on a
small Hub, and in a bucket that rclone serves, each behind a proxy that holds every request back for 50 ms
and counts what it passes on. The command is `editcorpus build` as a person types it, with a Prefect server
of its own, over canned answers; it is interrupted once a shard is in the corpus. Bars: 30 s, and 1.3 times
the bytes of the pictures where all rows of a file are read that have them.
"""

import io
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.demo.rows import published_schema
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection, plan
from editcorpus.sandbox import Running, SandboxConfig, running
from editcorpus.sources.omniedit import SOURCE

sys.path.insert(0, str(Path(__file__).parents[1] / "servers"))
from hub_server import hub_running

FILES, DIFFERENT, ROWS, GROUP = 500, 12, 3000, 100
"""Of a dataset that was pushed with `datasets`, whose row groups of pictures hold 100 rows."""
PICTURED, SHARD, IN_FLIGHT = 300, 8, 16
"""Six shards are in progress, of 48 triplets: two cores take 15 s for as many."""
LATENCY_S, BAR_S, BAR = 0.05, 30.0, 1.3
NAME = "TIGER-Lab/OmniEdit-Filtered-1.2M"
TASKS = ("addition", "removal", "swap", "attribute_modification", "env", "style")
_TEXT = "Replace the {} in the foreground with a weathered wooden bench, number {}."
_COMMAND = str(Path(sys.executable).with_name("editcorpus"))


def written(number: int, picture: bytes) -> bytes:
    """One of the files; only the first one has pictures, in its first rows."""
    places = range(number * ROWS, (number + 1) * ROWS)
    task = TASKS[number % len(TASKS)]
    pictured = PICTURED if number == 0 else 0
    empty: dict[str, Any] = {"bytes": b"x", "path": "x.jpg"}
    real = [{"bytes": picture + b"%d" % place, "path": ""} for place in range(pictured)]
    columns: dict[str, list[Any]] = {
        "omni_edit_id": [f"task_obj_{task}_{place}" for place in places],
        "task": [task] * ROWS,
        "src_img": [*real, *[empty] * (ROWS - pictured)],
        "edited_img": [*real, *[empty] * (ROWS - pictured)],
        "edited_prompt_list": [[_TEXT.format(task, place)] for place in places],
    }
    schema = published_schema()
    for one in schema:
        columns.setdefault(one.name, [None] * ROWS)
    out = io.BytesIO()
    table = pa.table([pa.array(columns[one.name], one.type) for one in schema], schema=schema)
    pq.write_table(table, out, row_group_size=GROUP, compression="snappy", use_dictionary=["task"])
    return out.getvalue()


def copied(number: int) -> int:
    """Which of the files one is the same as; none but itself is the first one, which has pictures."""
    return number if number < DIFFERENT else 1 + number % (DIFFERENT - 1)


@dataclass
class Proxy:
    """Stands before a server: holds what is asked back for a while, and counts what is answered."""

    port: int
    answered: int = 0
    requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """A proxy before a server of this machine."""
    server = "127.0.0.1", int(url.rpartition(":")[2])

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(server) as there, suppress(OSError):
                back = threading.Thread(target=self.back, args=(there,), daemon=True)
                back.start()
                while data := self.request.recv(65536):
                    time.sleep(LATENCY_S)
                    with made.lock:
                        made.requests += 1
                    there.sendall(data)
                there.shutdown(socket.SHUT_WR)
                back.join()

        def back(self, there: socket.socket) -> None:
            with suppress(OSError):
                while data := there.recv(1 << 18):
                    with made.lock:
                        made.answered += len(data)
                    self.request.sendall(data)
                self.request.shutdown(socket.SHUT_WR)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Connection) as listening:
        made = Proxy(listening.server_address[1])
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield made
        listening.shutdown()
        thread.join()


@dataclass(frozen=True)
class Far:
    """A source behind a network: where it lies, what a process needs to read it, and what that took."""

    where: str
    env: dict[str, str]
    options: dict[str, Any]
    proxies: tuple[Proxy, ...]

    @property
    def answered(self) -> int:
        return sum(one.answered for one in self.proxies)

    @property
    def requests(self) -> int:
        return sum(one.requests for one in self.proxies)


@contextmanager
def on_hub(files: list[bytes]) -> Iterator[Far]:
    """On a small Hub and its CDN."""
    names = {f"data/train-{n:05d}.parquet": files[copied(n)] for n in range(FILES)}
    with hub_running() as hub, proxied(hub.url) as front, proxied(hub.cdn) as cdn:
        hub.dataset(NAME).commit(names)
        hub.url, hub.cdn = front.url, cdn.url  # as it names itself
        where = f"hf://datasets/{NAME}/data"
        options = {"hub": {"endpoint": front.url}}
        yield Far(where, {"HF_ENDPOINT": front.url}, options, (front, cdn))


@contextmanager
def in_bucket(files: list[bytes]) -> Iterator[Far]:
    """In a bucket that rclone serves."""
    with tempfile.TemporaryDirectory() as name, socket.socket() as free:
        bucket = Path(name, "sets")
        bucket.mkdir()
        for number in range(FILES):
            path = bucket / f"train-{number:05d}.parquet"
            if number < DIFFERENT:
                path.write_bytes(files[number])
            else:
                path.hardlink_to(bucket / f"train-{copied(number):05d}.parquet")
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        words = [str(Path(sys.executable).with_name("rclone")), "serve", "s3", "--addr", address]
        words += ["--config", "", "--auth-key", "access,secret", name]
        with (
            subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as server,
            proxied(f"http://{address}") as front,
        ):
            assert server.stderr is not None
            next(line for line in server.stderr if "Starting" in line)
            threading.Thread(target=server.stderr.read, daemon=True).start()
            options = {"key": "access", "secret": "secret", "endpoint_url": front.url}
            env = {
                "AWS_ACCESS_KEY_ID": "access",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_ENDPOINT_URL": front.url,
            }
            yield Far("s3://sets", env, options, (front,))
            server.terminate()


PLACES: dict[str, Any] = {"hf": on_hub, "s3": in_bucket}


def first_kept(far: Far, sandbox: Running, folder: Path) -> dict[str, float]:
    """Start a build, and interrupt it once it has kept a triplet."""
    env = {
        **{name: os.environ[name] for name in ("PATH",)},
        "HOME": str(folder),
        "PREFECT_HOME": str(folder / "prefect"),
        "OPENAI_BASE_URL": sandbox.url,
        "OPENAI_API_KEY": "k",
        "QWEN_VL_BASE_URL": sandbox.vllm_url,
        **far.env,
    }
    words = [_COMMAND, "build", "omniedit", "--input", far.where, "--store", str(folder / "store")]
    words += ["--run", "huge", "--shard-size", str(SHARD), "--in-flight", str(IN_FLIGHT), "--json"]
    found: dict[str, float] = {}
    began, bytes_before, asked_before = time.monotonic(), far.answered, far.requests
    with subprocess.Popen(
        words, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as build:
        while "kept" not in found and build.poll() is None:
            for name, pattern in _MOMENTS.items():
                if name not in found and any(folder.glob(f"store/{pattern}")):
                    found[name] = time.monotonic() - began
                    found[f"{name} cpu"] = _cpu(build.pid)
            time.sleep(0.05)
        found["bytes"], found["requests"] = far.answered - bytes_before, far.requests - asked_before
        if build.poll() is None:
            build.send_signal(signal.SIGINT)
        out, err = build.communicate()
    if "kept" not in found:
        raise SystemExit(f"The build ended before it kept a triplet: {err[-2000:]}")
    told = json.loads(out.splitlines()[-1])
    found["entered"] = told["entered"]
    return found


def _cpu(pid: int) -> float:
    """Seconds of CPU of a process and those that it started."""
    total = 0.0
    with suppress(psutil.NoSuchProcess):
        for one in (started := psutil.Process(pid), *started.children(recursive=True)):
            times = one.cpu_times()
            total += times.user + times.system
    return total


_MOMENTS = {
    "opened": "runs/huge/run.json",
    "planned": "runs/huge/shards/00100/plan.json",
    "paid": "responses/??/*",
    "kept": "corpora/huge/data/train-*.parquet",
}


def share_read(far: Far, picture: int) -> float:
    """Bytes that are read to plan the first file and to take its pictures, by the pictures' bytes."""
    before = far.answered
    inputs = Inputs.find(f"{far.where}/train-00000.parquet", far.options)
    shelf, used = SOURCE.reader.shelf(SOURCE, inputs, None), 0
    for shard in plan(SOURCE, inputs, Selection()):
        wanted = [one for one in shard.triplets if one.row < PICTURED]
        used += sum(1 for _ in shelf.read(wanted, ["source"])) if wanted else 0
    shelf.close()
    assert used == PICTURED
    return (far.answered - before) / (used * picture)


def measured(kind: str, files: list[bytes], picture: int) -> bool:
    """Measure a place, print two lines, and say whether it passes."""
    place: AbstractContextManager[Far] = PLACES[kind](files)
    config = SandboxConfig(canned=True, time_scale=0.01)
    with place as far, running(config) as sandbox, tempfile.TemporaryDirectory() as name:
        found = first_kept(far, sandbox, Path(name))
        share = share_read(far, picture)
    moments = (f"{name} {found[name]:.1f} s ({found[f'{name} cpu']:.1f})" for name in _MOMENTS)
    print(
        f"{kind}: seconds (of CPU) from the start: {', '.join(moments)} (bar: {BAR_S:.0f}); "
        f"{found['bytes'] / 1e6:.1f} MB in {found['requests']:.0f} requests by then, "
        f"{found['entered']:.0f} rows planned at the end"
    )
    print(f"{kind}: {share:.2f} bytes read for each byte of a picture that was used (bar: {BAR})")
    return found["kept"] <= BAR_S and share <= BAR


def main(kinds: list[str]) -> int:
    """Measure each place; 1 where a bar is not held."""
    from editcorpus.images import encode_png
    from editcorpus.sandbox.canned import canned_source

    picture = encode_png(canned_source((1024, 1024)))
    files = [written(number, picture) for number in range(DIFFERENT)]
    print(f"{FILES} files of {ROWS} rows, pictures of {len(picture):,} bytes")
    held = [measured(kind, files, len(picture)) for kind in kinds]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(PLACES)))
