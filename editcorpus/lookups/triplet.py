"""The story of one triplet in one run: every request, sample, verdict and dollar."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any

from editcorpus.bookings import Record
from editcorpus.lookups.calls import Call, read_calls
from editcorpus.lookups.facts import Facts, columns_of, read_triplet
from editcorpus.lookups.questions import Question, asked_questions
from editcorpus.lookups.search import Planned
from editcorpus.lookups.verdicts import Gone, is_emulated, shard_verdicts, verdict_of
from editcorpus.records import REMEDIES, SENTENCES, Triplet
from editcorpus.refusals import Refusal
from editcorpus.responses import Responses, TextAnswer
from editcorpus.runs import read_identity
from editcorpus.steps import (
    align,
    caption,
    classify,
    compose,
    embed,
    regenerate,
    rewrite,
    synthesize,
)
from editcorpus.storage import Store

_LONGEST = 4_000
"""Characters of a text answer that are shown."""
_IN_ORDER = (
    *(classify.NAME, caption.NAME, synthesize.NAME, compose.NAME),
    *(regenerate.NAME, rewrite.NAME, align.NAME, embed.NAME),
)
_ORDER = {step: place for place, step in enumerate(_IN_ORDER)}
_PICTURES = {synthesize.NAME, regenerate.NAME}
"""The steps that are answered with a picture."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call for the triplet, or one answer that was served to it from the store.

    Attributes:
        question: Which of the step's questions it is; empty where there is one, or nobody knows.
        request: Its hash: the name of the answer in the response store.
        outcome: As `bookings.Outcome` has it; `cached` where this run paid nothing for the answer,
            and the call's other members are those of the run that paid.
        usd: What this run booked for it.
        run: Which run made the call.
        said: The text that was answered, or what it says as a verdict.
    """

    step: str
    question: str
    sample: int
    request: str
    model: str
    outcome: str
    usd: Decimal
    at: str
    seconds: float
    request_id: str
    run: str
    said: str


@dataclass(frozen=True, slots=True)
class Story:
    """What is known of one triplet in one run.

    Attributes:
        verdict: `kept`, `rejected`, `failed`, or `undecided` where its turn has yet to come.
        gone: Step, reason and detail, where it was given up.
        triplet: Its row of the plan; None where the plan itself rejected it.
        requests: In the order of the steps, then of time.
    """

    id: str
    run: str
    shard: int
    verdict: str
    emulated: bool
    gone: Gone | None
    triplet: Triplet | None
    facts: Facts
    requests: tuple[Request, ...]

    @property
    def usd(self) -> Decimal:
        """What the run booked for the triplet, possibly billed calls at their worst case."""
        return sum((one.usd for one in self.requests), Decimal(0))

    def as_json(self) -> dict[str, Any]:
        """The story as JSON takes it, without pictures."""
        made: dict[str, Any] = {
            "id": self.id,
            "run": self.run,
            "shard": self.shard,
            "verdict": self.verdict,
            "usd": format(self.usd, "f"),
            "emulated": self.emulated,
        }
        if self.gone is not None:
            made |= {
                "step": self.gone.step,
                "reason": self.gone.reason.value,
                "detail": self.gone.detail,
                "sentence": SENTENCES[self.gone.reason],
                "what_to_do": REMEDIES[self.gone.reason],
            }
        if self.triplet is not None:
            made["plan"] = asdict(self.triplet)
        for name in (item.name for item in fields(Facts)):
            row = getattr(self.facts, name)
            if row is not None:
                made[name] = columns_of(row)
        made["requests"] = [{**asdict(one), "usd": format(one.usd, "f")} for one in self.requests]
        return made


def tell(store: Store, places: Iterable[Planned], wanted: str) -> Iterator[Story]:
    """The story of a triplet in each place that it has.

    The journals of those runs are read, and once those of all runs, for answers in text.

    Raises:
        ShardError: A manifest or a column file is damaged.
        StorageError: A journal is damaged.
    """
    answers = Responses(store)
    answers.read_index(keep=False)
    for place in places:
        yield _story(store, answers, place, wanted)


def _story(store: Store, answers: Responses, place: Planned, wanted: str) -> Story:
    identity = read_identity(store, place.run)
    shard = shard_verdicts(store, place.run, place.shard, identity)
    gone = next((item for item in shard.gone if item.id == wanted), None)
    facts = read_triplet(store, place.run, place.shard, wanted, shard.manifests)
    questions = asked_questions(identity, place.triplet, facts) if place.triplet else {}
    calls = [call for call in read_calls(store, place.run, wanted) if call.id == wanted]
    made = [*_booked(answers, calls, questions), *_cached(answers, calls, questions)]
    kept = "kept" if shard.published else "undecided"
    return Story(
        wanted,
        place.run,
        place.shard,
        verdict_of(gone) if gone else kept,
        is_emulated(store, place.run),
        gone,
        place.triplet,
        facts,
        tuple(sorted(made, key=lambda one: (_ORDER.get(one.step, 0), one.at, one.question))),
    )


def _booked(
    answers: Responses, calls: Iterable[Call], questions: Mapping[str, Question]
) -> Iterator[Request]:
    for call in calls:
        record = (
            call if isinstance(call, Record) else Record.of(call, call.usd, call.at, "possibly")
        )
        asked = questions.get(record.key)
        settled = record.outcome == "settled"
        text = answers.text(record.key) if settled else None
        refusal = None if settled else answers.refusal(record.key)
        yield _request(record, record.outcome, asked.name if asked else "", _told(text, refusal))


def _cached(
    answers: Responses, calls: Iterable[Call], questions: Mapping[str, Question]
) -> Iterator[Request]:
    """The answers and refusals that the triplet got, and that no call of this run brought."""
    called = {call.key for call in calls}
    paid = {call.key for call in calls if isinstance(call, Record) and call.outcome == "settled"}
    for key, asked in questions.items():
        if key in paid:
            continue
        text = None if asked.step in _PICTURES else answers.text(key)
        found = answers.image(key) if asked.step in _PICTURES else text
        refusal = answers.refusal(key)
        if found is not None:
            yield _request(found.record, "cached", asked.name, _told(text))
        elif refusal is not None and key not in called:
            yield _refused(key, asked, refusal)


def _request(record: Record, outcome: str, question: str, said: str) -> Request:
    return Request(
        record.step,
        question,
        record.sample,
        record.key,
        record.model,
        outcome,
        Decimal(0) if outcome == "cached" else record.usd,
        record.at,
        record.seconds,
        record.request_id,
        record.run,
        said,
    )


def _refused(key: str, asked: Question, refusal: Refusal) -> Request:
    """A refusal that another run was given, and that was taken from there."""
    return Request(
        step=asked.step,
        question=asked.name,
        sample=asked.sample,
        request=key,
        model="",
        outcome="cached",
        usd=Decimal(0),
        at=refusal.at,
        seconds=0.0,
        request_id="",
        run="",
        said=refusal.sentence,
    )


def _told(answer: TextAnswer | None, refusal: Refusal | None = None) -> str:
    """What was answered: P(yes) where it is one token of a judge, else words."""
    if answer is None:
        return refusal.sentence if refusal else ""
    verdict = align.read(answer) if answer.record.step == align.NAME else None
    if verdict is not None:
        return f"P(yes) {verdict.yes:.4f}, of {verdict.mass:.4f} that yes and no hold"
    if answer.record.step == embed.NAME:
        return _vector(answer.body)
    try:
        message = json.loads(answer.body)["choices"][0]["message"]
        text = message.get("content") or message.get("refusal")
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        text = None
    return (text if isinstance(text, str) else answer.body)[:_LONGEST]


def _vector(body: str) -> str:
    """What is told of a vector: how many numbers it has."""
    try:
        return f"a vector of {int(json.loads(body)['dimensions'])} numbers"
    except (ValueError, KeyError, TypeError):
        return body[:_LONGEST]
