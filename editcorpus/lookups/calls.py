"""The calls of a run, one at a time, as its journals have them.

`ledger.read_history` holds every record; here each is handed on and forgotten. What is remembered is
the hash of each call's name, about 120 bytes a call, so that one that is on record twice is told once.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from editcorpus.bookings import Intent, Record, to_intent, to_record
from editcorpus.errors import ConfigError, StorageError
from editcorpus.journal import Line, read_lines
from editcorpus.ledger import ENDS, journal_folder, read_header
from editcorpus.stages.plan import need_plan
from editcorpus.storage import Store

Call = Record | Intent
"""A call as it ended; or only its intent, where nobody knows how it ended: *possibly billed*."""


def run_names(store: Store) -> list[str]:
    """Every run that has a journal or a plan, by name."""
    plans = (path for path in store.list("runs") if path.endswith("/plan.json"))
    known = {path.split("/")[1] for path in plans if path.count("/") == 2}
    return sorted(known | {path.split("/")[1] for path in store.list("journal")})


def wanted_runs(store: Store, run: str) -> list[str]:
    """The run of this name, or all runs of the store where the name is empty.

    Raises:
        ConfigError: There is none, or it has neither a journal nor a whole plan yet.
    """
    if not run:
        found = run_names(store)
        if not found:
            raise ConfigError(f"The store {store.root} has no run.")
        return found
    if not store.list(journal_folder(run)):
        need_plan(store, run)
    return [run]


def read_calls(store: Store, run: str, about: str = "") -> Iterator[Call]:
    """Every call of a run once: those that ended, in the order of the journals, then the open ones.

    The sum of `usd` is `History.spent`. The journals are read twice.

    Args:
        store: Where the run lies.
        run: Its name.
        about: An id (which JSON writes as it is) whose calls are wanted; others may come, too.

    Raises:
        StorageError: A line is damaged, so that nobody can say what was spent.
    """
    for call in journal_calls(store, run, about):
        yield _settled(store, call) if isinstance(call, Intent) else call


def journal_calls(store: Store, run: str, about: str = "") -> Iterator[Call]:
    """As `read_calls`, by the journals alone: a call whose end was lost stays an intent."""
    known = _Known()
    for call in _lines(store, run, about.encode()):
        known.take(call)
    last: dict[str, Record] = {}
    for call in _lines(store, run, about.encode()):
        if isinstance(call, Intent):
            continue
        if _short(call.attempt) in known.twice:
            last[call.attempt] = call
        else:
            yield call
    yield from last.values()
    yield from known.open.values()


@dataclass(slots=True)
class _Known:
    """Calls by the hashes of their names; those without an end, whole."""

    ended: set[bytes] = field(default_factory=set)
    twice: set[bytes] = field(default_factory=set)
    open: dict[str, Intent] = field(default_factory=dict)

    def take(self, call: Call) -> None:
        name = _short(call.attempt)
        if isinstance(call, Record):
            (self.twice if name in self.ended else self.ended).add(name)
            self.open.pop(call.attempt, None)
        elif name not in self.ended:
            self.open[call.attempt] = call


def _lines(store: Store, run: str, holding: bytes) -> Iterator[Call]:
    for path in store.list(journal_folder(run)):
        for line in read_lines(store, path):
            call = read_call(line) if holding in line.data else None
            if call is not None:
                yield call


def read_call(line: Line) -> Call | None:
    """The intent or the record in a journal line; None where it holds neither.

    Raises:
        StorageError: The line is damaged.
    """
    members = line.fields()
    try:
        if line.kind == "intent":
            return to_intent(members)
        return to_record(members) if line.kind in ENDS else None
    except StorageError as error:
        raise StorageError(f"{error} It stands in {line.path} at byte {line.offset}.") from error


def _settled(store: Store, intent: Intent) -> Call:
    """A call whose end was lost: its record, where its own picture is in the store."""
    header = read_header(store, intent.key)
    same = header is not None and header.record.attempt == intent.attempt
    return header.record if header is not None and same else intent


def _short(attempt: str) -> bytes:
    return hashlib.blake2b(attempt.encode("utf-8", "surrogatepass"), digest_size=16).digest()
