"""A build from a shell: its arguments as a recipe and connections, all of them checked, then the build."""

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
from typing import Any

from pydantic import ValidationError

from editcorpus.endpoints.endpoint import first_problem
from editcorpus.errors import ConfigError
from editcorpus.presets import decided, preset
from flows.connections import Connections, from_environment, price_members
from flows.dry_lines import foretell
from flows.memory import keep_memory_tight
from flows.own_server import needed, quiet_prefect
from flows.parameters import Recipe
from flows.starting import (
    check_prefect,
    checked,
    direct_job,
    interruptible,
    no_budget,
    promised,
    roles_asked,
)
from flows.words import ROLES, merged, put


def built(arguments: argparse.Namespace, began: float) -> int:
    """Check what the arguments of `build` describe, then build it; the exit code tells what came of it.

    Args:
        arguments: Of the command.
        began: When it began, by the monotonic clock.
    """
    with interruptible():
        recipe = recipe_of(arguments)
        connections = connected(arguments, roles_asked(arguments.source, recipe))
        job = direct_job(arguments.source, recipe, connections)
        with checked(job):
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
        needed()
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
