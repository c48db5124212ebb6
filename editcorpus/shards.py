"""A shard is a folder of column files, one per step, each with its manifest.

`runs/<run>/shards/00017/pad.parquet` holds the columns that the step `pad` adds, for the ids that it
kept; `pad.json` is its manifest and is written last: no manifest, no result. A manifest carries a
*fingerprint*, the hash of all that determines the result (the manifest before it, the step's VERSION
and Config): the same fingerprint means that the step is done. Its *digest* is the hash of what came
out, from which the next step's fingerprint is made; times and costs are in neither.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pyarrow as pa
from pydantic import BaseModel

from editcorpus.errors import ShardError
from editcorpus.records import Failed, Reason, Rejected
from editcorpus.storage import Store
from editcorpus.tables import Pictures, from_table, read_columns, schema_of, write_table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Row = TypeVar("_Row", bound="DataclassInstance")
FORMAT = 1
"""Raised when the layout of shards or manifests changes."""
_MEND = "Remove the file and start the run again: the step is done anew from the stored answers."


@dataclass(frozen=True, slots=True)
class ShardRef:
    """What a stage returns: which columns are done, and how it went; small enough for any log."""

    run: str
    shard: int
    step: str
    entered: int
    kept: int
    rejected: int
    failed: int
    digest: str
    skipped: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of one step's columns over one shard.

    Attributes:
        entered: Number of ids that the step was given.
        kept: Number of ids in the column file.
        rejected: Final verdicts, in the order of the ids.
        failed: Ids without a verdict, in the order of the ids.
        sha256: Of the column file, in hex.
        size: Of the column file, in bytes.
        history: One entry a time that the step was done: when, how long, calls and dollars.
    """

    step: str
    version: int
    fingerprint: str
    entered: int
    kept: int
    rejected: tuple[Rejected, ...]
    failed: tuple[Failed, ...]
    sha256: str
    size: int
    history: tuple[dict[str, Any], ...] = ()

    @property
    def digest(self) -> str:
        """Hash of what came out; the same result has the same digest whenever it was made.

        Whom the step failed, and what it said of those that it rejected, is of no concern to the
        steps that follow.
        """
        gone = [[item["id"], item["reason"]] for item in _flat(self.rejected)]
        return hash_of([FORMAT, self.step, self.sha256, gone])

    @property
    def _seal(self) -> str:
        """Hash of the whole less its history: by it, a damaged manifest is known."""
        members = [self.fingerprint, self.version, self.entered, self.kept, self.size]
        return hash_of([self.digest, *members, self._gone()])

    @property
    def gone(self) -> list[str]:
        """Ids that are not in the column file."""
        return [item["id"] for item in self._gone()]

    def _gone(self) -> list[dict[str, str]]:
        return [*_flat(self.rejected), *_flat(self.failed)]

    def encode(self) -> bytes:
        """The manifest as JSON, for people too."""
        members = {name.name: getattr(self, name.name) for name in fields(self)}
        gone = {"rejected": _flat(self.rejected), "failed": _flat(self.failed)}
        marks = {"digest": self.digest, "seal": self._seal}
        return json.dumps({**members, **gone, **marks}, indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> "Manifest":
        """Read a manifest.

        Raises:
            ShardError: It is damaged: no JSON, a member is missing or of another kind, the sum does
                not close, or the digest is not that of the members.
        """
        try:
            members = dict(json.loads(data))
            marks = members.pop("digest"), members.pop("seal")
            members["rejected"] = tuple(_verdict(Rejected, item) for item in members["rejected"])
            members["failed"] = tuple(_verdict(Failed, item) for item in members["failed"])
            members["history"] = tuple(members["history"])
            made = cls(**members)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ShardError(f"A manifest is damaged: {error!r}.") from error
        made.check()
        if marks != (made.digest, made._seal):
            raise ShardError("A manifest is damaged: its digest is not its own.")
        return made

    def check(self) -> None:
        """Prove that the members are of their kinds and that every id is in one place.

        Raises:
            ShardError: They are not.
        """
        texts = (self.step, self.fingerprint, self.sha256)
        counts = (self.version, self.entered, self.kept, self.size)
        if not all(isinstance(text, str) for text in texts):
            raise ShardError("A manifest is damaged: a name or hash is no text.")
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ShardError(f"A manifest is damaged: its counts are {counts}.")
        if self.kept + len(self.rejected) + len(self.failed) != self.entered:
            raise ShardError(
                f"{self.entered} ids entered {self.step}, but {self.kept} were kept, "
                f"{len(self.rejected)} rejected and {len(self.failed)} failed."
            )


class Written(NamedTuple):
    """What a step wrote for a shard: number of records, SHA-256 in hex, bytes."""

    records: int
    sha256: str
    size: int


@dataclass(slots=True)
class Tally:
    """What a step finds: who was given up, and why; `earlier` stands from the time before."""

    entered: int = 0
    earlier: tuple[Rejected, ...] = ()
    rejected: list[Rejected] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    facts: Counter[str] = field(default_factory=Counter)


def shard_folder(run: str, shard: int) -> str:
    """Where the columns of a shard lie."""
    return f"runs/{run}/shards/{shard:05d}"


def fingerprint(before: str, step: str, version: int, config: BaseModel) -> str:
    """Hash of all that determines a step's result, given the digest of the step before."""
    return hash_of([FORMAT, before, step, version, config.model_dump(mode="json")])


def read_manifest(store: Store, folder: str, step: str) -> Manifest | None:
    """The manifest of a step, or None where the step is not done.

    Raises:
        ShardError: The manifest is damaged.
    """
    path = f"{folder}/{step}.json"
    try:
        made = Manifest.decode(store.read(path))
    except FileNotFoundError:
        return None
    except ShardError as error:
        raise ShardError(f"{store.url(path)}: {error} {_MEND}") from error
    if made.step != step:
        raise ShardError(f"{store.url(path)} is the manifest of {made.step!r}. {_MEND}")
    return made


def need_manifest(store: Store, folder: str, step: str) -> Manifest:
    """The manifest of a step that must be done.

    Raises:
        ShardError: It is not.
    """
    manifest = read_manifest(store, folder, step)
    if manifest is None:
        raise ShardError(f"{store.url(folder)} has no {step}.json; run the step {step} first.")
    return manifest


def write_columns(
    store: Store, folder: str, step: str, cls: type[_Row], rows: Iterator[_Row]
) -> Written:
    """Write a step's columns while `rows` makes them."""
    with store.upload(f"{folder}/{step}.parquet") as file:
        count = write_table(rows, cls, file)
        return Written(count, _file_hash(file), file.stat().st_size)


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


def read_facts(store: Store, folder: str, step: str, cls: type[_Row]) -> list[_Row]:
    """All records of a step without their pictures, which are left empty (see `pictures`).

    Raises:
        ShardError: The column file is missing or damaged.
    """
    schema = schema_of(cls)
    wanted = [column.name for column in schema if column.type != pa.binary()]
    with _open(store, f"{folder}/{step}.parquet") as file:
        table = read_columns(file, cls, wanted)
    for column in schema:
        if column.name not in wanted:
            table = table.append_column(column, pa.array([b""] * len(table), column.type))
    return from_table(table, cls)


@contextmanager
def pictures(store: Store, folder: str, step: str, column: str) -> Iterator[Pictures]:
    """One picture column of a step, read by row number while the block lasts."""
    with (
        _open(store, f"{folder}/{step}.parquet") as file,
        Pictures(file, column) as found,
    ):
        yield found


def ref(manifest: Manifest, run: str, shard: int, *, skipped: bool) -> ShardRef:
    """What a stage returns of its manifest."""
    return ShardRef(
        run,
        shard,
        manifest.step,
        manifest.entered,
        manifest.kept,
        len(manifest.rejected),
        len(manifest.failed),
        manifest.digest,
        skipped,
    )


@contextmanager
def _open(store: Store, path: str) -> Iterator[Any]:
    try:
        file = store.open(path)
    except FileNotFoundError as error:
        raise ShardError(f"{store.url(path)} is missing.") from error
    with file:
        yield file


def hash_of(members: Any) -> str:
    """SHA-256, in hex, of anything that JSON takes."""
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _file_hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _flat(items: tuple[Rejected, ...] | tuple[Failed, ...]) -> list[dict[str, str]]:
    names = ("id", "step", "reason", "detail")
    return [{name: getattr(item, name) for name in names} for item in items]


def _verdict(cls: type, item: dict[str, str]) -> Any:
    return cls(item["id"], item["step"], Reason(item["reason"]), item["detail"])
