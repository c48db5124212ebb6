"""`editcorpus gallery`: make the page on which a person looks at a run's triplets."""

import argparse
import os
import sys

from editcorpus.errors import ConfigError
from editcorpus.gallery import write_gallery
from editcorpus.layouts.manifest import read_manifest
from editcorpus.ledger import read_history
from editcorpus.runs import read_identity
from editcorpus.stages.exhibit import exhibits
from editcorpus.stages.opening import SANDBOX
from editcorpus.stages.plan import read_plan
from editcorpus.stages.publish import corpus_folder
from editcorpus.storage import Store
from flows.connections import open_store

_EMULATED = (
    "EMULATED: the answers came from the sandbox, not from a model. The edits are simple drawings, "
    "good for trying the pipeline out and for nothing else."
)


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


def make_gallery(store: Store, name: str, limit: int) -> str:
    """Write the gallery of a run beside its corpus; gives where the page lies.

    Raises:
        ConfigError: There is no such run.
    """
    if read_plan(store, name) is None:
        raise ConfigError(f"The store {store.root} has no run {name!r}.")
    folder = corpus_folder(name)
    manifest = read_manifest(store, folder)
    facts = [("Booked", f"${read_history(store, name).spent:.4f}")]
    if manifest is not None:
        rejected = sum(manifest.rejected.values())
        facts += [
            ("Entered", str(manifest.entered)),
            ("Kept", str(manifest.kept)),
            ("Rejected", str(rejected)),
            ("Failed", str(sum(manifest.failed.values()))),
            *((role.capitalize(), model) for role, model in manifest.models.items()),
        ]
    providers = read_identity(store, name).get("providers", {})
    notice = _EMULATED if SANDBOX in providers.values() else ""
    page = f"{folder}/gallery"
    path = write_gallery(store, page, exhibits(store, name, limit), name, facts, notice)
    return store.url(path)
