"""Finish a run: reject file, failures, card and, last, the manifest that makes a corpus of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import PurePath
from typing import Any

from editcorpus.layouts.card import (
    CardFacts,
    Example,
    ListPrice,
    Loss,
    ModelUse,
    SourceLicence,
    TaskCount,
    source_licences,
    write_card,
)
from editcorpus.layouts.card import encode as encode_card
from editcorpus.layouts.counting import with_note
from editcorpus.layouts.facets import facets
from editcorpus.layouts.manifest import FAILED, REJECTS, CorpusManifest, commit_manifest
from editcorpus.layouts.measured import measured
from editcorpus.layouts.parquet import ShardFile, write_outcomes
from editcorpus.layouts.previews import BESIDE, Preview, noted, read_noted, write_previews
from editcorpus.layouts.previews import FOLDER as PREVIEW_FOLDER
from editcorpus.layouts.previews import VERSION as PREVIEWS
from editcorpus.layouts.tally import Group, decode, encode, summed, tally
from editcorpus.quality import Quality, quality
from editcorpus.records import Failed, Reason, Rejected
from editcorpus.renewing import renew
from editcorpus.runs import corpus_file, corpus_folder
from editcorpus.shards import hash_of
from editcorpus.stages.models import ASKING, models_of
from editcorpus.stages.rollup import run_standing
from editcorpus.stages.sheet import make_sheet
from editcorpus.stages.summary import Standing
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import regenerate, rewrite
from editcorpus.storage import Store
from editcorpus.tariffs import Tariffs


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished corpus.

    Attributes:
        standing: Where every id is.
        corpus: Where the corpus lies, as a person would type it.
    """

    standing: Standing
    corpus: str


def finish(
    shop: Workshop, shards: int, configuration: Mapping[str, Any], *, emulated: bool
) -> Finished:
    """Write what belongs to a whole corpus; what is the same already is not written again.

    Raises:
        ShardError: The sums do not close, or a manifest is damaged.
    """
    folder = corpus_folder(shop.run)
    standing = run_standing(shop, shards, whole=True)
    data = list(_data_files(shop, standing))
    files = [*data, *_outcome_files(shop, folder, standing)]
    facts = _facts(shop, standing, configuration, emulated=emulated)
    shown = (Example(*texts) for texts in _previews(shop, folder, data))
    groups = _groups(shop, data)
    licences = _licences(shop, groups)
    facts = replace(
        facts,
        groups=groups,
        licences=licences,
        examples=tuple(shown),
        facets=facets(shop.store, data, f"runs/{shop.run}/facets.json"),
        quality=_quality(shop, standing, data),
        sheet=make_sheet(shop, shards, folder, files),
    )
    write_card(shop.store, folder, facts)
    renew(shop.store, card_file(shop.run), encode_card(facts))
    commit_manifest(
        shop.store,
        folder,
        CorpusManifest(
            run=shop.run,
            entered=standing.entered,
            kept=standing.kept,
            rejected=reasons(standing.rejected),
            failed=reasons(standing.failed),
            files=tuple(files),
            models=_models(shop),
            tasks=dict(sorted(standing.kept_by_task.items())),
            licences=dict(sorted(by_licence(licences).items())),
        ),
    )
    shop.redriving.carried_out(shop.store, shop.run)
    return Finished(standing, shop.store.url(folder))


def card_file(run: str) -> str:
    """Where it lies what the card of a run's corpus says, for corpora that are made of it."""
    return f"runs/{run}/card.json"


def _groups(shop: Workshop, files: Sequence[ShardFile]) -> tuple[Group, ...]:
    """Counts and scores of the corpus; what was read of a file is not read again."""
    count = partial(tally, shop.store, files)
    return summed(with_note(shop.store, f"runs/{shop.run}/tally.json", decode, encode, count))


def _quality(shop: Workshop, standing: Standing, files: Sequence[ShardFile]) -> Quality:
    """What the corpus measured of itself; no file is read twice."""
    counts = measured(shop.store, files, f"runs/{shop.run}/quality.json")
    return quality(counts, standing.entered, Counter(item.reason for item in standing.rejected))


def _previews(shop: Workshop, folder: str, files: Sequence[ShardFile]) -> tuple[Preview, ...]:
    """The previews of the corpus; while its files are the same, they are not drawn again."""
    path, store = f"runs/{shop.run}/previews.json", shop.store
    key = hash_of([PREVIEWS, [(file.path, file.sha256) for file in files]])
    known = read_noted(_noted(store, path), key)
    there = set(store.list(f"{folder}/{PREVIEW_FOLDER}")) - {f"{folder}/{one}" for one in BESIDE}
    if known is not None and there == {f"{folder}/{one.picture}" for one in known}:
        return known
    made = write_previews(store, folder, files)
    store.write(path, noted(made, key))
    return made


def _noted(store: Store, path: str) -> bytes:
    """What a note holds; empty where there is none."""
    try:
        return store.read(path)
    except FileNotFoundError:
        return b""


def _licences(shop: Workshop, groups: Iterable[Group]) -> tuple[SourceLicence, ...]:
    """The licences of the kept records; that of the source where there is none."""
    return source_licences(groups) or (SourceLicence(shop.source.name, shop.source.license, 0),)


def by_licence(licences: Iterable[SourceLicence]) -> Counter[str]:
    """How many records have which licence."""
    counts: Counter[str] = Counter()
    for one in licences:
        counts[one.licence] += one.records
    return counts


def _data_files(shop: Workshop, standing: Standing) -> Iterable[ShardFile]:
    for shard, part in standing.parts.items():
        if part.kept:
            yield ShardFile(corpus_file(shop.run, shard), part.kept, part.size, part.sha256)


def _outcome_files(shop: Workshop, folder: str, standing: Standing) -> Iterable[ShardFile]:
    for name, items in ((REJECTS, standing.rejected), (FAILED, standing.failed)):
        ordered: list[Any] = sorted(items, key=lambda item: item.id)
        yield write_outcomes(shop.store, f"{folder}/{name}", ordered)


def _facts(
    shop: Workshop, standing: Standing, configuration: Mapping[str, Any], *, emulated: bool
) -> CardFacts:
    ledger = shop.ledger
    models = _models(shop)
    return CardFacts(
        run=shop.run,
        location=f"path/to/{corpus_folder(shop.run)}",
        emulated=emulated,
        editor=models.get(regenerate.NAME, ""),
        entered=standing.entered,
        kept=standing.kept,
        paid_usd=Decimal(0) if emulated else ledger.spent,
        list_usd=ledger.spent,
        possibly_billed=ledger.possibly,
        rejected=losses(standing.rejected),
        failed=losses(standing.failed),
        tasks=tuple(
            TaskCount(task, count, standing.kept_by_task[task])
            for task, count in sorted(standing.entered_by_task.items())
        ),
        models=tuple(ModelUse(role, model, ledger.settled(role)) for role, model in models.items()),
        prices=tuple(_prices(shop, models)),
        configuration=_without_folders(configuration),
    )


def _without_folders(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without the folders of the machine that it ran on."""
    given = str(configuration.get("input", ""))
    shown = given if "://" in given else PurePath(given).name
    return {**configuration, "input": shown}


def _models(shop: Workshop) -> dict[str, str]:
    """The models that such a build asks, by step; nobody makes or describes a published pair anew."""
    idle = {regenerate.NAME, rewrite.NAME} if shop.variant == "base" else set()
    steps = {stage.name for stage in shop.stages} - idle
    asked = {name: ASKING[name] for name in _STEPS if name in ASKING and name in steps}
    return {name: ", ".join(models_of(shop.config(name, cls))) for name, cls in asked.items()}


def _prices(shop: Workshop, models: Mapping[str, str]) -> Iterable[ListPrice]:
    for role, model in models.items():
        listed = shop.engine.endpoints[role].tariffs
        row = listed.models.get(model)
        if row is None or row.prices is None:
            continue
        source = f"{row.source}{_own_file(listed, model)}"
        for name in type(row.prices).model_fields:
            usd = getattr(row.prices, name)
            if usd is not None:
                unit = f"1M {name} tokens"
                yield ListPrice(model, unit, usd, listed.dated(model).isoformat(), source)


def _own_file(listed: Tariffs, model: str) -> str:
    """Name of the file that a price row of the user's own is from, without the machine's folders."""
    own = listed.own
    return f" ({PurePath(own.path).name})" if own and own.path and model in own.models else ""


def reasons(items: Iterable[Rejected | Failed]) -> dict[str, int]:
    """How many were given up for which reason."""
    return dict(sorted(Counter(str(item.reason) for item in items).items()))


def losses(items: Iterable[Rejected | Failed]) -> tuple[Loss, ...]:
    """The same by step and reason, in the order of the steps."""
    counts = Counter((item.step, item.reason) for item in items)
    order = {step: number for number, step in enumerate(_STEPS)}
    ranked = sorted(counts, key=lambda pair: (order.get(pair[0], 99), list(Reason).index(pair[1])))
    return tuple(Loss(step, reason, counts[step, reason]) for step, reason in ranked)


_STEPS = (
    *("plan", "fetch", "view", "caption", "synthesize", "pad", "compose"),
    *("regenerate", "filter", "rewrite", "align", "embed", "publish"),
)
