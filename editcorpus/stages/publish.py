"""Publish a shard: join its columns by id, apply the thresholds, write the corpus' records."""

from collections.abc import Container, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import PurePosixPath
from typing import Any

from editcorpus.errors import ShardError, SourceError
from editcorpus.language import written
from editcorpus.layouts.manifest import NAME as MANIFEST
from editcorpus.layouts.parquet import write_shard
from editcorpus.preservation import Kind
from editcorpus.records import Published, Rejected, Triplet
from editcorpus.runs import corpus_file, corpus_folder
from editcorpus.shards import PLAN, Columns, Manifest, Written
from editcorpus.stages.filter import Filtered
from editcorpus.stages.originals import Found, in_order_of, originals
from editcorpus.stages.ranges import forget_rollups
from editcorpus.stages.workshop import Piece, Stage, Variant
from editcorpus.steps import (
    align,
    caption,
    embed,
    pad,
    publish,
    regenerate,
    restore,
    rewrite,
    synthesize,
)
from editcorpus.steps import filter as filter_step
from editcorpus.taxonomy import name_of_family

_PUBLISHED = {field.name for field in fields(Published)}


@dataclass(frozen=True, slots=True)
class Joined:
    """All columns of one judged triplet, and the rows at which its pictures lie.

    Attributes:
        made: Of its source image, where the run made new ones.
        embedded: How its vectors lie, where the run had some made.
    """

    triplet: Triplet
    padded: pad.Padded
    padded_row: int
    regenerated: regenerate.Regenerated
    filtered: Filtered
    filtered_row: int
    rewritten: rewrite.Rewritten
    aligned: align.Aligned
    made: synthesize.Synthesized | None = None
    embedded: embed.Embedded | None = None


def joined(columns: Columns, steps: Container[str]) -> Iterator[Joined]:
    """Every judged triplet of a shard, in their order.

    Args:
        columns: Of the shard.
        steps: Names of the stages that its run goes through.

    Raises:
        ShardDamaged: A file of facts is damaged or missing.
        ShardError: A step is not done.
    """
    triplets, made = _triplets(columns, steps), _made(columns, steps)
    vectors = _embedded(columns, steps)
    padded = columns.facts(pad.NAME, pad.Padded)
    pads = {item.id: (item, row) for row, item in enumerate(padded)}
    answers = {item.id: item for item in columns.facts(regenerate.NAME, regenerate.Regenerated)}
    filtered = columns.facts(filter_step.NAME, Filtered)
    filters = {item.id: (item, row) for row, item in enumerate(filtered)}
    texts = {item.id: item for item in columns.facts(rewrite.NAME, rewrite.Rewritten)}
    for judged in columns.facts(align.NAME, align.Aligned):
        key = judged.id
        if vectors is not None and key not in vectors:
            continue  # no verdict yet
        found = vectors[key] if vectors else None
        of_pictures = *pads[key], answers[key], *filters[key]
        yield Joined(triplets[key], *of_pictures, texts[key], judged, made.get(key), found)


def _triplets(columns: Columns, steps: Container[str]) -> dict[str, Triplet]:
    """The planned triplets, by id; among the facts of each the caption that was written for it."""
    found = {item.id: item for item in columns.facts(PLAN, Triplet)}
    if caption.NAME in steps:
        for row in columns.facts(caption.NAME, caption.Captioned):
            found[row.id] = replace(found[row.id], facts=caption.told(found[row.id].facts, row))
    return found


def _made(columns: Columns, steps: Container[str]) -> dict[str, synthesize.Synthesized]:
    if synthesize.NAME not in steps:
        return {}
    return {row.id: row for row in columns.facts(synthesize.NAME, synthesize.Synthesized)}


def _embedded(columns: Columns, steps: Container[str]) -> dict[str, embed.Embedded] | None:
    if embed.NAME not in steps:
        return None
    return {row.id: row for row in columns.facts(embed.NAME, embed.Embedded)}


def verdict(item: Joined, config: publish.Config) -> Rejected | None:
    """Why a judged triplet is not in the corpus; None where it is."""
    judged = item.aligned
    parts = judged.score_done, judged.score_preserved, judged.score_clean
    scores = publish.Scores(*parts, judged.judge_prompt, item.filtered.doubts)
    kind = _kind(item)
    refused = publish.decide(item.triplet.id, kind, scores, config)
    if refused is None:
        outside = {name: getattr(item.filtered, name) for name in publish.OUTSIDE}
        refused = publish.changed_outside(item.triplet.id, kind, outside, config)
    if refused is not None or item.embedded is None:
        return refused
    measured = {name: getattr(item.embedded, name) for name in embed.MEASURES}
    return publish.unlike(item.triplet.id, measured, config)


def _kind(item: Joined) -> Kind:
    asked = item.rewritten.instruction_type
    return Kind(item.triplet.task, asked, name_of_family(item.triplet, asked))


def _passed(piece: Piece) -> list[Joined]:
    config = piece.shop.config(publish.NAME, publish.Config)
    passed = []
    for item in joined(piece.columns, {stage.name for stage in piece.shop.stages}):
        refused = verdict(item, config)
        if refused is not None:
            piece.tally.rejected.append(refused)
        else:
            passed.append(item)
    return passed


def _records(piece: Piece, items: list[Joined]) -> Iterator[Published]:
    with originals(piece, [item.triplet for item in items]) as sources:
        yield from records(piece.columns, items, sources, piece.shop.variant)


def records(
    columns: Columns, items: list[Joined], sources: Found, variant: Variant
) -> Iterator[Published]:
    """The records of some triplets of a shard, in their order.

    Args:
        columns: Of the shard.
        items: Of the triplets.
        sources: The source image of each, as published or as made, in any order.
        variant: How the pairs of the run are made.

    Raises:
        ShardError: A picture is missing or damaged; SourceError likewise.
    """
    with (
        columns.pictures(pad.NAME, "source_png") as normalised,
        columns.pictures(filter_step.NAME, "edited") as edits,
    ):
        found = in_order_of((item.triplet for item in items), sources)
        for item, (_, published) in zip(items, found, strict=True):
            if isinstance(published, ShardError | SourceError):
                raise published  # it was whole when it was padded
            source = normalised[item.padded_row] or published or b""
            if item.filtered.kept is not None:
                source = restore.cropped_source(source, item.filtered.kept)
            yield _record(item, source, edits.need(item.filtered_row), variant)


def _record(item: Joined, source: bytes, edited: bytes, variant: Variant) -> Published:
    """The record of one triplet: its columns, the later ones before the earlier where both speak.

    Args:
        item: Its columns.
        source: The source image, encoded.
        edited: The edited image, encoded.
        variant: How the pairs of its run are made.
    """
    columns: tuple[Any, ...] = (
        item.triplet,
        item.padded,
        item.regenerated,
        item.filtered,
        item.rewritten,
        item.aligned,
        *([item.embedded] if item.embedded else []),
    )
    members = {
        field.name: getattr(column, field.name)
        for column in columns
        for field in fields(column)
        if field.name in _PUBLISHED
    }
    language, script = written(item.rewritten.instruction)
    return Published(
        **members,
        family=_kind(item).family,
        variant=variant,
        source_image=source,
        edited_image=edited,
        width=item.padded.source_width - item.filtered.crop_left - item.filtered.crop_right,
        height=item.padded.source_height - item.filtered.crop_top - item.filtered.crop_bottom,
        source_file=PurePosixPath(item.triplet.file).name,
        source_row=item.triplet.row,
        source_facts=item.triplet.facts,
        language=language,
        script=script,
        source_model=item.made.model if item.made else "",
        source_response=item.made.response if item.made else "",
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
