"""`editcorpus build SOURCE`: make a corpus, with progress while it runs and the funnel at its end."""

import argparse
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from editcorpus.endpoints.endpoint import first_problem
from editcorpus.errors import ConfigError
from editcorpus.presets import decided, preset, preset_names
from editcorpus.stages.opening import check
from editcorpus.stages.workshop import Variant
from flows.connections import Connections, from_environment, price_members
from flows.dry_lines import dry_argument, foretell
from flows.memory import keep_memory_tight
from flows.parameters import Recipe
from flows.sources import source_names
from flows.starting import (
    check_prefect,
    direct_job,
    interruptible,
    no_budget,
    promised,
    quiet_prefect,
    roles_asked,
)
from flows.words import block_name, count, dollars, merged, modes, put

ROLES = ("images", "writer", "judge", "store")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    source_argument(parser)
    recipe_arguments(parser)
    effort_arguments(parser)
    dry_argument(parser)


def source_argument(parser: argparse.ArgumentParser) -> None:
    """The argument that names the source."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help=f"dataset to start from: {', '.join(source_names())}, or the path of a .py file of yours",
    )


def effort_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that say how it is built, at what cost, and over which connections."""
    _money_arguments(parser)
    parser.add_argument("--in-flight", type=count, default=64, help="most calls in flight (64)")
    parser.add_argument(
        "--call-attempts",
        type=int,
        choices=range(1, 21),
        default=4,
        metavar="N",
        help="tries of one call, 1 to 20 (4); 1 leaves all retries to Prefect",
    )
    parser.add_argument("--retry-delay-s", type=float, default=30, help="wait before a retry (30)")
    parser.add_argument(
        "--processes",
        type=int,
        choices=range(1, 33),
        default=1,
        metavar="N",
        help="processes of this machine that share the work, 1 to 32 (1)",
    )
    parser.add_argument(
        "--mode",
        type=modes,
        action="append",
        default=[],
        metavar="[STEP=]MODE",
        help="online (default), batch (half price, within a day) or auto (batches first), for all "
        "steps that ask a model, or for one, as in regenerate=batch; may be repeated",
    )
    _connection_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object as last line")
    parser.add_argument("--verbose", action="store_true", help="show the log")


def _money_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--budget-usd",
        type=dollars,
        metavar="USD",
        help="most dollars the run may cost in all; without it there is no limit",
    )
    parser.add_argument(
        "--store-budget-usd",
        type=dollars,
        metavar="USD",
        help="most dollars all runs of the store may cost together; kept until another is given",
    )
    parser.add_argument(
        "--no-repay",
        action="store_true",
        help="do not pay again for an answer that is damaged in the store; its triplet fails",
    )


def _connection_arguments(parser: argparse.ArgumentParser) -> None:
    for role in ROLES:
        parser.add_argument(
            f"--{role}-block",
            type=block_name,
            metavar="NAME",
            help=f"saved block for the {role}, in place of what the environment says",
        )


def recipe_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that say what is built."""
    parser.add_argument("--input", required=True, help="path, folder, glob, s3:// or hf:// URL")
    parser.add_argument("--store", default="store", help="folder or s3:// URL (store)")
    parser.add_argument(
        "--tariffs",
        default="",
        metavar="FILE",
        help="price rows of your own, in the form of editcorpus/tariffs.json",
    )
    parser.add_argument("--run", default="", help="name of the run (the source's name)")
    parser.add_argument("--recipe", default="", help="recipe of the source (its usual one)")
    parser.add_argument(
        "--variant",
        choices=get_args(Variant),
        help="how pairs are made: output (default), rewrite, pair or base",
    )
    parser.add_argument(
        "--preset", choices=preset_names(), default="standard", help="named settings (standard)"
    )
    parser.add_argument("--limit", type=int, help="rows to take; 0 takes all (0, or the preset's)")
    parser.add_argument("--seed", type=int, help="decides the sample (0)")
    parser.add_argument("--shard-size", type=int, default=256, help="rows in a shard (256)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="STEP.NAME=VALUE",
        help="any other parameter, such as rewrite.share=0.2; may be repeated",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check everything, then build; the exit code tells what came of it."""
    began = time.monotonic()
    with interruptible():
        recipe = recipe_of(arguments)
        connections = connected(arguments, roles_asked(arguments.source, recipe))
        job = direct_job(arguments.source, recipe, connections)
        check(job)
        for told in filter(None, (promised(job), no_budget(job), job.inputs.note)):
            sys.stderr.write(f"editcorpus: {told}\n")
        if arguments.dry_run:
            return foretell(job, recipe, as_json=arguments.json)
        return start(arguments, recipe, connections, began)


def connected(arguments: argparse.Namespace, asked: Collection[str]) -> Connections:
    """Store and endpoints that the arguments name, or the environment for those that are `asked`.

    Raises:
        ConfigError: One is missing, or cannot be as it is described.
    """
    blocks = _blocks(arguments)
    pace = {"in_flight": arguments.in_flight, "call_attempts": arguments.call_attempts}
    pace |= price_members(os.environ, arguments.tariffs)
    given = {*blocks} | ({*ROLES} - {*asked})
    connections = from_environment(os.environ, arguments.store, pace, given)
    if not blocks:
        return connections
    check_prefect(os.environ)
    quiet_prefect(os.environ, verbose=arguments.verbose)
    from flows.running import loaded

    return loaded(connections, blocks)


def _blocks(arguments: argparse.Namespace) -> dict[str, str]:
    """The saved blocks that the arguments name, by role."""
    named = {role: getattr(arguments, f"{role}_block") for role in ROLES}
    return {role: name for role, name in named.items() if name}


def start(
    arguments: argparse.Namespace, recipe: Recipe, connections: Connections, began: float
) -> int:
    """Build with Prefect, which is imported only now: what was checked was checked in seconds."""
    keep_memory_tight()
    with interruptible():
        check_prefect(os.environ)
        quiet_prefect(os.environ, verbose=arguments.verbose)
        logging.raiseExceptions = arguments.verbose  # of Prefect's log handler, with a traceback
        from flows.progress import Progress, report
        from flows.running import run_flow

        watching = Progress(live=sys.stderr.isatty())
        with nullcontext(None) if arguments.verbose else watching as progress:
            blocks = _blocks(arguments)
            ended = run_flow(arguments.source, recipe, connections, progress, blocks)
        if ended.interrupted:  # it ends by itself, and takes its Prefect server with it
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
    report(ended)
    if arguments.json:
        members = {**ended.as_json(recipe.run), "seconds": round(time.monotonic() - began, 1)}
        sys.stdout.write(json.dumps(members) + "\n")
    return ended.exit_code


def recipe_of(arguments: argparse.Namespace) -> Recipe:
    """The recipe that the arguments describe.

    Raises:
        ConfigError: A parameter has a value that it cannot have, or there is no such parameter.
    """
    drawn = {"limit": arguments.limit, "seed": arguments.seed}
    named = {"recipe": arguments.recipe or None, "variant": arguments.variant}
    members: dict[str, Any] = {
        "run": arguments.run or _run_name(arguments),
        "input": arguments.input,
        "preset": arguments.preset,
        "selection": {"shard_size": arguments.shard_size, **_given(drawn)},
        "effort": effort_members(arguments),
        **_given(named),
    }
    for setting in arguments.set:
        put(members, setting)
    _check_preset(arguments.preset, arguments.set)
    try:
        return Recipe.model_validate(members)
    except ValidationError as error:
        raise ConfigError(_problem(error)) from None


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _run_name(arguments: argparse.Namespace) -> str:
    """What a run is called that nobody names: its preset of a source, else source, recipe, variant."""
    if "source" in preset(arguments.preset):
        return str(arguments.preset)
    parts = Path(arguments.source).stem.replace("_", "-"), arguments.recipe, arguments.variant
    return "-".join(filter(None, parts))


def effort_members(arguments: argparse.Namespace) -> dict[str, Any]:
    """How it is built, of the arguments that are there: an estimate has none."""
    return {
        "budget_usd": getattr(arguments, "budget_usd", None),
        "store_budget_usd": getattr(arguments, "store_budget_usd", None),
        "repay": not getattr(arguments, "no_repay", False),
        "retry_delay_s": getattr(arguments, "retry_delay_s", 30),
        "processes": getattr(arguments, "processes", 1),
        "modes": merged(getattr(arguments, "mode", [])),
    }


def _problem(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False)[0]
    if found["type"] == "extra_forbidden":
        return f"{'.'.join(map(str, found['loc']))} is no parameter of a build."
    return first_problem(error)


def _check_preset(chosen: str, settings: list[str]) -> None:
    """Refuse a setting that the preset would silently replace."""
    named = {setting.partition("=")[0] for setting in settings}
    for step, members in decided(chosen).items():
        for name in sorted(members):
            if f"{step}.{name}" in named:
                raise ConfigError(
                    f"The preset {chosen} decides {step}.{name}: add --preset custom to set it."
                )
