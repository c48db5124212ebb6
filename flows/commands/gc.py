"""`editcorpus gc`: say what a store can do without, and remove it where `--yes` is given."""

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from editcorpus.errors import EditcorpusError
from editcorpus.lookups.garbage import Item, find_garbage, remove_garbage
from flows.connections import open_store
from flows.starting import interruptible, this_process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--store", default="store", help="folder or s3:// URL (store)")
    parser.add_argument(
        "--keep",
        required=True,
        choices=("responses", "corpus"),
        help="responses: remove what can be made again for nothing; corpus: paid pictures, too",
    )
    parser.add_argument("--yes", action="store_true", help="remove it; else it is only told")


def run(arguments: argparse.Namespace) -> int:
    """Tell or remove, and print sums by kind and run."""
    store, now = open_store(os.environ, arguments.store), time.time()
    sums: dict[tuple[str, str], _Sum] = defaultdict(_Sum)
    try:
        with interruptible():
            found = find_garbage(store, arguments.keep, now)
            if arguments.yes:
                at = datetime.now(UTC).isoformat(timespec="milliseconds")
                found = remove_garbage(store, arguments.keep, now, this_process(), at)
            _add(sums, found)
    except (EditcorpusError, KeyboardInterrupt):
        if arguments.yes and sums:
            sys.stdout.write(_told(sums, removed=True))
        raise
    sys.stdout.write(_told(sums, removed=arguments.yes))
    return 0


@dataclass(slots=True)
class _Sum:
    files: int = 0
    bytes: int = 0
    usd: Decimal = Decimal(0)


def _add(sums: dict[tuple[str, str], _Sum], found: Iterable[Item]) -> None:
    for item in found:
        made = sums[item.kind, item.run]
        made.files += 1
        made.bytes += item.bytes
        made.usd += item.usd


def _told(sums: dict[tuple[str, str], _Sum], *, removed: bool) -> str:
    lines = [
        f"{kind:<12}{run or '-':<32}{made.files:>12,} files{_size(made.bytes):>14}"
        + (f"  ${made.usd:,.2f} to pay again" if made.usd else "")
        for (kind, run), made in sorted(sums.items())
    ]
    files = sum(made.files for made in sums.values())
    size = _size(sum(made.bytes for made in sums.values())).strip()
    usd = sum((made.usd for made in sums.values()), Decimal(0))
    cost = f" To pay for them again would cost ${usd:,.2f}." if usd else ""
    done = "were removed." if removed else "would go; --yes removes them."
    return "\n".join([*lines, f"{files:,} files, {size}, {done}{cost}"]) + "\n"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:,.1f} {unit}" if unit != "B" else f"{count} B"
        size /= 1000
    return f"{size:,.1f} TB"
