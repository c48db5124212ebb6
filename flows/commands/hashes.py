"""`editcorpus hashes`: write a benchmark's pictures as hashes, against which corpora are held."""

import argparse
import json
import os
import posixpath
import re
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from editcorpus.buckets import refuse_password
from editcorpus.errors import ConfigError, RunStopped, StorageError
from editcorpus.similar.hashfile import Known, write_known
from editcorpus.texts import visible
from editcorpus.union.benchmark_index import Columns
from editcorpus.union.benchmark_rows import find_benchmark
from editcorpus.union.benchmarks import Gathered, hash_benchmark
from flows.connections import input_options, open_store
from flows.corpora import check_writable, place_of
from flows.starting import interruptible

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_TOLD = 3
_EVERY = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "--from",
        dest="where",
        required=True,
        nargs="+",
        metavar="WHERE",
        help="the benchmark: parquet or arrow files, folders of pictures with their JSON, archives "
        "of such, or hf://datasets/OWNER/NAME; several where they lie apart",
    )
    parser.add_argument("--name", required=True, help="of the benchmark, such as gedit")
    parser.add_argument("--to", required=True, metavar="FILE", help="file of hashes, or s3:// URL")
    parser.add_argument(
        "--picture",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column of pictures, or member of an index; may be repeated (all that hold pictures)",
    )
    parser.add_argument(
        "--instruction", default="", metavar="COLUMN", help="column of instructions (instruction)"
    )
    parser.add_argument("--id", default="", metavar="COLUMN", help="column of ids (key, or id)")
    parser.add_argument(
        "--thumbnails",
        action="store_true",
        help="keep small pictures in the file, to be shown beside what was left out",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")


def run(arguments: argparse.Namespace) -> int:
    """Hash the pictures, and print what was written."""
    began = time.monotonic()
    if not _NAME.fullmatch(arguments.name):
        raise ConfigError(
            f"{arguments.name!r:.100} is no name of a benchmark; it is of letters, digits, dot and dash."
        )
    refuse_password(arguments.to)
    store, path = place_of(arguments.to, partial(open_store, os.environ))
    if Path(arguments.to).is_dir():
        raise ConfigError(f"{arguments.to!r:.200} is a folder; name a file, such as gedit.parquet.")
    check_writable(store, posixpath.dirname(path))
    columns = Columns(tuple(arguments.picture), arguments.instruction, arguments.id)
    try:
        with interruptible():
            inputs = find_benchmark(arguments.where, input_options(os.environ))
            made, gathered = hash_benchmark(
                arguments.name, inputs, columns, _shown, thumbnails=arguments.thumbnails
            )
            with store.upload(path) as file:
                write_known(made, file)
    except StorageError as error:
        raise RunStopped(f"{error} Run the same again.") from error
    _warn(gathered)
    told = _members(made, gathered, store.url(path), time.monotonic() - began)
    sys.stdout.write(json.dumps(told) + "\n" if arguments.json else _told(told))
    return 0


def _shown(pictures: int) -> None:
    """Progress for a person who looks on; a log gets none."""
    if sys.stderr.isatty() and pictures % _EVERY == 0:
        sys.stderr.write(f"\r{pictures:,} pictures")


def _warn(gathered: Gathered) -> None:
    """Say which pictures no corpus can be held against."""
    for sentence in gathered.broken[:_MOST_TOLD]:
        sys.stderr.write(f"editcorpus: left out: {visible(sentence)}\n")
    more = len(gathered.broken) - _MOST_TOLD
    if more > 0:
        sys.stderr.write(
            f"editcorpus: left out: {more:,} more pictures that are not there or do not decode.\n"
        )


def _members(made: Known, gathered: Gathered, path: str, seconds: float) -> dict[str, Any]:
    return {
        "name": made.benchmark,
        "items": len(made.ids),
        "with_instruction": gathered.worded,
        "pictures": gathered.pictures,
        "hashes": len(made.items),
        "left_out": len(gathered.broken),
        "path": path,
        "seconds": round(seconds, 1),
    }


def _told(told: dict[str, Any]) -> str:
    return (
        f"{told['name']}: {told['hashes']:,} hashes of {told['pictures']:,} pictures of "
        f"{told['items']:,} items, {told['with_instruction']:,} of them with an instruction, "
        f"{told['seconds']} s\n{told['path']}\n"
    )
