"""What a build would cost, from a sample of real rows, before anything is paid.

Calls are priced by the formulas of the price list, online and as lines of batches. An edit whose
answer lies in the store is found by the hash of its request and costs nothing; whether rewrites and
verdicts lie there cannot be known before the edited pictures are at hand, so that they count as open.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from statistics import fmean

from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.requests import ForImage, ForText, What, request_hash
from editcorpus.endpoints.rules import RULES
from editcorpus.geometry import padded_share
from editcorpus.records import Geometry
from editcorpus.stages.asking import SAMPLES
from editcorpus.stages.foreseen import Calls, Prices, calls_of, edit_of, laid
from editcorpus.stages.looking import Look, Sample
from editcorpus.stages.pace import hours, seconds_a_call
from editcorpus.stages.weights import Weight, answer_bytes, weigh
from editcorpus.steps import caption, compose, regenerate, synthesize
from editcorpus.tariffs import Tariff, Usage
from editcorpus.tokens import text_tokens

__all__ = ["Cost", "Estimate", "Kind", "Prices", "edit_keys", "estimate", "sum_of"]

_REPEATED = Decimal("0.02")
"""Share of calls that are damaged or cut off and made again, in the expected case."""
_TRIES = 1 + RULES["damaged"].max_retries
"""How often one request is paid for at most: damaged answers are, and are asked for again."""
_FRAME_TOKENS = 4
"""What a chat template puts around one message."""
_PICTURES = (synthesize.NAME, regenerate.NAME)
"""The steps that ask for pictures: each is asked for once."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Calls that are alike, and what they cost in dollars.

    Attributes:
        calls: If none has to be repeated.
        low: If every fit row needs its pictures, and the texts that they are made of, and nothing else.
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
        found: dict[str, Cost] = {}
        for kind, cost in self.kinds.items():
            found[kind.step] = found.get(kind.step, Cost()).plus(cost)
        return found

    @property
    def total(self) -> Cost:
        """All steps together."""
        return sum_of(self.kinds.values())


def sum_of(costs: Iterable[Cost]) -> Cost:
    """All costs together."""
    total = Cost()
    for cost in costs:
        total = total.plus(cost)
    return total


def edit_keys(sample: Sample, prices: Prices) -> dict[str, str]:
    """Hash of the request for each row's edit, by the row's id, where its canvas and text are known."""
    if regenerate.NAME not in prices.steps or not prices.known:
        return {}
    provider = prices.endpoints[regenerate.NAME].provider
    canvas = prices.padding.canvas
    return {
        look.triplet.id: request_hash(provider, edit_of(look, geometry, prices), 0)
        for look, geometry in laid(sample, prices)
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
    rows = laid(sample, prices)
    if not rows:
        return Estimate(name, {Kind(step, ""): Cost() for step in prices.steps})
    times = sample.rows / sample.looked_at
    there = {look.triplet.id for look, _ in rows} & set(served or ())
    calls = calls_of(rows, sample, prices, there)
    return Estimate(
        preset=name,
        kinds=_kinds(calls, prices),
        served=None if served is None else round(len(there) * times),
        tokens_out=_tokens_out(rows, prices),
        padded_share=fmean(float(padded_share(geometry)) for _, geometry in rows),
        hours=_hours(calls, prices),
        keeps=_keeps(rows, times, prices),
    )


def _tokens_out(rows: list[tuple[Look, Geometry]], prices: Prices) -> float:
    """Mean output tokens of an edit; 0 where nobody is asked for one."""
    if regenerate.NAME not in prices.steps:
        return 0.0
    endpoint = prices.endpoints[regenerate.NAME]
    return fmean(_usual(edit_of(*item, prices), endpoint, 0).image_out for item in rows)


def _keeps(rows: list[tuple[Look, Geometry]], times: float, prices: Prices) -> Weight:
    """What the rows will weigh: source images that are made are answers, and published as they came."""
    made = 0.0
    if synthesize.NAME in prices.steps:
        form = prices.making.output_format
        rows = [
            (replace(look, stored_bytes=answer_bytes(look.size, form)), geometry)
            for look, geometry in rows
        ]
        made = times * sum(look.stored_bytes for look, _ in rows)
    found = weigh(rows, times, prices.edit.output_format, prices.padding)
    edits = found.answers if regenerate.NAME in prices.steps else 0.0
    return replace(found, answers=edits + made)


def _kinds(calls: Iterable[Calls], prices: Prices) -> dict[Kind, Cost]:
    found: dict[Kind, Cost] = {}
    for each in calls:
        for kind, cost in _costs(each, prices).items():
            found[kind] = found.get(kind, Cost()).plus(cost)
    return found


def _costs(calls: Calls, prices: Prices) -> dict[Kind, Cost]:
    """What calls cost, by their kind."""
    sorted_out: dict[Kind, list[What]] = defaultdict(list)
    for what in calls.asked:
        sorted_out[_kind(calls.step, what)].append(what)
    if not sorted_out:
        return {Kind(calls.step, prices.model(calls.step)): Cost()}
    endpoint = prices.endpoints[calls.step]
    return {
        kind: _cost(each, endpoint, calls) for kind, each in sorted(sorted_out.items(), key=str)
    }


def _kind(step: str, what: What) -> Kind:
    if isinstance(what, ForText):
        return Kind(step, what.model)
    return Kind(step, what.model, what.quality, "{}x{}".format(*what.size))


def _cost(alike: list[What], endpoint: Endpoint, calls: Calls) -> Cost:
    times = Decimal(calls.times)
    online, batch = (
        sum((_dollars(what, endpoint, calls.written, batch=batch) for what in alike), Decimal(0))
        * times
        for batch in (False, True)
    )
    worst = sum((endpoint.worst(what) for what in alike), Decimal(0)) * times
    needed = calls.step in (*_PICTURES, caption.NAME, compose.NAME)
    return Cost(
        calls=round(len(alike) * calls.times),
        low=online if needed else Decimal(0),
        expected=online * (1 + _REPEATED),
        batch=batch * (1 + _REPEATED),
        worst=worst * _TRIES * (1 if calls.step in _PICTURES else SAMPLES),
    )


def _hours(calls: Iterable[Calls], prices: Prices) -> dict[str, float]:
    """Hours of each step; the rounds of one come one after the other."""
    found: dict[str, float] = {}
    for each in calls:
        found[each.step] = found.get(each.step, 0.0) + _hours_of(each, prices)
    return found


def _hours_of(calls: Calls, prices: Prices) -> float:
    endpoint = prices.endpoints[calls.step]
    if not calls.asked:
        return 0.0
    seconds = fmean(seconds_a_call(calls.step, what) for what in calls.asked)
    costs = [endpoint.cost(what) for what in calls.asked]
    return hours(len(costs) * calls.times, seconds, costs, endpoint.limits)


def _usual(what: What, endpoint: Endpoint, written: int) -> Usage:
    """What a call is expected to use; where answers do not say, what is booked for it."""
    bound = endpoint.guessed_usage(what)
    if endpoint.tariff is not Tariff.LISTED or not endpoint.reports_usage:
        return bound
    text = text_tokens(what.prompt)
    if isinstance(what, ForImage):
        return Usage(text_in=text, image_in=bound.image_in, image_out=bound.image_out)
    shown = sum(endpoint.tariffs.input_tokens(what.model, *each.size) for each in what.pictures)
    written = min(what.max_tokens, written)
    return Usage(text_in=text + shown + _FRAME_TOKENS, text_out=written)


def _dollars(what: What, endpoint: Endpoint, written: int, *, batch: bool) -> Decimal:
    usage = _usual(what, endpoint, written)
    if batch and endpoint.tariff is Tariff.LISTED:
        return endpoint.tariffs.price(what.model, usage, batch=True)
    return endpoint.price(what, usage)
