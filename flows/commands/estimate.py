"""`editcorpus estimate SOURCE`: what a build would cost, by preset, before anything is paid."""

import argparse
import json
import os
import sys
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from editcorpus.inputs import Inputs
from editcorpus.stages.estimate import Cost, Estimate, Prices, Sample, estimate, sample_rows
from flows.commands.build import SOURCES, count, recipe_arguments, recipe_of
from flows.connections import Connections, priced_connections
from flows.parameters import PRESETS, Recipe
from flows.starting import source_named

_STEPS = {"regenerate": "edits", "rewrite": "rewrites", "align": "judge questions"}
_WIDTH = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("source", choices=SOURCES, help="dataset to start from")
    recipe_arguments(parser)
    parser.add_argument(
        "--sample", type=at_least_one, default=64, help="rows that are looked at (64)"
    )
    parser.add_argument("--in-flight", type=count, default=64, help="most calls in flight (64)")
    parser.add_argument("--json", action="store_true", help="print one JSON object as last line")


def at_least_one(text: str) -> int:
    """A whole number of at least 1.

    Raises:
        ArgumentTypeError: It is none.
    """
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r:.80} is not a whole number of at least 1")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Look at a sample and print a table: calls and dollars by preset and step."""
    recipe = recipe_of(arguments)
    pace = {"in_flight": arguments.in_flight}
    connections = priced_connections(os.environ, arguments.store, pace)
    source = source_named(arguments.source)
    options = connections.options() if "://" in recipe.input else {}
    inputs = Inputs.find(recipe.input, options)
    sample = sample_rows(source, inputs, recipe.selection, arguments.sample, recipe.pad)
    names = [*PRESETS, *(["custom"] if recipe.preset == "custom" else [])]
    found = [_estimate(name, recipe, connections, sample) for name in names]
    _print(sample, found, recipe.preset)
    if arguments.json:
        members: dict[str, Any] = {"rows": sample.rows, "sample": sample.looked_at}
        members["presets"] = {item.preset: _plain(item) for item in found}
        sys.stdout.write(json.dumps(members) + "\n")
    return 0


def _estimate(name: str, recipe: Recipe, connections: Connections, sample: Sample) -> Estimate:
    chosen = Recipe.model_validate({**dict(recipe), "preset": name}).settled()
    prices = Prices(
        connections.endpoints(), chosen.pad, chosen.regenerate, chosen.rewrite, chosen.align
    )
    return estimate(name, sample, prices)


def _plain(item: Estimate) -> dict[str, Any]:
    return {
        "edits": item.steps["regenerate"].calls,
        "tokens_out": item.tokens_out,
        "padded_share": item.padded_share,
        **_dollars(item.total),
        "hours": item.hours,
        "steps": {
            step: {"calls": cost.calls, **_dollars(cost)} for step, cost in item.steps.items()
        },
    }


def _dollars(cost: Cost) -> dict[str, str]:
    return {name: f"{getattr(cost, name):.4f}" for name in ("low", "expected", "worst")}


def _print(sample: Sample, found: list[Estimate], chosen: str) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for heading in ("preset", "step"):
        table.add_column(heading, no_wrap=True)
    for heading in ("calls", "low", "expected", "worst", "hours"):
        table.add_column(heading, justify="right", no_wrap=True)
    for item in found:
        preset = f"{item.preset} *" if item.preset == chosen else item.preset
        for step, name in _STEPS.items():
            table.add_row(preset, name, *_cells(item.steps[step]), "")
            preset = ""
        table.add_row("", "all", *_cells(item.total), f"{item.hours:.1f}", end_section=True)
    console = Console(
        file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _WIDTH
    )
    console.print(
        f"{sample.rows} rows; {len(sample.fit)} of {sample.looked_at} looked at are fit to be edited."
    )
    console.print(table)
    for item in found:
        console.print(
            f"{item.preset}: {item.tokens_out:.0f} output tokens an edit, "
            f"{item.padded_share:.1%} of the canvas is padding."
        )
    console.print(
        "low: every edit once. expected: with rewrites, judge and 2% repeats. worst: every call at "
        "the most it can cost, repeated as often as it may be. Hours are those of the edits."
    )


def _cells(cost: Cost) -> tuple[str, str, str, str]:
    low, expected, worst = (f"${usd:,.2f}" for usd in (cost.low, cost.expected, cost.worst))
    return f"{cost.calls:,}", low, expected, worst
