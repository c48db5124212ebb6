"""`editcorpus lint`: look at a published corpus, whoever made it, without a key and without a paid call."""

import argparse
import os
import re
import sys
from functools import partial
from pathlib import Path

from editcorpus.buckets import refuse_password
from editcorpus.errors import ConfigError, RunStopped, ShardError, StorageError
from editcorpus.linting.lint import Settings, benchmark, look
from editcorpus.linting.page import write_report
from editcorpus.linting.recognise import NAMES
from editcorpus.linting.report import Report, as_json
from editcorpus.linting.summed import summed
from editcorpus.linting.terminal import summary_lines
from editcorpus.storage import Store
from flows.connections import input_options, open_store
from flows.corpora import check_writable, place_of
from flows.starting import interruptible

_COLUMNS = ("instruction", "source_image", "edited_image", "id", "task", "license")
_PAIR = re.compile(rf"({'|'.join(_COLUMNS)})=(.+)")
_OVER = 2
"""Exit code where more triplets have a defect than `--fail-over` allows."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "where",
        help="file, folder, glob, s3:// URL, hf://datasets/OWNER/NAME, or https:// URL of a file",
    )
    parser.add_argument(
        "--layout", default="", help=f"instead of recognising it: {', '.join(NAMES)}"
    )
    parser.add_argument(
        "--columns",
        default="",
        help=f"names of columns, as in instruction=prompt,source_image=before; of {', '.join(_COLUMNS)}",
    )
    parser.add_argument("--sample", type=int, default=1000, help="most rows; 0 is all (1000)")
    parser.add_argument("--seed", type=int, default=0, help="decides which rows are drawn (0)")
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="HASHES",
        help="file of hashes of a benchmark that it must not hold; may be repeated",
    )
    parser.add_argument(
        "--together",
        type=int,
        default=5000,
        help="rows up to which all of a corpus on this machine is searched for duplicates (5000)",
    )
    parser.add_argument("--to", default="lint", help="folder or s3:// URL of the report (lint)")
    parser.add_argument(
        "--fail-over",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="exit with 2 where a larger share, 0 to 1, has a defect",
    )
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Write the report and print its summary; 2 where too many triplets have a defect."""
    settings = _settings(arguments)
    options = input_options(os.environ)
    refuse_password(arguments.to)
    store, folder = place_of(arguments.to, partial(open_store, os.environ))
    check_writable(store, folder)
    known = [benchmark(path, options) for path in arguments.against]
    try:
        with interruptible():
            looked = look(arguments.where, options, settings, known, _lists(), _shown)
        report, examples = summed(looked)
        page = write_report(store, folder, report, examples)
    except (StorageError, ShardError) as error:
        raise RunStopped(f"{error} Run the same again.") from error
    _tell(report, store.url(page), json=arguments.json)
    return _OVER if 1 - report.clean.rate > arguments.fail_over else 0


def _settings(arguments: argparse.Namespace) -> Settings:
    if arguments.sample < 0 or arguments.together < 0 or not 0 <= arguments.fail_over <= 1:
        raise ConfigError("--sample and --together are 0 or more, --fail-over is 0 to 1.")
    if not 0 <= arguments.seed <= 999_999_999:
        raise ConfigError("--seed is 0 to 999,999,999.")
    columns = {}
    for pair in filter(None, arguments.columns.split(",")):
        match = _PAIR.fullmatch(pair)
        if match is None:
            raise ConfigError(
                f"--columns takes NAME=COLUMN of {', '.join(_COLUMNS)}, not {pair!r:.80}."
            )
        columns[match[1]] = match[2]
    return Settings(
        layout=arguments.layout,
        columns=columns,
        sample=arguments.sample,
        seed=arguments.seed,
        together=arguments.together,
    )


def _lists() -> Store:
    """Where lists of archives are kept, so that the next look does not go through them again."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Store.on_disk(Path(cache) / "editcorpus" / "lint")


def _shown(what: str, done: int, of: int) -> None:
    """Progress for a person who looks on; a log gets none."""
    if sys.stderr.isatty() and (done % 10 == 0 or done == of):
        sys.stderr.write(f"\r{what} {done:,} of {of:,} triplets" + ("\n" if done == of else ""))


def _tell(report: Report, page: str, *, json: bool) -> None:
    if json:
        sys.stdout.write(as_json(report) + "\n")
        return
    sys.stdout.write("\n".join([*summary_lines(report), page]) + "\n")
