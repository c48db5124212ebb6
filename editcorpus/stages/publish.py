"""Publish a shard: join its columns by id, apply the thresholds, write the corpus' records."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import PurePosixPath

from editcorpus.errors import ShardError, SourceError
from editcorpus.layouts.manifest import NAME as MANIFEST
from editcorpus.layouts.parquet import write_shard
from editcorpus.records import Published, Rejected, Triplet
from editcorpus.shards import PLAN, Manifest, Written
from editcorpus.stages.filter import Filtered
from editcorpus.stages.originals import originals
from editcorpus.stages.ranges import forget_rollups
from editcorpus.stages.stage import Piece, Stage
from editcorpus.stages.workshop import Variant
from editcorpus.steps import align, caption, pad, publish, regenerate, rewrite
from editcorpus.steps import filter as filter_step
from editcorpus.taxonomy import family_of

_PUBLISHED = {field.name for field in fields(Published)}


def corpus_folder(run: str) -> str:
    """Where the corpus of a run lies."""
    return f"corpora/{run}"


def corpus_file(run: str, shard: int) -> str:
    """Where the records of a shard lie."""
    return f"{corpus_folder(run)}/data/train-{shard:05d}.parquet"


@dataclass(frozen=True, slots=True)
class _Joined:
    """All columns of one triplet, and the rows at which its pictures lie."""

    triplet: Triplet
    padded: pad.Padded
    padded_row: int
    regenerated: regenerate.Regenerated
    filtered: Filtered
    filtered_row: int
    rewritten: rewrite.Rewritten
    aligned: align.Aligned


def _join(piece: Piece) -> Iterator[_Joined]:
    columns, triplets = piece.columns, _triplets(piece)
    padded = columns.facts(pad.NAME, pad.Padded)
    pads = {item.id: (item, row) for row, item in enumerate(padded)}
    answers = {item.id: item for item in columns.facts(regenerate.NAME, regenerate.Regenerated)}
    filtered = columns.facts(filter_step.NAME, Filtered)
    filters = {item.id: (item, row) for row, item in enumerate(filtered)}
    texts = {item.id: item for item in columns.facts(rewrite.NAME, rewrite.Rewritten)}
    for judged in columns.facts(align.NAME, align.Aligned):
        key = judged.id
        yield _Joined(triplets[key], *pads[key], answers[key], *filters[key], texts[key], judged)


def _triplets(piece: Piece) -> dict[str, Triplet]:
    """The planned triplets, by id; among the facts of each the caption that was written for it."""
    found = {item.id: item for item in piece.columns.facts(PLAN, Triplet)}
    if piece.shop.goes_through(caption.NAME):
        for row in piece.columns.facts(caption.NAME, caption.Captioned):
            found[row.id] = replace(found[row.id], facts=caption.told(found[row.id].facts, row))
    return found


def _passed(piece: Piece) -> list[_Joined]:
    config = piece.shop.config(publish.NAME, publish.Config)
    passed = []
    for item in _join(piece):
        scores = publish.Scores(
            item.aligned.score_done, item.aligned.score_preserved, item.aligned.score_clean
        )
        verdict = publish.decide(item.triplet.id, item.triplet.task, scores, config)
        if isinstance(verdict, Rejected):
            piece.tally.rejected.append(verdict)
        else:
            passed.append(item)
    return passed


def _records(piece: Piece, items: list[_Joined]) -> Iterator[Published]:
    columns = piece.columns
    triplets = [item.triplet for item in items]
    with (
        originals(piece, triplets) as sources,
        columns.pictures(pad.NAME, "source_png") as normalised,
        columns.pictures(filter_step.NAME, "edited") as edits,
    ):
        for item, (_, published) in zip(items, sources, strict=True):
            if isinstance(published, ShardError | SourceError):
                raise published  # it was whole when it was padded
            source = normalised[item.padded_row] or published or b""
            yield _record(item, source, edits.need(item.filtered_row), piece.shop.variant)


def _record(item: _Joined, source: bytes, edited: bytes, variant: Variant) -> Published:
    """The record of one triplet: its columns, the later ones before the earlier where both speak."""
    columns = (
        item.triplet,
        item.padded,
        item.regenerated,
        item.filtered,
        item.rewritten,
        item.aligned,
    )
    members = {
        field.name: getattr(column, field.name)
        for column in columns
        for field in fields(column)
        if field.name in _PUBLISHED
    }
    task = item.triplet.task, item.triplet.subtask, item.rewritten.instruction_type
    return Published(
        **members,
        family=family_of(item.triplet.dataset_source, *task) or "",
        variant=variant,
        source_image=source,
        edited_image=edited,
        width=item.padded.source_width,
        height=item.padded.source_height,
        source_file=PurePosixPath(item.triplet.file).name,
        source_row=item.triplet.row,
        source_facts=item.triplet.facts,
    )


def _write(piece: Piece) -> Written:
    shop, passed = piece.shop, _passed(piece)
    path = corpus_file(shop.run, piece.shard)
    shop.store.remove(f"{corpus_folder(shop.run)}/{MANIFEST}")  # until `finish` it is no corpus
    forget_rollups(shop.store, shop.run, range(piece.shard, piece.shard + 1))
    if not passed:
        shop.store.remove(path)
        return Written(0, "", 0)
    made = write_shard(shop.store, path, _records(piece, passed))
    return Written(made.records, made.sha256, made.bytes)


def _whole(piece: Piece, manifest: Manifest) -> bool:
    if not manifest.kept:
        return True
    try:
        size = piece.shop.store.size(corpus_file(piece.shop.run, piece.shard))
    except FileNotFoundError:
        return False
    return size == manifest.size


STAGE = Stage(publish.NAME, publish.VERSION, align.NAME, _write, _whole)
