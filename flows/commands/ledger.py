"""`editcorpus ledger`: where the dollars of a store went, and what they bought."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from decimal import Decimal
from pathlib import Path

from editcorpus.layouts.markdown import one_line
from editcorpus.lookups.calls import wanted_runs
from editcorpus.lookups.spending import WAYS, Row, Spending, Sum, spend
from editcorpus.lookups.tables import Writer, csv_writer, parquet_writer
from editcorpus.lookups.verdicts import is_emulated
from editcorpus.storage import Store
from flows.connections import open_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--store", default="store", help="folder or s3:// URL (store)")
    parser.add_argument("--run", default="", help="name of the run (all runs of the store)")
    parser.add_argument("--possibly", action="store_true", help="list calls possibly billed")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write one row a call")
    parser.add_argument("--parquet", type=Path, metavar="FILE", help="write one row a call")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Add up the calls, write them where that is asked for, and print the sums."""
    store = open_store(os.environ, arguments.store)
    runs, found = wanted_runs(store, arguments.run), Spending()
    with ExitStack() as stack:
        writers = [stack.enter_context(made) for made in _writers(arguments)]
        for row in spend(store, runs, found):
            for writer in writers:
                writer.add(row)
    if arguments.json:
        named = {"possibly": [_named(row) for row in found.possibly]} if arguments.possibly else {}
        sys.stdout.write(json.dumps({"runs": runs, **found.as_json(), **named}) + "\n")
        return 0
    lines = [*_sums(found), *_summary(found, _rehearsed(store, runs))]
    lines += _possibly(found) if arguments.possibly else []
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _writers(arguments: argparse.Namespace) -> Iterator[AbstractContextManager[Writer]]:
    if arguments.csv:
        yield csv_writer(arguments.csv)
    if arguments.parquet:
        yield parquet_writer(arguments.parquet)


def _sums(found: Spending) -> Iterator[str]:
    for way in WAYS:
        yield f"{way:<36}{'calls':>12}{'booked':>18}{'wasted':>18}"
        for name, made in sorted(found.ways[way].items()):
            yield _line(f"  {one_line(name)}", made)
        yield ""
    yield _line("all", found.total)


def _line(name: str, made: Sum) -> str:
    return f"{name:<36}{made.calls:>12,}{_dollars(made.usd):>18}{_dollars(made.wasted):>18}"


def _dollars(usd: Decimal) -> str:
    return f"${usd:,.4f}"


def _summary(found: Spending, rehearsed: list[str]) -> Iterator[str]:
    each = found.usd_per_kept
    told = "nothing is kept yet" if each is None else f"{_dollars(each)} for each that is kept"
    yield f"{found.entered:,} triplets entered, {found.kept:,} kept: {told}."
    yield "Wasted is what was certainly paid for triplets that were then rejected."
    worst = sum((row.usd for row in found.possibly), Decimal(0))
    if found.possibly:
        yield (
            f"{len(found.possibly):,} calls were possibly billed, {_dollars(worst)} at worst; "
            "--possibly lists them."
        )
    if rehearsed:
        yield f"Answers of the sandbox, never paid: {', '.join(rehearsed)}."


def _rehearsed(store: Store, runs: Iterable[str]) -> list[str]:
    return [run for run in runs if is_emulated(store, run)]


def _named(row: Row) -> dict[str, str]:
    """A possibly billed call as JSON takes it."""
    names = ("run", "step", "id", "request", "at")
    return {**{name: getattr(row, name) for name in names}, "usd": format(row.usd, "f")}


def _possibly(found: Spending) -> Iterator[str]:
    for row in found.possibly:
        yield (
            f"possibly billed: {row.run} {row.step} {row.id}, request {row.request}, "
            f"up to ${row.usd}, {row.at}"
        )
