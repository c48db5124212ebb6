"""Export: a finished corpus once more, in a folder of its own and in another layout.

Two shards at a time, pictures and tables are written, under their final names once the shard is proven by
the hash in the manifest. What a layout has to remember of a shard goes into `_unfinished/`, last and in the
order of the shards, so that an export that died goes on behind it. Once all shards are there, the files
that speak of all records are written, then `README.md`, and last `export.json`: a folder without it is no
whole export. Names are made of numbers and of quoted text, so that no id leads out of the folder.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from editcorpus.ahead import ahead
from editcorpus.errors import ConfigError, ShardError
from editcorpus.layouts.corpus import Corpus, Shard, open_corpus
from editcorpus.layouts.croissant import NAME as CROISSANT
from editcorpus.layouts.export_card import Count, export_card, export_croissant
from editcorpus.layouts.layout import Layout, Line, ShardWriter, encoded
from editcorpus.layouts.manifest import CARD
from editcorpus.layouts.output import Output
from editcorpus.storage import Store

VERSION = 1
"""Raised when a layout changes what it writes."""

Progress = Callable[[int, int], None]

NAME = "export.json"
PARTS = "_unfinished"

_SHARDS = 2
"""Shards that are written at a time: to hash costs a core more than to copy, so that two cores are needed
for the speed of a copy. In memory is a row group of each as it lies in its file, what is on its way to the
disk, and the texts of three shards."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A whole export.

    Attributes:
        layout: Name of the layout.
        records: Number of records in it.
        files: Number of its files, card and `export.json` included.
        bytes: Their length together.
        path: Where it lies, as a person would type it.
    """

    layout: str
    records: int
    files: int
    bytes: int
    path: str


def export(
    corpus: Corpus, layout: Layout, store: Store, folder: str, told: Progress = lambda *_: None
) -> Exported:
    """Write a corpus in a layout; the same command goes on after a kill, and does nothing twice.

    The texts of a few shards and some pictures are in memory, whatever the size of the corpus.

    Args:
        corpus: What to write.
        layout: How.
        store: Where to write.
        folder: Path in that store; empty or missing, or what an earlier call has left.
        told: Hears after each shard how many are done, and of how many.

    Raises:
        ConfigError: Something else lies in the folder, or another process is at work there.
        ShardError: The corpus is damaged, or changed in the meantime.
        StorageFull: No space is left; what is written stays, and the same call goes on.
    """
    with Output(store, folder) as output:
        whole = _begin(corpus, layout, output)
        if whole is None:
            _fill(corpus, layout, output, told)
            whole = _end(corpus, layout, output)
        _remove_parts(output)
    return whole


def _identity(corpus: Corpus, layout: Layout) -> dict[str, Any]:
    """What makes two exports the same."""
    return {
        "layout": layout.name,
        "version": VERSION,
        "corpus": corpus.manifest.run,
        "manifest_sha256": corpus.sha256,
        "records": corpus.manifest.kept,
    }


def _begin(corpus: Corpus, layout: Layout, output: Output) -> Exported | None:
    """Make the folder ours, or find in it what we were to do."""
    mine, told = _identity(corpus, layout), _told(output, NAME)
    begun = told or _told(output, f"{PARTS}/{NAME}")
    if begun is not None and begun | mine != begun:
        raise ConfigError(
            f"{output.store.url(output.folder)} holds an export of {begun.get('corpus')!r:.100} as "
            f"{begun.get('layout')!r:.100} (or of an earlier state of that corpus). Choose another "
            "folder, or remove it."
        )
    if begun is None and output.store.list(output.folder):
        raise ConfigError(f"{output.store.url(output.folder)} is not empty; choose another folder.")
    if told is not None:
        found = _measured(output)
        if (told.get("files"), told.get("bytes")) == found:
            return _exported(output, mine, found)
        output.store.remove(output.path(NAME))  # files are gone or cut: all is done anew
    output.own()
    output.sweep()
    output.store.write(output.path(f"{PARTS}/{NAME}"), encoded(mine))
    return None


def _fill(corpus: Corpus, layout: Layout, output: Output, told: Progress) -> None:
    done, write = set(output.store.list(output.path(PARTS))), layout.writer(corpus)
    shards = corpus.shards

    def fill(shard: Shard) -> bytes | None:
        return None if output.path(_part(shard)) in done else _filled(shard, write, output)

    pool = ThreadPoolExecutor(_SHARDS)
    try:
        filled = ahead(pool, fill, shards, _SHARDS + 1)
        for shard, lines in zip(shards, filled, strict=True):
            if lines is not None:
                output.store.write(output.path(_part(shard)), lines)
            told(shard.number + 1, len(shards))
    finally:
        pool.shutdown(cancel_futures=True)


def _filled(shard: Shard, write: ShardWriter, output: Output) -> bytes:
    """Write what belongs to a shard, and give what is remembered of it once all that is there."""
    with output.beside() as mine:
        lines = b"".join(encoded(line) for line in write(shard, mine))
        mine.settle()
    return lines


def _end(corpus: Corpus, layout: Layout, output: Output) -> Exported:
    layout.finish(corpus, _lines(corpus, output), output)
    counts = Counter(
        (str(line["family"]), str(line["dataset_source"]), str(line["license"]))
        for line in _lines(corpus, output)
    )
    if counts.total() != corpus.manifest.kept:
        raise ShardError(f"{counts.total()} records were exported, not {corpus.manifest.kept}.")
    rows = [Count(*key, records) for key, records in sorted(counts.items())]
    for path in corpus.previews():
        output.put(path, corpus.store.read(f"{corpus.folder}/{path}"))
    output.put(CROISSANT, export_croissant(corpus, layout).encode())
    output.put(CARD, export_card(corpus.card(), layout, rows, corpus.splits).encode())
    output.settle()
    _check_unchanged(corpus)
    mine, found = _identity(corpus, layout), _measured(output)
    told = mine | {"files": found[0], "bytes": found[1]}
    output.store.write(output.path(NAME), encoded(told))
    return _exported(output, mine, found)


def _exported(output: Output, mine: dict[str, Any], found: tuple[int, int]) -> Exported:
    files, size = found
    size += output.store.size(output.path(NAME))
    url = output.store.url(output.folder)
    return Exported(mine["layout"], mine["records"], files + 1, size, url)


def _check_unchanged(corpus: Corpus) -> None:
    again = open_corpus(corpus.store, corpus.folder)
    if again.sha256 != corpus.sha256:
        raise ShardError(
            f"{corpus.store.url(corpus.folder)} changed while it was exported; export it again, "
            "into another folder."
        )


def _measured(output: Output) -> tuple[int, int]:
    """Number and length of all files of the export but its own parts and `export.json`."""
    aside = (output.path(NAME), output.path(f"{PARTS}/"))
    sizes = output.store.sizes(output.folder)
    counted = [size for path, size in sizes.items() if not path.startswith(aside)]
    return len(counted), sum(counted)


def _part(shard: Shard) -> str:
    return f"{PARTS}/{shard.stem}.jsonl"


def _lines(corpus: Corpus, output: Output) -> Iterator[Line]:
    for shard in corpus.shards:
        part = output.store.read(output.path(_part(shard)))
        yield from map(json.loads, part.split(b"\n")[:-1])


def _told(output: Output, name: str) -> dict[str, Any] | None:
    try:
        found = json.loads(output.store.read(output.path(name)))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ConfigError(f"{output.store.url(output.path(name))} is damaged; remove the folder.")
    return found


def _remove_parts(output: Output) -> None:
    for path in output.store.list(output.path(PARTS)):
        output.store.remove(path)
    folder = output.store.local_file(output.path(PARTS))
    if folder is not None and folder.is_dir():
        with output.store.told(PARTS, writing=True):
            folder.rmdir()
