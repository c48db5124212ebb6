"""Where the triplets of a run are, shard by shard, as the manifests in the store have it.

Unlike `stages.summary` this needs no open run: which manifests belong together is told by the run's
own description.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from editcorpus.records import Failed, Rejected
from editcorpus.runs import read_identity
from editcorpus.shards import Manifest, need_manifest, shard_folder
from editcorpus.stages.exhibit import valid_manifests
from editcorpus.stages.opening import SANDBOX
from editcorpus.stages.plan import read_plan
from editcorpus.steps import publish
from editcorpus.storage import Store

Gone = Rejected | Failed
"""A triplet that is not in the corpus."""


@dataclass(frozen=True, slots=True)
class ShardVerdicts:
    """Where the triplets of one shard are.

    Attributes:
        entered: Ids in the plan.
        kept: Ids in the corpus.
        gone: Everybody who was given up so far, in the order of the steps.
        manifests: Of the steps that are done, plan first, by the step's name.
    """

    shard: int
    entered: int
    kept: int
    gone: tuple[Gone, ...]
    manifests: Mapping[str, Manifest]

    @property
    def published(self) -> bool:
        """Whether all that was not given up is in the corpus."""
        return publish.NAME in self.manifests

    @property
    def undecided(self) -> int:
        """Ids whose turn has yet to come."""
        return self.entered - self.kept - len(self.gone)


def shard_verdicts(store: Store, run: str, shard: int, configs: Mapping[str, Any]) -> ShardVerdicts:
    """Where the triplets of a shard are.

    Raises:
        ShardError: A manifest is missing or damaged.
    """
    folder = shard_folder(run, shard)
    plan = need_manifest(store, folder, "plan")
    found = {"plan": plan, **valid_manifests(store, folder, plan, configs)}
    gone: list[Gone] = []
    for made in found.values():
        gone += [*made.rejected, *made.failed]
    kept = found[publish.NAME].kept if publish.NAME in found else 0
    return ShardVerdicts(shard, plan.entered, kept, tuple(gone), found)


def run_verdicts(store: Store, run: str) -> Iterator[ShardVerdicts]:
    """Where the triplets of a run are, a shard at a time; nothing where the run has no plan.

    Raises:
        ShardError: A manifest is missing or damaged.
    """
    plan = read_plan(store, run)
    configs = read_identity(store, run)
    for shard in range(plan.shards if plan else 0):
        yield shard_verdicts(store, run, shard, configs)


def is_emulated(store: Store, run: str) -> bool:
    """Whether answers of a run came from the sandbox, so that its dollars were never paid."""
    providers = read_identity(store, run).get("providers")
    return isinstance(providers, dict) and SANDBOX in providers.values()


def verdict_of(item: Gone) -> str:
    """The word for what became of a triplet that is not in the corpus."""
    return "failed" if isinstance(item, Failed) else "rejected"
