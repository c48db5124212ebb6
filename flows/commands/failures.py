"""`editcorpus failures`: who is not in the corpus of a run, why, at what cost, and what to do."""

import argparse
import json
import os
import sys
from collections.abc import Iterator

from editcorpus.layouts.markdown import one_line
from editcorpus.lookups.failures import Group, run_failures
from editcorpus.lookups.verdicts import run_verdicts
from editcorpus.stages.plan import need_plan
from flows.connections import open_store

_LONGEST = 300
"""Characters of a detail that are shown."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--store", default="store", help="folder or s3:// URL (store)")
    parser.add_argument("--run", required=True, help="name of the run")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Print the groups: failed ones, which the next run does again, and rejected ones."""
    store, name = open_store(os.environ, arguments.store), arguments.run
    need_plan(store, name)
    groups = run_failures(store, name)
    undecided = sum(shard.undecided for shard in run_verdicts(store, name))
    place = ("--store", arguments.store)
    if arguments.json:
        made = [{**group.as_json(), "again": group.command(place, name)} for group in groups]
        told = {"run": name, "undecided": undecided, "groups": made}
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        return 0
    for group in groups:
        sys.stdout.write("\n".join(_lines(group, group.command(place, name))) + "\n\n")
    counts = {word: _count(groups, word) for word in ("failed", "rejected")}
    sys.stdout.write(
        f"{name}: {counts['failed']:,} failed, {counts['rejected']:,} rejected, "
        f"{undecided:,} have yet to have their turn.\n"
    )
    if undecided:
        sys.stdout.write("Build the run to its end first: a redrive takes nobody before that.\n")
    return 0


def _lines(group: Group, again: str) -> Iterator[str]:
    yield f"{group.count:,} {group.verdict} at {group.step}: {group.reason.value}"
    yield f"  {group.sentence}"
    yield f"  ${group.usd:,.4f} booked for them"
    yield f"  what to do: {group.remedy}"
    if again:
        yield f"  do again: {again}"
    for item in group.examples:
        yield f"  {item.id}: {one_line(item.detail)[:_LONGEST]}"


def _count(groups: list[Group], verdict: str) -> int:
    return sum(group.count for group in groups if group.verdict == verdict)
