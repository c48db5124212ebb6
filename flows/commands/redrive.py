"""`editcorpus redrive`: do triplets again that a finished run gave up, and only those.

What the run is, its own description says; connections and budget are given as for `build`. Who failed is
done again by every build, too; a redrive is for those whom a model's API rejected.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator

from pydantic import ValidationError

from editcorpus.endpoints.endpoint import first_problem
from editcorpus.errors import ConfigError
from editcorpus.lookups.redrivable import Choice, choose
from editcorpus.records import Reason
from editcorpus.runs import own_run, read_identity
from editcorpus.stages.opening import Job, check
from editcorpus.stages.redriving import read_redrives, record_redrive
from editcorpus.storage import Store
from flows.commands.build import SOURCES, connected, effort_arguments, start
from flows.parameters import Recipe
from flows.starting import direct_job, interruptible, no_budget


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
        connections = connected(arguments)
        arguments.source, recipe = known_recipe(connections.open_store(), arguments)
        job = direct_job(arguments.source, recipe, connections)
        check(job)
        told = "\n".join(_recorded(job, arguments))
        sys.stderr.write(f"{told}\n")
        if told := no_budget(job):
            sys.stderr.write(f"editcorpus: {told}\n")
        return start(arguments, recipe, connections, began)


def known_recipe(store: Store, arguments: argparse.Namespace) -> tuple[str, Recipe]:
    """The source and the recipe of a run, as its own description has them.

    Raises:
        ConfigError: There is no such run, or another version of this project made it.
    """
    name = arguments.run
    known = read_identity(store, name)
    source = known.pop("source", "")
    if not known or source not in SOURCES:
        raise ConfigError(f"The store {store.root} has no run {name!r}.")
    known.pop("providers", None)
    effort = {
        "budget_usd": arguments.budget_usd,
        "retry_delay_s": arguments.retry_delay_s,
        "only_redriven": True,
    }
    try:
        recipe = Recipe.model_validate({**known, "run": name, "preset": "custom", "effort": effort})
    except ValidationError as error:
        raise ConfigError(
            f"The run {name!r} cannot go on with this version: {first_problem(error)}"
        ) from None
    return source, recipe


def _recorded(job: Job, arguments: argparse.Namespace) -> Iterator[str]:
    """Record a redrive, unless one waits already; says in some lines who is done again.

    Raises:
        ConfigError: Nobody can be done again for these reasons, or another redrive waits.
    """
    reasons = sorted(set(arguments.reason))
    with own_run(job.store, job.run, job.owner, lambda _: None):
        waiting = [one for one in read_redrives(job.store, job.run) if not one.done]
        if waiting and any([*one.reasons] == reasons for one in waiting):
            yield f"{job.run}: the redrive of {waiting[0].at} goes on."
            return
        if waiting:
            raise ConfigError(
                f"A redrive of {waiting[0].at} waits to be carried out; start it again "
                f"({_words(waiting[0].reasons)}), or the build."
            )
        chosen = choose(job.store, job.run, [*map(Reason, reasons)], another=arguments.sample)
        if not chosen.items:
            raise ConfigError(_nobody(job.run, chosen))
        record_redrive(job.store, job.run, job.clocks.now(), reasons, chosen.items)
    yield f"{job.run}: {len(chosen.items):,} are done again: {_counted(chosen.counts)}."
    if chosen.beyond:
        yield _beyond(chosen)


def _nobody(run: str, chosen: Choice) -> str:
    if chosen.beyond:
        return _beyond(chosen)
    return (
        f"The run {run!r} has given up nobody for these reasons; `editcorpus failures` lists all."
    )


def _beyond(chosen: Choice) -> str:
    """What there is to do about those for whom asking again is of no use."""
    return (
        f"Not done again: {_counted(chosen.beyond)}. The same request has the same answer, and so the "
        "same verdict; --sample pays for another edit where there is one, and another run name takes "
        "other settings."
    )


def _counted(counts: Counter[Reason]) -> str:
    return ", ".join(f"{count:,} {reason.value}" for reason, count in counts.most_common())


def _words(reasons: tuple[str, ...]) -> str:
    return f"--reason {' '.join(reasons)}" if reasons else "without --reason"
