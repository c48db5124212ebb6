"""What came of uniting."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from editcorpus.layouts.manifest import DATA, CorpusManifest
from editcorpus.layouts.parquet import ShardFile
from editcorpus.union.books import Shelf
from editcorpus.union.verdicts import SPLITS


@dataclass(frozen=True, slots=True)
class United:
    """A whole united corpus.

    Attributes:
        version: Of the corpus.
        runs: All that are in.
        added: Those among them that came just now.
        entered: Records of all runs' corpora; each is kept or rejected.
        rejected: How many by reason.
        splits: Kept records by split.
        bytes: Of all files that the manifest names.
        path: Where it lies, as a person would type it.
    """

    name: str
    version: str
    runs: tuple[str, ...]
    added: tuple[str, ...]
    entered: int
    kept: int
    rejected: Mapping[str, int]
    splits: Mapping[str, int]
    bytes: int
    path: str


def united(shelf: Shelf, manifest: CorpusManifest, added: tuple[str, ...]) -> United:
    """What a united corpus is, by its manifest."""
    splits: Counter[str] = Counter()
    for file in manifest.files:
        if file.path.startswith(DATA):
            splits[split_of_file(file)] += file.records
    return United(
        name=manifest.run,
        version=manifest.release,
        runs=tuple(manifest.runs),
        added=added,
        entered=manifest.entered,
        kept=manifest.kept,
        rejected=manifest.rejected,
        splits={name: splits[name] for name in SPLITS if splits[name]},
        bytes=sum(file.bytes for file in manifest.files),
        path=shelf.store.url(shelf.corpus),
    )


def split_of_file(file: ShardFile) -> str:
    """The split that the name of a file tells."""
    return file.path.removeprefix(DATA).rpartition("-")[0]
