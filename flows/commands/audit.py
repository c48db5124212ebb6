"""`editcorpus audit`: open a finished corpus and prove it, ledger included."""

import argparse
import os
import sys
from collections.abc import Iterable

from editcorpus.layouts.audit import audit
from editcorpus.layouts.manifest import CorpusManifest
from editcorpus.ledger import read_history
from editcorpus.storage import Store
from flows.connections import open_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--store", default="store", help="folder or s3:// URL (store)")
    parser.add_argument("--run", required=True, help="name of the run")


def run(arguments: argparse.Namespace) -> int:
    """Print what was opened and every problem; 2 where there is one."""
    store = open_store(os.environ, arguments.store)
    found = audit(store, arguments.run, [check_ledger])
    counts = ", ".join(f"{count} {name}" for name, count in found.counts.items())
    sys.stdout.write(f"{arguments.run}: {counts}\n")
    history = read_history(store, arguments.run)
    for call in history.possibly:
        sys.stdout.write(
            f"possibly billed: {call.step} {call.id}, request {call.key}, up to ${call.usd}\n"
        )
    for problem in found.problems:
        sys.stdout.write(f"problem: {problem}\n")
    sys.stdout.write(f"{len(found.problems)} problems, ${history.spent:.4f} booked\n")
    return 2 if found.problems else 0


def check_ledger(store: Store, run: str, _manifest: CorpusManifest) -> Iterable[str]:
    """What in the ledger does not add up: calls that ended twice, or answers that nobody paid for."""
    history = read_history(store, run)
    seen: set[str] = set()
    for record in history.records:
        if record.attempt in seen:
            yield f"ledger: the call {record.attempt} ended twice."
        seen.add(record.attempt)
        if record.usd < 0:
            yield f"ledger: the call {record.attempt} has {record.usd} dollars."
