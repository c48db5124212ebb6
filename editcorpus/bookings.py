"""What is booked of one call: the intent before it goes out, and the record of what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from sys import intern
from typing import Any, Literal, get_args

from editcorpus.errors import StorageError

Outcome = Literal["settled", "damaged", "possibly", "free"]
"""What became of a call: paid and stored; paid and useless; perhaps paid; certainly not paid."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A call that is about to go out.

    Attributes:
        attempt: Unique name of this try: process and number.
        key: Hash of the request.
        usd: Its worst case, in dollars.
        batch: The batch that it is a line of; empty for a call of its own.
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
    batch: str = ""


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
        model_version: The model that answered, as its answer names it; empty where it does not.
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
    model_version: str = ""

    @classmethod
    def of(cls, intent: Intent, usd: Decimal, at: str, outcome: Outcome, **known: Any) -> "Record":
        """The record that ends an intent; `known` gives usage, request id and seconds."""
        same = {name: getattr(intent, name) for name in _SHARED}
        facts = {"usage": {}, "request_id": "", "seconds": 0.0, **known}
        return cls(**same, usd=usd, at=at, outcome=outcome, **facts)


_INTENT = {field.name: field.type for field in fields(Intent)}
_RECORD = {field.name: field.type for field in fields(Record)}
_SHARED = (_INTENT.keys() & _RECORD.keys()) - {"usd", "at"}
_OPTIONAL = frozenset({"batch", "model_version"})
"""Members that are written where they are not empty; journals of the first versions have none."""
_JSON: dict[Any, type | tuple[type, ...]] = {
    str: str,
    int: int,
    float: (int, float),
    Outcome: str,
    dict[str, int]: dict,
}


def to_fields(item: Intent | Record) -> dict[str, Any]:
    """The members as JSON takes them, without `key`: dollars become a string."""
    names = _RECORD if isinstance(item, Record) else _INTENT
    made = {name: getattr(item, name) for name in names if name != "key"}
    made["usd"] = format(item.usd, "f")
    return {name: value for name, value in made.items() if value or name not in _OPTIONAL}


def to_intent(members: Mapping[str, Any]) -> Intent:
    """The intent in a journal line's members; further members are ignored.

    Raises:
        StorageError: A member is missing or is none.
    """
    return Intent(**_known(members, _INTENT))


def to_record(members: Mapping[str, Any]) -> Record:
    """The record in a journal line's or a stored answer's members; further ones are ignored.

    Raises:
        StorageError: A member is missing or is none.
    """
    made = Record(**_known(members, _RECORD))
    if made.outcome not in get_args(Outcome):
        raise StorageError(f"A record ends with the unknown outcome {made.outcome!r}.")
    return made


def _known(members: Mapping[str, Any], kinds: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        name: members.get(name, "" if name in _OPTIONAL else None) for name in kinds
    }
    made["key"] = members.get("k")
    for name, value in made.items():
        if not isinstance(value, _JSON.get(kinds[name], str)):
            raise StorageError(f"A record has {value!r:.80} as {name!r}.")
    for name in {"run", "step", "model", "model_version"} & made.keys():
        made[name] = intern(made[name])  # a million records hold few of these
    made["usd"] = _dollars(made["usd"])
    return made


def _dollars(text: str) -> Decimal:
    try:
        made = Decimal(text)
    except ArithmeticError:
        made = Decimal("NaN")
    if not made.is_finite() or made < 0:
        raise StorageError(f"A record has {text!r:.80} as dollars.")
    return made
