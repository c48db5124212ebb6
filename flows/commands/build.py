"""`editcorpus build SOURCE`: make a corpus, with progress while it runs and the funnel at its end."""

import argparse
import os
import time
from typing import get_args

from editcorpus.presets import preset_names
from editcorpus.stages.workshop import Variant
from flows.own_server import begun_early, quiet_prefect
from flows.sources import source_names
from flows.words import ROLES, block_name, count, dollars, modes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    source_argument(parser)
    recipe_arguments(parser)
    effort_arguments(parser)
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="check everything, pay nothing, and say what the build would cost",
    )


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
    """Check everything, then build; the exit code tells what came of it.

    What takes seconds to import is imported while a Prefect server begins to start.
    """
    began = time.monotonic()
    quiet_prefect(os.environ, verbose=arguments.verbose)
    with begun_early(wanted=not arguments.dry_run):
        from flows.building import built

        return built(arguments, began)
