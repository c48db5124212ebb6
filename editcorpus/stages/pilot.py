"""What a finished or half-finished run says of a larger one: acceptance and dollars by task.

Read from the run's manifests and journals; nothing is sent anywhere and nothing is written. Every
dollar that the run booked counts, wasted and possibly billed ones included. An edit that an earlier
run had paid for counts at its price, too, since a larger run will not find it in the store.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import fmean

from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.errors import ConfigError
from editcorpus.intervals import Interval, Projection, Stratum, project, wilson
from editcorpus.ledger import History, Record, image_path, read_header, read_history
from editcorpus.manifests import Manifest
from editcorpus.records import Triplet
from editcorpus.runs import corpus_file, read_identity
from editcorpus.shards import PLAN, need_manifest, read_facts, read_manifest, shard_folder
from editcorpus.stages.order import stages_known
from editcorpus.stages.pace import cost_a_call, hours
from editcorpus.stages.plan import read_plan
from editcorpus.steps import publish, regenerate, synthesize
from editcorpus.storage import Store

_PICTURES: Mapping[str, type[regenerate.Regenerated | synthesize.Synthesized]] = {
    synthesize.NAME: synthesize.Synthesized,
    regenerate.NAME: regenerate.Regenerated,
}
"""The columns that name paid pictures, by step."""
_MOST_ANSWERS = 256
"""Stored answers, evenly chosen, whose length is looked up to know what a picture takes."""


@dataclass(slots=True)
class Calls:
    """The calls of one step.

    Attributes:
        made: Those that were paid for, or may have been.
        seconds: Mean of one.
        tokens: Mean of what was sent with one, as the API counted it.
    """

    made: int = 0
    seconds: float = 0.0
    tokens: float = 0.0


@dataclass(slots=True)
class Pilot:
    """What a run has come to, triplet by triplet.

    Attributes:
        entered: Rows that entered, those included whose text alone was refused.
        refused: Rows that were refused for their text alone; they cost nothing and have no task.
        open: Triplets without a verdict; they and their dollars count for nothing.
        usd: By task, the dollars of every triplet with a verdict.
        kept: By task, 1.0 or 0.0 for each of the same.
        served: Pictures of triplets with a verdict that were served from the store; they count at the
            price that was once paid.
        calls: By step, the calls for triplets with a verdict.
        bytes_a_row: What the store keeps for a row that entered, over the shards that are whole;
            None where none is.
    """

    run: str
    entered: int = 0
    refused: int = 0
    open: int = 0
    usd: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    kept: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    served: int = 0
    calls: dict[str, Calls] = field(default_factory=dict)
    bytes_a_row: float | None = None

    @property
    def judged(self) -> int:
        """Triplets with a verdict."""
        return sum(len(found) for found in self.kept.values())

    def acceptance(self, task: str) -> Interval:
        """Share of a task's triplets that is accepted."""
        return wilson(round(sum(self.kept[task])), len(self.kept[task]))

    def by_task(self, task: str) -> Projection:
        """What a task's own triplets came to."""
        return project([self._stratum(task, len(self.kept[task]))])

    def whole(self, rows: Mapping[str, int]) -> Projection:
        """What an input will come to, each task by its own triplets.

        Args:
            rows: Of the input, by task; those of tasks that the pilot has not seen are taken to be
                like all of the pilot's.

        Raises:
            ConfigError: The pilot has no verdict yet.
        """
        if not self.judged:
            raise ConfigError(f"The run {self.run!r} has no triplet with a verdict yet.")
        planned = 1 - self.refused / self.entered
        strata = [self._stratum(task, rows[task] * planned) for task in rows if self.kept.get(task)]
        unseen = self.unseen(rows)
        if unseen:
            usd = [each for found in self.usd.values() for each in found]
            kept = [each for found in self.kept.values() for each in found]
            strata.append(Stratum(unseen * planned, usd, kept))
        return project(strata)

    def unseen(self, rows: Mapping[str, int]) -> int:
        """Rows of tasks that have no triplet with a verdict in the pilot."""
        return sum(count for task, count in rows.items() if not self.kept.get(task))

    def hours(self, rows: float, endpoints: Mapping[str, Endpoint]) -> dict[str, float]:
        """Hours of each asking step over as many rows, at the limits of its endpoint."""
        done = self.entered - self.open
        return {
            step: hours(
                calls.made / done * rows,
                calls.seconds,
                [cost_a_call(step, calls.tokens)],
                endpoints[step].limits,
            )
            for step, calls in self.calls.items()
            if step in endpoints and done
        }

    def _stratum(self, task: str, rows: float) -> Stratum:
        return Stratum(rows, self.usd[task], self.kept[task])


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a pilot says of a whole input.

    Attributes:
        rows: Of the input, by task.
        unseen: Those of them whose task the pilot has not seen.
        hours: Of each asking step, at the limits of its endpoint; they work side by side.
        bytes: What the store will keep; None where no shard of the pilot is whole.
    """

    rows: Mapping[str, int]
    unseen: int
    whole: Projection
    hours: Mapping[str, float]
    bytes: float | None

    @property
    def total(self) -> int:
        """Rows of the whole input."""
        return sum(self.rows.values())

    @property
    def days(self) -> float:
        """Days that the slowest step takes."""
        return max(self.hours.values(), default=0.0) / 24


def forecast(pilot: Pilot, rows: Mapping[str, int], endpoints: Mapping[str, Endpoint]) -> Forecast:
    """Extrapolate a pilot to a whole input.

    Args:
        pilot: What a run has come to.
        rows: Of the input, by task.
        endpoints: By step, whose limits say how fast calls may go out.

    Raises:
        ConfigError: The pilot has no verdict yet.
    """
    total = sum(rows.values())
    return Forecast(
        rows=dict(rows),
        unseen=pilot.unseen(rows),
        whole=pilot.whole(rows),
        hours=pilot.hours(total, endpoints),
        bytes=None if pilot.bytes_a_row is None else pilot.bytes_a_row * total,
    )


def read_pilot(store: Store, run: str) -> Pilot:
    """Read a run, as far as it is done.

    Raises:
        ConfigError: There is no such run, or it has no plan yet.
        ShardError: A manifest or column file is damaged.
        StorageError: A line of a journal is damaged.
    """
    plan = read_plan(store, run)
    if plan is None:
        known = "has no plan yet" if read_identity(store, run) else "does not exist"
        raise ConfigError(f"The run {run!r} {known} in {store.url('runs')}.")
    reader = _Reader(store, Pilot(run), read_history(store, run))
    for shard in range(plan.shards):
        reader.take(shard)
    return reader.finish()


class _Reader:
    """Goes through a run's shards and adds up what became of them."""

    def __init__(self, store: Store, pilot: Pilot, history: History) -> None:
        self._store = store
        self._pilot = pilot
        self._records: dict[str, list[Record]] = defaultdict(list)
        self._lost: dict[str, Decimal] = defaultdict(Decimal)
        for record in history.records:
            self._records[record.id].append(record)
        for intent in history.open:
            self._lost[intent.id] += intent.usd
        self._used: dict[str, list[Record]] = defaultdict(list)
        self._whole = Counter[str]()
        self._answers: list[str] = []

    def take(self, shard: int) -> None:
        """Add a shard, as far as it is done."""
        folder, pilot = shard_folder(self._pilot.run, shard), self._pilot
        manifests = list(_manifests(self._store, self._pilot.run, folder))
        tasks = {item.id: item.task for item in read_facts(self._store, folder, PLAN, Triplet)}
        answers = self._pictures(folder, manifests)
        rejected = {item.id for each in manifests for item in each.rejected}
        failed = {item.id for each in manifests for item in each.failed}
        done = manifests[-1].step == publish.NAME
        pilot.entered += manifests[0].entered
        pilot.refused += len(manifests[0].rejected)
        for key, task in tasks.items():
            if key in rejected or (done and key not in failed):
                pilot.usd[task].append(float(self._price(key, answers[key])))
                pilot.kept[task].append(float(key not in rejected))
            else:
                pilot.open += 1
        if done:
            self._weigh(
                shard, folder, manifests, [one for each in answers.values() for one in each]
            )

    def finish(self) -> Pilot:
        """The pilot, once every shard is in it."""
        pilot, answers = self._pilot, sorted(self._answers)
        for step, records in self._used.items():
            settled = [each for each in records if each.outcome == "settled"] or records
            sent = (
                each.usage.get("text_in", 0) + each.usage.get("image_in", 0) for each in settled
            )
            pilot.calls[step] = Calls(
                len(records), fmean(each.seconds for each in settled), fmean(sent)
            )
        if self._whole["rows"]:
            some = answers[:: max(1, len(answers) // _MOST_ANSWERS)]
            mean = fmean(self._store.size(image_path(key)) for key in some) if some else 0.0
            kept = self._whole["bytes"] + mean * len(answers)
            pilot.bytes_a_row = kept / self._whole["rows"]
        return pilot

    def _pictures(self, folder: str, manifests: Sequence[Manifest]) -> defaultdict[str, list[str]]:
        """Hash of each picture that was asked for, by id: none where it is the published one."""
        found = defaultdict[str, list[str]](list)
        for step, cls in _PICTURES.items():
            if any(each.step == step for each in manifests):
                for row in read_facts(self._store, folder, step, cls):
                    found[row.id] += [row.response] if row.response else []
        return found

    def _price(self, key: str, answers: Iterable[str]) -> Decimal:
        """All that a triplet cost, and the calls that it took."""
        records = [each for each in self._records[key] if each.outcome != "free"]
        for answer in {*answers} - {each.key for each in records}:
            header = read_header(self._store, answer)
            self._pilot.served += 1
            records += [header.record] if header else []
        for record in records:
            self._used[record.step].append(record)
        return self._lost[key] + sum((each.usd for each in records), Decimal(0))

    def _weigh(
        self, shard: int, folder: str, manifests: Sequence[Manifest], answers: Iterable[str]
    ) -> None:
        sizes = [self._store.size(path) for path in self._store.list(folder)]
        if manifests[-1].kept:
            sizes.append(self._store.size(corpus_file(self._pilot.run, shard)))
        self._whole["bytes"] += sum(sizes)
        self._whole["rows"] += manifests[0].entered
        self._answers += answers


def _manifests(store: Store, run: str, folder: str) -> Iterator[Manifest]:
    """The manifests of a shard in the order of the steps, as far as each fits the one before it."""
    before: Manifest | None = need_manifest(store, folder, PLAN)
    steps = iter(stages_known(read_identity(store, run)))
    while before is not None:
        yield before
        stage = next(steps, None)
        after = read_manifest(store, folder, stage.name) if stage else None
        before = after if after is not None and after.entered == before.kept else None
