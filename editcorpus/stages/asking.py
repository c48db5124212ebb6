"""Asking a model about each triplet of a shard, and once more where the answer is no answer."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from editcorpus.endpoints.requests import (
    Answered,
    Ask,
    Dropped,
    Outcome,
    Unanswered,
    What,
    request_hash,
)
from editcorpus.errors import RunStopped
from editcorpus.records import Failed, Reason, Rejected
from editcorpus.shards import Manifest, Tally
from editcorpus.stages.workshop import Piece, Workshop

_Row = TypeVar("_Row")
MOST_UNREADABLE = 20
"""Verdicts of a shard, none of them readable, from which on it is the setting that is wrong: even if
a judge is unreadable every other time, that happens by chance to one shard in a million."""
SAMPLES = 2
"""How often the same question is asked at most, once more so often for each redrive: what cannot heal
is not paid for for ever."""


@dataclass(frozen=True, slots=True)
class Again:
    """These questions got no usable answer: they are asked as the next sample."""

    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inquiry(Generic[_Row]):
    """What is asked about each triplet of a shard, and what is made of the answers.

    Attributes:
        step: Name of the step that asks.
        questions: By id, in the order of the ids, the requests by the question's name.
        read: Makes a row of all answers about one id, or gives the verdict on it; unless it is told
            that this was the last sample, it may ask some questions again.
        dropped: Makes a row where the endpoint refused a question for good, or the verdict.
    """

    step: str
    questions: Mapping[str, Mapping[str, What]]
    read: Callable[[str, Mapping[str, Answered], bool], _Row | Rejected | Again]
    dropped: Callable[[str, Dropped], _Row | Rejected]


def dropped_by(step: str) -> Callable[[str, Dropped], Rejected]:
    """The verdict of a step on whom the endpoint refused for good: what the endpoint said."""
    return lambda key, outcome: Rejected(key, step, outcome.reason, outcome.detail)


def answers_whole(step: str) -> Callable[[Piece, Manifest], bool]:
    """The `whole` of a step whose rows name one answer each.

    It is whether no answer of a shard was found damaged since it was recorded.
    """

    def whole(piece: Piece, _manifest: Manifest) -> bool:
        damaged = piece.shop.responses.damaged
        return not damaged or damaged.isdisjoint(piece.columns.texts(step, "response"))

    return whole


def check_usable(piece: Piece, step: str, reason: Reason, what: str) -> None:
    """Stop before verdicts become final that are the setting's fault; for a shard without one usable answer.

    Args:
        piece: The shard.
        step: Whose answers they are.
        reason: Of the verdicts.
        what: Was to be written, in the plural.

    Raises:
        RunStopped: There are too many of them.
    """
    unreadable = [item for item in piece.tally.rejected if item.reason is reason]
    if len(unreadable) >= MOST_UNREADABLE:
        raise RunStopped(
            f"None of the {len(unreadable)} {what} of shard {piece.shard:05d} can be used: check that "
            f"{step}.model takes pictures and structured output, and use another run name. The first: "
            f"{unreadable[0].detail}",
            kind="settings",
        )


def ask_all(
    shop: Workshop, shard: int, inquiry: Inquiry[_Row], tally: Tally
) -> Iterator[tuple[str, _Row]]:
    """Ask about every id of a shard, and yield rows in the order of the ids.

    Whoever gets no row is in the tally: rejected or failed. Who was rejected before is not asked
    about again, and neither is a question that the endpoint has refused for good in any run, unless a
    redrive says so since.

    Raises:
        RunStopped: The run must not go on; every answer in flight was stored before.
    """
    earlier = {item.id: item for item in tally.earlier if item.id in inquiry.questions}
    results: dict[str, _Row | Rejected | Failed] = {**earlier}
    found: dict[str, dict[str, Outcome]] = defaultdict(dict)
    pending = {key: tuple(asked) for key, asked in inquiry.questions.items() if key not in earlier}
    tries = 0
    while pending:
        tries += 1
        asks = [
            _ask(shop, shard, inquiry, (key, name), tries)
            for key, names in pending.items()
            for name in names
        ]
        for outcome in shop.answers(inquiry.step, asks):
            tally.facts[_kind(outcome)] += 1
            found[outcome.ask.id][outcome.ask.question] = outcome
        asked, pending = list(pending), {}
        for key in asked:
            last = tries >= SAMPLES * shop.redriving.terms(inquiry.step, key).chances
            made: _Row | Rejected | Failed | Again = _made(inquiry, key, found[key], last=last)
            if isinstance(made, Again):
                pending[key] = made.questions
            else:
                results[key] = made
    for key in inquiry.questions:
        item = results[key]
        if isinstance(item, Rejected):
            tally.rejected.append(item)
        elif isinstance(item, Failed):
            tally.failed.append(item)
        else:
            yield key, item


def _ask(
    shop: Workshop, shard: int, inquiry: Inquiry[_Row], which: tuple[str, str], tries: int
) -> Ask:
    key, question = which
    step, what = inquiry.step, inquiry.questions[key][question]
    chances, since, first = shop.redriving.terms(step, key)
    sample = first + tries - 1
    hashed = request_hash(shop.providers[step], what, sample)
    return Ask(key, step, shard, question, sample, what, hashed, since, chances)


def _made(
    inquiry: Inquiry[_Row], key: str, found: Mapping[str, Outcome], *, last: bool
) -> _Row | Rejected | Failed | Again:
    for outcome in found.values():
        if isinstance(outcome, Unanswered):
            return Failed(key, inquiry.step, outcome.reason, outcome.detail)
        if isinstance(outcome, Dropped):
            return inquiry.dropped(key, outcome)
    answers = {name: item for name, item in found.items() if isinstance(item, Answered)}
    return inquiry.read(key, answers, last)


def _kind(outcome: Outcome) -> str:
    if isinstance(outcome, Answered):
        return "paid" if outcome.paid else "cached"
    return "dropped" if isinstance(outcome, Dropped) else "unanswered"
