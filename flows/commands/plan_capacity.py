"""`editcorpus plan-capacity --triplets N`: workers, limits, dollars, days, storage, and what binds first."""

import argparse
import json
import math
import os
import sys
from dataclasses import asdict
from typing import Any

from editcorpus import figures
from editcorpus.capacity import Capacity, Ceilings, Demand, Fleet, capacity
from editcorpus.errors import ConfigError
from editcorpus.stages.typical import Typical, demand_of
from editcorpus.steps import regenerate
from flows.connections import price_members, priced_connections
from flows.forecasts import console, dollars, weighed
from flows.words import dollars as amount

_MOST = 1e12
_DEFAULTS = {
    "requests_per_minute": "edits a minute that the image API takes",
    "images_per_minute": "pictures sent a minute that it takes",
    "tokens_per_minute": "input tokens a minute that it takes",
    "in_flight": "edits that may be out at once, over all workers",
    "workers": "processes that work on partitions at once (as many as the limits ask for)",
    "days": "days in which it is to be done",
    "latency_s": "seconds until an edit is answered (as usual for its quality)",
}
"""Figures that count only where they are given."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--triplets", type=whole, required=True, help="how many, such as 1.5e6")
    for name, what in _DEFAULTS.items():
        kind = whole if name in {"in_flight", "workers"} else figure
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=kind, default=0, metavar="N", help=what
        )
    parser.add_argument("--cores", type=figure, default=2, metavar="N", help="of a worker (2)")
    parser.add_argument("--budget", type=amount, metavar="USD", help="dollars that there are")
    parser.add_argument("--shard-size", type=whole, default=256, metavar="N", help="triplets (256)")
    parser.add_argument(
        "--size", type=size, default=(1408, 1056), help="of source pictures (1408x1056)"
    )
    parser.add_argument("--quality", default="high", help="of edits (high)")
    parser.add_argument("--model", default=regenerate.Config().model, help="image model")
    parser.add_argument("--tariffs", default="", metavar="FILE", help="price rows of your own")
    parser.add_argument("--json", action="store_true", help="print one JSON object as last line")


def figure(text: str) -> float:
    """A number above 0.

    Raises:
        ArgumentTypeError: It is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r:.80} is not a number above 0, at most 1e12")
    return number


def whole(text: str) -> int:
    """A whole number of at least 1, which may be written as 1.5e6.

    Raises:
        ArgumentTypeError: It is none.
    """
    number = figure(text)
    if not number.is_integer():
        raise argparse.ArgumentTypeError(f"{text!r:.80} is not a whole number of at least 1")
    return int(number)


def size(text: str) -> tuple[int, int]:
    """Width and height of a picture in pixels.

    Raises:
        ArgumentTypeError: They are none.
    """
    width, cross, height = text.partition("x")
    if not (cross and f"{width}{height}".isascii() and width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r:.80} is not WIDTHxHEIGHT in pixels")
    return whole(width), whole(height)


def run(arguments: argparse.Namespace) -> int:
    """Print what it takes."""
    demand, found = planned(arguments)
    out = console()
    for line in told(demand, found):
        out.print(line)
    if arguments.json:
        sys.stdout.write(json.dumps(members(demand, found)) + "\n")
    return 0


def planned(arguments: argparse.Namespace) -> tuple[Demand, Capacity]:
    """What the triplets need, and what it takes.

    Raises:
        ConfigError: A figure cannot be, or a model has no price.
    """
    pace = price_members(os.environ, arguments.tariffs)
    endpoints = priced_connections({}, ".", pace).endpoints()
    edit = _edit(arguments.model, arguments.quality)
    typical = Typical(arguments.triplets, arguments.size, edit=edit, edit_s=arguments.latency_s)
    demand = demand_of(typical, endpoints)
    names = ("requests_per_minute", "images_per_minute", "tokens_per_minute", "in_flight")
    ceilings = Ceilings(**{name: getattr(arguments, name) for name in names})
    fleet = Fleet(
        workers=arguments.workers,
        cores=arguments.cores,
        shard_size=arguments.shard_size,
        days=arguments.days,
        budget_usd=arguments.budget,
    )
    return demand, capacity(demand, ceilings, fleet)


def _edit(model: str, quality: str) -> regenerate.Config:
    known = regenerate.Config.model_json_schema()["properties"]["quality"]["enum"]
    if quality not in known:
        raise ConfigError(f"There is no quality {quality!r:.80}; there are {', '.join(known)}.")
    return regenerate.Config.model_validate({"model": model, "quality": quality})


def told(demand: Demand, found: Capacity) -> list[str]:
    """What it takes, for people."""
    kept = ", ".join(f"{name} {weighed(size)}" for name, size in demand.stored.items())
    facts = {
        "money": f"{dollars(demand.usd)} online, {dollars(demand.usd_batch)} in batches",
        "workers": f"{found.workers:,} of {figures.WORKER_BYTES / 2**30:.1f} GiB of memory or more; "
        f"{found.cores:,.1f} cores busy in all",
        "calls": f"{found.in_flight:,.0f} edits out at once: allow {found.allowed:,} (in_flight)",
        "partitions": f"{found.partitions:,} of {found.shards:,} shards",
        "storage": f"{weighed(demand.stored_bytes)}: {kept}",
        "bucket": f"{found.puts:,.1f} puts and {found.gets:,.1f} gets a second",
        "Prefect": f"{found.task_runs:,} task runs, {weighed(found.database_bytes)} of database; its "
        f"server: {found.server_cores:.2f} cores busy, {found.server_s / 3600:,.1f} hours of CPU",
    }
    pace = (
        f"{demand.triplets:,} triplets in {found.days:,.2f} days, {found.rate * 60:,.0f} a minute"
    )
    lines = [f"{pace}; first to bind: {found.binds}."]
    lines += [f"{name:10} {fact}" for name, fact in facts.items()]
    if found.runs > 1:
        lines.append(
            f"Up to {figures.MOST_HANDS} workers share a run: cut the input into {found.runs} runs side by "
            "side, and unite them."
        )
    if found.affordable < demand.triplets:
        lines.append(f"The budget ends after {found.affordable:,} triplets.")
    bounds = sorted(found.bounds.items(), key=lambda item: item[1])
    lines += ["", "triplets a minute that each limit lets pass:"]
    lines += [f"  {rate * 60:>12,.0f}  {name}" for name, rate in bounds]
    return lines


def members(demand: Demand, found: Capacity) -> dict[str, Any]:
    """What `--json` prints."""
    pace = {name: rate * 60 for name, rate in found.bounds.items()}
    return {
        **{name: value for name, value in asdict(found).items() if name != "bounds"},
        "triplets": demand.triplets,
        "days": found.days,
        "triplets_per_minute": found.rate * 60,
        "triplets_per_minute_by_limit": pace,
        "in_flight_to_allow": found.allowed,
        "usd": f"{demand.usd:.2f}",
        "usd_batch": f"{demand.usd_batch:.2f}",
        "usd_reserved": f"{demand.usd_call * math.ceil(found.in_flight):.2f}",
        "stored_bytes": {name: round(size) for name, size in demand.stored.items()},
    }
