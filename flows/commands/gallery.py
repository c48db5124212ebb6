"""`editcorpus gallery`: make the page on which a person looks at a run's triplets."""

import argparse
import os
import sys

from editcorpus.stages.page import make_gallery
from flows.connections import open_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--store", default="store", help="folder or s3:// URL (store)")
    parser.add_argument("--run", required=True, help="name of the run")
    parser.add_argument("--limit", type=int, default=2000, help="most triplets shown (2000)")


def run(arguments: argparse.Namespace) -> int:
    """Write the page and print where it lies."""
    store = open_store(os.environ, arguments.store)
    sys.stdout.write(make_gallery(store, arguments.run, arguments.limit) + "\n")
    return 0
