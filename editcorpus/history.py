"""What the journals of a run say of its calls: each record.

A call may be on record twice: what was written by a write that failed halfway is written once more, and
an answer that could not be kept ends as possibly billed. What stands last counts.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from editcorpus.bookings import Intent, Record, to_intent, to_record
from editcorpus.errors import StorageError
from editcorpus.headers import read_header
from editcorpus.journal import DAMAGED, Line, read_journals
from editcorpus.storage import Store
from editcorpus.totals import Totals

ENDS = frozenset({"end", "answer", "refusal"})
"""The kinds of journal lines that hold a record: what became of a call."""


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
    folder = journal_folder(run)
    paths = store.list(f"{folder}/{process}" if process else folder)
    lines = (line for _, some in read_journals(store, paths) for line in some)
    for call in calls_of(lines):
        if isinstance(call, Intent):
            intents[call.attempt] = call
        else:
            ended[call.attempt] = call
    lost = [intent for name, intent in intents.items() if name not in ended]
    found, still_open = settled(store, lost)
    return History((*ended.values(), *found), still_open)


def calls_of(lines: Iterable[Line]) -> Iterator[Intent | Record]:
    """What journal lines say of calls.

    Raises:
        StorageError: A line is damaged; its place is named.
    """
    for line in lines:
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


def settled(store: Store, lost: Iterable[Intent]) -> tuple[list[Record], tuple[Intent, ...]]:
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
