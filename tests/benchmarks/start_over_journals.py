"""A start over the journals of a long run: what it reads and takes, without digests and with them.

Each call is an intent and an answer in text of about a kilobyte together, as a judge's are. The first start
finds no digest and keeps them; the second uses them.
    .venv/bin/python tests/benchmarks/start_over_journals.py [CALLS]
"""

import resource
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from editcorpus.bookings import Intent, Record, to_fields
from editcorpus.journal import encode
from editcorpus.ledger import read_totals
from editcorpus.responses import Responses, text_line
from editcorpus.sinks import FILE_BYTES
from editcorpus.storage import Store

CALLS = 500_000
RUN = "long"
AT = "2026-11-20T00:00:00.000+00:00"
BODY = (
    '{"choices":[{"logprobs":{"content":[{"top_logprobs":[{"token":"Yes","logprob":-0.1}]}]}}]}' * 3
)


def lines(number: int) -> bytes:
    """The two lines of a call."""
    call = (RUN, number // 1280, f"omniedit/{number}", "align", 0, "Qwen/Qwen2.5-VL-7B-Instruct")
    intent = Intent(
        f"p-{number}", f"{number * 2654435761 % 2**64:064x}"[::-1], *call, Decimal("0.0004"), AT
    )
    usage = {"text_in": 1200, "text_out": 1}
    record = Record.of(
        intent, Decimal("0.0003"), AT, "settled", usage=usage, request_id="req_0123456789"
    )
    return encode("intent", intent.key, **to_fields(intent)) + text_line(record, BODY)


def write(store: Store, calls: int) -> int:
    """The journal of one process; its length in bytes."""
    held, number, total = bytearray(), 0, 0
    for call in range(calls):
        held += lines(call)
        if len(held) >= FILE_BYTES or call == calls - 1:
            store.write(f"journal/{RUN}/p/{number:06d}.jsonl", bytes(held))
            number, total = number + 1, total + len(held)
            held.clear()
    return total


def start(store: Store) -> float:
    """Seconds of CPU until what was spent and which texts are there is known."""
    before = time.process_time()
    spent = read_totals(store, RUN, keep=True).spent
    known = Responses(store).read_index()
    assert spent == known * Decimal("0.0003")
    return time.process_time() - before


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    with tempfile.TemporaryDirectory() as folder:
        store = Store.on_disk(Path(folder))
        held = write(store, calls)
        first, second = start(store), start(store)
        kept = sum(store.sizes("digests").values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    share = f"{kept / 1e6:.1f} MB of digests ({kept / held:.1%})"
    print(f"{calls:,} calls, {held / 1e6:,.0f} MB of journals, {share}")
    print(f"first start {first:.2f} s of CPU, second {second:.2f} s: {first / second:.0f} times")
    print(f"peak of both {peak:.0f} MiB")


if __name__ == "__main__":
    main()
