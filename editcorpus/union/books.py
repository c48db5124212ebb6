"""What is on record of a united corpus: its terms, and the runs that came into it, addition by addition.

`unions/<name>/union.json` tells what is in; it is written before the corpus' manifest. While an addition
is under way, `unions/<name>/pending.json` names its runs, and there is no manifest.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from editcorpus.errors import ConfigError, ShardError
from editcorpus.layouts.manifest import CorpusManifest
from editcorpus.layouts.parquet import ShardFile
from editcorpus.runs import corpus_folder
from editcorpus.storage import Store
from editcorpus.union.terms import Terms

VERSION = 2
"""Raised when uniting the same runs gives something else."""
_EARLIER: Mapping[int, Mapping[str, Any]] = {1: {"near_duplicates": False}}
"""By version: terms that books of it do not name, and that hold for what came in under it."""


@dataclass(frozen=True, slots=True)
class Member:
    """A run in a united corpus.

    Attributes:
        label: Its name, made unique over the corpus' runs.
        place: Where its corpus lies: a folder of the store itself, or else a URL or path.
        elsewhere: Whether it lies in another store, so that its paid answers do, too.
        sha256: Of its manifest.
        told: What its manifest says, as JSON takes it: enough to know its records again.
        losses: Whom it gave up, for its funnel: `rejected` or `failed`, step, reason, how many.
        emulated: Whether its answers came from the sandbox.
    """

    label: str
    place: str
    elsewhere: bool
    sha256: str
    told: Mapping[str, Any]
    losses: tuple[tuple[str, str, str, int], ...] = ()
    emulated: bool = False

    @property
    def manifest(self) -> CorpusManifest:
        """The manifest that it had when it came."""
        return CorpusManifest.decode(json.dumps(self.told).encode())


@dataclass(frozen=True, slots=True)
class Addition:
    """Runs that came together.

    Attributes:
        release: Version of the corpus since then.
        files: Files with records that came with them; paths are those in the corpus.
    """

    members: tuple[Member, ...]
    release: str
    files: tuple[ShardFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Book:
    """What is on record of a united corpus.

    Attributes:
        before: Version of a corpus of this name that this one took the place of.
        against: Benchmarks that it is held against: SHA-256 of the hash file by name.
    """

    terms: Terms
    additions: tuple[Addition, ...] = ()
    before: str = ""
    against: Mapping[str, str] = field(default_factory=dict)

    @property
    def members(self) -> tuple[Member, ...]:
        """All runs that are in, in the order in which they came."""
        return tuple(member for addition in self.additions for member in addition.members)

    @property
    def release(self) -> str:
        """Version of the corpus as it is; empty where there is none yet."""
        return self.additions[-1].release if self.additions else ""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the book of one corpus lies."""

    store: Store
    name: str

    @property
    def folder(self) -> str:
        """Where all that is on record lies."""
        return f"unions/{self.name}"

    @property
    def corpus(self) -> str:
        """Where the corpus itself lies."""
        return corpus_folder(self.name)

    @property
    def notes(self) -> str:
        """Where it stands which files of an addition are whole."""
        return f"{self.folder}/files"

    @property
    def pending(self) -> str:
        """Says which addition is under way."""
        return f"{self.folder}/pending.json"

    def read(self) -> Book | None:
        """What is on record; None where there is nothing.

        Raises:
            ConfigError: Another version of the project wrote it.
            ShardError: It is damaged.
        """
        told = self._told(f"{self.folder}/union.json")
        if told is None:
            return None
        version = int(told["version"]) if isinstance(told.get("version"), int) else 0
        if version != VERSION and version not in _EARLIER:
            raise ConfigError(f"{self.name!r} was united by another version; unite it with --anew.")
        try:
            additions = tuple(_addition(one) for one in told["additions"])
            terms = Terms.model_validate(told["terms"] | _EARLIER.get(version, {}))
            against = {str(name): str(told["against"][name]) for name in told.get("against", {})}
            return Book(terms, additions, str(told["before"]), against)
        except (KeyError, TypeError, ValueError) as error:
            raise ShardError(f"{self._url} is damaged: {error}") from error

    def write(self, book: Book) -> None:
        """Put on record what is in the corpus."""
        additions = [asdict(addition) for addition in book.additions]
        told = {
            "terms": book.terms.model_dump(mode="json"),
            "additions": additions,
            "before": book.before,
            "against": dict(book.against),
        }
        data = json.dumps({"version": VERSION, **told}, indent=1, sort_keys=True).encode() + b"\n"
        self.store.write(f"{self.folder}/union.json", data)

    def read_pending(self) -> tuple[str, ...]:
        """Hashes of the manifests whose addition is under way; none where nothing is."""
        told = self._told(self.pending) or {}
        found = told.get("runs", ())
        return tuple(map(str, found)) if isinstance(found, list) else ()

    def write_pending(self, members: Sequence[Member]) -> None:
        """Say whose addition is under way."""
        told = {"runs": [member.sha256 for member in members]}
        self.store.write(self.pending, json.dumps(told).encode() + b"\n")

    @property
    def _url(self) -> str:
        return self.store.url(f"{self.folder}/union.json")

    def _told(self, path: str) -> dict[str, Any] | None:
        try:
            found = json.loads(self.store.read(path))
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise ShardError(f"{self.store.url(path)} is damaged; unite the runs with --anew.")
        return found


def _addition(told: Mapping[str, Any]) -> Addition:
    members = tuple(_member(one) for one in told["members"])
    files = tuple(ShardFile(**one) for one in told["files"])
    return Addition(members, str(told["release"]), files)


def _member(told: Mapping[str, Any]) -> Member:
    return Member(**{**told, "losses": tuple(tuple(one) for one in told["losses"])})
