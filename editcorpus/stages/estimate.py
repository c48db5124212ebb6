"""What a build would cost, from a sample of real rows, before anything is paid.

The sample's pictures are decoded and laid on canvases as the pad step would; calls are priced by the
formulas of the price list. Nothing is sent anywhere and nothing is written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean

from editcorpus import images
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.requests import Chat, ImageEdit, Picture
from editcorpus.errors import SourceError
from editcorpus.geometry import fixed_canvas, free_canvas, padded_share
from editcorpus.inputs import Inputs, read_pictures
from editcorpus.planning import Selection, plan
from editcorpus.records import Geometry, Triplet
from editcorpus.rows import Source
from editcorpus.steps import align, pad, regenerate, rewrite

_LATENCY_S = {"low": 15, "medium": 45, "high": 100, "xhigh": 150, "max": 200}
"""Usual seconds of one edit by quality (reports of users of the image API, 2026)."""
_REPEATED = Decimal("0.02")
"""Share of image calls that are damaged or cut off and made again, in the expected case."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of the input as they are: how many are fit, and how large they are.

    Attributes:
        rows: Rows in the whole selection.
        looked_at: Rows whose picture was decoded.
        fit: Those that the pad step would not refuse, with their sizes in pixels, upright.
    """

    rows: int
    looked_at: int
    fit: tuple[tuple[Triplet, tuple[int, int]], ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one preset would take.

    Attributes:
        edits: Image calls expected.
        tokens_out: Mean output tokens of an edit.
        padded_share: Mean share of the canvas that is padding, 0 to 1.
        low: Dollars if nothing is repeated and every fit row needs one edit.
        expected: Dollars with rewriting, judging, and the usual share of repeated calls.
        worst: Dollars if every call, the usual share of repeated ones included, comes to its worst
            case: what is reserved for them.
        hours: At the calls in flight that the endpoint allows.
    """

    preset: str
    edits: int
    tokens_out: float
    padded_share: float
    low: Decimal
    expected: Decimal
    worst: Decimal
    hours: float


@dataclass(frozen=True, slots=True)
class Prices:
    """The endpoints that a build would call, by the step's name."""

    endpoints: Mapping[str, Endpoint]
    padding: pad.Config
    edit: regenerate.Config
    writing: rewrite.Config
    judging: align.Config


def sample_rows(source: Source, inputs: Inputs, selection: Selection, size: int) -> Sample:
    """Decode the pictures of a seeded sample, stratified by task.

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
            found = _size(data)
            if found is not None:
                fit.append((triplet, found))
    return Sample(wanted, looked_at, tuple(fit))


def estimate(name: str, sample: Sample, prices: Prices) -> Estimate:
    """Price a whole selection by its sample."""
    laid = [
        (triplet, geometry)
        for triplet, size in sample.fit
        if (geometry := _geometry(size, prices.padding)) is not None
    ]
    if not laid:
        return Estimate(name, 0, 0.0, 0.0, Decimal(0), Decimal(0), Decimal(0), 0.0)
    edits = round(sample.rows * len(laid) / sample.looked_at)
    asked = [_edit(triplet, geometry, prices.edit) for triplet, geometry in laid]
    endpoint = prices.endpoints[regenerate.NAME]
    used = [endpoint.guessed_usage(what) for what in asked]
    priced = [endpoint.price(what, usage) for what, usage in zip(asked, used, strict=True)]
    image, image_worst = _mean(priced), _mean(endpoint.worst(what) for what in asked)
    text, text_worst = _texts(laid[0][0], prices)
    seconds = fmean(_LATENCY_S.get(what.quality, 60) for what in asked) * edits
    return Estimate(
        preset=name,
        edits=edits,
        tokens_out=fmean(usage.image_out for usage in used),
        padded_share=fmean(float(padded_share(geometry)) for _, geometry in laid),
        low=image * edits,
        expected=(image * (1 + _REPEATED) + text) * edits,
        worst=(image_worst * (1 + _REPEATED) + text_worst) * edits,
        hours=seconds / (endpoint.limits.in_flight or 256) / 3600,
    )


def _rows(inputs: Inputs, url: str) -> int:
    with inputs.parquet(url) as parquet:
        return int(parquet.metadata.num_rows)


def _size(data: bytes | None) -> tuple[int, int] | None:
    try:
        return images.decode_source(data, images.Limits()).image.size
    except SourceError:
        return None


def _geometry(size: tuple[int, int], config: pad.Config) -> Geometry | None:
    if config.canvas == "free" and max(size) <= 3 * min(size):
        return free_canvas(*size)
    laid = fixed_canvas(*size)
    return laid if padded_share(laid) <= config.max_padded_share else None


def _edit(triplet: Triplet, geometry: Geometry, config: regenerate.Config) -> ImageEdit:
    return regenerate.request(triplet, geometry, "", bytes, config)


def _texts(triplet: Triplet, prices: Prices) -> tuple[Decimal, Decimal]:
    """Dollars a triplet for rewriting and judging: expected, and at the worst."""
    side = prices.padding.view_longest
    view = Picture("", "image/jpeg", prices.padding.view_quality, (side, side), bytes)
    wrote = rewrite.request(triplet, view, view, prices.writing)
    judged = align.requests(triplet.instruction, view, view, prices.judging)
    share = Decimal(str(prices.writing.share))
    writer, judge = prices.endpoints[rewrite.NAME], prices.endpoints[align.NAME]
    asked = [(wrote, writer, share), *((chat, judge, Decimal(1)) for chat in judged.values())]
    return (
        sum((_usual(chat, to) * part for chat, to, part in asked), Decimal(0)),
        sum((to.worst(chat) * part for chat, to, part in asked), Decimal(0)),
    )


def _usual(chat: Chat, endpoint: Endpoint) -> Decimal:
    return endpoint.price(chat, endpoint.guessed_usage(chat))


def _mean(values: Iterable[Decimal]) -> Decimal:
    listed = list(values)
    return sum(listed, Decimal(0)) / len(listed)
