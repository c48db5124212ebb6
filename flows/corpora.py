"""Corpora and folders as a person names them on the command line."""

import os
from collections.abc import Callable
from pathlib import Path

from editcorpus.buckets import refuse_password
from editcorpus.errors import ConfigError
from editcorpus.layouts.corpus import Corpus, open_corpus
from editcorpus.layouts.manifest import NAME as MANIFEST
from editcorpus.runs import corpus_folder
from editcorpus.storage import Store

Opens = Callable[[str], Store]
"""Opens a store by its root, a folder or a URL, with the keys that the caller has."""


def named_corpus(store: Store, named: str, opens: Opens) -> Corpus:
    """The corpus of a run, or else the one that lies where a path or URL says.

    Args:
        store: Where runs are.
        named: Name of a run, or a folder or URL; the run counts where there are both.
        opens: Opens other stores.

    Raises:
        ConfigError: There is none, or it is not finished.
        ShardError: Its manifest is damaged.
    """
    return open_corpus(*named_folder(store, named, opens))


def named_folder(store: Store, named: str, opens: Opens) -> tuple[Store, str]:
    """Where the corpus of a run lies, or else what a path or URL names; as `named_corpus`."""
    if "/" not in named:
        folder = corpus_folder(named)
        if store.exists(f"{folder}/{MANIFEST}") or not Path(named).is_dir():
            return store, folder
    refuse_password(named)
    return place_of(named, opens)


def check_writable(store: Store, folder: str) -> None:
    """Prove of a folder on this machine that files can be written into it, before work is done for it.

    Raises:
        ConfigError: It cannot be made, or nothing can be written there.
    """
    place = store.local_file(folder) if folder else store.local
    while place is not None and not place.exists() and place != place.parent:
        place = place.parent
    if place is not None and not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        what = "cannot be written to" if place.is_dir() else "is no folder"
        where = store.url(folder) if folder else store.root
        raise ConfigError(f"Nothing can be written to {where!r}: {str(place)!r} {what}.")


def place_of(where: str, opens: Opens) -> tuple[Store, str]:
    """The store that a folder lies in, and the folder's name there.

    Raises:
        ConfigError: It is a whole bucket or disk.
    """
    plain = where.removeprefix("file://")
    path = plain.rstrip("/") if "://" in plain else os.path.abspath(plain)  # noqa: PTH100 - for ".."
    root, _, name = path.rpartition("/")
    if not name or root.endswith(("/", ":")):
        raise ConfigError(f"{where!r:.200} is no folder; name one inside of it.")
    return opens(root or "/"), name
