"""What the calls of a run add up to, out of digests of its journals.

Each group of journal files adds up for itself. Between groups stand only the calls that begin in one and
end in another: those are few, and kept whole. Whether a call is on record twice is seen by the numbers of
those that ended, kept as ranges. Of such calls all that was written is read: what stands last counts.
"""

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from editcorpus.bookings import Intent, Record, to_fields, to_intent, to_record
from editcorpus.digests import Kind, digested, groups
from editcorpus.history import calls_of, settled
from editcorpus.journal import File, read_lines
from editcorpus.storage import Store
from editcorpus.totals import Totals

_Range = tuple[int, int]
_Name = tuple[str, int]


@dataclass(slots=True)
class _Sum:
    """What the calls in some files of a journal add up to.

    Attributes:
        totals: Of the calls that began and ended here.
        ended: Their numbers, by the rest of their names: ranges, both ends included, ascending.
        open: The calls that began here, and did not end here.
        loose: Further ends: of calls that did not begin here, or had ended before.
    """

    totals: Totals = field(default_factory=Totals)
    ended: dict[str, list[_Range]] = field(default_factory=dict)
    open: dict[str, Intent] = field(default_factory=dict)
    loose: list[Record] = field(default_factory=list)


def read_totals(
    store: Store,
    run: str,
    process: str = "",
    *,
    without: Collection[str] = (),
    keep: bool = False,
) -> Totals:
    """What the calls of a run, or of one process, add up to.

    Args:
        store: Where the journals lie.
        run: Whose.
        process: Whose alone; empty for all.
        without: Processes whose journals are left out.
        keep: Whether digests may be written, so that the next one need not read so much.

    Raises:
        StorageError: As `read_history`.
    """
    below = groups(store, f"{run}/{process}" if process else run)
    wanted = [one for one in below if _process(one.folder) not in without]
    parts = digested(store, MONEY, wanted, keep=keep)
    made, open_calls, twice = _joined(part for _, part in parts)
    if twice:
        lines = (
            line for one in wanted for path, _ in one.files for line in read_lines(store, path)
        )
        _once(made, open_calls, (one for one in calls_of(lines) if _split(one.attempt) in twice))
    found, made.open = settled(store, open_calls.values())
    for record in found:
        made.add(record)
    return made


def _process(folder: str) -> str:
    return folder.partition("/")[2].partition("/")[0]


def _joined(parts: Iterable[_Sum]) -> tuple[Totals, dict[str, Intent], set[_Name]]:
    """All parts together, what is open, and the calls that may be on record twice, each end counted."""
    made, loose, open_calls = Totals(), list[Record](), dict[str, Intent]()
    ended: defaultdict[str, list[_Range]] = defaultdict(list)
    for part in parts:
        made.take(part.totals)
        open_calls |= part.open
        loose += part.loose
        for name, ranges in part.ended.items():
            ended[name] += ranges
    for record in loose:
        open_calls.pop(record.attempt, None)
        made.add(record)
    for attempt in (*open_calls, *(record.attempt for record in loose)):
        name, number = _split(attempt)
        ended[name].append((number, number))
    twice = {(name, number) for name, some in ended.items() for number in _twice(sorted(some))}
    return made, open_calls, twice


def _twice(ranges: list[_Range]) -> Iterator[int]:
    """The numbers that are in more than one of some ranges, which ascend."""
    reached = -1
    for first, last in ranges:
        yield from range(first, min(reached, last) + 1)
        reached = max(reached, last)


def _once(totals: Totals, open_calls: dict[str, Intent], calls: Iterable[Intent | Record]) -> None:
    """Take out again what was added of calls on record more than once, but for the last record."""
    last: dict[str, Record] = {}
    for call in calls:
        if isinstance(call, Record):
            open_calls.pop(call.attempt, None)
            if call.attempt in last:
                totals.add(last[call.attempt], -1)
            last[call.attempt] = call


def _split(attempt: str) -> _Name:
    """The name of a try as what it begins with, and its number; the whole and 0 where it has none."""
    name, _, number = attempt.rpartition("-")
    plain = number.isascii() and number.isdigit() and len(number) < 18
    return (name, int(number)) if plain and str(int(number)) == number else (attempt, 0)


def _read(files: Iterable[File]) -> _Sum:
    made = _Sum()
    ended: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
    for call in calls_of(line for file in files for line in file.lines()):
        if isinstance(call, Intent):
            made.open[call.attempt] = call
        elif made.open.pop(call.attempt, None) is None:
            made.loose.append(call)
        else:
            name, number = _split(call.attempt)
            ended[name].append(number)
            made.totals.add(call)
    made.ended = {name: _ranges(numbers) for name, numbers in ended.items()}
    return made


def _ranges(numbers: "array[int]") -> list[_Range]:
    """Numbers as ranges; those that are there twice overlap."""
    found = np.sort(np.array(numbers, np.int64))
    gaps = np.flatnonzero(np.diff(found) != 1)
    first, last = np.concatenate(([0], gaps + 1)), np.concatenate((gaps, [len(found) - 1]))
    return list(zip(found[first].tolist(), found[last].tolist(), strict=True))


def _encode(made: _Sum) -> bytes:
    totals = made.totals
    told = {
        "ended_usd": str(totals.ended_usd),
        "outcomes": totals.outcomes,
        "settled": totals.settled,
        "damaged": totals.damaged,
        "usd": [[step, shard, str(usd)] for (step, shard), usd in totals.usd.items()],
        "ended": made.ended,
        "open": [_members(one) for one in made.open.values()],
        "loose": [_members(one) for one in made.loose],
    }
    return json.dumps(told).encode()


def _members(call: Intent | Record) -> dict[str, Any]:
    return {**to_fields(call), "k": call.key}


def _decode(data: bytes) -> _Sum:
    told: Mapping[str, Any] = json.loads(data)
    usd = {(step, shard): Decimal(dollars) for step, shard, dollars in told["usd"]}
    totals = Totals(
        ended_usd=Decimal(told["ended_usd"]),
        outcomes=Counter(told["outcomes"]),
        settled=Counter(told["settled"]),
        damaged=Counter(told["damaged"]),
        usd=defaultdict(Decimal, usd),
    )
    ended = {name: [(first, last) for first, last in some] for name, some in told["ended"].items()}
    intents = [to_intent(one) for one in told["open"]]
    return _Sum(
        totals, ended, {one.attempt: one for one in intents}, list(map(to_record, told["loose"]))
    )


MONEY: Kind[_Sum] = Kind("money", _read, _encode, _decode)
"""The digest of what a journal's calls have cost."""
