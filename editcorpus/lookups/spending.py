"""Where the dollars of a store went: by step, model, day and verdict, one call at a time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from decimal import Decimal
from sys import intern
from typing import Any

from editcorpus.bookings import Intent, Record
from editcorpus.lookups.calls import Call, read_calls
from editcorpus.lookups.verdicts import run_verdicts, verdict_of
from editcorpus.storage import Store
from editcorpus.tokens import Usage

WAYS = ("step", "model", "day", "verdict")
"""How dollars are split."""
_PAID = ("settled", "damaged")
"""Outcomes that were paid for certainly."""


@dataclass(frozen=True, slots=True)
class Row:
    """One call as the ledger's tables have it.

    Attributes:
        request: Hash of the request.
        outcome: `settled`, `damaged`, `possibly` or `free`; see `bookings.Outcome`.
        usd: Booked dollars; of a possibly billed call its worst case.
        at: When it ended (of an open one: began), ISO 8601, UTC.
        day: The day of it.
        seconds: From sending to the last byte; 0 where it is not known.
        verdict: Of its triplet: `kept`, `rejected`, `failed`, or `undecided`.
        reason: Why it was rejected or failed.
        text_in: Tokens by class as the API reported them, and so on.
    """

    run: str
    step: str
    id: str
    shard: int
    sample: int
    model: str
    outcome: str
    usd: Decimal
    at: str
    day: str
    seconds: float
    request_id: str
    request: str
    attempt: str
    verdict: str
    reason: str
    text_in: int = 0
    image_in: int = 0
    text_out: int = 0
    image_out: int = 0
    cached_text_in: int = 0
    cached_image_in: int = 0
    cache_write_text_in: int = 0


TOKENS = tuple(item.name for item in fields(Usage))
"""Classes of tokens (`tokens.Usage`)."""


@dataclass(slots=True)
class Sum:
    """Calls and their dollars; `wasted` are those certainly paid for a triplet that was rejected."""

    calls: int = 0
    usd: Decimal = Decimal(0)
    wasted: Decimal = Decimal(0)

    def add(self, row: Row) -> None:
        """Count one call."""
        self.calls += 1
        self.usd += row.usd
        if row.verdict == "rejected" and row.outcome in _PAID:
            self.wasted += row.usd

    def as_json(self) -> dict[str, Any]:
        """The sum as JSON takes it."""
        return {
            "calls": self.calls,
            "usd": format(self.usd, "f"),
            "wasted_usd": format(self.wasted, "f"),
        }


@dataclass(slots=True)
class Spending:
    """The dollars of some runs.

    Attributes:
        entered: Triplets in the plans.
        kept: Triplets in the corpora.
        total: Over all calls.
        ways: For each of `WAYS`, the sums by step, model, day or verdict (`rejected: no_edit`).
        possibly: Every call that may have been billed for nothing; as many as were cut off.
    """

    entered: int = 0
    kept: int = 0
    total: Sum = field(default_factory=Sum)
    ways: dict[str, dict[str, Sum]] = field(
        default_factory=lambda: {way: defaultdict(Sum) for way in WAYS}
    )
    possibly: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Count one call."""
        verdict = f"{row.verdict}: {row.reason}" if row.reason else row.verdict
        keys = {"step": row.step, "model": row.model, "day": row.day, "verdict": verdict}
        for way, key in keys.items():
            self.ways[way][key].add(row)
        self.total.add(row)
        if row.outcome == "possibly":
            self.possibly.append(row)

    @property
    def usd_per_kept(self) -> Decimal | None:
        """All dollars over the triplets in the corpora; None where there are none."""
        return self.total.usd / self.kept if self.kept else None

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        each = self.usd_per_kept
        return {
            "entered": self.entered,
            "kept": self.kept,
            **self.total.as_json(),
            "usd_per_kept": None if each is None else f"{each:.6f}",
            "possibly_billed": len(self.possibly),
            **{
                f"by_{way}": {name: found.as_json() for name, found in sorted(sums.items())}
                for way, sums in self.ways.items()
            },
        }


def spend(store: Store, runs: Iterable[str], into: Spending) -> Iterator[Row]:
    """Count the calls of runs while they are handed on, one at a time.

    Remembers about 120 bytes a call and 150 bytes a triplet that was given up, never an answer.

    Raises:
        ShardError: A manifest is missing or damaged.
        StorageError: A journal is damaged, so that nobody can say what was spent.
    """
    for run in runs:
        ends = _Ends(store, run)
        into.entered += ends.entered
        into.kept += ends.kept
        for call in read_calls(store, run):
            row = _row(call, *ends.of(call))
            into.add(row)
            yield row


class _Ends:
    """What became of each triplet of a run."""

    def __init__(self, store: Store, run: str) -> None:
        self.entered = self.kept = 0
        self._gone: dict[str, tuple[str, str]] = {}
        self._published: set[int] = set()
        for shard in run_verdicts(store, run):
            self.entered += shard.entered
            self.kept += shard.kept
            self._gone |= {item.id: (verdict_of(item), item.reason.value) for item in shard.gone}
            if shard.published:
                self._published.add(shard.shard)

    def of(self, call: Call) -> tuple[str, str]:
        """Verdict and reason of a call's triplet."""
        kept = "kept" if call.shard in self._published else "undecided"
        return self._gone.get(call.id, (kept, ""))


def _row(call: Call, verdict: str, reason: str) -> Row:
    ended = Record.of(call, call.usd, call.at, "possibly") if isinstance(call, Intent) else call
    return Row(
        run=ended.run,
        step=ended.step,
        id=ended.id,
        shard=ended.shard,
        sample=ended.sample,
        model=ended.model,
        outcome=ended.outcome,
        usd=ended.usd,
        at=ended.at,
        day=intern(ended.at[:10]),
        seconds=float(ended.seconds),
        request_id=ended.request_id,
        request=ended.key,
        attempt=ended.attempt,
        verdict=verdict,
        reason=reason,
        **{name: _count(ended.usage.get(name)) for name in TOKENS},
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
