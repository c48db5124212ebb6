"""What every call cost, what is reserved, and the budget that is never passed.

The order for one call is: reserve the worst case, write the intent, call, store the answer with
its record, settle. Whatever is killed in between, the journal names every call that may have been
billed: an intent without an end, and without a stored answer of that very attempt, is *possibly
billed* and stays booked at its worst case for ever.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from threading import Lock
from typing import Any, Literal

from editcorpus.errors import BudgetExceeded
from editcorpus.journal import Line, read_lines
from editcorpus.storage import Store

Outcome = Literal["settled", "damaged", "possibly", "free"]
"""What became of a call: paid and stored; paid and useless; perhaps paid; certainly not paid."""

_HEADER_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Intent:
    """A call that is about to go out.

    Attributes:
        attempt: Unique name of this try: process and number.
        key: Hash of the request.
        usd: Its worst case, in dollars.
    """

    attempt: str
    key: str
    run: str
    shard: int
    id: str
    step: str
    sample: int
    model: str
    usd: Decimal
    at: str


@dataclass(frozen=True, slots=True)
class Record:
    """One call as the ledger has it: the intent's members, and what became of it.

    Attributes:
        usd: What is booked, in dollars: the price for `settled` and `damaged`, the worst case for
            `possibly`, zero for `free`.
        usage: Tokens by class, as the API reported them.
        request_id: The API's name of the call, where it gave one.
        seconds: From sending to the last byte.
        at: When it ended, ISO 8601, UTC.
    """

    attempt: str
    key: str
    run: str
    shard: int
    id: str
    step: str
    sample: int
    model: str
    usd: Decimal
    at: str
    outcome: Outcome
    usage: dict[str, int]
    request_id: str
    seconds: float

    @classmethod
    def of(cls, intent: Intent, usd: Decimal, at: str, outcome: Outcome, **known: Any) -> "Record":
        """The record that ends an intent; `known` gives usage, request id and seconds."""
        facts = {"usage": {}, "request_id": "", "seconds": 0.0, **known}
        return cls(**{**asdict(intent), "usd": usd, "at": at}, outcome=outcome, **facts)


def to_fields(item: Intent | Record) -> dict[str, Any]:
    """The members as JSON takes them, without `key`: dollars become a string."""
    made = {field.name: getattr(item, field.name) for field in fields(item) if field.name != "key"}
    return {**made, "usd": format(item.usd, "f")}


def to_intent(members: dict[str, Any]) -> Intent:
    """The intent in a journal line's members."""
    return Intent(**_known(members, Intent))


def to_record(members: dict[str, Any]) -> Record:
    """The record in a journal line's or a stored answer's members."""
    return Record(**_known(members, Record))


def _known(members: dict[str, Any], cls: type) -> dict[str, Any]:
    names = {field.name for field in fields(cls)}
    wanted = {name: value for name, value in members.items() if name in names}
    return {**wanted, "key": members["k"], "usd": Decimal(members["usd"])}


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
        """
        with self._lock:
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
    """Read all journals of a run and settle what their stored answers settle."""
    intents: dict[str, Intent] = {}
    ended: dict[str, Record] = {}
    for line in _lines(store, journal_folder(run)):
        if line.kind == "intent":
            intent = to_intent(line.fields())
            intents[intent.attempt] = intent
        else:
            record = to_record(line.fields())
            ended[record.attempt] = record
    open_intents = [intent for name, intent in intents.items() if name not in ended]
    found = {intent.attempt: _settled(store, intent) for intent in open_intents}
    ended.update({name: record for name, record in found.items() if record is not None})
    return History(
        tuple(ended.values()),
        tuple(intent for intent in open_intents if found[intent.attempt] is None),
    )


def image_path(key: str) -> str:
    """Where the answer to an image request lies."""
    return f"responses/{key[:2]}/{key}"


def read_header(store: Store, key: str) -> Record:
    """The ledger record in the first line of a stored image answer."""
    head = store.read_range(image_path(key), 0, _HEADER_BYTES)
    return to_record(Line("", 0, "", key, head.split(b"\n", 1)[0]).fields())


def _settled(store: Store, intent: Intent) -> Record | None:
    if not store.exists(image_path(intent.key)):
        return None
    record = read_header(store, intent.key)
    return record if record.attempt == intent.attempt else None


def _lines(store: Store, folder: str) -> Iterator[Line]:
    paths: Iterable[str] = store.list(folder)
    for path in paths:
        yield from read_lines(store, path)
