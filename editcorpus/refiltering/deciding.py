"""Every triplet of a finished run judged anew, from the figures on record: no picture is looked at."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from editcorpus.ahead import ahead
from editcorpus.bands import COLUMNS, beyond
from editcorpus.errors import ShardError
from editcorpus.manifests import Manifest
from editcorpus.records import Failed, Reason, Rejected, Triplet
from editcorpus.refiltering.basis import Basis
from editcorpus.refiltering.thresholds import Thresholds
from editcorpus.shards import FETCH, PLAN, Columns, shard_folder
from editcorpus.stages.publish import Joined, joined, verdict
from editcorpus.steps import filter as filter_step
from editcorpus.steps import publish
from editcorpus.taxonomy import name_of_family
from editcorpus.verdicts import Measures, refusal

STEP = "refilter"
"""The step that rejects whom the run cannot tell about."""
_SIDE_BY_SIDE = 8
"""Shards that are read at once: on a bucket each waits longer than it works."""
_MEASURES = tuple(item.name for item in fields(Measures))
_UNPAID = "The run rejected it at {step} ({reason}), so that nobody was asked to judge it."


class Move(NamedTuple):
    """What became of a triplet before, and what becomes of it: reasons, empty where it is kept."""

    family: str
    before: str
    after: str


@dataclass(slots=True)
class Decided:
    """What becomes of the triplets of one shard.

    Attributes:
        digest: Of the manifest under which it was published.
        entered: Triplets in its plan.
        kept: Those that are in the corpus, in their order.
        won: Ids among them that were not.
        rejected: Final verdicts of all steps.
        failed: Triplets that have no verdict in the run either.
        moves: How many triplets went which way; who was rejected before anybody judged them is
            counted where that may change.
        tasks: Kept triplets by task.
    """

    shard: int
    digest: str
    entered: int
    kept: list[Joined] = field(default_factory=list)
    won: set[str] = field(default_factory=set)
    rejected: list[Rejected] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    moves: Counter[Move] = field(default_factory=Counter)
    tasks: Counter[str] = field(default_factory=Counter)

    def check(self) -> None:
        """Prove that everybody is in one place.

        Raises:
            ShardError: Somebody is not.
        """
        found = len(self.kept) + len(self.rejected) + len(self.failed)
        if found != self.entered:
            raise ShardError(
                f"{self.entered} ids entered shard {self.shard}, but {found} have a place; ask "
                "`editcorpus audit`."
            )


@dataclass(slots=True)
class Chain:
    """Turns of conversations that are gone, or back: those after them follow.

    Attributes:
        lost: Ids that were in the corpus, and are not.
        won: Ids that were not, and are.
    """

    lost: set[str] = field(default_factory=set)
    won: set[str] = field(default_factory=set)


def decisions(basis: Basis, thresholds: Thresholds, *, chained: bool = False) -> Iterator[Decided]:
    """What becomes of the triplets of every shard, in the order of the shards.

    Args:
        basis: The run.
        thresholds: By which everybody is judged.
        chained: Whether rows are turns of conversations, so that what becomes of one shard hangs on
            the one before it.

    Raises:
        ConfigError: The run was not finished by this version.
        ShardError: A manifest or columns are missing or damaged.
    """
    if chained:
        chain = Chain()
        for shard in range(basis.shards):
            yield decide(basis, shard, thresholds, chain)
        return
    with ThreadPoolExecutor(_SIDE_BY_SIDE, "editcorpus-refilter") as pool:
        yield from ahead(
            pool,
            lambda shard: decide(basis, shard, thresholds, Chain()),
            range(basis.shards),
            _SIDE_BY_SIDE,
        )


def decide(basis: Basis, shard: int, thresholds: Thresholds, chain: Chain) -> Decided:
    """What becomes of the triplets of one shard; errors as `decisions`.

    Args:
        basis: The run.
        shard: Its number.
        thresholds: By which everybody is judged.
        chain: What became of the turns before; it is told of these.
    """
    manifests = basis.manifests(shard)
    columns = Columns(basis.store, shard_folder(basis.run, shard))
    made = Decided(shard, manifests[publish.NAME].digest, manifests[PLAN].entered)
    _earlier(made, columns, manifests, thresholds, chain)
    before = {item.id: item.reason.value for item in manifests[publish.NAME].rejected}
    for item in joined(columns, basis.steps):
        found = _judged(item, thresholds, chain)
        old, new = before.get(item.triplet.id, ""), found.reason.value if found else ""
        made.moves[Move(_family(item), old, new)] += 1
        if found is not None:
            made.rejected.append(found)
        else:
            made.kept.append(item)
            made.tasks[item.triplet.task] += 1
        _told(item.triplet.id, old, new, made, chain)
    made.check()
    return made


def _told(key: str, old: str, new: str, made: Decided, chain: Chain) -> None:
    """Note who comes back, and who goes."""
    if old and not new:
        made.won.add(key)
        chain.won.add(key)
    elif new and not old:
        chain.lost.add(key)


def _judged(item: Joined, thresholds: Thresholds, chain: Chain) -> Rejected | None:
    """Why somebody whom everybody has judged is not in the corpus; None where they are."""
    triplet = item.triplet
    if triplet.previous in chain.lost:
        detail = f"{triplet.previous} is not in the corpus."
        chain.lost.add(triplet.id)
        return Rejected(triplet.id, FETCH, Reason.EARLIER_TURN, detail)
    measures = Measures(**{name: getattr(item.filtered, name) for name in _MEASURES})
    refused = refusal(triplet, measures, thresholds.filter)
    if refused is not None:
        return Rejected(triplet.id, filter_step.NAME, *refused)
    return verdict(item, thresholds.publish) or _beyond(item, thresholds)


def _beyond(item: Joined, thresholds: Thresholds) -> Rejected | None:
    """Why somebody is too unlike the others of their family; None where nobody asks, or they are not."""
    row = figures_of(item)
    names = beyond(row, thresholds.bands)
    if not names:
        return None
    band = thresholds.bands[row["family"]][names[0]]
    detail = (
        f"{names[0]} is {row[names[0]]:.4f}; of 98% of {row['family']} in this run it is "
        f"{band.low:.4f} to {band.high:.4f}."
    )
    return Rejected(item.triplet.id, STEP, Reason.BEYOND_BAND, detail)


def figures_of(item: Joined) -> dict[str, Any]:
    """The family of a triplet, and the figures of which there are bands."""
    return {"family": _family(item), **{name: getattr(item.filtered, name) for name in COLUMNS}}


def _earlier(
    made: Decided,
    columns: Columns,
    manifests: Mapping[str, Manifest],
    thresholds: Thresholds,
    chain: Chain,
) -> None:
    """Whoever was given up before they were judged: as they were, unless nobody can say that now."""
    triplets = {one.id: one for one in columns.facts(PLAN, Triplet)}
    for step, manifest in manifests.items():
        made.failed += manifest.failed
        for item in manifest.rejected if step != publish.NAME else ():
            triplet = triplets.get(item.id)
            open_ = triplet is not None and _is_open(item, triplet, thresholds, chain)
            if triplet is None or not open_:
                made.rejected.append(item)
                continue
            detail = _UNPAID.format(step=item.step, reason=item.reason.value)
            made.rejected.append(Rejected(item.id, STEP, Reason.NOT_JUDGED, detail))
            family = name_of_family(triplet)
            made.moves[Move(family, item.reason.value, Reason.NOT_JUDGED.value)] += 1


def _is_open(item: Rejected, triplet: Triplet, thresholds: Thresholds, chain: Chain) -> bool:
    """Whether somebody would have been judged under these thresholds."""
    if item.reason is Reason.EARLIER_TURN:
        return triplet.previous in chain.won
    measures = _measured(item)
    return measures is not None and refusal(triplet, measures, thresholds.filter) is None


def _measured(item: Rejected) -> Measures | None:
    """What the filter had measured of somebody whom it refused for a figure; None of all others."""
    if item.step != filter_step.NAME or not item.measured:
        return None
    try:
        return Measures(**json.loads(item.measured))
    except (ValueError, TypeError) as error:
        raise ShardError(
            f"The figures on record of {item.id!r:.200} are not those of this version: {error}. Build "
            "the run again with it, which pays for nothing twice."
        ) from error


def _family(item: Joined) -> str:
    return name_of_family(item.triplet, item.rewritten.instruction_type)
