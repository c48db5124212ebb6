"""Compose a shard: plan operations, simplify each, and compound them, in three rounds of questions.

Each round is about whom the one before it has left. A question without a usable answer, twice, rejects
its triplet; whoever has no answer for now fails, and the next run finds in the store what was answered.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from editcorpus.endpoints.requests import Answered, Chat, Picture
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.responses import TextAnswer
from editcorpus.shards import PLAN
from editcorpus.stages.asking import Again, Inquiry, ask_all, check_usable, dropped_by
from editcorpus.stages.stage import columns_of
from editcorpus.stages.workshop import Piece, Stage
from editcorpus.steps import compose, pad
from editcorpus.steps.compose import Operation, Unusable

_Views = Mapping[str, Picture]
_Texts = Mapping[str, TextAnswer]


@dataclass(frozen=True, slots=True)
class _Draft:
    """What is known of one instruction so far, and the answers that it comes from."""

    operations: tuple[Operation, ...] = ()
    text: str = ""
    answers: tuple[TextAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class _Round:
    """One round of questions.

    Attributes:
        ask: Makes, for an id and what is known of it, the questions by their names.
        settle: Makes the next draft of the answers, or says which of them are unusable.
    """

    ask: Callable[[str, _Draft], Mapping[str, Chat]]
    settle: Callable[[_Draft, _Texts], _Draft | Mapping[str, Unusable]]


def _rows(piece: Piece) -> Iterator[compose.Composed]:
    config = piece.shop.config(compose.NAME, compose.Config)
    triplets = {item.id: item for item in piece.columns.facts(PLAN, Triplet)}
    with _source_views(piece) as views:
        places = {key: place for place, key in enumerate(views)}
        drafts = {key: _Draft() for key in views}
        for each in (
            _sequence(triplets, views, config),
            _simplify(views, config),
            _compound(views, config),
        ):
            drafts = _asked(piece, each, drafts)
    piece.tally.rejected.sort(key=lambda item: places[item.id])
    piece.tally.failed.sort(key=lambda item: places[item.id])
    for key, draft in drafts.items():
        yield compose.composed(triplets[key], draft.text, draft.operations, draft.answers)


@contextmanager
def _source_views(piece: Piece) -> Iterator[_Views]:
    """The picture that the writer sees, of every triplet of a shard."""
    config = piece.shop.config(pad.NAME, pad.Config)
    largest = (config.view_longest, config.view_longest)
    padded = piece.columns.facts(pad.NAME, pad.Padded)
    with piece.columns.pictures(pad.NAME, "source_view") as column:
        yield {
            item.id: Picture(
                item.source_view_hash,
                "image/jpeg",
                config.view_quality,
                largest,
                partial(column.need, row),
            )
            for row, item in enumerate(padded)
        }


def _sequence(triplets: Mapping[str, Triplet], views: _Views, config: compose.Config) -> _Round:
    def settle(_: _Draft, texts: _Texts) -> _Draft | Mapping[str, Unusable]:
        found = compose.read_sequence(texts["sequence"], config)
        if isinstance(found, Unusable):
            return {"sequence": found}
        return _Draft(found, answers=tuple(texts.values()))

    return _Round(
        lambda key, _: {"sequence": compose.sequence_request(triplets[key], views[key], config)},
        settle,
    )


def _simplify(views: _Views, config: compose.Config) -> _Round:
    def ask(key: str, draft: _Draft) -> Mapping[str, Chat]:
        return {
            name: compose.simplify_request(item, views[key], config)
            for name, item in _named(draft).items()
        }

    def settle(draft: _Draft, texts: _Texts) -> _Draft | Mapping[str, Unusable]:
        named = _named(draft)
        found = {name: compose.read_simplified(texts[name], named[name], config) for name in named}
        wrong = {name: one for name, one in found.items() if isinstance(one, Unusable)}
        plain = tuple(one for one in found.values() if isinstance(one, Operation))
        answers = (*draft.answers, *(texts[name] for name in named))
        return wrong or _Draft(plain, answers=answers)

    return _Round(ask, settle)


def _named(draft: _Draft) -> dict[str, Operation]:
    """The operations by the name of the question about each."""
    return {f"simplify-{number}": item for number, item in enumerate(draft.operations, 1)}


def _compound(views: _Views, config: compose.Config) -> _Round:
    def settle(draft: _Draft, texts: _Texts) -> _Draft | Mapping[str, Unusable]:
        answer = texts["compound"]
        found = compose.read_compound(answer, config)
        if isinstance(found, Unusable):
            return {"compound": found}
        return _Draft(draft.operations, found, (*draft.answers, answer))

    return _Round(
        lambda key, draft: {
            "compound": compose.compound_request(draft.operations, views[key], config)
        },
        settle,
    )


def _asked(piece: Piece, each: _Round, drafts: Mapping[str, _Draft]) -> dict[str, _Draft]:
    """The next drafts, in the same order; whoever has none is in the tally."""

    def read(key: str, answers: Mapping[str, Answered], last: bool) -> _Draft | Rejected | Again:
        texts = {name: _text(answer) for name, answer in answers.items()}
        found = each.settle(drafts[key], texts)
        if isinstance(found, _Draft):
            return found
        if not last:
            return Again(tuple(found))
        detail = " ".join(f"{name}: {one.detail}" for name, one in found.items())
        return Rejected(key, compose.NAME, Reason.COMPOSE_UNREADABLE, detail)

    questions = {key: each.ask(key, draft) for key, draft in drafts.items()}
    inquiry = Inquiry(compose.NAME, questions, read, dropped_by(compose.NAME))
    made = dict(ask_all(piece.shop, piece.shard, inquiry, piece.tally))
    if not made:
        check_usable(piece, compose.NAME, Reason.COMPOSE_UNREADABLE, "instructions")
    return made


def _text(answer: Answered) -> TextAnswer:
    if not isinstance(answer.answer, TextAnswer):
        raise TypeError(f"{answer.ask.id}: a question was answered with a picture.")
    return answer.answer


STAGE = Stage(
    compose.NAME,
    compose.VERSION,
    pad.NAME,
    columns_of(compose.NAME, compose.Composed, _rows),
    asks=_rows,
    depth=3,
)
