"""What a storm of refusals costs: few calls are taken at once, and many may be sent.

The server refuses what is beyond 16 calls at once and asks for two seconds; 300 calls of 0.2 s each,
64 allowed, take 3.75 s at best.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal

from editcorpus.endpoints.books import Books
from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.endpoints.engine import Engine
from editcorpus.endpoints.requests import Answered, Ask, Chat, request_hash
from editcorpus.journal import Journal
from editcorpus.ledger import Ledger
from editcorpus.responses import Responses
from editcorpus.sandbox import Running, SandboxConfig, running
from editcorpus.storage import Store

CALLS = 300
LATENCY_S = 0.2
TAKEN_AT_ONCE = 16
IN_FLIGHT = 64
RUNS = 5
MOST_REFUSALS = 40
MOST_S = 6.0


def asks() -> Iterator[Ask]:
    """Questions in text that all differ."""
    for number in range(CALLS):
        what = Chat("gpt-6-luna", (f"Say {number}",), 40, {})
        yield Ask(f"x/{number}", "rewrite", 0, "", 0, what, request_hash("sandbox", what, 0))


def measured(server: Running, folder: str) -> tuple[int, float]:
    """How many calls were refused, and the seconds that all of them took."""
    store = Store.on_disk(folder)
    books = Books(
        run="bench",
        process="bench",
        responses=Responses(store),
        ledger=Ledger(Decimal(1000)),
        journal=Journal(store, "journal/bench", "bench", 0.01),
        clock=lambda: "2026-11-20T00:00:00Z",
    )
    members = {"base_url": server.url, "provider": "sandbox", "in_flight": IN_FLIGHT}
    with Engine({"rewrite": endpoint_from("writer", members)}, books) as engine:
        began = time.monotonic()
        answered = sum(isinstance(item, Answered) for item in engine.answers(list(asks())))
        seconds = time.monotonic() - began
        if answered != CALLS:
            raise RuntimeError(f"{CALLS - answered} calls were not answered.")
        return engine.standing().refused, seconds


def main() -> None:
    """Measure, and print one line for each run."""
    limits = {"concurrent": TAKEN_AT_ONCE}
    config = SandboxConfig.model_validate(
        {"canned": True, "latency_s": LATENCY_S, "limits": limits}
    )
    with running(config) as server:
        for number in range(RUNS):
            server.admin("reset", {})
            with tempfile.TemporaryDirectory() as folder:
                refused, seconds = measured(server, folder)
            sys.stdout.write(
                f"storm {number + 1}: {refused} refusals (target below {MOST_REFUSALS}), {CALLS} "
                f"calls of {LATENCY_S:g} s, {TAKEN_AT_ONCE} at once, in {seconds:.1f} s (target "
                f"below {MOST_S:g}, ideal 3.8)\n"
            )


if __name__ == "__main__":
    main()
