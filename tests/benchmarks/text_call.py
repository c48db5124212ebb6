"""CPU of a text call: the engine, its durable records included, against a bare loop.

Both ask the same canned server over HTTP through the same client, in turns, so that a busy machine
slows both. The bare loop keeps nothing; the engine hashes the request, looks it up, reserves its worst
case, makes intent and answer durable on a local disk, checks the answer and settles it.
"""

import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path

import httpx2
from openai import AsyncOpenAI, DefaultAioHttpClient

from editcorpus.endpoints.books import Books
from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.endpoints.engine import Engine
from editcorpus.endpoints.requests import Answered, Ask, Chat, request_hash
from editcorpus.journal import Journal
from editcorpus.ledger import Ledger
from editcorpus.responses import Responses
from editcorpus.sandbox import SandboxConfig, running
from editcorpus.storage import Store

CALLS = 600
ROUNDS = 5
IN_FLIGHT = 64
MODEL = "gpt-6-luna"
_FILLING = "Say in one sentence what was changed between the first picture and the second. " * 4


def prompts(turn: int) -> list[str]:
    """Texts that no other turn asks."""
    return [f"{turn}/{number}: {_FILLING}" for number in range(CALLS)]


def bare(url: str, turn: int) -> None:
    """Ask as tersely as the client allows, and keep nothing."""
    asyncio.run(_bare(url, prompts(turn)))


async def _bare(url: str, texts: list[str]) -> None:
    limits = httpx2.Limits(max_connections=0, max_keepalive_connections=0)
    http = DefaultAioHttpClient(limits=limits)
    left = iter(texts)
    async with AsyncOpenAI(base_url=url, api_key="none", http_client=http, max_retries=0) as client:

        async def work() -> None:
            for text in left:
                raw = await client.chat.completions.with_raw_response.create(
                    model=MODEL,
                    messages=[{"role": "user", "content": [{"type": "text", "text": text}]}],
                    max_completion_tokens=60,
                )
                if not raw.content:
                    raise RuntimeError("The server answered nothing.")

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))


def metered(url: str, turn: int) -> None:
    """Ask through the engine, with its store on disk."""
    with tempfile.TemporaryDirectory() as folder:
        ask_all(url, turn, Store.on_disk(folder), 0.01)


def ask_all(url: str, turn: int, store: Store, gather_s: float) -> None:
    """Ask through the engine."""
    process = f"bench-{turn}"
    books = Books(
        run="bench",
        process=process,
        responses=Responses(store),
        ledger=Ledger(Decimal(1000)),
        journal=Journal(store, "journal/bench", process, gather_s),
        clock=lambda: "2026-11-20T00:00:00Z",
    )
    members = {"base_url": url, "provider": "sandbox", "in_flight": IN_FLIGHT}
    with Engine({"rewrite": endpoint_from("writer", members)}, books) as engine:
        outcomes = list(engine.answers(list(asks(turn))))
    if not all(isinstance(outcome, Answered) for outcome in outcomes):
        raise RuntimeError(f"Not every call was answered: {outcomes[0]}")


@contextmanager
def bucket() -> Iterator[Store]:
    """A store in a bucket of an S3 server that runs while the block lasts."""
    rclone = str(Path(sys.executable).with_name("rclone"))
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        (Path(folder) / "s3/bench").mkdir(parents=True)
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        command = [rclone, "serve", "s3", "--addr", address, "--auth-key", "access,secret"]
        with subprocess.Popen([*command, f"{folder}/s3"], stderr=subprocess.PIPE) as server:
            next(line for line in server.stderr or [] if b"Starting" in line)
            members = {"key": "access", "secret": "secret", "endpoint_url": f"http://{address}"}
            try:
                yield Store("s3://bench/store", members, Path(folder) / "spool")
            finally:
                server.terminate()


def asks(turn: int) -> Iterator[Ask]:
    """The requests of a turn, hashed."""
    for number, text in enumerate(prompts(turn)):
        what = Chat(MODEL, (text,), 60, {})
        yield Ask(f"x/{number}", "rewrite", 0, "", 0, what, request_hash("sandbox", what, 0))


def cpu_ms(work: Callable[[str, int], None], url: str, turn: int) -> float:
    """Milliseconds of CPU for each call of a turn, over all threads of this process."""
    began = time.process_time()
    work(url, turn)
    return (time.process_time() - began) * 1000 / CALLS


def main() -> None:
    """Measure, and print two lines."""
    turns = iter(range(1_000_000))
    with running(SandboxConfig(canned=True, latency_s=0)) as server:
        for work in (bare, metered):
            work(server.url, next(turns))
        pairs = [
            (cpu_ms(bare, server.url, next(turns)), cpu_ms(metered, server.url, next(turns)))
            for _ in range(ROUNDS)
        ]
        with bucket() as store:
            on_bucket = partial(ask_all, store=store, gather_s=0.25)
            remote = [cpu_ms(on_bucket, server.url, next(turns)) for _ in range(3)]
    ratio, bare_ms, engine_ms = sorted((ours / theirs, theirs, ours) for theirs, ours in pairs)[
        ROUNDS // 2
    ]
    sys.stdout.write(
        f"text call: {ratio:.2f} times a bare loop (target 1.5): engine {engine_ms:.2f} ms CPU, "
        f"bare {bare_ms:.2f} ms; median of {ROUNDS} rounds of {CALLS} calls\n"
        f"the same with the store on S3: {sorted(remote)[1] / bare_ms:.2f} times the bare loop, "
        f"{sorted(remote)[1]:.2f} ms CPU\n"
    )


if __name__ == "__main__":
    main()
