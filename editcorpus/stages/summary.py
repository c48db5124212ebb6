"""How a run stands: where every id that entered is now, and what it cost.

A shard's manifests are read in the order of the stages, as far as each still belongs to the one
before it; whoever got no further is *failed*, for the reason given or because the run stopped first.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from editcorpus.errors import ShardDamaged, ShardError
from editcorpus.records import Failed, Reason, Rejected, Triplet
from editcorpus.shards import PLAN, Columns, Manifest, fingerprint
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import publish


@dataclass(frozen=True, slots=True)
class Part:
    """What one published shard is part of a corpus with.

    Attributes:
        digest: Of the manifest under which it was published.
        sha256: Of its records' file; empty where it kept none.
        size: Likewise, in bytes.
    """

    entered: int
    kept: int
    digest: str
    sha256: str
    size: int


@dataclass(slots=True)
class Standing:
    """Where the ids of one shard, or of a whole run, are.

    Attributes:
        entered: Ids in the plan.
        kept: Ids in the corpus.
        rejected: Final verdicts.
        failed: Ids that the next run does again.
        failed_by_shard: The same by the number of their shard; shards without any are left out.
        entered_by_task: Ids in the plan by task, less those that the plan rejects.
        kept_by_task: Kept ids by task.
        parts: The shards that are published, by their number.
    """

    entered: int = 0
    kept: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    failed_by_shard: dict[int, list[Failed]] = field(default_factory=dict)
    entered_by_task: Counter[str] = field(default_factory=Counter)
    kept_by_task: Counter[str] = field(default_factory=Counter)
    parts: dict[int, Part] = field(default_factory=dict)

    def add(self, other: "Standing") -> None:
        """Add another shard's."""
        self.entered += other.entered
        self.kept += other.kept
        self.rejected += other.rejected
        self.failed += other.failed
        self.failed_by_shard.update(other.failed_by_shard)
        self.entered_by_task += other.entered_by_task
        self.kept_by_task += other.kept_by_task
        self.parts.update(other.parts)

    def check(self) -> None:
        """Prove that every id is in exactly one place.

        Raises:
            ShardError: The sum does not close.
        """
        if self.entered != self.kept + len(self.rejected) + len(self.failed):
            raise ShardError(
                f"{self.entered} ids entered, but {self.kept} were kept, "
                f"{len(self.rejected)} rejected and {len(self.failed)} failed."
            )


def stand(shop: Workshop, shards: int, *, whole: bool = False) -> Standing:
    """Where all ids of a run are.

    Args:
        shop: The run.
        shards: How many it has.
        whole: Whether a damaged manifest is an error, as for a corpus; else its step counts as not
            done, as the next run will have it.

    Raises:
        ShardError: A manifest of the plan is damaged, or the sums do not close.
    """
    return stand_of(shop, range(shards), whole=whole)


def stand_of(shop: Workshop, shards: Iterable[int], *, whole: bool = False) -> Standing:
    """Where the ids of some shards are; errors as `stand`."""
    total = Standing()
    for shard in shards:
        total.add(shard_standing(shop, shard, whole=whole))
    total.check()
    return total


def shard_standing(shop: Workshop, shard: int, *, whole: bool = False) -> Standing:
    """Where the ids of one shard are; errors as `stand`."""
    columns = Columns(shop.store, shop.folder(shard))
    plan = columns.manifest(PLAN)
    tasks = {item.id: item.task for item in columns.facts(PLAN, Triplet)}
    made = Standing(entered=plan.entered, rejected=list(plan.rejected))
    made.entered_by_task.update(tasks.values())
    open_ids = dict.fromkeys(tasks)
    last = plan
    for manifest in _valid(shop, columns, plan, whole=whole):
        made.rejected += manifest.rejected
        made.failed += manifest.failed
        for key in manifest.gone:
            open_ids.pop(key, None)
        last = manifest
    if last.step == publish.NAME:
        made.kept = last.kept
        made.kept_by_task.update(tasks[key] for key in open_ids)
        made.parts[shard] = Part(plan.entered, last.kept, last.digest, last.sha256, last.size)
    else:
        made.failed += [
            Failed(key, last.step, Reason.NOT_REACHED, f"The run stopped after {last.step}.")
            for key in open_ids
        ]
    if made.failed:
        made.failed_by_shard[shard] = list(made.failed)
    return made


def _valid(shop: Workshop, columns: Columns, plan: Manifest, *, whole: bool) -> Iterator[Manifest]:
    before = plan
    for stage in shop.stages:
        manifest = _known(columns, stage.name, whole=whole)
        config = shop.configs[stage.name]
        wanted = fingerprint(before.digest, stage.name, stage.version, config)
        if manifest is None or manifest.fingerprint != wanted:
            return
        yield manifest
        before = manifest


def _known(columns: Columns, step: str, *, whole: bool) -> Manifest | None:
    try:
        return columns.known(step)
    except ShardDamaged:
        if whole:
            raise
        return None
