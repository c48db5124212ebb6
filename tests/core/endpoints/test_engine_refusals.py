"""The engine and what an API refuses for good: paid once, on record, and asked for no more."""

from dataclasses import replace

import pytest

from editcorpus.endpoints.requests import Answered, Dropped, Unanswered
from editcorpus.errors import EndpointStopped, StorageFull
from editcorpus.journal import Journal
from editcorpus.records import Reason
from editcorpus.responses import Responses
from editcorpus.sinks import Place


def details(taken) -> list[tuple[Reason, str]]:
    return sorted((one.reason, one.detail) for one in taken.of(Dropped))


@pytest.mark.parametrize(
    ("fault", "calls", "reason"),
    [
        ("moderation_input", {"free": 4}, Reason.MODERATION_INPUT),
        ("moderation_output", {"possibly": 12}, Reason.MODERATION_OUTPUT),
    ],
)
def test_a_refusal_is_paid_once_by_whatever_process_asks(
    lab, fault: str, calls: dict[str, int], reason: Reason
) -> None:
    asks = lab.make.edits(4, f"Do it [[emulate {fault}]]")
    with lab.engine() as engine:
        first, again = lab.take(engine, asks), lab.take(engine, asks)
        spent = engine.books.ledger.spent
    seen = lab.calls()
    with lab.engine() as engine:
        later = lab.take(engine, asks)
        assert engine.books.ledger.calls == {} and engine.books.ledger.spent == spent
    assert first.kinds() == {"Dropped": 4} and {one.reason for one in first.outcomes} == {reason}
    assert details(first) == details(again) == details(later)
    assert "[id]" in first.outcomes[0].detail
    assert lab.calls() == seen
    assert lab.audit().by_outcome() == calls
    named = {record.request_id for record in lab.history().records}
    assert len(named) == sum(calls.values()) and "" not in named


def test_a_refusal_is_found_without_asking_the_store_for_it(lab) -> None:
    asks = lab.make.edits(1, "Do it [[emulate moderation_input]]")
    with lab.engine() as engine:
        lab.take(engine, asks)
    responses = Responses(lab.store)
    responses.read_index()
    for path in lab.store.list("journal"):
        lab.store.remove(path)
    found = responses.refusal(asks[0].key)
    assert found is not None and found.reason is Reason.MODERATION_INPUT
    assert not lab.store.list("responses")


def test_a_refusal_can_be_asked_again_and_the_answer_counts_from_then_on(lab) -> None:
    asks = lab.make.edits(2)
    lab.config(faults={"moderation_input": 1.0})
    with lab.engine() as engine:
        lab.take(engine, asks[:1])
    lab.config(faults={})
    anew = [replace(ask, since="9999") for ask in asks]
    with lab.engine() as engine:
        assert lab.take(engine, asks[:1]).kinds() == {"Dropped": 1}
        assert lab.take(engine, anew).kinds() == {"Answered": 2}
        assert lab.take(engine, asks).kinds() == {"Answered": 2}
    with lab.engine() as engine:
        later = lab.take(engine, asks)
    assert not any(one.paid for one in later.of(Answered))
    assert lab.audit().by_outcome() == {"free": 1, "settled": 2}


def test_a_redrive_does_not_pay_again_for_what_was_answered(lab) -> None:
    asks = lab.make.edits(2)
    with lab.engine() as engine:
        lab.take(engine, asks)
        again = lab.take(engine, [replace(ask, since="9999") for ask in asks])
    assert [one.paid for one in again.of(Answered)] == [False, False]


def test_requests_that_a_wrong_setting_made_fail_are_asked_again(lab) -> None:
    """The streak that stops the run takes back what it has put on record."""
    asks = lab.make.edits(40, size=(1000, 1000))
    with lab.engine(in_flight=4) as engine:
        first = lab.take(engine, asks)
    assert isinstance(first.stopped, EndpointStopped) and first.of(Dropped)
    responses = Responses(lab.store)
    responses.read_index()
    assert not any(responses.refusal(ask.key) for ask in asks)
    seen = lab.calls()
    with lab.engine(in_flight=4) as engine:
        second = lab.take(engine, asks)
    assert isinstance(second.stopped, EndpointStopped) and lab.calls() > seen
    lab.audit()


def test_too_many_blocked_calls_stop_the_run_and_stay_refused(lab) -> None:
    lab.config(faults={"moderation_input": 1.0})
    asks = lab.make.edits(130)
    with lab.engine(in_flight=4, max_blocked_share=0.5) as engine:
        taken = lab.take(engine, asks)
    assert isinstance(taken.stopped, EndpointStopped)
    assert "blocked 100 of the last 100 calls" in str(taken.stopped)
    assert 99 <= len(taken.of(Dropped)) <= 103 and lab.calls() <= 104
    lab.config(faults={})
    with lab.engine() as engine:
        later = lab.take(engine, asks)
    assert later.kinds() == {
        "Dropped": len(taken.of(Dropped)),
        "Answered": 130 - len(taken.of(Dropped)),
    }


class NoRefusals(Journal):
    """A journal that has no space for refusals."""

    async def durable(self, line: bytes) -> Place:
        if line.startswith(b'{"t":"refusal"'):
            raise StorageFull("No space is left for the journal.")
        return await super().durable(line)


def test_a_refusal_that_cannot_be_stored_stops_the_run_and_is_booked(lab) -> None:
    asks = lab.make.edits(3, "Do it [[emulate moderation_input]]")
    with lab.engine(journal=NoRefusals, in_flight=1) as engine:
        taken = lab.take(engine, asks)
        assert engine.books.ledger.reserved == 0
    assert isinstance(taken.stopped, StorageFull) and taken.kinds() == {"Unanswered": 3}
    assert {one.reason for one in taken.of(Unanswered)} == {Reason.NOT_REACHED}
    assert lab.audit().by_outcome() == {"free": 1}
    with lab.engine() as engine:
        assert lab.take(engine, asks).kinds() == {"Dropped": 3}


def test_a_request_that_was_damaged_too_often_reads_the_same_in_every_process(lab) -> None:
    ask = lab.make.chat(1, "Say it [[emulate html_200]]")
    said = []
    for _ in range(2):
        with lab.engine() as engine:
            said += lab.take(engine, [ask]).outcomes
    assert {(one.reason, one.detail) for one in said} == {
        (Reason.ANSWER_DAMAGED, "The answer was damaged 3 times.")
    }
    assert lab.audit().by_outcome() == {"damaged": 3}
