"""A look at some real rows of an input: which are fit, how large they are, what the store has of them.

Their pictures are decoded as the pad step would; nothing is sent anywhere and nothing is written.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from editcorpus import images
from editcorpus.changes import is_blank
from editcorpus.errors import SourceError
from editcorpus.geometry import padded_share
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection, plan
from editcorpus.records import Triplet
from editcorpus.rows import Source, Unread
from editcorpus.selection import count_rows
from editcorpus.steps import pad


@dataclass(frozen=True, slots=True)
class Look:
    """One row that the pad step would not refuse for its pixels.

    Attributes:
        triplet: As planned.
        size: Of the source picture, upright, in pixels; (0, 0) where it is yet to be made.
        stored_bytes: Of the source picture as published.
        as_published: Whether those bytes can stand in a corpus as they are.
        canvases: Hash of its canvas by the kind of canvas; empty where nobody asked for it.
    """

    triplet: Triplet
    size: tuple[int, int]
    stored_bytes: int = 0
    as_published: bool = True
    canvases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of the input as they are.

    Attributes:
        rows: Rows in the whole selection, or turns where rows are conversations.
        looked_at: Rows whose picture was decoded.
        fit: Those that the pad step would not refuse for their pixels.
    """

    rows: int
    looked_at: int
    fit: tuple[Look, ...]

    @property
    def whole(self) -> bool:
        """Whether every row of the selection was looked at."""
        return self.looked_at == self.rows


def sample_rows(
    source: Source,
    inputs: Inputs,
    selection: Selection,
    size: int,
    padding: Collection[pad.Config],
    *,
    canvases: bool = False,
) -> Sample:
    """Decode the pictures of a seeded sample, stratified by task.

    Args:
        source: Reads the rows.
        inputs: The files.
        selection: Which rows a build would take.
        size: Most rows that are looked at, at least 1.
        padding: How each of some builds would pad; they differ in the canvas alone.
        canvases: Whether to lay each picture on each canvas, by whose hash a store knows its edit.

    Raises:
        ConfigError: The input cannot be read.
    """
    every = count_rows(source, inputs)
    rows = min(every, selection.limit or every)
    some = selection.model_copy(update={"limit": min(size, rows)})
    by_canvas: dict[str, pad.Config] = {config.canvas: config for config in padding}
    looked_at, fit, shelf = 0, [], source.reader.shelf(source, inputs, None)
    for shard in plan(source, inputs, some):
        looked_at += len(shard.triplets) + len(shard.rejected)
        if source.synthesises and not source.describes:
            fit += [Look(one, (0, 0)) for one in shard.triplets]
            continue
        for triplet, data in shelf.read(shard.triplets, ("source",)):
            if not isinstance(data, Unread):
                found = _look(triplet, data["source"], by_canvas, canvases=canvases)
                fit += [found] if found is not None else []
    shelf.close()
    turns = looked_at / some.limit if source.rounds > 1 and some.limit else 1
    return Sample(round(rows * turns), looked_at, tuple(fit))


def _look(
    triplet: Triplet, data: bytes | None, padding: Mapping[str, pad.Config], *, canvases: bool
) -> Look | None:
    config = next(iter(padding.values()))
    try:
        source = images.decode_source(data, images.Limits(config.max_pixels, config.min_side))
    except SourceError:
        return None
    if is_blank(source.image):
        return None
    hashes = {}
    for name, each in padding.items() if canvases else ():
        geometry = pad.canvas_geometry(source.image.size, each)
        if float(padded_share(geometry)) <= each.max_padded_share:
            hashes[name] = images.pixel_hash(pad.lay(source.image, geometry, each.resample))
    stored = len(data or b"")
    return Look(triplet, source.image.size, stored, source.as_published, hashes)
