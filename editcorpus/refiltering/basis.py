"""A finished run whose triplets are judged anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from editcorpus.errors import ConfigError
from editcorpus.layouts.corpus import Corpus, open_corpus
from editcorpus.layouts.manifest import NAME as MANIFEST
from editcorpus.manifests import Manifest
from editcorpus.refiltering.thresholds import Thresholds
from editcorpus.runs import corpus_folder, read_identity
from editcorpus.shards import PLAN, need_manifest, shard_folder
from editcorpus.stages.exhibit import valid_manifests
from editcorpus.stages.order import stages_known
from editcorpus.stages.plan import need_plan
from editcorpus.stages.workshop import Variant
from editcorpus.steps import embed, publish
from editcorpus.storage import Store


@dataclass(frozen=True, slots=True)
class Basis:
    """A finished run.

    Attributes:
        identity: What it is.
        corpus: What came of it.
        shards: How many it has.
    """

    store: Store
    run: str
    identity: Mapping[str, Any]
    corpus: Corpus
    shards: int

    @property
    def steps(self) -> frozenset[str]:
        """Names of the stages that its shards went through."""
        return frozenset(stage.name for stage in stages_known(self.identity))

    @property
    def variant(self) -> Variant:
        """How its pairs are made."""
        found: Variant = self.identity.get("variant", "output")
        return found

    def manifests(self, shard: int) -> dict[str, Manifest]:
        """The manifests of a shard by the step's name, the plan's first.

        Raises:
            ConfigError: Another version of this project published the shard.
            ShardError: One is missing or damaged.
        """
        folder = shard_folder(self.run, shard)
        plan = need_manifest(self.store, folder, PLAN)
        found = valid_manifests(self.store, folder, plan, self.identity)
        if publish.NAME not in found:
            raise ConfigError(
                f"Shard {shard} of the run {self.run!r} is not finished, or not by this version: build "
                "it to its end first. What was paid for is served from the store."
            )
        return {PLAN: plan, **found}

    def check_measured(self, thresholds: Thresholds) -> None:
        """Prove that the run has measured what thresholds ask.

        Raises:
            ConfigError: It has not.
        """
        same = Thresholds.of(self.identity).publish.likeness == thresholds.publish.likeness
        if not same and embed.NAME not in self.steps:
            raise ConfigError(
                f"The run {self.run!r} had no vectors made, so that publish.likeness.* asks for what nobody "
                "has measured: build with them under another run name."
            )


def open_basis(store: Store, run: str) -> Basis:
    """Open a finished run.

    Raises:
        ConfigError: There is no such run, or it has no corpus yet.
        ShardError: Its manifest or its plan is damaged.
    """
    identity = read_identity(store, run)
    if not identity:
        raise ConfigError(
            f"The store {store.root} has no run {run!r}; a corpus that unites runs, or was refiltered, "
            "is refiltered by its runs."
        )
    if not store.exists(f"{corpus_folder(run)}/{MANIFEST}"):
        raise ConfigError(f"The run {run!r} has no corpus yet: build it to its end first.")
    corpus = open_corpus(store, corpus_folder(run))
    return Basis(store, run, identity, corpus, need_plan(store, run).shards)
