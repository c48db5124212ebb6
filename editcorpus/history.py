"""What the journals of a run say of its calls: each record, or only what they add up to.

A call may be on record twice: what was written by a write that failed halfway is written once more, and
an answer that could not be kept ends as possibly billed. What stands last counts.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from editcorpus.bookings import Intent, Outcome, Record, to_intent, to_record
from editcorpus.errors import StorageError
from editcorpus.headers import read_header
from editcorpus.journal import DAMAGED, Line, read_lines
from editcorpus.storage import Store

ENDS = frozenset({"end", "answer", "refusal"})
"""The kinds of journal lines that hold a record: what became of a call."""


@dataclass(slots=True)
class Totals:
    """What the calls of a run, or of one process, add up to.

    Attributes:
        ended_usd: Booked dollars of the calls that ended.
        outcomes: How many ended how.
        settled: Answers by step.
        damaged: Useless answers that were paid for, by the hash of the request.
        usd: Booked dollars of the calls that ended, by step and shard.
        open: The calls whose end is unknown.
    """

    ended_usd: Decimal = Decimal(0)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)
    damaged: Counter[str] = field(default_factory=Counter)
    usd: defaultdict[tuple[str, int], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    open: tuple[Intent, ...] = ()

    @property
    def spent(self) -> Decimal:
        """Booked dollars; calls whose end is unknown count at their worst case."""
        return self.ended_usd + sum((intent.usd for intent in self.open), Decimal(0))

    @property
    def possibly(self) -> int:
        """How many calls may have been billed without an answer in the store."""
        return self.outcomes["possibly"] + len(self.open)

    def add(self, record: Record, times: int = 1) -> None:
        """Add a call that ended; -1 times takes it out again."""
        self.ended_usd += record.usd * times
        self.outcomes[record.outcome] += times
        self.usd[record.step, record.shard] += record.usd * times
        if record.outcome == "settled":
            self.settled[record.step] += times
        if record.outcome == "damaged":
            self.damaged[record.key] += times


@dataclass(frozen=True, slots=True)
class History:
    """Every call that ended, and every one whose end is unknown; about 1.2 kB each."""

    records: tuple[Record, ...]
    open: tuple[Intent, ...]

    @property
    def totals(self) -> Totals:
        """What it adds up to."""
        made = Totals(open=self.open)
        for record in self.records:
            made.add(record)
        return made

    @property
    def spent(self) -> Decimal:
        """Booked dollars; calls whose end is unknown count at their worst case."""
        return self.totals.spent

    @property
    def possibly(self) -> tuple[Intent | Record, ...]:
        """The calls that may have been billed without an answer in the store."""
        lost = (record for record in self.records if record.outcome == "possibly")
        return (*lost, *self.open)


def journal_folder(run: str) -> str:
    """Where the journals of a run lie."""
    return f"journal/{run}"


def read_history(store: Store, run: str, process: str = "") -> History:
    """Read all journals of a run, or of one process, and settle what their stored answers settle.

    Raises:
        StorageError: A line is damaged, so that nobody can say what was spent. The torn last line
            of a process that was killed is none: no call went out on it.
    """
    intents: dict[str, Intent] = {}
    ended: dict[str, Record] = {}
    for call in _calls(store, run, process):
        if isinstance(call, Intent):
            intents[call.attempt] = call
        else:
            ended[call.attempt] = call
    lost = [intent for name, intent in intents.items() if name not in ended]
    found, still_open = _settled(store, lost)
    return History((*ended.values(), *found), still_open)


def read_totals(
    store: Store, run: str, process: str = "", *, without: Collection[str] = ()
) -> Totals:
    """What the calls of a run, or of one process, add up to; with 60 bytes of memory a call.

    Args:
        store: Where the journals lie.
        run: Whose.
        process: Whose alone; empty for all.
        without: Processes whose journals are left out.

    Raises:
        StorageError: As `read_history`.
    """
    made = Totals()
    open_calls: dict[str, Intent] = {}
    seen = array("q")
    for call in _calls(store, run, process, without):
        if isinstance(call, Intent):
            open_calls[call.attempt] = call
        else:
            open_calls.pop(call.attempt, None)
            seen.append(hash(call.attempt))
            made.add(call)
    if twice := _twice(seen, open_calls):
        calls = _calls(store, run, process, without)
        _once(made, open_calls, (one for one in calls if _of(one, twice)))
    found, made.open = _settled(store, open_calls.values())
    for record in found:
        made.add(record)
    return made


def _twice(seen: "array[int]", open_calls: Iterable[str]) -> set[int]:
    """Hashes of names that may have ended twice, or before they began."""
    names = np.sort(np.array(seen, np.int64))
    late = np.array([hash(name) for name in open_calls], np.int64)
    return {*names[1:][names[1:] == names[:-1]].tolist(), *np.intersect1d(names, late).tolist()}


def _of(call: Intent | Record, hashes: set[int]) -> bool:
    return isinstance(call, Record) and hash(call.attempt) in hashes


def _once(totals: Totals, open_calls: dict[str, Intent], ends: Iterable[Intent | Record]) -> None:
    """Take out again what was added of calls on record more than once, but for the last record."""
    last: dict[str, Record] = {}
    for call in ends:
        assert isinstance(call, Record)  # noqa: S101
        open_calls.pop(call.attempt, None)
        if call.attempt in last:
            totals.add(last[call.attempt], -1)
        last[call.attempt] = call


def _calls(
    store: Store, run: str, process: str, without: Collection[str] = ()
) -> Iterator[Intent | Record]:
    folder = journal_folder(run)
    for path in store.list(f"{folder}/{process}" if process else folder):
        if path.removeprefix(f"{folder}/").partition("/")[0] in without:
            continue
        for line in read_lines(store, path):
            call = _call(line)
            if call is not None:
                yield call


def _call(line: Line) -> Intent | Record | None:
    """What one line says of a call; kinds that this version does not know are no money."""
    try:
        if line.kind == "intent":
            return to_intent(line.fields())
        if line.kind in ENDS:
            return to_record(line.fields())
        if line.kind == DAMAGED:
            line.fields()
    except StorageError as error:
        raise StorageError(
            f"{error} It stands in {line.path} at byte {line.offset}; what the run has spent is not "
            "known until that line is mended or taken out."
        ) from error
    return None


def _settled(store: Store, lost: Iterable[Intent]) -> tuple[list[Record], tuple[Intent, ...]]:
    """The records of calls whose pictures were stored before their ends were; and the other calls."""
    found: list[Record] = []
    still_open: list[Intent] = []
    for intent in lost:
        header = read_header(store, intent.key)
        if header is not None and header.record.attempt == intent.attempt:
            found.append(header.record)
        else:
            still_open.append(intent)
    return found, tuple(still_open)
