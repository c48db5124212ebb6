"""A run's own books against the server's journal of what it billed."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

from editcorpus.ledger import History
from editcorpus.storage import Store


@dataclass(frozen=True)
class Verdict:
    """What came of holding the books against the journal.

    Attributes:
        billed: Calls that the server billed.
        settled: Calls whose answers are stored, agreed with the journal to the cent.
        possibly: Calls that the ledger names as possibly billed.
        twice: Billed calls whose request was billed before and answered well; damage is no answer.
        booked: Dollars by the ledger.
        charged: Dollars by the server.
        problems: A sentence for everything that does not agree.
    """

    billed: int
    settled: int
    possibly: int
    twice: int
    booked: Decimal
    charged: Decimal
    problems: tuple[str, ...]


def held_against(history: History, calls: list[dict[str, Any]]) -> Verdict:
    """Hold the ledger against the server's journal, call by call."""
    billed = {call["request_id"]: call for call in calls if call["billed"]}
    settled = {call.request_id: call for call in history.records if call.outcome == "settled"}
    charged = sum((Decimal(call["usd"]) for call in billed.values()), Decimal(0))
    paid = Counter(call["key"] for call in billed.values() if not call["fault"])
    return Verdict(
        len(billed),
        len(settled),
        len(history.possibly),
        sum(count - 1 for count in paid.values()),
        history.spent,
        charged,
        tuple(_problems(history, billed, settled)),
    )


def _problems(history: History, billed: dict[str, Any], settled: dict[str, Any]) -> Iterator[str]:
    for name, record in settled.items():
        if name not in billed:
            yield f"{name} is settled, and the server billed no such call"
        elif record.usd != Decimal(billed[name]["usd"]):
            yield f"{name} is booked at ${record.usd}, billed at ${billed[name]['usd']}"
    yield from _unnamed(history, billed)
    charged = sum((Decimal(call["usd"]) for call in billed.values()), Decimal(0))
    if charged > history.spent:
        yield f"${charged} was billed, ${history.spent} is booked"


def _unnamed(history: History, billed: dict[str, Any]) -> Iterator[str]:
    """Billed calls without an answer that the ledger does not name as possibly billed."""
    ended = {call.request_id: call for call in history.records}
    ours = {call["key"]: ended[name].key for name, call in billed.items() if name in ended}
    named = Counter(call.key for call in history.possibly)
    lost: Counter[str] = Counter()
    for name, call in billed.items():
        known = ended.get(name)
        if known is None or known.outcome not in {"settled", "damaged"}:
            lost[ours.get(call["key"], "?")] += 1
    for key, count in lost.items():
        if count > named[key]:
            yield f"{key}: {count} billed calls have no answer, {named[key]} are named as possible"


def corpus(store: Store, run: str) -> dict[str, bytes]:
    """The files of a corpus that say what was kept and what was not, by name."""
    paths = store.list(f"corpora/{run}")
    wanted = [path for path in paths if "/data/" in path or path.endswith("rejects.parquet")]
    return {PurePosixPath(path).name: store.read(path) for path in wanted}
