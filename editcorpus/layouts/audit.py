"""The audit: opens a finished corpus and proves it, file by file and record by record.

Published corpora lack this: of 93,597 entries of one, 6,705 name a picture that is not there
(github.com/wyhlovecpp/GPT-Image-Edit, thread 9). Damage never raises; each is a sentence that
names the file and the id.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from editcorpus.errors import ShardError
from editcorpus.layouts.findings import BASE, record_problems
from editcorpus.layouts.manifest import (
    CARD,
    DATA,
    FAILED,
    PARTITIONS,
    REJECTS,
    CorpusManifest,
    read_manifest,
    sums,
)
from editcorpus.layouts.parquet import ShardFile, outcome_rows, shard_rows
from editcorpus.layouts.removals import Removals, last_removals
from editcorpus.ledger import image_path
from editcorpus.records import Reason
from editcorpus.runs import corpus_folder
from editcorpus.storage import Store

Check = Callable[[Store, str, CorpusManifest], Iterable[str]]
"""Another proof: takes the store, the run and the manifest; gives a sentence for each problem."""

MAX_PROBLEMS = 1_000
"""Sentences that an audit keeps; those beyond are counted only, so that memory stays bounded."""

_CHUNK = 8 * 2**20
_COLUMNS = {
    "tasks": "task",
    "licences": "license",
    "sources": "dataset_source",
    "families": "family",
    "types": "instruction_type",
}
"""The column that each of `PARTITIONS` counts."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        problems: One sentence each; none where the corpus is whole.
        counts: What was opened: `files`, `bytes`, `records`, `pictures`, `rejected`, `failed`.
        unproven: One sentence for each thing that cannot be proved any more, since it was removed on
            purpose.
    """

    problems: list[str]
    counts: dict[str, int]
    unproven: list[str] = field(default_factory=list)


def audit(store: Store, run: str, checks: Iterable[Check] = ()) -> Audit:
    """Prove the corpus of a run.

    Manifest, size and SHA-256 of every file; of every record its text, scores, geometry, both
    pictures (decoded one at a time) and its paid answer; ids unique over kept, rejected and failed;
    all sums; then `checks`.

    Raises:
        StorageError: The store itself failed, so that nothing can be said.
    """
    report = _Report(store, run)
    try:
        manifest = read_manifest(store, report.folder)
    except ShardError as error:
        manifest = None
        report.add(f"manifest.json: {error}")
    else:
        if manifest is None:
            report.add(f"manifest.json: it is missing, so {report.folder} is not finished.")
    if manifest is not None:
        _audit_corpus(report, run, manifest)
        for check in checks:
            report.extend(_guarded(partial(check, store, run, manifest)))
    return report.finish()


def _audit_corpus(report: "_Report", run: str, manifest: CorpusManifest) -> None:
    if manifest.run != run:
        report.add(f"manifest.json: it belongs to the run {manifest.run!r}, not {run!r}.")
    report.opened(manifest)
    report.extend(f"manifest.json: {problem}" for problem in sums(manifest))
    report.extend(_loose_files(report.store, report.folder, manifest))
    for file in manifest.files:
        report.file(file)
    report.compare("reasons of rejects.parquet", report.rejected, manifest.rejected)
    report.compare("reasons of failed.parquet", report.failed, manifest.failed)
    for name in PARTITIONS:
        report.compare(name, report.parts[name], getattr(manifest, name))


class _Report:
    """What is known so far, over all files of one corpus."""

    def __init__(self, store: Store, run: str) -> None:
        self.store = store
        self.folder = corpus_folder(run)
        self._run = run
        self._removals: Removals | None = None
        self._elsewhere: tuple[str, ...] = ()
        self._removed = self._away = 0
        self.rejected: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.parts: dict[str, Counter[str]] = {name: Counter() for name in PARTITIONS}
        self._problems: list[str] = []
        self._more = 0
        self._counts = Counter(
            dict.fromkeys(("files", "bytes", "records", "pictures", "rejected", "failed"), 0)
        )
        self._ids: set[bytes] = set()

    def opened(self, manifest: CorpusManifest) -> None:
        """Know of answers that are not to be found: removed on purpose, or in another store."""
        self._removals = last_removals(self.store, (self._run, *manifest.runs))
        self._elsewhere = manifest.elsewhere

    def add(self, problem: str) -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(problem)
        else:
            self._more += 1

    def extend(self, problems: Iterable[str]) -> None:
        for problem in problems:
            self.add(problem)

    def finish(self) -> Audit:
        more = [f"And {self._more} more problems."] if self._more else []
        return Audit([*self._problems, *more], dict(self._counts), list(self._unproven()))

    def _unproven(self) -> Iterator[str]:
        if self._removals is not None and self._removed:
            yield (
                f"{self._removed} records name paid answers that `editcorpus gc` removed, last on "
                f"{self._removals.at[:10]}: the journal alone says that they were paid for."
            )
        if self._away:
            yield (
                f"{self._away} records name paid answers that lie in the store of another run: of "
                f"{', '.join(self._elsewhere)}."
            )

    def file(self, file: ShardFile) -> None:
        """Prove one file of the manifest, then what is in it, as far as it can be read."""
        readers = {REJECTS: self._outcomes, FAILED: self._outcomes}
        if file.path not in readers and not _is_shard(file.path):
            self.add(f"manifest.json: {file.path!r} is not a file of a corpus.")
            return
        if not self.store.exists(f"{self.folder}/{file.path}"):
            self.add(f"{file.path}: it is missing.")
            return
        self._content(file)
        self.extend(_guarded(partial(readers.get(file.path, self._records), file)))

    def compare(self, name: str, found: Counter[str], told: Any) -> None:
        """Hold what was counted against what the manifest says; nothing was told of tasks: skip."""
        for key in sorted(set(found) | set(told)) if told or name.startswith("reasons") else ():
            if found[key] != told.get(key, 0):
                self.add(
                    f"manifest.json: of the {name}, it counts {told.get(key, 0)} times {key!r}; "
                    f"the files hold {found[key]}."
                )

    def _content(self, file: ShardFile) -> None:
        digest, size = hashlib.sha256(), 0
        with self.store.open(f"{self.folder}/{file.path}") as opened:
            while chunk := opened.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
        self._counts.update(files=1, bytes=size)
        if size != file.bytes:
            self.add(f"{file.path}: it has {size} bytes, not {file.bytes}.")
        elif digest.hexdigest() != file.sha256:
            self.add(f"{file.path}: its SHA-256 is {digest.hexdigest()}, not {file.sha256}.")

    def _records(self, file: ShardFile) -> Iterator[str]:
        count = 0
        for row in shard_rows(self.store, f"{self.folder}/{file.path}"):
            count += 1
            self._counts.update(records=1, pictures=2)
            for name, column in _COLUMNS.items():
                self.parts[name][str(row[column])] += 1
            problems = (self._id(row["id"]), *record_problems(row), self._answer(row))
            yield from (f"{file.path}: {row['id']!r} {text}" for text in problems if text)
        if count != file.records:
            yield f"{file.path}: it holds {count} records, not {file.records}."

    def _outcomes(self, file: ShardFile) -> Iterator[str]:
        name, reasons = (
            ("rejected", self.rejected) if file.path == REJECTS else ("failed", self.failed)
        )
        count = 0
        for row in outcome_rows(self.store, f"{self.folder}/{file.path}"):
            count += 1
            self._counts[name] += 1
            reasons[str(row["reason"])] += 1
            problems = (self._id(row["id"]), _outcome_problem(row))
            yield from (f"{file.path}: {row['id']!r} {text}" for text in problems if text)
        if count != file.records:
            yield f"{file.path}: it holds {count} rows, not {file.records}."

    def _id(self, record_id: str | None) -> str:
        if not record_id:
            return "is no id."
        digest = hashlib.blake2b(record_id.encode(), digest_size=16).digest()
        known = digest in self._ids
        self._ids.add(digest)
        return "occurs more than once." if known else ""

    def _answer(self, row: dict[str, Any]) -> str:
        key: str | None = row["response"]
        if key is None or (not key and row["variant"] == BASE):
            return ""  # `record_problems` says of null that it is there
        if len(key) != 64 or set(key) - set("0123456789abcdef"):
            return f"names {key!r}, which is no hash, as its paid answer."
        if self.store.exists(image_path(key)):
            return ""
        if self._removals is not None and self._removals.answers:
            self._removed += 1
            return ""
        if self._elsewhere:
            self._away += 1
            return ""
        return f"has no paid answer at {image_path(key)}."


def _guarded(find: Callable[[], Iterable[str]]) -> Iterator[str]:
    """The problems that are found, and as the last one why no more could be."""
    try:
        yield from find()
    except ShardError as error:
        yield str(error)


def _loose_files(store: Store, folder: str, manifest: CorpusManifest) -> Iterator[str]:
    paths = Counter(file.path for file in manifest.files)
    yield from (
        f"manifest.json: it names {path!r} {n} times." for path, n in paths.items() if n > 1
    )
    yield from (
        f"{name}: the manifest does not name it." for name in (REJECTS, FAILED) if name not in paths
    )
    if not store.exists(f"{folder}/{CARD}"):
        yield f"{CARD}: it is missing."
    for path in store.list(f"{folder}/data"):
        inside = path.removeprefix(f"{folder}/")
        if inside not in paths:
            yield f"{inside}: loaders read it, but the manifest does not name it."


def _is_shard(path: str) -> bool:
    name = path.removeprefix(DATA)
    return path.startswith(DATA) and "/" not in name and name.endswith(".parquet")


def _outcome_problem(row: dict[str, Any]) -> str:
    missing = [name for name, value in row.items() if value is None]
    if missing:
        return f"has null in {missing[0]}."
    return "" if row["reason"] in set(Reason) else f"has the unknown reason {row['reason']!r}."
