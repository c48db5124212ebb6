"""The calls that a build would make for a sample of its rows, as far as they can be known before.

An edit whose instruction is yet to be composed, or whose source image is yet to be made, is foreseen with
a text, or a picture, of the same length or size.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from editcorpus import images
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.requests import ImageEdit, Picture, What
from editcorpus.geometry import padded_share
from editcorpus.records import Geometry, Rejected, Triplet
from editcorpus.rows import Source
from editcorpus.stages.looking import Look, Sample
from editcorpus.stages.order import steps_and_planning
from editcorpus.stages.workshop import Variant
from editcorpus.steps import (
    align,
    caption,
    classify,
    compose,
    embed,
    pad,
    regenerate,
    rewrite,
    synthesize,
)

USUAL = (regenerate.NAME, rewrite.NAME, align.NAME)
"""The steps of a usual build that ask a model, in order."""
_ORDER = (classify.NAME, caption.NAME, synthesize.NAME, compose.NAME, *USUAL, embed.NAME)
_SENTENCE = "Replace the thing on the left side of the picture with another one."
"""As long as an atomic edit is."""
_CAPTION = (
    "A colour photograph, taken from eye level, of two people who sit on a dark wooden bench under a broad "
    "tree. The person at the left wears a blue coat and holds a paper cup; the one at the right, in a grey "
    "jumper, reads a newspaper. A red bicycle leans against the back of the bench. In front of them lies a "
    "path of pale gravel with some yellow leaves on it; behind them are a lawn, a low hedge and a row of "
    "brick houses with white windows. The light is soft and comes from the upper right."
)
"""As long as the caption of a picture is."""
_DESCRIBED = 120
"""Tokens of a caption and the JSON around it."""
_WRITTEN = 30
"""Tokens of a rewritten instruction and the JSON around it: a sentence or two of at most 60 words."""
_PLANNED = 60
"""Tokens of the reasoning before an instruction, and of each operation of a sequence: likewise."""
_KIND = 8
"""Tokens of the JSON that names a kind of edit."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What a build would do, and the endpoints that it would call, by the step's name.

    Attributes:
        steps: The steps that ask a model, in order.
    """

    endpoints: Mapping[str, Endpoint]
    padding: pad.Config
    edit: regenerate.Config
    writing: rewrite.Config
    judging: align.Config
    steps: tuple[str, ...] = USUAL
    describing: caption.Config = field(default_factory=caption.Config)
    making: synthesize.Config = field(default_factory=synthesize.Config)
    composing: compose.Config = field(default_factory=compose.Config)
    sorting: classify.Config = field(default_factory=classify.Config)
    embedding: embed.Config = field(default_factory=embed.Config)

    @property
    def known(self) -> bool:
        """Whether edits are known by their requests before anything is asked."""
        return {synthesize.NAME, compose.NAME}.isdisjoint(self.steps)

    def model(self, step: str) -> str:
        """The model that a step asks."""
        return {
            classify.NAME: self.sorting.model,
            caption.NAME: self.describing.model,
            synthesize.NAME: self.making.model,
            compose.NAME: self.composing.model,
            regenerate.NAME: self.edit.model,
            rewrite.NAME: self.writing.model,
            align.NAME: self.judging.model,
            embed.NAME: ", ".join(self.embedding.models),
        }[step]


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of one step that are alike.

    Attributes:
        asked: Those of the sample.
        times: How many of the selection each stands for.
        written: Tokens that the answer to a question usually has.
    """

    step: str
    asked: list[What]
    times: float
    written: int = _WRITTEN


def asking_steps(source: Source, variant: Variant, *, embeds: bool = False) -> tuple[str, ...]:
    """The steps of a build that ask a model, in order; `base` asks for no picture."""
    names = steps_and_planning(source, variant, embeds=embeds)
    return tuple(step for step in _ORDER if step in names)


def laid(sample: Sample, prices: Prices) -> list[tuple[Look, Geometry]]:
    """The rows that the pad step would take, and where each would lie on its canvas."""
    config = prices.padding
    looks = [made for look in sample.fit if (made := _made(look, prices)) is not None]
    found = [(look, pad.canvas_geometry(look.size, config)) for look in looks]
    return [item for item in found if float(padded_share(item[1])) <= config.max_padded_share]


def edit_of(look: Look, geometry: Geometry, prices: Prices) -> ImageEdit:
    """The edit of a row."""
    pixels = look.canvases.get(prices.padding.canvas, "")
    return regenerate.request(_worded(look, prices), geometry, pixels, bytes, prices.edit)


def calls_of(
    rows: list[tuple[Look, Geometry]], sample: Sample, prices: Prices, served: set[str]
) -> list[Calls]:
    """All calls, step by step.

    Args:
        rows: From `laid`; at least one.
        sample: That they are of.
        prices: What would be done.
        served: Ids of rows whose edits lie in the store.
    """
    looks, times = [look for look, _ in rows], sample.rows / sample.looked_at
    edits: list[What] = [
        edit_of(*item, prices) for item in rows if item[0].triplet.id not in served
    ]
    made: Mapping[str, Callable[[], list[Calls]]] = {
        classify.NAME: lambda: [_sorted_out(looks, prices, times)],
        caption.NAME: lambda: [_captions(sample, prices, times)],
        synthesize.NAME: lambda: [Calls(synthesize.NAME, [*_makes(looks, prices)], times)],
        compose.NAME: lambda: _composed(looks, prices, times),
        regenerate.NAME: lambda: [Calls(regenerate.NAME, edits, times)],
        rewrite.NAME: lambda: [_rewrites(looks, prices, times, whole=sample.whole)],
        align.NAME: lambda: [Calls(align.NAME, [*_questions(looks, prices)], times)],
        embed.NAME: lambda: [Calls(embed.NAME, [*_vectors(looks, prices)], times)],
    }
    return [calls for step in prices.steps for calls in made[step]()]


def _made(look: Look, prices: Prices) -> Look | None:
    """A row with the source image that would be made for it; None where none can be."""
    if synthesize.NAME not in prices.steps:
        return look
    if caption.NAME in prices.steps:
        look = replace(look, triplet=replace(look.triplet, caption=_CAPTION))
    if isinstance(synthesize.request(look.triplet, prices.making), Rejected):
        return None
    return replace(look, size=synthesize.size_of(look.triplet.id, prices.making))


def _worded(look: Look, prices: Prices) -> Triplet:
    """A row's triplet with an instruction as long as a composed one."""
    if compose.NAME not in prices.steps:
        return look.triplet
    text = " ".join([_SENTENCE] * prices.composing.level)
    return replace(look.triplet, instruction=text)


def _sorted_out(looks: list[Look], prices: Prices, times: float) -> Calls:
    asked = [classify.request(look.triplet.instruction, prices.sorting) for look in looks]
    return Calls(classify.NAME, [*asked], times, _KIND)


def _captions(sample: Sample, prices: Prices, times: float) -> Calls:
    """Of the pictures as published; a later turn of a conversation needs none."""
    asked = [
        caption.request(_view(look, prices.padding), look.triplet.instruction, prices.describing)
        for look in sample.fit
        if not look.triplet.previous
    ]
    return Calls(caption.NAME, [*asked], times, _DESCRIBED)


def _makes(looks: list[Look], prices: Prices) -> Iterator[What]:
    described = caption.NAME in prices.steps
    for look in looks:
        if described and look.triplet.previous:
            continue
        made = synthesize.request(look.triplet, prices.making)
        if not isinstance(made, Rejected):
            yield made


def _composed(looks: list[Look], prices: Prices, times: float) -> list[Calls]:
    """The three rounds of questions: one about the picture, one for each operation, one about all."""
    config, views = prices.composing, [(look, _view(look, prices.padding)) for look in looks]
    steps = [compose.Operation(name, _SENTENCE) for name in config.operations[: config.level]]
    sequences = [compose.sequence_request(look.triplet, view, config) for look, view in views]
    simple = [compose.simplify_request(one, view, config) for _, view in views for one in steps]
    compounds = [compose.compound_request(steps, view, config) for _, view in views]
    return [
        Calls(compose.NAME, [*sequences], times, _PLANNED * (1 + config.level)),
        Calls(compose.NAME, [*simple], times),
        Calls(compose.NAME, [*compounds], times, _PLANNED + _WRITTEN * config.level),
    ]


def _rewrites(looks: list[Look], prices: Prices, times: float, *, whole: bool) -> Calls:
    """Where every row was looked at, the seeded share is known; else each row stands for its part."""
    config = prices.writing
    if whole:
        looks = [look for look in looks if rewrite.chosen(look.triplet.id, config)]
    asked = [
        rewrite.request(look.triplet, view, view, config)
        for look in looks
        for view in (_view(look, prices.padding),)
    ]
    return Calls(rewrite.NAME, [*asked], times if whole else times * config.share)


def _questions(looks: list[Look], prices: Prices) -> Iterator[What]:
    for look in looks:
        view, text = _view(look, prices.padding), _worded(look, prices).instruction
        yield from align.requests(text, view, view, prices.judging).values()


def _vectors(looks: list[Look], prices: Prices) -> Iterator[What]:
    """The captions are those of the rows; one that is written here is as long as captions are."""
    written = _CAPTION if caption.NAME in prices.steps else ""
    for look in looks:
        view, text = _view(look, prices.padding), _worded(look, prices).instruction
        told = embed.Captions()
        if compose.NAME not in prices.steps:
            told = embed.captions(look.triplet.facts)
            told = replace(told, source=written or told.source)
        yield from embed.requests(text, told, view, view, prices.embedding).values()


def _view(look: Look, config: pad.Config) -> Picture:
    """What judges see of the source; the edited picture has the same size."""
    size = images.fitted(look.size, config.view_longest)
    return Picture("", "image/jpeg", config.view_quality, size, bytes)
