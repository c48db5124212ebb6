"""`editcorpus export`: write a finished corpus in another layout."""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from editcorpus.buckets import refuse_password
from editcorpus.errors import ConfigError, RunStopped, StorageError
from editcorpus.layouts.catalogue import LAYOUTS
from editcorpus.layouts.corpus import Corpus, open_corpus
from editcorpus.layouts.export import Exported, export
from editcorpus.layouts.manifest import NAME as MANIFEST
from editcorpus.stages.publish import corpus_folder
from editcorpus.storage import Store
from flows.connections import open_store
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
    corpus = _corpus(arguments.store, arguments.corpus)
    store, folder = _place(arguments.to)
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


def _corpus(root: str, named: str) -> Corpus:
    """The corpus of a run, or else the one that lies where a path or URL says."""
    if "/" not in named:
        store, folder = open_store(os.environ, root), corpus_folder(named)
        if store.exists(f"{folder}/{MANIFEST}") or not Path(named).is_dir():
            return open_corpus(store, folder)
    refuse_password(named)
    return open_corpus(*_place(named))


def _place(where: str) -> tuple[Store, str]:
    """The store that a folder lies in, and the folder's name there.

    Raises:
        ConfigError: It is a whole bucket or disk.
    """
    plain = where.removeprefix("file://")
    path = plain.rstrip("/") if "://" in plain else os.path.abspath(plain)  # noqa: PTH100 - for ".."
    root, _, name = path.rpartition("/")
    if not name or root.endswith(("/", ":")):
        raise ConfigError(f"{where!r:.200} is no folder; name one inside of it.")
    return open_store(os.environ, root or "/"), name
