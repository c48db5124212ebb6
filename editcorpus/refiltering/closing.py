"""Make a corpus of what was copied: rejects, failures, previews, card and, last, the manifest."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from editcorpus.errors import ConfigError
from editcorpus.layouts.card import (
    CardFacts,
    Example,
    Origin,
    TaskCount,
    decode,
    source_licences,
    write_card,
)
from editcorpus.layouts.facets import facets
from editcorpus.layouts.manifest import FAILED, REJECTS, CorpusManifest, commit_manifest
from editcorpus.layouts.measured import measured
from editcorpus.layouts.parquet import ShardFile, write_outcomes
from editcorpus.layouts.previews import write_previews
from editcorpus.layouts.tally import summed, tally
from editcorpus.quality import quality
from editcorpus.records import Failed, Rejected
from editcorpus.refiltering.basis import Basis
from editcorpus.refiltering.deciding import Decided
from editcorpus.refiltering.thresholds import Thresholds
from editcorpus.runs import corpus_folder
from editcorpus.stages.finish import by_licence, card_file, losses, reasons
from editcorpus.storage import Store

_BANDS = (
    "Left out was whoever lies beyond the 1st to 99th percentile of the figures of its family in the run "
    "itself: that says what is rare in it, not what is wrong."
)


@dataclass(slots=True)
class Written:
    """What was written so far.

    Attributes:
        files: Files with records, in the order of their shards.
    """

    entered: int = 0
    kept: int = 0
    files: list[ShardFile] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    tasks: Counter[str] = field(default_factory=Counter)

    def add(self, decided: Decided, file: ShardFile | None) -> None:
        """Add a shard."""
        self.entered += decided.entered
        self.kept += len(decided.kept)
        self.files += [file] if file is not None else []
        self.rejected += decided.rejected
        self.failed += decided.failed
        self.tasks.update(decided.tasks)


def card_of(basis: Basis) -> CardFacts:
    """What the card of the run's corpus says.

    Raises:
        ConfigError: The corpus was finished by an earlier version.
        ShardError: It is damaged.
    """
    try:
        return decode(basis.store.read(card_file(basis.run)))
    except FileNotFoundError:
        raise ConfigError(
            f"The run {basis.run!r} was finished by an earlier version: build it once more with this "
            "one, which pays for nothing twice."
        ) from None


def close(basis: Basis, name: str, thresholds: Thresholds, written: Written) -> CorpusManifest:
    """Write all that belongs to a whole corpus.

    Args:
        basis: The run that it comes from.
        name: Of the corpus.
        thresholds: Its own.
        written: Its records, and who is not in.

    Raises:
        ConfigError: The corpus of the run was finished by an earlier version.
        ShardError: The sums do not close, or a file is damaged.
    """
    store, folder = basis.store, corpus_folder(name)
    outcomes = _outcomes(store, folder, written)
    groups = summed(tally(store, written.files, {}))
    facts = replace(
        _facts(basis, name, thresholds, written),
        groups=groups,
        examples=tuple(Example(*one) for one in write_previews(store, folder, written.files)),
        facets=facets(store, written.files, f"refilters/{name}/facets.json"),
        quality=quality(
            measured(store, written.files, f"refilters/{name}/quality.json"),
            written.entered,
            Counter(item.reason for item in written.rejected),
        ),
        sheet="",  # that of the run shows who was rejected there
    )
    none = tuple(replace(one, records=0) for one in facts.licences)
    facts = replace(facts, licences=source_licences(groups) or none)
    write_card(store, folder, facts)
    manifest = CorpusManifest(
        run=name,
        entered=written.entered,
        kept=written.kept,
        rejected=reasons(written.rejected),
        failed=reasons(written.failed),
        files=(*written.files, *outcomes),
        models=basis.corpus.manifest.models,
        tasks=dict(sorted(written.tasks.items())),
        licences=dict(sorted(by_licence(facts.licences).items())) if written.kept else {},
        runs={basis.run: basis.corpus.sha256},
    )
    commit_manifest(store, folder, manifest)
    return manifest


def _outcomes(store: Store, folder: str, written: Written) -> list[ShardFile]:
    """Who is not in; and nothing is left of an earlier attempt with other thresholds."""
    wanted = {file.path for file in written.files}
    for path in store.list(f"{folder}/data"):
        if path not in wanted:
            store.remove(path)
    return [
        write_outcomes(store, f"{folder}/{file}", _ordered(items))
        for file, items in ((REJECTS, written.rejected), (FAILED, written.failed))
    ]


def _facts(basis: Basis, name: str, thresholds: Thresholds, written: Written) -> CardFacts:
    before = card_of(basis)
    changes = Thresholds.of(basis.identity).against(thresholds)
    told = tuple((name, *values) for name, values in changes.items() if name != "bands")
    return replace(
        before,
        run=name,
        location=f"path/to/{corpus_folder(name)}",
        entered=written.entered,
        kept=written.kept,
        rejected=losses(written.rejected),
        failed=losses(written.failed),
        tasks=tuple(
            TaskCount(one.task, one.entered, written.tasks[one.task]) for one in before.tasks
        ),
        origin=Origin(basis.run, basis.corpus.sha256, told),
        limits=(*before.limits, *((_BANDS,) if thresholds.bands else ())),
        configuration={
            "refiltered": {"run": basis.run, "manifest_sha256": basis.corpus.sha256},
            "thresholds": thresholds.told(),
            "run": dict(before.configuration),
        },
    )


def _ordered(items: Iterable[Rejected] | Iterable[Failed]) -> list[Any]:
    return sorted(items, key=lambda item: item.id)
