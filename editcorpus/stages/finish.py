"""Finish a run: reject file, failures, card and, last, the manifest that makes a corpus of it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePath
from typing import Any

from editcorpus.layouts.card import (
    CardFacts,
    ListPrice,
    Loss,
    ModelUse,
    SourceLicence,
    TaskCount,
    write_card,
)
from editcorpus.layouts.manifest import FAILED, REJECTS, CorpusManifest, commit_manifest
from editcorpus.layouts.parquet import ShardFile, write_outcomes
from editcorpus.records import Failed, Reason, Rejected
from editcorpus.stages.publish import corpus_file, corpus_folder
from editcorpus.stages.rollup import run_standing
from editcorpus.stages.summary import Standing
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import align, regenerate, rewrite
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
    files = [*_data_files(shop, standing), *_outcome_files(shop, folder, standing)]
    write_card(shop.store, folder, _facts(shop, standing, configuration, emulated=emulated))
    commit_manifest(
        shop.store,
        folder,
        CorpusManifest(
            run=shop.run,
            entered=standing.entered,
            kept=standing.kept,
            rejected=_reasons(standing.rejected),
            failed=_reasons(standing.failed),
            files=tuple(files),
            models=_models(shop),
            tasks=dict(sorted(standing.kept_by_task.items())),
            licences={shop.source.license: standing.kept},
        ),
    )
    shop.redriving.carried_out(shop.store, shop.run)
    return Finished(standing, shop.store.url(folder))


def _data_files(shop: Workshop, standing: Standing) -> Iterable[ShardFile]:
    for shard, part in standing.parts.items():
        if part.kept:
            yield ShardFile(corpus_file(shop.run, shard), part.kept, part.size, part.sha256)


def _outcome_files(shop: Workshop, folder: str, standing: Standing) -> Iterable[ShardFile]:
    for name, rows in ((REJECTS, standing.rejected), (FAILED, standing.failed)):
        ordered: list[Any] = sorted(rows, key=lambda row: row.id)
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
        editor=models[regenerate.NAME],
        entered=standing.entered,
        kept=standing.kept,
        paid_usd=Decimal(0) if emulated else ledger.spent,
        list_usd=ledger.spent,
        possibly_billed=ledger.possibly,
        rejected=_losses(standing.rejected),
        failed=_losses(standing.failed),
        tasks=tuple(
            TaskCount(task, count, standing.kept_by_task[task])
            for task, count in sorted(standing.entered_by_task.items())
        ),
        models=tuple(ModelUse(role, model, ledger.settled(role)) for role, model in models.items()),
        prices=tuple(_prices(shop, models)),
        licences=(SourceLicence(shop.source.name, shop.source.license, standing.kept),),
        configuration=_without_folders(configuration),
    )


def _without_folders(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without the folders of the machine that it ran on."""
    given = str(configuration.get("input", ""))
    shown = given if "://" in given else PurePath(given).name
    return {**configuration, "input": shown}


def _models(shop: Workshop) -> dict[str, str]:
    return {
        regenerate.NAME: shop.config(regenerate.NAME, regenerate.Config).model,
        rewrite.NAME: shop.config(rewrite.NAME, rewrite.Config).model,
        align.NAME: shop.config(align.NAME, align.Config).model,
    }


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


def _reasons(items: Iterable[Rejected | Failed]) -> dict[str, int]:
    return dict(sorted(Counter(str(item.reason) for item in items).items()))


def _losses(items: Iterable[Rejected | Failed]) -> tuple[Loss, ...]:
    counts = Counter((item.step, item.reason) for item in items)
    order = {step: number for number, step in enumerate(_STEPS)}
    ranked = sorted(counts, key=lambda pair: (order.get(pair[0], 99), list(Reason).index(pair[1])))
    return tuple(Loss(step, reason, counts[step, reason]) for step, reason in ranked)


_STEPS = ("plan", "pad", "regenerate", "filter", "rewrite", "align", "publish")
