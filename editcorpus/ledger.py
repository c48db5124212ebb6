"""What every call cost, what is reserved, and the budget that is never passed.

The order for one call is: reserve the worst case, write the intent, call, store the answer with
its record, settle. Whatever is killed in between, the journal names every call that may have been
billed: an intent without an end, and without a stored answer of that very attempt, is *possibly
billed* and stays booked at its worst case for ever.
"""

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock
from typing import Literal, NamedTuple

from editcorpus.bookings import Intent, Outcome, Record, to_fields, to_intent, to_record
from editcorpus.errors import BudgetExceeded, StorageError
from editcorpus.journal import DAMAGED, Line, read_lines
from editcorpus.storage import Store

__all__ = [
    "Header",
    "History",
    "Intent",
    "Ledger",
    "Outcome",
    "Record",
    "image_path",
    "journal_folder",
    "parse_header",
    "read_header",
    "read_history",
    "to_fields",
    "to_intent",
    "to_record",
]

_log = logging.getLogger(__name__)
_HEADER_BYTES = (8 * 1024, 1024 * 1024)
"""How much of a stored answer is read to find its header: nearly always, and at most."""


class Ledger:
    """Dollars of one run in this process: settled, possibly billed, reserved; safe from any thread.

    Args:
        budget_usd: What the run may cost in all, possibly billed calls included; None is no limit.
        history: What earlier processes booked for the run.
    """

    def __init__(self, budget_usd: Decimal | None, history: "History | None" = None) -> None:
        past = history or History((), ())
        self.budget_usd = budget_usd
        self._spent = past.spent
        self._possibly = len(past.possibly)
        self._settled = Counter(item.step for item in past.records if item.outcome == "settled")
        self._damaged = Counter(item.key for item in past.records if item.outcome == "damaged")
        self._reserved: dict[str, Decimal] = {}
        self._out = Decimal(0)
        self._lock = Lock()
        self.calls: Counter[Outcome | Literal["cached"]] = Counter()
        self._usd: dict[tuple[str, int], Decimal] = defaultdict(Decimal)

    @property
    def spent(self) -> Decimal:
        """Booked dollars: settled, damaged and possibly billed."""
        return self._spent

    @property
    def possibly(self) -> int:
        """Calls of the run, earlier processes included, that may have been billed for nothing."""
        with self._lock:
            return self._possibly + self.calls["possibly"]

    def settled(self, step: str) -> int:
        """Calls of the run, earlier processes included, whose answers a step got."""
        with self._lock:
            return self._settled[step]

    def damaged(self, key: str) -> int:
        """How often the run, earlier processes included, paid for a useless answer to a request."""
        with self._lock:
            return self._damaged[key]

    @property
    def reserved(self) -> Decimal:
        """Worst case of all calls that are out now, in dollars."""
        return self._out

    def reserve(self, attempt: str, worst: Decimal) -> None:
        """Set the worst case of a call aside.

        Raises:
            BudgetExceeded: The run could pass its budget; nothing was set aside.
            ValueError: The attempt has a reservation; nothing was set aside.
        """
        with self._lock:
            if attempt in self._reserved:
                raise ValueError(f"The attempt {attempt!r} has a reservation already.")
            booked = self._spent + self._out
            if self.budget_usd is not None and booked + worst > self.budget_usd:
                raise BudgetExceeded(
                    f"The budget of ${self.budget_usd} would be passed: ${self._spent:.4f} is "
                    f"spent, ${self._out:.4f} is reserved, and the next call may cost "
                    f"${worst:.4f}. Start the run again with a higher budget to go on."
                )
            self._reserved[attempt] = worst
            self._out += worst

    def book(self, record: Record) -> None:
        """End a reservation with what the call really cost."""
        with self._lock:
            self._out -= self._reserved.pop(record.attempt, Decimal(0))
            self._spent += record.usd
            self.calls[record.outcome] += 1
            self._settled[record.step] += record.outcome == "settled"
            if record.outcome == "damaged":
                self._damaged[record.key] += 1
            self._usd[record.step, record.shard] += record.usd

    def usd(self, step: str, shard: int) -> Decimal:
        """Dollars that this process booked for one step over one shard."""
        with self._lock:
            return self._usd[step, shard]

    def cached(self, count: int = 1) -> None:
        """Count answers that were served from the store."""
        with self._lock:
            self.calls["cached"] += count


@dataclass(frozen=True, slots=True)
class History:
    """What the journals of a run say: every call that ended, and every one whose end is unknown."""

    records: tuple[Record, ...]
    open: tuple[Intent, ...]

    @property
    def spent(self) -> Decimal:
        """Booked dollars; calls whose end is unknown count at their worst case."""
        ended = sum((record.usd for record in self.records), Decimal(0))
        return ended + sum((intent.usd for intent in self.open), Decimal(0))

    @property
    def possibly(self) -> tuple[Intent | Record, ...]:
        """The calls that may have been billed without an answer in the store."""
        lost = (record for record in self.records if record.outcome == "possibly")
        return (*lost, *self.open)


def journal_folder(run: str) -> str:
    """Where the journals of a run lie."""
    return f"journal/{run}"


def read_history(store: Store, run: str) -> History:
    """Read all journals of a run and settle what their stored answers settle.

    Raises:
        StorageError: A line is damaged, so that nobody can say what was spent. The torn last line
            of a process that was killed is none: no call went out on it.
    """
    intents: dict[str, Intent] = {}
    ended: dict[str, Record] = {}
    for path in store.list(journal_folder(run)):
        for line in read_lines(store, path):
            _take(line, intents, ended)
    open_intents = [intent for name, intent in intents.items() if name not in ended]
    found = {intent.attempt: _settled(store, intent) for intent in open_intents}
    ended.update({name: record for name, record in found.items() if record is not None})
    return History(
        tuple(ended.values()),
        tuple(intent for intent in open_intents if found[intent.attempt] is None),
    )


def _take(line: Line, intents: dict[str, Intent], ended: dict[str, Record]) -> None:
    """File one line; kinds that this version does not know are no money."""
    try:
        if line.kind == "intent":
            intent = to_intent(line.fields())
            intents[intent.attempt] = intent
        elif line.kind in {"end", "answer"}:
            record = to_record(line.fields())
            ended[record.attempt] = record
        elif line.kind == DAMAGED:
            line.fields()
    except StorageError as error:
        raise StorageError(
            f"{error} It stands in {line.path} at byte {line.offset}; what the run has spent is not "
            "known until that line is mended or taken out."
        ) from error


class Header(NamedTuple):
    """The first line of a stored picture: its ledger record, and what proves the bytes behind it.

    Attributes:
        start: Where the picture begins, in bytes.
        size: Of the picture, in bytes.
        sha256: Of the picture, in hex.
    """

    record: Record
    start: int
    size: int
    sha256: str


def image_path(key: str) -> str:
    """Where the answer to an image request lies."""
    return f"responses/{key[:2]}/{key}"


def read_header(store: Store, key: str) -> Header | None:
    """The header of a stored picture; None where there is none, or one that is damaged."""
    path = image_path(key)
    try:
        for length in _HEADER_BYTES:
            head, end, _ = store.read_range(path, 0, length).partition(b"\n")
            if end:
                return parse_header(path, key, head)
    except FileNotFoundError:
        return None
    _log.warning("%s is damaged: it has no header.", store.url(path))
    return None


def parse_header(path: str, key: str, head: bytes) -> Header | None:
    """The header in the first line of a stored picture; None, and a warning, where it is damaged."""
    try:
        members = Line(path, 0, "answer", key, head).fields()
        record, proof = to_record(members), (members.get("bytes"), members.get("sha256"))
    except StorageError as error:
        _log.warning("%s is damaged: %s", path, error)
        return None
    if record.key != key or not isinstance(proof[0], int) or not isinstance(proof[1], str):
        _log.warning("%s is damaged: its header is not its own.", path)
        return None
    return Header(record, len(head) + 1, proof[0], proof[1])


def _settled(store: Store, intent: Intent) -> Record | None:
    """The record of a call whose picture was stored before its end could be written."""
    header = read_header(store, intent.key)
    same = header is not None and header.record.attempt == intent.attempt
    return header.record if header is not None and same else None
