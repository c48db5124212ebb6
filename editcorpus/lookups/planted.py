"""Planted against found: of each kind of defect how many there were, who found them, and whom it cost.

What was planted is told by whoever planted it: the sandbox's journal for answers, a list for rows of the
input. What became of each triplet is told by the store alone.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from editcorpus.intervals import wilson
from editcorpus.lookups.verdicts import run_verdicts
from editcorpus.responses import Responses
from editcorpus.shards import Columns, shard_folder
from editcorpus.stages.filter import Filtered
from editcorpus.steps import filter as filter_step
from editcorpus.steps import regenerate
from editcorpus.storage import Store

CLEAN = "clean"
"""The kind of those in which nothing was planted."""
KEPT, UNDECIDED, CORRECTED, GONE = "kept", "undecided", "corrected", "gone"
_SET_RIGHT = frozenset({"shift", "zoom"})
"""Kinds that are found where they were undone."""
_MOST_IDS = 20


@dataclass(frozen=True, slots=True)
class Planting:
    """What was planted in a row of the input.

    Attributes:
        id: Of the triplet.
        kind: What is wrong with it.
        of: The triplet that it is a copy of; empty for what is no copy.
    """

    id: str
    kind: str
    of: str = ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one triplet that an image model was asked for.

    Attributes:
        defect: What was planted in its answer; empty where nothing was.
        end: `kept`, `undecided`, or the reason for which it was given up.
        corrected: Whether the shift or zoom of its edited image was undone.
    """

    id: str
    defect: str
    end: str
    corrected: bool = False


@dataclass(slots=True)
class Kind:
    """How a kind of defect fared; of the clean ones, `found` are false rejects.

    Attributes:
        found: How many were found, by reason; `corrected` are in the corpus, set right.
        gone: How many rows were given up for something else before anybody looked for what was planted.
        missed: Ids of those in the corpus as if nothing were wrong with them.
    """

    name: str
    planted: int = 0
    gone: int = 0
    found: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    @property
    def of(self) -> int:
        """How many could be found, and are decided."""
        return self.found.total() + len(self.missed)

    def as_json(self) -> dict[str, object]:
        """The same as JSON takes it; the interval is Wilson's, 95%."""
        interval = wilson(self.found.total(), self.of)
        return {
            "kind": self.name,
            "planted": self.planted,
            "gone": self.gone,
            "found": self.found.total(),
            "by": dict(sorted(self.found.items())),
            "missed": len(self.missed),
            "missed_ids": [] if self.name == CLEAN else sorted(self.missed)[:_MOST_IDS],
            "share": round(interval.mid, 4),
            "interval": [round(interval.low, 4), round(interval.high, 4)],
        }


def fates(store: Store, run: str, drawn: Mapping[str, str]) -> Iterator[Fate]:
    """What became of the triplets of a run whose answers are told of.

    Args:
        store: Where the run lies.
        run: Its name.
        drawn: What was planted in each answer, by the request id of its call; empty for nothing.

    Raises:
        ShardError: A manifest or a column file is damaged.
    """
    planted = _planter(Responses(store), drawn)
    for shard in run_verdicts(store, run):
        if regenerate.NAME not in shard.manifests:
            continue
        columns = Columns(store, shard_folder(run, shard.shard))
        gone = {item.id: item.reason.value for item in shard.gone}
        filtered = filter_step.NAME in shard.manifests
        standing = {
            row.id: row.registration
            for row in (columns.facts(filter_step.NAME, Filtered) if filtered else ())
        }
        left = KEPT if shard.published else UNDECIDED
        for row in columns.facts(regenerate.NAME, regenerate.Regenerated):
            defect = planted(row.response)
            if defect is not None:
                right = standing.get(row.id) == CORRECTED
                yield Fate(row.id, defect, gone.get(row.id, left), right)


def _planter(answers: Responses, drawn: Mapping[str, str]) -> Callable[[str], str | None]:
    """Gives what was planted in the answer to a request; None where nobody told."""

    def planted(request: str) -> str | None:
        answer = answers.image(request) if request else None
        return None if answer is None else drawn.get(answer.record.request_id)

    return planted


def read_plantings(path: Path) -> list[Planting]:
    """The list of what was planted in rows: JSON lines with the members of `Planting`."""
    return [Planting(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def asked_ids(store: Store, run: str) -> tuple[int, int]:
    """How many triplets of a run entered, and how many were given up before a model was asked.

    Raises:
        ShardError: A manifest is damaged.
    """
    entered, asked = 0, 0
    for shard in run_verdicts(store, run):
        entered += shard.entered
        made = shard.manifests.get(regenerate.NAME)
        asked += made.kept if made else 0
    return entered, entered - asked


def table(
    found: Iterable[Fate], plantings: Iterable[Planting], left_out: Mapping[str, str]
) -> list[Kind]:
    """Planted against found, by kind; the clean ones last.

    A triplet counts for everything that was planted in it. What was planted in a row is for the united corpus
    to find: a row that its run gave up is gone before. So is a copy of such a row, which is none any more;
    else a copy is found where one of both is left out.

    Args:
        found: What became of the triplets of the runs.
        plantings: What was planted in their rows.
        left_out: Why triplets that a run kept are not in the united corpus, by id.
    """
    known = {one.id: one for one in found}
    kinds: dict[str, Kind] = {}
    unfit = set()
    for planting in plantings:
        if planting.id in known:
            end, ids = _end_of_row(planting, known, left_out)
            unfit |= ids
            _take(kinds, planting.kind, planting.id, end)
    for key, one in known.items():
        if one.defect:
            unfit.add(key)
            _take(kinds, one.defect, key, _end(one, left_out))
    made = [kinds[name] for name in sorted(kinds)]
    for key in known.keys() - unfit:
        _take(kinds, CLEAN, key, _end(known[key], left_out))
    return [*made, kinds.get(CLEAN, Kind(CLEAN))]


def _end(fate: Fate, left_out: Mapping[str, str]) -> str:
    if fate.end != KEPT:
        return fate.end
    right = fate.corrected and fate.defect in _SET_RIGHT
    return left_out.get(fate.id) or (CORRECTED if right else KEPT)


def _end_of_row(
    planting: Planting, known: Mapping[str, Fate], left_out: Mapping[str, str]
) -> tuple[str, set[str]]:
    """What became of what was planted in a row, and the triplets that are not clean."""
    ids = {planting.id, planting.of} - {""}
    ends = {known[key].end if key in known else GONE for key in ids}
    if ends != {KEPT}:
        return UNDECIDED if UNDECIDED in ends else GONE, {planting.id}
    reasons = {key: left_out[key] for key in ids if key in left_out}
    end = reasons.get(planting.id) or reasons.get(planting.of) or KEPT
    return end, {planting.id, *reasons}


def _take(kinds: dict[str, Kind], name: str, key: str, end: str) -> None:
    kind = kinds.setdefault(name, Kind(name))
    kind.planted += 1
    if end == KEPT:
        kind.missed.append(key)
    elif end == GONE:
        kind.gone += 1
    elif end != UNDECIDED:
        kind.found[end] += 1
