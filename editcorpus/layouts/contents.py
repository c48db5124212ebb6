"""The files that a finished corpus, or a whole export of one, consists of; what else lies there is not it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from editcorpus.errors import ConfigError, ShardError
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.croissant import NAME as CROISSANT
from editcorpus.layouts.export import NAME as EXPORT
from editcorpus.layouts.manifest import CARD
from editcorpus.layouts.manifest import NAME as MANIFEST
from editcorpus.layouts.previews import FOLDER as PREVIEWS
from editcorpus.storage import Store

MARKS = (EXPORT, MANIFEST)
"""Files without which a folder is no whole export and no finished corpus; the first that is there counts."""


@dataclass(frozen=True, slots=True)
class File:
    """One file.

    Attributes:
        path: Relative to the folder.
        bytes: Its length.
        sha256: As the manifest says, in hex; empty where none speaks of it.
    """

    path: str
    bytes: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """A finished corpus or a whole export, as files.

    Attributes:
        store: Where it lies.
        folder: Where in the store.
        corpus: Name of the corpus.
        layout: How it is written; `corpus` where it is the corpus itself.
        files: All but `last`, in the order of their names.
        last: Those that say that all is there: the card, its description, and the mark, in this order.
        mark: Content of the mark: another one is another state.
    """

    store: Store
    folder: str
    corpus: str
    layout: str
    files: tuple[File, ...]
    last: tuple[File, ...]
    mark: bytes


def contents(store: Store, folder: str) -> Contents:
    """What has to be there wherever this corpus or export is to be whole.

    Raises:
        ConfigError: There is neither in the folder, or it is not finished.
        ShardError: It is damaged, or files of it are missing.
    """
    sizes = {path.removeprefix(f"{folder}/"): size for path, size in store.sizes(folder).items()}
    mark = next((name for name in MARKS if name in sizes), "")
    if not mark:
        raise ConfigError(f"{store.url(folder)} holds no finished corpus and no whole export.")
    data = store.read(f"{folder}/{mark}")
    if mark == EXPORT:
        corpus, layout = _export(store, f"{folder}/{mark}", data)
        files = [File(path, size) for path, size in sorted(sizes.items())]
    else:
        opened = open_corpus(store, folder)
        corpus, layout = opened.manifest.run, "corpus"
        told = {
            file.path: File(file.path, file.bytes, file.sha256) for file in opened.manifest.files
        }
        files = [*_beside(sizes), *(told[path] for path in sorted(told))]
        _check_sizes(store, folder, files, sizes)
    final = (CARD, CROISSANT, mark)
    first = tuple(file for file in files if file.path not in final)
    last = tuple(File(name, sizes[name]) for name in final if name in sizes)
    return Contents(store, folder, corpus, layout, first, last, data)


def _beside(sizes: dict[str, int]) -> Iterator[File]:
    """The files that belong to a corpus though its manifest does not name them."""
    own = (path for path in sorted(sizes) if path.startswith(f"{PREVIEWS}/"))
    yield from (File(path, sizes[path]) for path in own)


def _check_sizes(store: Store, folder: str, files: list[File], sizes: dict[str, int]) -> None:
    for file in files:
        found = sizes.get(file.path)
        if found != file.bytes:
            place = store.url(f"{folder}/{file.path}")
            lies = "is missing" if found is None else f"has {found} bytes, not {file.bytes}"
            raise ShardError(f"{place} {lies}; `editcorpus audit` says more.")


def _export(store: Store, path: str, data: bytes) -> tuple[str, str]:
    try:
        told = json.loads(data)
        return str(told["corpus"]), str(told["layout"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ShardError(f"{store.url(path)} is damaged; export it again.") from error
