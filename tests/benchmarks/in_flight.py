"""How well the engine holds its calls in flight: canned picture edits against a slow server.

The share is the mean of the calls that the server works on, over the time from when they first were at
the limit until they last were, divided by the limit.
"""

import io
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from functools import partial

from editcorpus.endpoints.books import Books
from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.endpoints.engine import Engine
from editcorpus.endpoints.requests import Answered, Ask, ImageEdit, Picture, request_hash
from editcorpus.journal import Journal
from editcorpus.ledger import Ledger
from editcorpus.responses import Responses
from editcorpus.sandbox import Running, SandboxConfig, running
from editcorpus.sandbox.canned import canned_source
from editcorpus.storage import Store

CALLS = 768
LATENCY_S = 10.0
IN_FLIGHT = 256
SIZE = (1024, 1024)
_EVERY_S = 0.1
_FULL = 0.98
"""A call that is being read or stored holds its place, and the server does not see it."""


class Gauge:
    """Asks the server ten times a second how many calls it works on, in a thread of its own."""

    def __init__(self, server: Running) -> None:
        self.seen: list[int] = []
        self._server = server
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Gauge":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(_EVERY_S):
            self.seen.append(self._server.admin("summary")["in_flight"])

    def share(self) -> float:
        """Mean share of the limit that was held, from first full to last full; 0 if never full."""
        full = [place for place, count in enumerate(self.seen) if count >= _FULL * IN_FLIGHT]
        held = self.seen[full[0] : full[-1] + 1] if full else [0]
        return sum(held) / len(held) / IN_FLIGHT


def asks() -> Iterator[Ask]:
    """Edits of one picture, each with another instruction."""
    stream = io.BytesIO()
    canned_source(SIZE).save(stream, "PNG", compress_level=1)
    picture = Picture("canned", "image/png", 0, SIZE, partial(bytes, stream.getbuffer()))
    for number in range(CALLS):
        what = ImageEdit("gpt-image-2", f"Paint it {number}", picture, SIZE, "low", "png")
        yield Ask(f"x/{number}", "regenerate", 0, "", 0, what, request_hash("sandbox", what, 0))


def measured(server: Running, folder: str) -> tuple[float, float]:
    """The share that was held, and the seconds that all calls took."""
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
    with Engine({"regenerate": endpoint_from("images", members)}, books) as engine:
        began = time.monotonic()
        with Gauge(server) as gauge:
            answered = sum(isinstance(item, Answered) for item in engine.answers(list(asks())))
        if answered != CALLS:
            raise RuntimeError(f"{CALLS - answered} calls were not answered.")
        return gauge.share(), time.monotonic() - began


def main() -> None:
    """Measure, and print one line."""
    config = SandboxConfig(canned=True, latency_s=LATENCY_S)
    with running(config) as server, tempfile.TemporaryDirectory() as folder:
        share, seconds = measured(server, folder)
        most = server.admin("summary")["most_in_flight"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        f"in flight: {share:.0%} of {IN_FLIGHT} calls held (target 90%), {most} seen by the server; "
        f"{CALLS} calls of {LATENCY_S:g} s in {seconds:.1f} s, peak {peak:.0f} MiB\n"
    )


if __name__ == "__main__":
    main()
