"""The triplets of a run as the gallery shows them: kept, rejected and failed, with their pictures."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields
from decimal import Decimal
from io import BytesIO
from typing import Any, TypeVar

from PIL import Image

from editcorpus import images
from editcorpus.errors import SourceError
from editcorpus.gallery import GalleryEntry, change_mask
from editcorpus.ledger import read_history
from editcorpus.records import Failed, Rejected, Triplet
from editcorpus.responses import Responses
from editcorpus.shards import Manifest, pictures, read_facts, read_manifest, shard_folder
from editcorpus.stages.filter import Filtered
from editcorpus.stages.order import STAGES
from editcorpus.stages.plan import read_plan
from editcorpus.steps import align, pad, publish, regenerate, rewrite
from editcorpus.steps import filter as filter_step
from editcorpus.storage import Store
from editcorpus.tables import Pictures

_Row = TypeVar(
    "_Row", pad.Padded, regenerate.Regenerated, Filtered, rewrite.Rewritten, align.Aligned
)
_SHOWN = {item.name for item in fields(GalleryEntry)}


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


def exhibits(store: Store, run: str, limit: int) -> Iterator[GalleryEntry]:
    """At most `limit` triplets of a run, in the order of its shards."""
    plan = read_plan(store, run)
    costs: dict[str, Decimal] = defaultdict(Decimal)
    for record in read_history(store, run).records:
        costs[record.id] += record.usd
    count = 0
    for shard in range(plan.shards if plan else 0):
        for entry in _shard_entries(store, shard_folder(run, shard), costs):
            yield entry
            count += 1
            if count == limit:
                return


def _shard_entries(
    store: Store, folder: str, costs: Mapping[str, Decimal]
) -> Iterator[GalleryEntry]:
    shelf = _shelf(store, folder)
    with ExitStack() as stack:
        sources = _column(stack, store, folder, pad.NAME, "source_view", shelf.padded)
        edits = _column(stack, store, folder, filter_step.NAME, "edited_view", shelf.filtered)
        for triplet in shelf.triplets:
            source = _at(sources, shelf.padded, triplet.id)
            edited = _at(edits, shelf.filtered, triplet.id)
            if edited is None and triplet.id in shelf.regenerated:
                edited = _refused_view(store, shelf, triplet.id)
            yield _entry(shelf, triplet, costs.get(triplet.id), source, edited)
    known = {triplet.id for triplet in shelf.triplets}
    for key, item in shelf.gone.items():
        if key not in known:
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
    members: dict[str, Any] = {}
    for column in (shelf.filtered, shelf.rewritten, shelf.aligned, shelf.regenerated):
        if triplet.id in column:
            row = column[triplet.id][1]
            members |= {name.name: getattr(row, name.name) for name in fields(row)}
    gone = shelf.gone.get(triplet.id)
    verdict = "failed" if isinstance(gone, Failed) else "rejected" if gone else "kept"
    if gone is None and not shelf.finished:
        verdict = "failed"
    members |= {
        "id": triplet.id,
        "task": triplet.task,
        "subtask": triplet.subtask,
        "license": triplet.license,
        "verdict": verdict,
        "cost_usd": cost,
        "source": source,
        "edited": edited,
        "mask": _mask(source, edited),
    }
    members.setdefault("instruction", triplet.instruction)
    if triplet.id in shelf.padded:
        members["geometry"] = shelf.padded[triplet.id][1].geometry
    if gone is not None:
        members |= {"step": gone.step, "reason": gone.reason, "detail": gone.detail}
    return GalleryEntry(**{name: value for name, value in members.items() if name in _SHOWN})


def _shelf(store: Store, folder: str) -> _Shelf:
    plan = read_manifest(store, folder, "plan")
    manifests: dict[str, Manifest] = {}
    for stage in STAGES:
        found = read_manifest(store, folder, stage.name)
        if found is None:
            break
        manifests[stage.name] = found
    gone: dict[str, Rejected | Failed] = {}
    for manifest in (*([plan] if plan else []), *manifests.values()):
        gone |= {item.id: item for item in manifest.rejected}
        gone |= {item.id: item for item in manifest.failed}

    def rows(step: str, cls: type[_Row]) -> dict[str, tuple[int, _Row]]:
        if step not in manifests:
            return {}
        found = read_facts(store, folder, step, cls)
        return {row.id: (number, row) for number, row in enumerate(found)}

    return _Shelf(
        read_facts(store, folder, "plan", Triplet),
        rows(pad.NAME, pad.Padded),
        rows(regenerate.NAME, regenerate.Regenerated),
        rows(filter_step.NAME, Filtered),
        rows(rewrite.NAME, rewrite.Rewritten),
        rows(align.NAME, align.Aligned),
        gone,
        publish.NAME in manifests,
    )


def _column(
    stack: ExitStack, store: Store, folder: str, step: str, column: str, rows: Mapping[str, Any]
) -> Pictures | None:
    return stack.enter_context(pictures(store, folder, step, column)) if rows else None


def _at(column: Pictures | None, rows: Mapping[str, tuple[int, Any]], key: str) -> bytes | None:
    return column[rows[key][0]] if column is not None and key in rows else None


def _refused_view(store: Store, shelf: _Shelf, key: str) -> bytes | None:
    """What the model made of a triplet that the filter refused, without its padding."""
    geometry = shelf.padded[key][1].geometry
    try:
        answer = images.decode(Responses(store).picture(shelf.regenerated[key][1].response))
    except (FileNotFoundError, SourceError):
        return None
    box = (
        geometry.box_x,
        geometry.box_y,
        geometry.box_x + geometry.box_width,
        geometry.box_y + geometry.box_height,
    )
    return images.encode_jpeg(images.fit(answer.crop(box)))


def _mask(source: bytes | None, edited: bytes | None) -> bytes | None:
    if source is None or edited is None:
        return None
    with Image.open(BytesIO(source)) as before, Image.open(BytesIO(edited)) as after:
        return change_mask(before, after)
