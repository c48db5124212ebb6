"""Who is not in a corpus, grouped by step and reason: how many, at what cost, and what to do."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from editcorpus.lookups.calls import Call, read_calls
from editcorpus.lookups.redrivable import Way, redrive_command, way_of
from editcorpus.lookups.verdicts import Gone, run_verdicts, verdict_of
from editcorpus.records import REMEDIES, SENTENCES, Reason
from editcorpus.storage import Store

EXAMPLES = 3
"""Triplets that are shown of a group."""


@dataclass(slots=True)
class Group:
    """Triplets that one step gave up for one reason.

    Attributes:
        verdict: `failed`, which the next run does again, or `rejected`, which is final.
        count: How many they are.
        usd: Dollars booked for them, over all steps; zero until it is counted.
        examples: The first of them.
        way: How they can be done again.
    """

    verdict: str
    step: str
    reason: Reason
    count: int = 0
    usd: Decimal = Decimal(0)
    examples: list[Gone] = field(default_factory=list)
    way: Way = ""

    @property
    def sentence(self) -> str:
        """What the reason says."""
        return SENTENCES[self.reason]

    @property
    def remedy(self) -> str:
        """What there is to do."""
        return REMEDIES[self.reason]

    def command(self, place: Sequence[str], run: str) -> str:
        """The command line that does them again; see `redrive_command`."""
        return redrive_command(place, run, self.reason, self.way)

    def as_json(self) -> dict[str, Any]:
        """The group as JSON takes it."""
        return {
            "verdict": self.verdict,
            "step": self.step,
            "reason": self.reason.value,
            "count": self.count,
            "usd": format(self.usd, "f"),
            "sentence": self.sentence,
            "what_to_do": self.remedy,
            "examples": [{"id": item.id, "detail": item.detail} for item in self.examples],
        }


def run_failures(store: Store, run: str) -> list[Group]:
    """The groups of a run, failed ones first, larger ones before smaller ones, with their dollars.

    Remembers each id that was given up, about 200 bytes a triplet.

    Raises:
        ShardError: A manifest is missing or damaged.
        StorageError: A journal is damaged, so that nobody can say what was spent.
    """
    return grouped(_gone(store, run), read_calls(store, run))


def grouped(items: Iterable[Gone], calls: Iterable[Call] = ()) -> list[Group]:
    """Triplets that were given up in groups; ordered as `run_failures`.

    Args:
        items: Who was given up.
        calls: Calls of the run, for the dollars of the groups.
    """
    groups: dict[tuple[str, str, Reason], Group] = {}
    by_id = {item.id: _taken(groups, item) for item in items}
    for call in calls:
        if call.id in by_id:
            by_id[call.id].usd += call.usd
    return _ordered(groups.values())


def _gone(store: Store, run: str) -> Iterator[Gone]:
    for shard in run_verdicts(store, run):
        yield from shard.gone


def _taken(groups: dict[tuple[str, str, Reason], Group], item: Gone) -> Group:
    key = (verdict_of(item), item.step, item.reason)
    group = groups.setdefault(key, Group(*key, way=way_of(item)))
    group.count += 1
    if len(group.examples) < EXAMPLES:
        group.examples.append(item)
    return group


def _ordered(groups: Iterable[Group]) -> list[Group]:
    return sorted(groups, key=lambda one: (one.verdict, -one.count, one.step, one.reason))
