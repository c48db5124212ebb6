"""A shard is a folder of column files, one per step, each with its manifest.

`runs/<run>/shards/00017/pad.parquet` holds the columns that the step `pad` adds, for the ids that it
kept; where they hold pictures, those lie in `pad.pictures.parquet`, in the same order. `pad.json` is
the manifest (see `manifests.py`) and is written last: no manifest, no result.

What is read is proven: facts by the SHA-256 in the manifest, each picture by its SHA-256 in the
facts. What is damaged raises `ShardDamaged` and is made anew by the step that wrote it.
"""

import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.errors import ShardDamaged, ShardError
from editcorpus.manifests import FORMAT, Manifest, ShardRef, fingerprint, hash_of, ref
from editcorpus.pictures import Pictures, facts_of, has_pictures, hashes_of, write_split
from editcorpus.records import Failed, Rejected
from editcorpus.storage import Store
from editcorpus.tables import write_table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "FETCH",
    "FORMAT",
    "PLAN",
    "Columns",
    "Manifest",
    "Pictures",
    "ShardRef",
    "Tally",
    "Written",
    "fingerprint",
    "hash_of",
    "need_manifest",
    "pictures",
    "read_facts",
    "read_manifest",
    "ref",
    "shard_folder",
    "write_columns",
    "write_manifest",
]

_Row = TypeVar("_Row", bound="DataclassInstance")
PLAN = "plan"
"""The first columns of a shard: they are made of the input, not of columns before them."""
FETCH = "fetch"
"""Columns of pictures as they were published, where the run keeps them."""


class Written(NamedTuple):
    """What a step wrote for a shard: number of records, SHA-256 in hex, bytes; pictures likewise."""

    records: int
    sha256: str
    size: int
    pictures_sha256: str = ""
    pictures_size: int = 0


@dataclass(slots=True)
class Tally:
    """What a step finds: who was given up, and why; `earlier` stands from the time before."""

    entered: int = 0
    earlier: tuple[Rejected | Failed, ...] = ()
    rejected: list[Rejected] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    facts: Counter[str] = field(default_factory=Counter)

    def sifted(self, made: Iterable[_Row | Rejected | Failed]) -> Iterator[_Row]:
        """The rows among what was made; who was given up is noted."""
        for one in made:
            if isinstance(one, Rejected):
                self.rejected.append(one)
            elif isinstance(one, Failed):
                self.failed.append(one)
            else:
                yield one


def shard_folder(run: str, shard: int) -> str:
    """Where the columns of a shard lie."""
    return f"runs/{run}/shards/{shard:05d}"


def read_manifest(store: Store, folder: str, step: str) -> Manifest | None:
    """The manifest of a step, or None where the step is not done.

    Raises:
        ShardDamaged: The manifest is damaged.
    """
    path = f"{folder}/{step}.json"
    try:
        made = Manifest.decode(store.read(path))
    except FileNotFoundError:
        return None
    except ShardError as error:
        raise _damage(f"{store.url(path)}: {error}", folder, step, path) from error
    if made.step != step:
        told = f"{store.url(path)} is the manifest of {made.step!r}."
        raise _damage(told, folder, step, path)
    return made


def need_manifest(store: Store, folder: str, step: str) -> Manifest:
    """The manifest of a step that must be done.

    Raises:
        ShardDamaged: The manifest is damaged.
        ShardError: The step is not done.
    """
    manifest = read_manifest(store, folder, step)
    if manifest is None:
        raise ShardError(f"{store.url(folder)} has no {step}.json; run the step {step} first.")
    return manifest


def write_columns(
    store: Store, folder: str, step: str, cls: type[_Row], rows: Iterator[_Row]
) -> Written:
    """Write a step's columns while `rows` makes them: pictures first, then facts."""
    with store.upload(f"{folder}/{step}.parquet") as facts:
        if not has_pictures(cls):
            return Written(write_table(rows, cls, facts), *_proof(facts))
        with store.upload(f"{folder}/{step}.pictures.parquet") as found:
            count = write_split(rows, cls, facts, found)
            proof = _proof(found)
        return Written(count, *_proof(facts), *proof)


def write_manifest(store: Store, folder: str, manifest: Manifest) -> None:
    """Make a step's result valid.

    Raises:
        ShardError: The ids do not add up.
    """
    try:
        manifest.check()
    except ShardError as error:
        raise ShardError(f"{store.url(folder)}: {error}") from error
    store.write(f"{folder}/{manifest.step}.json", manifest.encode())


class Columns:
    """The columns of one shard, each manifest and each file of facts read at most once.

    For one stage, or one look: what is written meanwhile is not seen. Only `pictures` may be used
    by several threads.

    Args:
        store: Where everything lies.
        folder: Where the shard lies.

    Attributes:
        damage: What the first damaged picture raised, for whoever asked in another thread.
    """

    def __init__(self, store: Store, folder: str) -> None:
        self.damage: ShardDamaged | None = None
        self._store = store
        self._folder = folder
        self._manifests: dict[str, Manifest | None] = {}
        self._tables: dict[str, pa.Table] = {}

    def known(self, step: str) -> Manifest | None:
        """The manifest of a step; errors as `read_manifest`."""
        if step not in self._manifests:
            self._manifests[step] = read_manifest(self._store, self._folder, step)
        return self._manifests[step]

    def manifest(self, step: str) -> Manifest:
        """The manifest of a step that must be done; errors as `need_manifest`."""
        if self._manifests.get(step) is None:
            self._manifests[step] = need_manifest(self._store, self._folder, step)
        found = self._manifests[step]
        assert found is not None  # noqa: S101
        return found

    def facts(self, step: str, cls: type[_Row]) -> list[_Row]:
        """All records of a step; their pictures are left empty (see `pictures`).

        Raises:
            ShardDamaged: The manifest, or the file of the facts, is damaged or missing.
            ShardError: The step is not done, or its columns are not those of `cls`.
        """
        return facts_of(self._table(step), cls)

    @contextmanager
    def pictures(self, step: str, column: str) -> Iterator[Pictures]:
        """One picture column of a step, read by row number while the block lasts.

        A picture that is missing or damaged raises `ShardDamaged` where it is read.

        Raises:
            ShardDamaged: The manifest, or the file of the facts, is damaged or missing.
        """
        path = f"{self._folder}/{step}.pictures.parquet"
        size = self.manifest(step).pictures_size

        def wrong(sentence: str) -> ShardDamaged:
            self.damage = self.damage or self._damaged(step, path, sentence)
            return self._damaged(step, path, sentence)

        hashes = hashes_of(self._table(step), column)
        with Pictures(lambda: self._store.open(path, size), column, hashes, wrong) as found:
            yield found

    def ids(self, step: str) -> list[str]:
        """The ids of a step's records, in their order; errors as `facts`."""
        return self.texts(step, "id")

    def texts(self, step: str, column: str) -> list[str]:
        """One column of texts of a step, in the order of its records; errors as `facts`."""
        found: list[str] = self._table(step).column(column).to_pylist()
        return found

    def hashes(self, step: str, column: str) -> list[str | None]:
        """SHA-256 of each picture of a column, in hex; None where a record has none.

        Raises:
            ShardDamaged: The manifest, or the file of the facts, is damaged or missing.
            ShardError: The step is not done, or has no such pictures.
        """
        return hashes_of(self._table(step), column)

    def check(self) -> None:
        """Say that a picture was damaged, in the thread that can do something about it.

        Raises:
            ShardDamaged: One was.
        """
        if self.damage is not None:
            raise self.damage

    def _table(self, step: str) -> pa.Table:
        if step not in self._tables:
            manifest = self.manifest(step)
            path = f"{self._folder}/{step}.parquet"
            try:
                data = self._store.read(path)
            except FileNotFoundError as error:
                raise self._damaged(step, path, "It is missing.") from error
            if hashlib.sha256(data).hexdigest() != manifest.sha256:
                raise self._damaged(step, path, "Its SHA-256 is not the one in its manifest.")
            with pq.ParquetFile(io.BytesIO(data)) as parquet:
                self._tables[step] = parquet.read(use_threads=False)
        return self._tables[step]

    def _damaged(self, step: str, path: str, sentence: str) -> ShardDamaged:
        told = f"{self._store.url(path)} is damaged: {sentence}"
        return _damage(told, self._folder, step, path)


def read_facts(store: Store, folder: str, step: str, cls: type[_Row]) -> list[_Row]:
    """All records of a step with their pictures left empty; see `Columns.facts`."""
    return Columns(store, folder).facts(step, cls)


@contextmanager
def pictures(store: Store, folder: str, step: str, column: str) -> Iterator[Pictures]:
    """One picture column of a step while the block lasts; see `Columns.pictures`."""
    with Columns(store, folder).pictures(step, column) as found:
        yield found


def _damage(sentence: str, folder: str, step: str, path: str) -> ShardDamaged:
    """The error for a damaged file; what no step makes anew, a person has to."""
    if step == PLAN:
        root = folder.partition("/shards/")[0]
        sentence += (
            f" Remove {folder}/{PLAN}.json and {root}/{PLAN}.json and start the run again: the same "
            "input gives the same plan, and nothing is paid for again."
        )
    return ShardDamaged(sentence, folder, step, path)


def _proof(file: Path) -> tuple[str, int]:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest(), file.stat().st_size
