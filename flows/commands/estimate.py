"""`editcorpus estimate SOURCE`: what a build would cost, by preset, before anything is paid.

With `--from-run PILOT` what the whole input would come to, by what a smaller run of it has come to.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from editcorpus.inputs import Inputs
from editcorpus.rows import Source
from editcorpus.sampling import quotas
from editcorpus.selection import count_tasks
from editcorpus.stages.looking import sample_rows
from editcorpus.stages.pilot import forecast, read_pilot
from flows.building import recipe_of
from flows.commands.build import recipe_arguments, source_argument
from flows.connections import Connections, price_members, priced_connections
from flows.forecasts import estimate_json, forecast_json, print_estimates, print_forecast
from flows.parameters import Recipe
from flows.pricing import LOOKED_AT, may_have_answers, priced, prices_of
from flows.settling import settled
from flows.starting import source_of
from flows.words import count

_COMPARED = ("standard", "paper", "modern")
"""The presets that are priced beside each other."""
_LIMITS = {
    "requests_per_minute": "calls",
    "input_images_per_minute": "pictures sent",
    "tokens_per_minute": "input tokens",
}
"""Limits of the image and chat API that the hours follow, and what each counts."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    source_argument(parser)
    recipe_arguments(parser)
    parser.add_argument(
        "--sample", type=at_least_one, default=LOOKED_AT, help="rows that are looked at (64)"
    )
    parser.add_argument("--in-flight", type=count, default=64, help="most calls in flight (64)")
    for name, what in _LIMITS.items():
        parser.add_argument(
            f"--{name.removeprefix('input_').replace('_', '-')}",
            dest=name,
            type=at_least_one,
            default=0,
            metavar="N",
            help=f"most {what} a minute that the image and chat API takes",
        )
    parser.add_argument(
        "--from-run", default="", metavar="RUN", help="extrapolate what this run has come to"
    )
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
    """Print what a build would cost, by a sample or by a pilot."""
    recipe = recipe_of(arguments)
    pace = {name: getattr(arguments, name) for name in ("in_flight", *_LIMITS)}
    pace |= price_members(os.environ, arguments.tariffs)
    connections = priced_connections(os.environ, arguments.store, pace)
    source = source_of(arguments.source, recipe)
    options = connections.options() if "://" in recipe.input else {}
    found = Inputs.find(recipe.input, options, source.kind)
    inputs = replace(found, store=connections.open_store())
    if arguments.from_run:
        members = _from_run(arguments.from_run, (source, inputs), recipe, connections)
    else:
        members = _from_sample(arguments.sample, (source, inputs), recipe, connections)
    if arguments.json:
        sys.stdout.write(json.dumps(members) + "\n")
    return 0


def _from_sample(
    size: int, of: tuple[Source, Inputs], recipe: Recipe, connections: Connections
) -> dict[str, Any]:
    store, endpoints = connections.open_store(), connections.endpoints()
    names = [*_COMPARED, *([] if recipe.preset in _COMPARED else [recipe.preset])]
    plans = {
        name: prices_of(of[0], chosen, endpoints)
        for name in names
        for chosen in (settled(recipe.model_copy(update={"preset": name}), of[0]),)
    }
    padding = [prices.padding for prices in plans.values()]
    laid = may_have_answers(store)
    sample = sample_rows(*of, recipe.selection, size, padding, canvases=laid)
    found = [priced(name, sample, prices, store) for name, prices in plans.items()]
    listed = endpoints["regenerate"].tariffs
    known = plans[recipe.preset].known
    print_estimates(sample, found, recipe.preset, listed.told, known=known)
    return {
        "rows": sample.rows,
        "sample": sample.looked_at,
        "prices": listed.told,
        "presets": {item.preset: estimate_json(item) for item in found},
    }


def _from_run(
    pilot_run: str, of: tuple[Source, Inputs], recipe: Recipe, connections: Connections
) -> dict[str, Any]:
    pilot = read_pilot(connections.open_store(), pilot_run)
    found = forecast(pilot, _rows(*of, recipe.selection.limit), connections.endpoints())
    print_forecast(pilot, found)
    return forecast_json(pilot, found)


def _rows(source: Source, inputs: Inputs, limit: int) -> Mapping[str, int]:
    """Rows by task that a build would take."""
    counts = count_tasks(source, inputs)
    return quotas(counts, limit) if limit else counts
