"""`editcorpus estimate SOURCE`: what a build would cost, by preset, before anything is paid."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from editcorpus.inputs import Inputs
from editcorpus.stages.estimate import Estimate, Prices, Sample, estimate, sample_rows
from flows.commands.build import SOURCES, count, recipe_arguments, recipe_of
from flows.connections import Connections, priced_connections
from flows.parameters import PRESETS, Recipe
from flows.starting import source_named


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("source", choices=SOURCES, help="dataset to start from")
    recipe_arguments(parser)
    parser.add_argument("--sample", type=int, default=64, help="rows that are looked at (64)")
    parser.add_argument("--in-flight", type=count, default=64, help="most calls in flight (64)")
    parser.add_argument("--json", action="store_true", help="print one JSON object as last line")


def run(arguments: argparse.Namespace) -> int:
    """Look at a sample and print a table, one line a preset."""
    recipe = recipe_of(arguments)
    pace = {"in_flight": arguments.in_flight}
    connections = priced_connections(os.environ, arguments.store, pace)
    source = source_named(arguments.source)
    options = connections.options() if "://" in recipe.input else {}
    inputs = Inputs.find(recipe.input, options)
    sample = sample_rows(source, inputs, recipe.selection, arguments.sample)
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
    members = asdict(item)
    return {**members, **{name: f"{members[name]:.4f}" for name in ("low", "expected", "worst")}}


def _print(sample: Sample, found: list[Estimate], chosen: str) -> None:
    fit = len(sample.fit)
    table = Table(
        title=f"{sample.rows} rows; {fit} of {sample.looked_at} looked at are fit to be edited",
        title_justify="left",
    )
    for heading in (
        "preset",
        "edits",
        "tokens each",
        "padded",
        "low",
        "expected",
        "worst",
        "hours",
    ):
        table.add_column(heading, justify="left" if heading == "preset" else "right")
    for item in found:
        table.add_row(
            f"{item.preset} *" if item.preset == chosen else item.preset,
            f"{item.edits}",
            f"{item.tokens_out:.0f}",
            f"{item.padded_share:.1%}",
            f"${item.low:.2f}",
            f"${item.expected:.2f}",
            f"${item.worst:.2f}",
            f"{item.hours:.1f}",
        )
    Console(file=sys.stderr, highlight=False).print(table)
