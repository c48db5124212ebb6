"""`editcorpus export`: write a finished corpus in another layout."""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from functools import partial

from editcorpus.buckets import refuse_password
from editcorpus.errors import RunStopped, StorageError
from editcorpus.layouts.catalogue import LAYOUTS
from editcorpus.layouts.export import Exported, export
from flows.connections import open_store
from flows.corpora import named_corpus, place_of
from flows.starting import interruptible


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--store", default="store", help="folder or s3:// URL (store)")
    parser.add_argument(
        "--corpus", required=True, help="name of a run in the store, or a corpus' folder or URL"
    )
    parser.add_argument("--layout", required=True, choices=tuple(LAYOUTS), help="how to write it")
    parser.add_argument("--to", required=True, help="new or empty folder, or s3:// URL")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")


def run(arguments: argparse.Namespace) -> int:
    """Write it, and print what was written; started again after a kill, it goes on."""
    began = time.monotonic()
    refuse_password(arguments.to)
    opens = partial(open_store, os.environ)
    corpus = named_corpus(opens(arguments.store), arguments.corpus, opens)
    store, folder = place_of(arguments.to, opens)
    try:
        with interruptible():
            made = export(corpus, LAYOUTS[arguments.layout], store, folder, _shown)
    except StorageError as error:
        raise RunStopped(f"{error} Run the same again to go on.") from error
    seconds = round(time.monotonic() - began, 1)
    sys.stdout.write(
        json.dumps({**asdict(made), "seconds": seconds}) + "\n"
        if arguments.json
        else _told(made, seconds)
    )
    return 0


def _shown(done: int, of: int) -> None:
    """Progress for a person who looks on; a log gets none."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done:,} of {of:,} shards" + ("\n" if done == of else ""))


def _told(made: Exported, seconds: float) -> str:
    return (
        f"{made.records:,} records as {made.layout} in {made.files:,} files of {made.bytes:,} bytes, "
        f"{seconds} s\n{made.path}\n"
    )
