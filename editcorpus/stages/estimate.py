"""What a build would cost, from a sample of real rows, before anything is paid.

Calls are priced by the formulas of the price list, online and as lines of batches. An edit whose
answer lies in the store is found by the hash of its request and costs nothing; whether rewrites and
verdicts lie there cannot be known before the edited pictures are at hand, so that they count as open.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import fmean

from editcorpus import images
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.requests import Chat, ImageEdit, Picture, request_hash
from editcorpus.endpoints.rules import RULES
from editcorpus.geometry import padded_share
from editcorpus.records import Geometry
from editcorpus.stages.asking import SAMPLES
from editcorpus.stages.looking import Look, Sample
from editcorpus.stages.pace import hours, seconds_a_call
from editcorpus.stages.weights import Weight, weigh
from editcorpus.steps import align, pad, regenerate, rewrite
from editcorpus.tariffs import Tariff, Usage
from editcorpus.tokens import text_tokens

STEPS = (regenerate.NAME, rewrite.NAME, align.NAME)
"""The steps that ask a model, in order."""
_REPEATED = Decimal("0.02")
"""Share of calls that are damaged or cut off and made again, in the expected case."""
_TRIES = 1 + RULES["damaged"].max_retries
"""How often one request is paid for at most: damaged answers are, and are asked for again."""
_FRAME_TOKENS = 4
"""What a chat template puts around one message."""
_WRITTEN_TOKENS = 30
"""Of a rewritten instruction and the JSON around it: a sentence or two of at most 60 words."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Calls that are alike, and what they cost in dollars.

    Attributes:
        calls: If none has to be repeated.
        low: If every fit row needs one edit and nothing else.
        expected: With rewriting, judging, and the usual share of repeated calls.
        batch: The same, sent as batches where the endpoint has them.
        worst: If every call comes to its worst case, which is what is reserved for it, and is
            repeated as often as damaged and unreadable answers allow.
    """

    calls: int = 0
    low: Decimal = Decimal(0)
    expected: Decimal = Decimal(0)
    batch: Decimal = Decimal(0)
    worst: Decimal = Decimal(0)

    def plus(self, other: "Cost") -> "Cost":
        """Both together."""
        return Cost(
            self.calls + other.calls,
            self.low + other.low,
            self.expected + other.expected,
            self.batch + other.batch,
            self.worst + other.worst,
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """Calls of one kind: which step asks which model, and for edits at which quality and size."""

    step: str
    model: str
    quality: str = ""
    size: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one preset would take.

    Attributes:
        kinds: What each kind of call would cost.
        served: Edits whose answers lie in the store; None where nobody looked.
        tokens_out: Mean output tokens of an edit.
        padded_share: Mean share of the canvas that is padding, 0 to 1.
        hours: Of each asking step, at the limits of its endpoint; they work side by side.
        keeps: Bytes that the run would keep.
    """

    preset: str
    kinds: Mapping[Kind, Cost]
    served: int | None = None
    tokens_out: float = 0.0
    padded_share: float = 0.0
    hours: Mapping[str, float] = field(default_factory=dict)
    keeps: Weight = field(default_factory=Weight)

    @property
    def steps(self) -> dict[str, Cost]:
        """What each asking step would cost."""
        found = dict.fromkeys(STEPS, Cost())
        for kind, cost in self.kinds.items():
            found[kind.step] = found[kind.step].plus(cost)
        return found

    @property
    def total(self) -> Cost:
        """All steps together."""
        return sum_of(self.kinds.values())


@dataclass(frozen=True, slots=True)
class Prices:
    """What a build would do, and the endpoints that it would call, by the step's name."""

    endpoints: Mapping[str, Endpoint]
    padding: pad.Config
    edit: regenerate.Config
    writing: rewrite.Config
    judging: align.Config


@dataclass(frozen=True, slots=True)
class _Calls:
    """Calls of one step: those of the sample, and how many of the selection each stands for."""

    step: str
    asked: list[ImageEdit] | list[Chat]
    times: float


def sum_of(costs: Iterable[Cost]) -> Cost:
    """All costs together."""
    total = Cost()
    for cost in costs:
        total = total.plus(cost)
    return total


def edit_keys(sample: Sample, prices: Prices) -> dict[str, str]:
    """Hash of the request for each row's edit, by the row's id, where its canvas is known."""
    provider = prices.endpoints[regenerate.NAME].provider
    canvas = prices.padding.canvas
    return {
        look.triplet.id: request_hash(provider, _edit(look, geometry, prices), 0)
        for look, geometry in _laid(sample, prices.padding)
        if canvas in look.canvases
    }


def estimate(
    name: str, sample: Sample, prices: Prices, served: Collection[str] | None = None
) -> Estimate:
    """Price a whole selection by its sample.

    Args:
        name: Of the preset.
        sample: Rows that were looked at.
        prices: What would be done, and by whom.
        served: Ids of rows whose edits lie in the store; None where nobody looked.

    Raises:
        ConfigError: A model has no price, or not this quality or size.
    """
    laid = _laid(sample, prices.padding)
    if not laid:
        return Estimate(name, {Kind(step, ""): Cost() for step in STEPS})
    times = sample.rows / sample.looked_at
    there = set(served or ())
    edits = [_edit(*item, prices) for item in laid if item[0].triplet.id not in there]
    every = [_edit(*item, prices) for item in laid]
    looks = [look for look, _ in laid]
    calls = (
        _Calls(regenerate.NAME, edits, times),
        _rewrites(looks, prices, times, whole=sample.whole),
        _Calls(align.NAME, _questions(looks, prices), times),
    )
    endpoint = prices.endpoints[regenerate.NAME]
    return Estimate(
        preset=name,
        kinds={kind: cost for each in calls for kind, cost in _costs(each, prices).items()},
        served=None if served is None else round((len(every) - len(edits)) * times),
        tokens_out=fmean(_usual(what, endpoint).image_out for what in every),
        padded_share=fmean(float(padded_share(geometry)) for _, geometry in laid),
        hours={each.step: _hours(each, prices) for each in calls},
        keeps=weigh(laid, times, prices.edit.output_format, prices.padding),
    )


def _laid(sample: Sample, config: pad.Config) -> list[tuple[Look, Geometry]]:
    """The rows that the pad step would take, and where each would lie on its canvas."""
    laid = [(look, pad.canvas_geometry(look.size, config)) for look in sample.fit]
    return [item for item in laid if float(padded_share(item[1])) <= config.max_padded_share]


def _edit(look: Look, geometry: Geometry, prices: Prices) -> ImageEdit:
    pixels = look.canvases.get(prices.padding.canvas, "")
    return regenerate.request(look.triplet, geometry, pixels, bytes, prices.edit)


def _rewrites(looks: list[Look], prices: Prices, times: float, *, whole: bool) -> _Calls:
    """Where every row was looked at, the seeded share is known; else each row stands for its part."""
    config = prices.writing
    if whole:
        looks = [look for look in looks if rewrite.chosen(look.triplet.id, config)]
    asked = [
        rewrite.request(look.triplet, view, view, config)
        for look in looks
        for view in (_view(look, prices.padding),)
    ]
    return _Calls(rewrite.NAME, asked, times if whole else times * config.share)


def _questions(looks: list[Look], prices: Prices) -> list[Chat]:
    return [
        chat
        for look in looks
        for view in (_view(look, prices.padding),)
        for chat in align.requests(look.triplet.instruction, view, view, prices.judging).values()
    ]


def _view(look: Look, config: pad.Config) -> Picture:
    """What judges see of the source; the edited picture has the same size."""
    size = images.fitted(look.size, config.view_longest)
    return Picture("", "image/jpeg", config.view_quality, size, bytes)


def _costs(calls: _Calls, prices: Prices) -> dict[Kind, Cost]:
    """What calls cost, by their kind."""
    sorted_out: dict[Kind, list[ImageEdit | Chat]] = defaultdict(list)
    for what in calls.asked:
        sorted_out[_kind(calls.step, what)].append(what)
    model = {regenerate.NAME: prices.edit.model, rewrite.NAME: prices.writing.model}
    if not sorted_out:
        return {Kind(calls.step, model.get(calls.step, prices.judging.model)): Cost()}
    endpoint = prices.endpoints[calls.step]
    return {
        kind: _cost(each, endpoint, calls) for kind, each in sorted(sorted_out.items(), key=str)
    }


def _kind(step: str, what: ImageEdit | Chat) -> Kind:
    if isinstance(what, Chat):
        return Kind(step, what.model)
    return Kind(step, what.model, what.quality, "{}x{}".format(*what.size))


def _cost(alike: list[ImageEdit | Chat], endpoint: Endpoint, calls: _Calls) -> Cost:
    times = Decimal(calls.times)
    online, batch = (
        sum((_dollars(what, endpoint, batch=batch) for what in alike), Decimal(0)) * times
        for batch in (False, True)
    )
    worst = sum((endpoint.worst(what) for what in alike), Decimal(0)) * times
    is_edit = calls.step == regenerate.NAME
    return Cost(
        calls=round(len(alike) * calls.times),
        low=online if is_edit else Decimal(0),
        expected=online * (1 + _REPEATED),
        batch=batch * (1 + _REPEATED),
        worst=worst * _TRIES * (1 if is_edit else SAMPLES),
    )


def _hours(calls: _Calls, prices: Prices) -> float:
    endpoint = prices.endpoints[calls.step]
    if not calls.asked:
        return 0.0
    seconds = fmean(seconds_a_call(calls.step, what) for what in calls.asked)
    costs = [endpoint.cost(what) for what in calls.asked]
    return hours(len(costs) * calls.times, seconds, costs, endpoint.limits)


def _usual(what: ImageEdit | Chat, endpoint: Endpoint) -> Usage:
    """What a call is expected to use; where answers do not say, what is booked for it."""
    bound = endpoint.guessed_usage(what)
    if endpoint.tariff is not Tariff.LISTED or not endpoint.reports_usage:
        return bound
    text = text_tokens(what.prompt)
    if isinstance(what, ImageEdit):
        return Usage(text_in=text, image_in=bound.image_in, image_out=bound.image_out)
    shown = sum(endpoint.tariffs.input_tokens(what.model, *each.size) for each in what.pictures)
    written = min(what.max_tokens, _WRITTEN_TOKENS)
    return Usage(text_in=text + shown + _FRAME_TOKENS, text_out=written)


def _dollars(what: ImageEdit | Chat, endpoint: Endpoint, *, batch: bool) -> Decimal:
    usage = _usual(what, endpoint)
    if batch and endpoint.tariff is Tariff.LISTED:
        return endpoint.tariffs.price(what.model, usage, batch=True)
    return endpoint.price(what, usage)
