"""`editcorpus corpus`: unite finished runs into one corpus, or add runs to it."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from pydantic import ValidationError

from editcorpus.endpoints.endpoint import first_problem
from editcorpus.errors import ConfigError, RunStopped, StorageError
from editcorpus.union.benchmarks import once_each, read_benchmark
from editcorpus.union.hands import Threads
from editcorpus.union.results import United
from editcorpus.union.terms import Terms
from editcorpus.union.unite import Wish, unite
from flows.connections import input_options, open_store
from flows.corpora import named_corpus
from flows.starting import interruptible, this_process

_MOST_THREADS = 4
"""Batches at a time: each holds two row groups or so in memory, and most of its work is outside of Python."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--store", default="store", help="folder or s3:// URL (store)")
    parser.add_argument(
        "--runs",
        nargs="+",
        required=True,
        metavar="RUN",
        help="names of finished runs of the store, or folders or URLs of corpora",
    )
    parser.add_argument("--name", required=True, help="name of the united corpus")
    parser.add_argument(
        "--version", default="", help="of the corpus, such as 1.2.0 (the next one by itself)"
    )
    parser.add_argument("--anew", action="store_true", help="make the corpus from nothing again")
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="FILE",
        help="leave out what a benchmark has: its file of `editcorpus hashes`; may be repeated",
    )
    parser.add_argument(
        "--keep-near-duplicates",
        action="store_true",
        help="keep triplets that are nearly the same, and look at no picture",
    )
    _term_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")


def _term_arguments(parser: argparse.ArgumentParser) -> None:
    terms = Terms()
    parser.add_argument(
        "--license",
        action="append",
        default=[],
        metavar="SPDX",
        help="take this licence, or `commercial` for those that allow commercial use; may be repeated",
    )
    parser.add_argument(
        "--most",
        action="append",
        default=[],
        metavar="SOURCE=N",
        help="at most so many triplets of a source; may be repeated",
    )
    parser.add_argument(
        "--most-per-task", type=int, default=0, metavar="N", help="at most so many of each task"
    )
    parser.add_argument(
        "--most-per-family", type=int, default=0, metavar="N", help="at most so many of each family"
    )
    for split in ("validation", "test"):
        share = getattr(terms, f"{split}_share")
        parser.add_argument(
            f"--{split}-share",
            type=float,
            default=share,
            metavar="SHARE",
            help=f"share of source images in the {split} split ({share})",
        )
    parser.add_argument("--seed", type=int, default=0, help="decides split and limits (0)")
    parser.add_argument(
        "--shard-records",
        type=int,
        default=terms.shard_records,
        metavar="N",
        help=f"most records in a file ({terms.shard_records})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Unite, and print what came of it; started again after a kill, it goes on."""
    began = time.monotonic()
    opens = partial(open_store, os.environ)
    store = opens(arguments.store)
    try:
        with interruptible():
            terms = terms_of(arguments)
            corpora = tuple(named_corpus(store, run, opens) for run in arguments.runs)
            for corpus in corpora:
                _warn(corpus.manifest.run, corpus.manifest.failed)
            options = input_options(os.environ)
            against = once_each(read_benchmark(one, options) for one in arguments.against)
            wish = Wish(arguments.name, corpora, terms, arguments.version, arguments.anew, against)
            hands = Threads(min(_MOST_THREADS, os.cpu_count() or 1), _shown)
            made = unite(store, wish, this_process(), hands)
    except StorageError as error:
        raise RunStopped(f"{error} Run the same again to go on.") from error
    seconds = round(time.monotonic() - began, 1)
    sys.stdout.write(
        json.dumps({**asdict(made), "seconds": seconds}) + "\n"
        if arguments.json
        else _told(made, seconds)
    )
    return 0


def terms_of(arguments: argparse.Namespace) -> Terms:
    """The terms that the arguments describe.

    Raises:
        ConfigError: A term has a value that it cannot have.
    """
    members: dict[str, Any] = {
        "seed": arguments.seed,
        "validation_share": arguments.validation_share,
        "test_share": arguments.test_share,
        "licenses": arguments.license,
        "most": dict(_limits(arguments.most)),
        "most_per_task": arguments.most_per_task,
        "most_per_family": arguments.most_per_family,
        "near_duplicates": not arguments.keep_near_duplicates,
        "shard_records": arguments.shard_records,
    }
    try:
        return Terms.model_validate(members)
    except ValidationError as error:
        raise ConfigError(first_problem(error)) from None


def _limits(words: Iterable[str]) -> Iterable[tuple[str, int]]:
    for word in words:
        source, _, most = word.partition("=")
        if not source or not most.isdecimal():
            raise ConfigError(f"--most takes SOURCE=N, such as hqedit=20000, not {word!r:.100}.")
        yield source, int(most)


def _warn(run: str, failed: Mapping[str, int]) -> None:
    """Say of a run that it is not through: once it changes, it can come in only from nothing."""
    if failed:
        sys.stderr.write(
            f"editcorpus: {sum(failed.values())} triplets of the run {run} failed. Build it to its end "
            "first: once a run is in, it may not change.\n"
        )


def _shown(step: str, done: int, of: int) -> None:
    """Progress for a person who looks on; a log gets none."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{step}: {done:,} of {of:,} batches" + ("\n" if done == of else ""))


def _told(made: United, seconds: float) -> str:
    new = f"new: {', '.join(made.added)}" if made.added else "none of them new"
    splits = ", ".join(f"{number:,} {split}" for split, number in made.splits.items())
    lines = [
        f"{made.name} {made.version}, {len(made.runs)} runs ({new}), {seconds} s",
        f"{made.kept:,} of {made.entered:,} triplets are in: {splits or 'none'}",
        *(f"left out: {number:,} {reason}" for reason, number in made.rejected.items()),
        made.path,
    ]
    return "".join(f"{line}\n" for line in lines)
