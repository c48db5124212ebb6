"""`editcorpus audit`: open a finished corpus and prove it, ledger included."""

import argparse
import os
import sys

from editcorpus.errors import StorageError
from editcorpus.layouts.accounts import check_accounts
from editcorpus.layouts.audit import audit
from editcorpus.ledger import History, read_history
from flows.connections import open_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--store", default="store", help="folder or s3:// URL (store)")
    parser.add_argument("--run", required=True, help="name of the run")


def run(arguments: argparse.Namespace) -> int:
    """Print what was opened and every problem; 2 where there is one."""
    store = open_store(os.environ, arguments.store)
    found = audit(store, arguments.run, [check_accounts])
    problems, history = list(found.problems), History((), ())
    try:
        history = read_history(store, arguments.run)
    except StorageError as error:
        problems.append(f"ledger: {error}")
    counts = ", ".join(f"{count} {name}" for name, count in found.counts.items())
    sys.stdout.write(f"{arguments.run}: {counts}\n")
    for call in history.possibly:
        sys.stdout.write(
            f"possibly billed: {call.step} {call.id}, request {call.key}, up to ${call.usd}\n"
        )
    for sentence in found.unproven:
        sys.stdout.write(f"cannot be proved any more: {sentence}\n")
    for problem in problems:
        sys.stdout.write(f"problem: {problem}\n")
    sys.stdout.write(f"{len(problems)} problems, ${history.spent:.4f} booked\n")
    return 2 if problems else 0
