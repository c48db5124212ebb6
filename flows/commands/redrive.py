"""`editcorpus redrive`: do triplets again that a finished run gave up, and only those.

What the run is, its own description says; connections and budget are given as for `build`. Who failed is
done again by every build, too; a redrive is for those whom a model's API rejected.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from editcorpus.endpoints.endpoint import first_problem
from editcorpus.errors import ConfigError
from editcorpus.lookups.wishes import Wish, take_wish
from editcorpus.records import Reason
from editcorpus.runs import read_identity
from editcorpus.storage import Store
from flows.building import connected, effort_members, start
from flows.commands.build import effort_arguments
from flows.parameters import ANY, Recipe
from flows.sources import source_names
from flows.starting import (
    checked,
    direct_job,
    interruptible,
    no_budget,
    promised,
    roles_asked,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--store", default="store", help="folder or s3:// URL (store)")
    parser.add_argument("--run", required=True, help="name of the run")
    parser.add_argument(
        "--reason",
        action="extend",
        nargs="+",
        default=[],
        choices=[reason.value for reason in Reason],
        metavar="REASON",
        help="why they were given up, as `failures` lists it (whatever may end otherwise now)",
    )
    parser.add_argument(
        "--sample",
        action="store_true",
        help="pay for another edit where the same one would be rejected again",
    )
    parser.add_argument("--tariffs", default="", metavar="FILE", help="price rows of your own")
    effort_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Record who is done again, then take them through their steps; exit codes as of a build."""
    began = time.monotonic()
    with interruptible():
        store = connected(arguments, asked=()).open_store()
        arguments.source, recipe = known_recipe(store, arguments)
        connections = connected(arguments, roles_asked(arguments.source, recipe))
        job = direct_job(arguments.source, recipe, connections)
        with checked(job):
            wish = Wish(recipe.effort.redriven, recipe.effort.redrive_sample)
            sys.stderr.write("".join(f"{line}\n" for line in take_wish(job, wish)))
            for told in filter(None, (promised(job), no_budget(job), job.inputs.note)):
                sys.stderr.write(f"editcorpus: {told}\n")
            return start(arguments, recipe, connections, began)


def known_recipe(store: Store, arguments: argparse.Namespace) -> tuple[str, Recipe]:
    """The source and the recipe of a run, as its own description has them.

    Raises:
        ConfigError: There is no such run, or another version of this project made it.
    """
    effort = {
        **effort_members(arguments),
        "redrive": arguments.reason or [ANY],
        "redrive_sample": arguments.sample,
    }
    return recipe_on_record(store, arguments.run, effort)


def recipe_on_record(
    store: Store, name: str, effort: Mapping[str, Any] | None = None
) -> tuple[str, Recipe]:
    """The source and the recipe of a run of that name; errors as `known_recipe`."""
    known = read_identity(store, name)
    source = known.pop("source", "")
    if not known or source not in source_names():
        raise ConfigError(f"The store {store.root} has no run {name!r}.")
    for made in ("providers", "steps", "fetch"):  # what the rest of it comes to
        known.pop(made, None)
    try:
        recipe = Recipe.model_validate(
            {**known, "run": name, "preset": "custom", "effort": effort or {}}
        )
    except ValidationError as error:
        raise ConfigError(
            f"The run {name!r} cannot go on with this version: {first_problem(error)}"
        ) from None
    return source, recipe
