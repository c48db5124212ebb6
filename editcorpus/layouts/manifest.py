"""The manifest of a corpus: what it holds, file by file, and that nothing is missing.

A finished corpus under `corpora/<run>/` is `data/train-*.parquet`, `rejects.parquet`,
`failed.parquet`, `README.md` and, written last, `manifest.json`: no manifest, no corpus. One that unites
several runs has the splits `validation` and `test` beside `train`, and says whose records it holds.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from editcorpus.errors import ShardError
from editcorpus.layouts.parquet import ShardFile
from editcorpus.renewing import renew
from editcorpus.storage import Store

VERSION = 1
"""Raised when the layout of a corpus changes."""

NAME = "manifest.json"
REJECTS = "rejects.parquet"
FAILED = "failed.parquet"
CARD = "README.md"
DATA = "data/"
_COUNTS = ("rejected", "failed", "tasks", "licences", "sources", "families", "types")
PARTITIONS = ("tasks", "licences", "sources", "families", "types")
"""Members that count all kept records, each by another property."""
_UNITED = ("sources", "families", "types", "runs", "elsewhere", "release", "content")
"""Members that a corpus of one run alone does not have."""


@dataclass(frozen=True, slots=True)
class CorpusManifest:
    """What a corpus holds.

    Attributes:
        run: Name of the run that made it.
        entered: Ids that entered; each is kept, rejected or failed.
        kept: Records in the files under `data/`.
        rejected: Ids with a final verdict, by reason.
        failed: Ids without a verdict, by reason.
        files: Every parquet file; paths are relative to the corpus.
        models: Model by what it did, such as `regenerate`.
        tasks: Kept records by task.
        licences: Kept records by licence.
        sources: Kept records by source, where runs were united; likewise all that follows.
        families: Kept records by task family; empty text where the source does not tell.
        types: Kept records by type of instruction.
        runs: The runs that were united, or the one that was refiltered: name, and SHA-256 of the
            manifest of each.
        elsewhere: Those among them whose paid answers lie in another store.
        release: Version of the corpus, as https://semver.org has it.
        content: SHA-256 over names and hashes of all files with records.
    """

    run: str
    entered: int
    kept: int
    rejected: Mapping[str, int]
    failed: Mapping[str, int]
    files: tuple[ShardFile, ...]
    models: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, int] = field(default_factory=dict)
    licences: Mapping[str, int] = field(default_factory=dict)
    version: int = VERSION
    sources: Mapping[str, int] = field(default_factory=dict)
    families: Mapping[str, int] = field(default_factory=dict)
    types: Mapping[str, int] = field(default_factory=dict)
    runs: Mapping[str, str] = field(default_factory=dict)
    elsewhere: tuple[str, ...] = ()
    release: str = ""
    content: str = ""

    def encode(self) -> bytes:
        """The manifest as JSON, for people too; the same facts give the same bytes."""
        members = {item.name: getattr(self, item.name) for item in fields(self)}
        counts = {name: dict(members[name]) for name in _COUNTS}
        made = {**members, **counts, "models": dict(self.models), "runs": dict(self.runs)}
        for name in _UNITED:
            if not made[name]:
                del made[name]
        made["files"] = [asdict(file) for file in self.files]
        return json.dumps(made, indent=1, sort_keys=True).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> "CorpusManifest":
        """Read a manifest.

        Raises:
            ShardError: It is damaged.
        """
        try:
            members = json.loads(data)
            members["files"] = tuple(_file(item) for item in members["files"])
            members["elsewhere"] = tuple(members.get("elsewhere", ()))
            made = cls(**members)
            _check_types(made)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ShardError(f"The manifest of the corpus is damaged: {error!r}.") from error
        return made


def commit_manifest(store: Store, folder: str, manifest: CorpusManifest) -> None:
    """Make a corpus valid, once all its files are there.

    Args:
        store: Where everything lies.
        folder: Where the corpus lies, such as `corpora/<run>`.
        manifest: Its facts; `files` as they were written, with their paths in the store.

    Raises:
        ShardError: The sums contradict each other, or a file lies elsewhere.
    """
    files = tuple(_inside(folder, file) for file in manifest.files)
    members = {item.name: getattr(manifest, item.name) for item in fields(manifest)}
    made = CorpusManifest(**{**members, "files": tuple(sorted(files, key=lambda f: f.path))})
    wrong = sums(made)
    if wrong:
        raise ShardError(f"{store.url(folder)} is no corpus: {wrong[0]}")
    path, data = f"{folder}/{NAME}", made.encode()
    renew(store, path, data)


def read_manifest(store: Store, folder: str) -> CorpusManifest | None:
    """The manifest of a corpus, or None where the corpus is not finished.

    Raises:
        ShardError: The manifest is damaged.
    """
    try:
        return CorpusManifest.decode(store.read(f"{folder}/{NAME}"))
    except FileNotFoundError:
        return None


def sums(manifest: CorpusManifest) -> list[str]:
    """What does not add up, as sentences; nothing where all is well."""
    rejected, failed = sum(manifest.rejected.values()), sum(manifest.failed.values())
    problems = []
    if manifest.entered != manifest.kept + rejected + failed:
        problems.append(
            f"{manifest.entered} ids entered, but {manifest.kept} were kept, {rejected} rejected "
            f"and {failed} failed."
        )
    kept = sum(file.records for file in manifest.files if file.path.startswith(DATA))
    expected = (("data/", kept, manifest.kept), *_outcomes(manifest, rejected, failed))
    problems += [
        f"{place} holds {found} records, but the manifest counts {told}."
        for place, found, told in expected
        if found != told
    ]
    parts = [(name, getattr(manifest, name)) for name in PARTITIONS]
    problems += [
        f"The {name} sum up to {sum(part.values())} records, but {manifest.kept} were kept."
        for name, part in parts
        if part and sum(part.values()) != manifest.kept
    ]
    return problems


def _outcomes(
    manifest: CorpusManifest, rejected: int, failed: int
) -> Iterable[tuple[str, int, int]]:
    records = {file.path: file.records for file in manifest.files}
    return (
        (REJECTS, records.get(REJECTS, 0), rejected),
        (FAILED, records.get(FAILED, 0), failed),
    )


def _inside(folder: str, file: ShardFile) -> ShardFile:
    path = file.path.removeprefix(f"{folder}/")
    if path == file.path:
        raise ShardError(f"{file.path} does not lie in {folder}.")
    return ShardFile(path, file.records, file.bytes, file.sha256)


def _file(members: Any) -> ShardFile:
    made = ShardFile(**members)
    numbers = (made.records, made.bytes)
    if not isinstance(made.path, str) or not all(_is_count(number) for number in numbers):
        raise ValueError(f"{members!r} is no file")
    return made


def _check_types(manifest: CorpusManifest) -> None:
    counts = [manifest.entered, manifest.kept, manifest.version]
    for name in _COUNTS:
        counts += dict(getattr(manifest, name)).values()
    if not all(_is_count(count) for count in counts):
        raise ValueError("a count is no whole number of at least 0")
    if manifest.version != VERSION:
        raise ValueError(f"it has version {manifest.version}, not {VERSION}")
    texts = [manifest.run, manifest.release, manifest.content, *manifest.elsewhere]
    if not all(isinstance(text, str) for text in (*texts, *dict(manifest.runs).values())):
        raise TypeError("its run, or what it says of united runs, is no text")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
