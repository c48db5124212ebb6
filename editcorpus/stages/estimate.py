"""What a build would cost, from a sample of real rows, before anything is paid.

The sample's pictures are decoded and laid on canvases as the pad step would; calls are priced by the
formulas of the price list. Nothing is sent anywhere and nothing is written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean

from editcorpus import images
from editcorpus.changes import is_blank
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.requests import Chat, ImageEdit, Picture
from editcorpus.endpoints.rules import RULES
from editcorpus.errors import SourceError
from editcorpus.geometry import padded_share
from editcorpus.inputs import Inputs, read_pictures
from editcorpus.planning import Selection, plan
from editcorpus.records import Geometry, Triplet
from editcorpus.rows import Source
from editcorpus.stages.asking import SAMPLES
from editcorpus.steps import align, pad, regenerate, rewrite

_LATENCY_S = {"low": 15, "medium": 45, "high": 100, "xhigh": 150, "max": 200}
"""Usual seconds of one edit by quality (reports of users of the image API, 2026)."""
_REPEATED = Decimal("0.02")
"""Share of calls that are damaged or cut off and made again, in the expected case."""
_TRIES = 1 + RULES["damaged"].max_retries
"""How often one request is paid for at most: damaged answers are, and are asked for again."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of the input as they are: how many are fit, and how large they are.

    Attributes:
        rows: Rows in the whole selection.
        looked_at: Rows whose picture was decoded.
        fit: Those that the pad step would not refuse for their pixels, with their sizes in pixels,
            upright.
    """

    rows: int
    looked_at: int
    fit: tuple[tuple[Triplet, tuple[int, int]], ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """Calls of one step, and what they cost in dollars.

    Attributes:
        calls: If none has to be repeated.
        low: If every fit row needs one edit and nothing else.
        expected: With rewriting, judging, and the usual share of repeated calls.
        worst: If every call comes to its worst case, which is what is reserved for it, and is
            repeated as often as damaged and unreadable answers allow.
    """

    calls: int
    low: Decimal
    expected: Decimal
    worst: Decimal


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one preset would take.

    Attributes:
        steps: What each asking step would take, by the step's name.
        tokens_out: Mean output tokens of an edit.
        padded_share: Mean share of the canvas that is padding, 0 to 1.
        hours: Of the edits, at the calls in flight that the endpoint allows.
    """

    preset: str
    steps: Mapping[str, Cost]
    tokens_out: float
    padded_share: float
    hours: float

    @property
    def total(self) -> Cost:
        """All steps together."""
        costs = self.steps.values()
        return Cost(
            sum(cost.calls for cost in costs),
            sum((cost.low for cost in costs), Decimal(0)),
            sum((cost.expected for cost in costs), Decimal(0)),
            sum((cost.worst for cost in costs), Decimal(0)),
        )


@dataclass(frozen=True, slots=True)
class Prices:
    """The endpoints that a build would call, by the step's name."""

    endpoints: Mapping[str, Endpoint]
    padding: pad.Config
    edit: regenerate.Config
    writing: rewrite.Config
    judging: align.Config


def sample_rows(
    source: Source, inputs: Inputs, selection: Selection, size: int, padding: pad.Config
) -> Sample:
    """Decode the pictures of a seeded sample, stratified by task.

    Args:
        source: Reads the rows.
        inputs: The files.
        selection: Which rows a build would take.
        size: Most rows that are looked at, at least 1.
        padding: Which pictures the pad step takes.

    Raises:
        ConfigError: The input cannot be read.
    """
    rows = sum(_rows(inputs, url) for url in inputs.files)
    wanted = min(rows, selection.limit or rows)
    some = selection.model_copy(update={"limit": min(size, wanted)})
    looked_at, fit = 0, []
    for shard in plan(source, inputs, some):
        looked_at += len(shard.triplets) + len(shard.rejected)
        for triplet, data in read_pictures(source.image_column, shard.triplets, inputs):
            found = _size(data, padding)
            if found is not None:
                fit.append((triplet, found))
    return Sample(wanted, looked_at, tuple(fit))


def estimate(name: str, sample: Sample, prices: Prices) -> Estimate:
    """Price a whole selection by its sample.

    Raises:
        ConfigError: A model has no price, or not this quality or size.
    """
    padding = prices.padding
    laid = [(triplet, pad.canvas_geometry(size, padding)) for triplet, size in sample.fit]
    fit = [item for item in laid if float(padded_share(item[1])) <= padding.max_padded_share]
    if not fit:
        nothing = Cost(0, Decimal(0), Decimal(0), Decimal(0))
        steps = dict.fromkeys((regenerate.NAME, rewrite.NAME, align.NAME), nothing)
        return Estimate(name, steps, 0.0, 0.0, 0.0)
    endpoint = prices.endpoints[regenerate.NAME]
    edits = round(sample.rows * len(fit) / sample.looked_at)
    asked = [_edit(triplet, geometry, prices.edit) for triplet, geometry in fit]
    seconds = fmean(_LATENCY_S.get(what.quality, 60) for what in asked) * edits
    return Estimate(
        preset=name,
        steps={
            regenerate.NAME: _edits(asked, endpoint, edits),
            rewrite.NAME: _rewrites([triplet for triplet, _ in fit], prices, edits),
            align.NAME: _questions([triplet for triplet, _ in fit], prices, edits),
        },
        tokens_out=fmean(endpoint.guessed_usage(what).image_out for what in asked),
        padded_share=fmean(float(padded_share(geometry)) for _, geometry in fit),
        hours=seconds / (endpoint.limits.in_flight or 256) / 3600,
    )


def _rows(inputs: Inputs, url: str) -> int:
    with inputs.parquet(url) as parquet:
        return int(parquet.metadata.num_rows)


def _size(data: bytes | None, config: pad.Config) -> tuple[int, int] | None:
    limits = images.Limits(config.max_pixels, config.min_side)
    try:
        found = images.decode_source(data, limits).image
    except SourceError:
        return None
    return None if is_blank(found) else found.size


def _edit(triplet: Triplet, geometry: Geometry, config: regenerate.Config) -> ImageEdit:
    return regenerate.request(triplet, geometry, "", bytes, config)


def _edits(asked: list[ImageEdit], endpoint: Endpoint, edits: int) -> Cost:
    once = _mean(_usual(what, endpoint) for what in asked) * edits
    worst = _mean(endpoint.worst(what) for what in asked) * edits
    return Cost(edits, once, once * (1 + _REPEATED), worst * _TRIES)


def _rewrites(triplets: list[Triplet], prices: Prices, edits: int) -> Cost:
    view = _view(prices.padding)
    asked = [rewrite.request(triplet, view, view, prices.writing) for triplet in triplets]
    calls = round(edits * prices.writing.share)
    return _texts(asked, prices.endpoints[rewrite.NAME], calls)


def _questions(triplets: list[Triplet], prices: Prices, edits: int) -> Cost:
    view = _view(prices.padding)
    asked = [
        chat
        for triplet in triplets
        for chat in align.requests(triplet.instruction, view, view, prices.judging).values()
    ]
    return _texts(asked, prices.endpoints[align.NAME], edits * len(align.ASPECTS))


def _texts(asked: list[Chat], endpoint: Endpoint, calls: int) -> Cost:
    once = _mean(_usual(chat, endpoint) for chat in asked) * calls
    worst = _mean(endpoint.worst(chat) for chat in asked) * calls
    return Cost(calls, Decimal(0), once * (1 + _REPEATED), worst * _TRIES * SAMPLES)


def _view(config: pad.Config) -> Picture:
    side = config.view_longest
    return Picture("", "image/jpeg", config.view_quality, (side, side), bytes)


def _usual(what: ImageEdit | Chat, endpoint: Endpoint) -> Decimal:
    return endpoint.price(what, endpoint.guessed_usage(what))


def _mean(values: Iterable[Decimal]) -> Decimal:
    listed = list(values)
    return sum(listed, Decimal(0)) / len(listed)
