"""Find a triplet in the plans of a store, or the ids that are most like it."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import takewhile

from editcorpus.errors import ConfigError
from editcorpus.records import Triplet
from editcorpus.shards import PLAN, Columns, shard_folder
from editcorpus.stages.plan import read_plan, unplanned
from editcorpus.storage import Store

_NEAR = 3
"""Ids that are named where the one asked for is not there."""
_LOOKING = 8
"""Shards whose plan is read at once."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A triplet in the plan of a run; without its row where the plan itself rejected it."""

    run: str
    shard: int
    triplet: Triplet | None


@dataclass(slots=True)
class _Near:
    """The ids most like the wanted one: by what they share at both ends."""

    wanted: str
    best: set[tuple[int, str]] = field(default_factory=set)

    def add(self, ids: Iterable[str]) -> None:
        scored = {(_likeness(self.wanted, one), one) for one in ids}
        self.best = set(heapq.nlargest(_NEAR, self.best | scored))

    def sentence(self) -> str:
        named = [one for score, one in sorted(self.best, reverse=True) if score > 0]
        return f" Near ones: {', '.join(named)}." if named else ""


def find_triplet(store: Store, wanted: str, runs: Iterable[str]) -> list[Planned]:
    """Where a triplet stands in each of some runs.

    Raises:
        ConfigError: It is in none of them; the sentence names ids that are near.
        ShardError: The plan of a shard is damaged.
    """
    near, runs = _Near(wanted), list(runs)
    found = [place for run in runs if (place := _in_run(store, wanted, run, near)) is not None]
    if not found:
        told = [unplanned(store, run) for run in runs if read_plan(store, run) is None]
        raise ConfigError(
            f"The store {store.root} has no triplet {wanted!r:.200}.{near.sentence()}"
            + "".join(f" {one}" for one in told)
        )
    return found


def _in_run(store: Store, wanted: str, run: str, near: _Near) -> Planned | None:
    for shard, (triplets, rejected) in enumerate(_plans(store, run)):
        for triplet in triplets:
            if triplet.id == wanted:
                return Planned(run, shard, triplet)
        if wanted in rejected:
            return Planned(run, shard, None)
        near.add([*(triplet.id for triplet in triplets), *rejected])
    return None


def _plans(store: Store, run: str) -> Iterator[tuple[list[Triplet], list[str]]]:
    """What was planned and what was rejected by the plan, shard by shard."""

    def read(shard: int) -> tuple[list[Triplet], list[str]]:
        columns = Columns(store, shard_folder(run, shard))
        return columns.facts(PLAN, Triplet), columns.manifest(PLAN).gone

    plan = read_plan(store, run)
    yield from _ahead(read, plan.shards if plan else 0)


def _ahead(
    read: Callable[[int], tuple[list[Triplet], list[str]]], count: int
) -> Iterator[tuple[list[Triplet], list[str]]]:
    """Results in order, a few of them read ahead."""
    with ThreadPoolExecutor(_LOOKING, "editcorpus-plans") as pool:
        for first in range(0, count, _LOOKING):
            yield from pool.map(read, range(first, min(first + _LOOKING, count)))


def _likeness(one: str, other: str) -> int:
    """Letters that two ids have in common from the front and from the back."""
    front = _shared(one, other)
    return front + _shared(reversed(one[front:]), reversed(other[front:]))


def _shared(one: Iterable[str], other: Iterable[str]) -> int:
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
