"""What has become of a run's triplets so far: read shard by shard as they go through, summed up.

The sums are for people, while the run goes on. They are read from the manifests in the store, so that it
is all the same which process or worker took a shard through its stages.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from editcorpus.lookups.failures import Group
from editcorpus.lookups.verdicts import Gone, shard_verdicts, verdict_of
from editcorpus.records import Reason
from editcorpus.stages.summary import Standing
from editcorpus.storage import Store

Sort = tuple[str, str, Reason]
"""Verdict (`rejected` or `failed`), step and reason."""
WINDOW_S = 900.0
"""Over how long pace and shares are taken: shards of 256 triplets end every few minutes."""


@dataclass(frozen=True, slots=True)
class Report:
    """A shard that went through its stages.

    Attributes:
        entered: Ids in its plan.
        gone: How many were given up, by verdict, step and reason.
        examples: One of each.
        usd: Dollars booked for it since a moment.
    """

    shard: int
    entered: int
    kept: int
    gone: Mapping[Sort, int]
    examples: Mapping[Sort, Gone]
    usd: Decimal

    def of(self, verdict: str) -> dict[str, int]:
        """How many have a verdict, by reason."""
        return by_reason(self.gone, verdict)

    def count(self, verdict: str) -> int:
        """How many have a verdict."""
        return sum(self.of(verdict).values())


def report_on(store: Store, run: str, shard: int, configs: Mapping[str, Any], since: str) -> Report:
    """What has become of a shard.

    Args:
        store: Where the run lies.
        run: Its name.
        shard: Number of the shard.
        configs: Of the steps, as the run's own description has them (`runs.read_identity`).
        since: Dollars booked from then on count; ISO 8601, UTC.

    Raises:
        EditcorpusError: A manifest is missing or damaged, or the store does not answer.
    """
    found = shard_verdicts(store, run, shard, configs)
    examples: dict[Sort, Gone] = {}
    gone: Counter[Sort] = Counter()
    for item in found.gone:
        sort = (verdict_of(item), item.step, item.reason)
        gone[sort] += 1
        examples.setdefault(sort, item)
    events = (event for made in found.manifests.values() for event in made.history)
    usd = sum((_booked(event, since) for event in events), Decimal(0))
    return Report(shard, found.entered, found.kept, gone, examples, usd)


def _booked(event: Any, since: str) -> Decimal:
    """Dollars of an event in a manifest's history, which no seal protects: of a damaged one, none."""
    try:
        usd, late = Decimal(event["usd"]), event["at"] >= since
    except (TypeError, KeyError, ValueError, ArithmeticError):
        return Decimal(0)
    return usd if late and usd.is_finite() else Decimal(0)


def by_reason(gone: Mapping[Sort, int], verdict: str) -> dict[str, int]:
    """How many have a verdict, by reason, the most frequent first."""
    found: Counter[str] = Counter()
    for (of, _, reason), count in gone.items():
        found[reason.value] += count if of == verdict else 0
    return {reason: count for reason, count in found.most_common() if count}


@dataclass(frozen=True, slots=True)
class Share:
    """How many ended within the window, and how many of them were given up."""

    ended: int = 0
    failed: int = 0
    rejected: int = 0

    def percent(self, *verdicts: str) -> float:
        """Those that were given up, in percent of all that ended; 0 where none did."""
        lost = sum(getattr(self, verdict) for verdict in verdicts)
        return 100 * lost / self.ended if self.ended else 0.0


@dataclass(slots=True)
class Tally:
    """The sum of all reports; for one thread.

    Attributes:
        reports: The last one on each shard.
        before: What an earlier start finished, and nobody looks at again.
        skipped: Numbers of its shards.
    """

    reports: dict[int, Report] = field(default_factory=dict)
    before: Standing = field(default_factory=Standing)
    skipped: Collection[int] = ()
    _times: dict[int, float] = field(default_factory=dict)
    _began: float | None = None

    def begin(self, now: float) -> None:
        """Measure the pace from now on."""
        self._began = now

    def add(self, report: Report, now: float) -> int:
        """Take a report in place of the one before; gives how many there were on this shard."""
        times = 2 if report.shard in self.reports else 1
        self.reports[report.shard] = report
        self._times[report.shard] = now
        return times

    def window(self, now: float) -> Share:
        """What ended lately."""
        late = [self.reports[shard] for shard, at in self._times.items() if at >= now - WINDOW_S]
        return Share(
            sum(one.entered for one in late),
            sum(one.count("failed") for one in late),
            sum(one.count("rejected") for one in late),
        )

    def a_minute(self, now: float) -> float:
        """Triplets that end in a minute, as of lately; 0 where nobody knows."""
        if self._began is None or now <= self._began:
            return 0.0
        return 60 * self.window(now).ended / min(WINDOW_S, now - self._began)

    @property
    def entered(self) -> int:
        """Triplets of all shards that went through."""
        return self.before.entered + sum(one.entered for one in self.reports.values())

    @property
    def kept(self) -> int:
        """Those in the corpus."""
        return self.before.kept + sum(one.kept for one in self.reports.values())

    @property
    def usd(self) -> Decimal:
        """Dollars booked for the shards on which there is a report."""
        return sum((one.usd for one in self.reports.values()), Decimal(0))

    @property
    def gone(self) -> Counter[Sort]:
        """How many were given up, by verdict, step and reason."""
        total: Counter[Sort] = Counter(
            (verdict_of(item), item.step, item.reason) for item in self.before.rejected
        )
        for report in self.reports.values():
            total.update(report.gone)
        return total

    def groups(self) -> list[Group]:
        """The same with an example each; failed ones first, larger ones before smaller ones."""
        examples: dict[Sort, Gone] = {
            (verdict_of(item), item.step, item.reason): item for item in self.before.rejected
        }
        for report in self.reports.values():
            examples.update(report.examples)
        found = [
            Group(*sort, count=count, examples=[examples[sort]])
            for sort, count in self.gone.items()
            if count
        ]
        return sorted(found, key=lambda one: (one.verdict, -one.count, one.step, one.reason))
