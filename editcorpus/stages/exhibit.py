"""The triplets of a run as the gallery shows them: kept, rejected and failed, with their pictures.

They are a seeded choice: of each shard in proportion to its rows, and within a shard of each task
and verdict, so that an input that is sorted by task is shown as it is.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, TypeVar

from editcorpus import images
from editcorpus.errors import ShardError, SourceError
from editcorpus.gallery import GalleryEntry, change_overlay
from editcorpus.gallery.entries import Verdict
from editcorpus.geometry import way_back
from editcorpus.ledger import read_history
from editcorpus.pictures import Pictures
from editcorpus.records import Failed, Rejected, Triplet
from editcorpus.responses import Responses
from editcorpus.runs import read_identity
from editcorpus.sampling import number, quotas
from editcorpus.shards import (
    FORMAT,
    PLAN,
    Columns,
    Manifest,
    hash_of,
    need_manifest,
    shard_folder,
)
from editcorpus.stages.filter import Filtered
from editcorpus.stages.order import stages_known
from editcorpus.stages.plan import read_plan
from editcorpus.stages.workshop import Stage
from editcorpus.steps import align, pad, publish, regenerate, rewrite
from editcorpus.steps import filter as filter_step
from editcorpus.storage import Store
from editcorpus.taxonomy import InstructionType, name_of_family

_Row = TypeVar(
    "_Row", pad.Padded, regenerate.Regenerated, Filtered, rewrite.Rewritten, align.Aligned
)
_SHOWN = {item.name for item in fields(GalleryEntry)}
_SEED = 0
"""Decides, with shard and id, who is shown."""


@dataclass(frozen=True, slots=True)
class _Shelf:
    """All columns of one shard, as far as they exist, and who was given up where."""

    triplets: list[Triplet]
    padded: dict[str, tuple[int, pad.Padded]]
    regenerated: dict[str, tuple[int, regenerate.Regenerated]]
    filtered: dict[str, tuple[int, Filtered]]
    rewritten: dict[str, tuple[int, rewrite.Rewritten]]
    aligned: dict[str, tuple[int, align.Aligned]]
    gone: dict[str, Rejected | Failed]
    finished: bool

    def verdict(self, key: str) -> Verdict:
        """What became of a triplet; one that is not through all stages has failed so far."""
        gone = self.gone.get(key)
        if gone is not None:
            return "failed" if isinstance(gone, Failed) else "rejected"
        return "kept" if self.finished and key in self.aligned else "failed"


def exhibits(store: Store, run: str, limit: int) -> Iterator[GalleryEntry]:
    """At most `limit` triplets of a run, in the order of its shards and their rows.

    Raises:
        ShardError: A manifest or a column file is missing or damaged.
    """
    plan = read_plan(store, run)
    costs: dict[str, Decimal] = defaultdict(Decimal)
    for record in read_history(store, run).records:
        costs[record.id] += record.usd
    configs = read_identity(store, run)
    for shard, share in _shares(store, run, plan.shards if plan else 0, limit):
        columns = Columns(store, shard_folder(run, shard))
        shelf = _shelf(columns, configs)
        chosen = _choice(shelf, share, shard_folder(run, shard))
        yield from _shard_entries(Responses(store), columns, shelf, chosen, costs)


def _shares(store: Store, run: str, shards: int, limit: int) -> Iterator[tuple[int, int]]:
    """Shards to look into, no more than `limit`, and how many triplets each shows."""
    drawn = sorted(range(shards), key=lambda shard: number(_SEED, "shard", shard))[:limit]
    sizes = {
        str(shard): need_manifest(store, shard_folder(run, shard), PLAN).entered for shard in drawn
    }
    shares = quotas(sizes, limit)
    for shard in sorted(drawn):
        if share := shares.get(str(shard)):
            yield shard, share


def _choice(shelf: _Shelf, share: int, name: str) -> set[str]:
    """Ids to show: of every task and verdict in proportion, or of a few where there are more."""
    strata: dict[str, list[str]] = defaultdict(list)
    tasks = {triplet.id: triplet.task for triplet in shelf.triplets}
    for key in tasks | dict.fromkeys(shelf.gone, ""):
        strata[f"{shelf.verdict(key)} {tasks.get(key, '')}"].append(key)
    turn = sorted(strata, key=lambda stratum: number(_SEED, name, stratum))[:share]
    counts = quotas({stratum: len(strata[stratum]) for stratum in turn}, share)
    return {
        key
        for stratum, count in counts.items()
        for key in sorted(strata[stratum], key=lambda key: number(_SEED, key))[:count]
    }


def _shard_entries(
    answers: Responses,
    columns: Columns,
    shelf: _Shelf,
    chosen: Collection[str],
    costs: Mapping[str, Decimal],
) -> Iterator[GalleryEntry]:
    with ExitStack() as stack:
        sources = _column(stack, columns, pad.NAME, "source_view", shelf.padded)
        crops = _column(stack, columns, filter_step.NAME, "cropped_view", shelf.filtered)
        edits = _column(stack, columns, filter_step.NAME, "edited_view", shelf.filtered)
        for triplet in (item for item in shelf.triplets if item.id in chosen):
            part = _at(crops, shelf.filtered, triplet.id)
            source = part or _at(sources, shelf.padded, triplet.id)
            edited = _at(edits, shelf.filtered, triplet.id)
            if edited is None and triplet.id in shelf.regenerated:
                edited = _refused_view(answers, shelf, triplet.id)
            yield _entry(shelf, triplet, costs.get(triplet.id), source, edited)
    known = {triplet.id for triplet in shelf.triplets}
    for key, item in shelf.gone.items():
        if key in chosen and key not in known:
            yield GalleryEntry(
                id=key, verdict="rejected", step=item.step, reason=item.reason, detail=item.detail
            )


def _entry(
    shelf: _Shelf,
    triplet: Triplet,
    cost: Decimal | None,
    source: bytes | None,
    edited: bytes | None,
) -> GalleryEntry:
    members = _measured(shelf, triplet.id) | {
        "id": triplet.id,
        "task": triplet.task,
        "subtask": triplet.subtask,
        "license": triplet.license,
        "verdict": shelf.verdict(triplet.id),
        "cost_usd": cost,
        "source": source,
        "edited": edited,
    }
    members.setdefault("instruction", triplet.instruction)
    kind = members.get("instruction_type", InstructionType.ORIGINAL)
    members["family"] = name_of_family(triplet, kind)
    if (gone := shelf.gone.get(triplet.id)) is not None:
        members |= {"step": gone.step, "reason": gone.reason, "detail": gone.detail}
    return GalleryEntry(**{name: value for name, value in members.items() if name in _SHOWN})


def _measured(shelf: _Shelf, key: str) -> dict[str, Any]:
    """What the columns tell of a triplet, and of one that the filter refused what it had measured."""
    members: dict[str, Any] = {}
    for column in (shelf.filtered, shelf.rewritten, shelf.aligned, shelf.regenerated):
        if key in column:
            row = column[key][1]
            members |= {name.name: getattr(row, name.name) for name in fields(row)}
    if key in shelf.padded:
        members["geometry"] = shelf.padded[key][1].geometry
    if members.get("change_mask"):
        members["mask"] = change_overlay(members["change_mask"])
    gone = shelf.gone.get(key)
    if isinstance(gone, Rejected) and gone.measured:
        members |= json.loads(gone.measured)
    return members


def valid_manifests(
    store: Store, folder: str, plan: Manifest, configs: Mapping[str, Any]
) -> dict[str, Manifest]:
    """The manifests that belong to the one before them, in order, up to the first that does not."""
    return _valid(Columns(store, folder), plan, configs)


def _valid(columns: Columns, plan: Manifest, configs: Mapping[str, Any]) -> dict[str, Manifest]:
    found: dict[str, Manifest] = {}
    before = plan
    for stage in stages_known(configs):
        manifest = columns.known(stage.name)
        if manifest is None or not _follows(before, manifest, stage, configs):
            break
        found[stage.name] = before = manifest
    return found


def _follows(
    before: Manifest, manifest: Manifest, stage: Stage, configs: Mapping[str, Any]
) -> bool:
    """Whether a result is made of the one before; by the numbers alone where no Config is known."""
    if (manifest.entered, manifest.version) != (before.kept, stage.version):
        return False
    wanted = [FORMAT, before.digest, stage.name, stage.version, configs.get(stage.name)]
    return stage.name not in configs or manifest.fingerprint == hash_of(wanted)


def _shelf(columns: Columns, configs: Mapping[str, Any]) -> _Shelf:
    plan = columns.manifest(PLAN)
    manifests = _valid(columns, plan, configs)
    gone: dict[str, Rejected | Failed] = {}
    for manifest in (plan, *manifests.values()):
        gone |= {item.id: item for item in manifest.rejected}
        gone |= {item.id: item for item in manifest.failed}

    def rows(step: str, cls: type[_Row]) -> dict[str, tuple[int, _Row]]:
        if step not in manifests:
            return {}
        found = columns.facts(step, cls)
        return {row.id: (number, row) for number, row in enumerate(found)}

    return _Shelf(
        columns.facts(PLAN, Triplet),
        rows(pad.NAME, pad.Padded),
        rows(regenerate.NAME, regenerate.Regenerated),
        rows(filter_step.NAME, Filtered),
        rows(rewrite.NAME, rewrite.Rewritten),
        rows(align.NAME, align.Aligned),
        gone,
        publish.NAME in manifests,
    )


def _column(
    stack: ExitStack, columns: Columns, step: str, column: str, rows: Mapping[str, Any]
) -> Pictures | None:
    return stack.enter_context(columns.pictures(step, column)) if rows else None


def _at(column: Pictures | None, rows: Mapping[str, tuple[int, Any]], key: str) -> bytes | None:
    return column[rows[key][0]] if column is not None and key in rows else None


def _refused_view(answers: Responses, shelf: _Shelf, key: str) -> bytes | None:
    """What the model made of a triplet that the filter refused, without its padding."""
    geometry = shelf.padded[key][1].geometry
    name = shelf.regenerated[key][1].response
    if not name or answers.image(name) is None:
        return None
    try:
        answer = images.decode(answers.picture(name))
    except (ShardError, SourceError):
        return None
    left, top, right, bottom = (round(edge) for edge in way_back(geometry, answer.size))
    content = answer.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    return images.encode_jpeg(images.fit(content))
