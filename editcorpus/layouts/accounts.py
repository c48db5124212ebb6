"""Proof that the ledger of a corpus adds up: journal, stored answers and records agree.

Everything is read once, line by line and header by header; what is remembered is 16 bytes a call.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from editcorpus.bookings import Record, to_intent, to_record
from editcorpus.errors import ShardError, StorageError
from editcorpus.journal import DAMAGED, Line, read_lines
from editcorpus.layouts.manifest import DATA, CorpusManifest
from editcorpus.layouts.parquet import shard_answers
from editcorpus.layouts.removals import last_removals
from editcorpus.ledger import ENDS, image_path, journal_folder, read_header
from editcorpus.runs import corpus_folder
from editcorpus.storage import Store


@dataclass(frozen=True, slots=True)
class _Calls:
    """The calls of a run by the hashes of their names: those that began, and those that ended.

    Attributes:
        removed: Whether a paid picture may be missing: some were removed on purpose, or lie in the
            store of another run that was united with this one.
    """

    removed: bool
    begun: set[bytes] = field(default_factory=set)
    ended: set[bytes] = field(default_factory=set)


def check_accounts(store: Store, run: str, manifest: CorpusManifest) -> Iterator[str]:
    """A sentence for everything that does not add up.

    Every call of the run ends at most once; a stored picture's own record says the same dollars as
    the journal; and every published record goes back to a whole answer that was paid for, by a call
    that the journal knows if it was this run's. An answer that was removed on purpose (see
    `layouts.removals`) proves nothing any more, and is no problem.

    Raises:
        StorageError: The store itself failed.
    """
    removals = last_removals(store, (run, *manifest.runs))
    gone = removals is not None and removals.answers
    calls = _Calls(gone or bool(manifest.elsewhere))
    for path in store.list(journal_folder(run)):
        for line in read_lines(store, path):
            yield from _line(store, line, calls)
    for record_id, key in _published(store, run, manifest):
        yield from _answer(store, run, (record_id, key), calls)


def _line(store: Store, line: Line, calls: _Calls) -> Iterator[str]:
    record = None
    try:
        if line.kind == "intent":
            calls.begun.add(_short(to_intent(line.fields()).attempt))
        elif line.kind in ENDS:
            record = to_record(line.fields())
        elif line.kind == DAMAGED:
            line.fields()
    except StorageError as error:
        yield f"ledger: {line.path} is damaged at byte {line.offset}: {error}"
    if record is not None:
        yield from _ended(store, line.kind, record, calls)


def _ended(store: Store, kind: str, record: Record, calls: _Calls) -> Iterator[str]:
    name = _short(record.attempt)
    if name in calls.ended:
        yield f"ledger: the call {record.attempt} ended twice."
    calls.ended.add(name)
    if kind == "end" and record.outcome == "settled":  # of a picture: texts are in the journal
        yield from _picture(store, record, removed=calls.removed)


def _picture(store: Store, record: Record, *, removed: bool) -> Iterator[str]:
    """Hold what the journal says of a paid picture against the picture's own record.

    A picture that was set aside as damaged may be missing, or paid for once more by another call.
    """
    header = read_header(store, record.key)
    if header is None:
        gone = removed and not store.exists(image_path(record.key))
        if not gone and not store.exists(f"damaged/{record.key}"):
            yield f"ledger: {image_path(record.key)} is missing; {record.attempt} paid for it."
    elif header.record.attempt == record.attempt and header.record.usd != record.usd:
        yield (
            f"ledger: the call {record.attempt} cost ${record.usd} by the journal, but "
            f"${header.record.usd} by its stored answer."
        )


def _published(store: Store, run: str, manifest: CorpusManifest) -> Iterator[tuple[str, str]]:
    """Id and hash of the paid answer of every record, as far as the files can be read."""
    for file in manifest.files:
        if not file.path.startswith(DATA) or "/" in file.path.removeprefix(DATA):
            continue
        try:
            yield from shard_answers(store, f"{corpus_folder(run)}/{file.path}")
        except ShardError:
            continue  # the audit of the file says so


def _answer(store: Store, run: str, which: tuple[str, str], calls: _Calls) -> Iterator[str]:
    record_id, key = which
    header = read_header(store, key)
    if header is None:
        if not calls.removed or store.exists(image_path(key)):
            yield f"ledger: {record_id!r} has no stored header at {image_path(key)}."
        return
    record = header.record
    if record.outcome != "settled":
        yield f"ledger: {record_id!r} rests on a call that is {record.outcome}, not settled."
    if store.size(image_path(key)) != header.start + header.size:
        yield f"ledger: {image_path(key)}, of {record_id!r}, has not its whole length."
    name = _short(record.attempt)
    if record.run == run and name not in calls.begun and name not in calls.ended:
        yield f"ledger: {record_id!r} rests on {record.attempt}, which is in no journal of the run."


def _short(attempt: str) -> bytes:
    return hashlib.blake2b(attempt.encode("utf-8", "surrogatepass"), digest_size=16).digest()
