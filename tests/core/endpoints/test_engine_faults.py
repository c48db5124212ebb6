"""Every fault of a call over real sockets: how it ends, and what the books then say."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

import pytest

from editcorpus.endpoints.requests import Answered, Dropped, Outcome, Unanswered
from editcorpus.errors import EndpointStopped
from editcorpus.ledger import Record
from editcorpus.records import Reason
from editcorpus.storage import Store


@dataclass(frozen=True)
class Case:
    """A fault, and what must come of it.

    Attributes:
        fault: As the sandbox takes it; `:n` strikes the first n attempts only.
        ends: Class of the outcome.
        books: How many calls ended how.
        reason: Of an outcome without an answer.
    """

    fault: str
    ends: type
    books: dict[str, int]
    reason: Reason | None = None
    kind: str = "edit"

    @property
    def step(self) -> str:
        return f"{self.kind}-{self.fault.replace(':', '-')}"


def damaged(fault: str, kind: str = "edit") -> Case:
    return Case(fault, Dropped, {"damaged": 3}, Reason.ANSWER_DAMAGED, kind)


def lost(fault: str, times: int, kind: str = "edit") -> Case:
    return Case(fault, Unanswered, {"possibly": times}, Reason.UNAVAILABLE, kind)


CASES = [
    Case("none", Answered, {"settled": 1}),
    Case("rate_limit:2", Answered, {"free": 2, "settled": 1}),
    Case("slow_down:1", Answered, {"free": 1, "settled": 1}),
    Case("server_error:2", Answered, {"free": 2, "settled": 1}),
    Case("server_error", Unanswered, {"free": 4}, Reason.UNAVAILABLE),
    Case("html_502:1", Answered, {"possibly": 1, "settled": 1}),
    Case("reset:1", Answered, {"possibly": 1, "settled": 1}),
    Case("cut_body:2", Answered, {"possibly": 2, "settled": 1}),
    Case("hang:1", Answered, {"possibly": 1, "settled": 1}),
    lost("html_502", 4),
    lost("reset", 3),
    lost("cut_body", 3),
    lost("hang", 3),
    Case("moderation_input", Dropped, {"free": 1}, Reason.MODERATION_INPUT),
    Case("moderation_output", Dropped, {"possibly": 3}, Reason.MODERATION_OUTPUT),
    Case("bad_b64:1", Answered, {"damaged": 1, "settled": 1}),
    Case("wrong_size:2", Answered, {"damaged": 2, "settled": 1}),
    damaged("bad_b64"),
    damaged("not_an_image"),
    damaged("truncated_image"),
    damaged("empty_data"),
    damaged("wrong_size"),
    damaged("malformed_json"),
    damaged("html_200"),
    damaged("empty_data", "chat"),
    damaged("malformed_json", "chat"),
    damaged("html_200", "chat"),
    lost("cut_body", 3, "chat"),
    Case("refusal", Answered, {"settled": 1}, kind="chat"),
    Case("length", Answered, {"settled": 1}, kind="chat"),
    Case("unreadable", Answered, {"settled": 1}, kind="chat"),
    Case("html_200:2", Answered, {"damaged": 2, "settled": 1}, kind="chat"),
    Case("server_error:3", Answered, {"free": 3, "settled": 1}, kind="chat"),
]


@dataclass(frozen=True)
class Struck:
    """What came of all cases, by the step that asked."""

    outcomes: dict[str, Outcome]
    records: dict[str, list[Record]]


@pytest.fixture(scope="module")
def struck(new_lab, tmp_path_factory) -> Struck:
    """All cases asked at once, each through an endpoint of its own."""
    lab = new_lab(Store.on_disk(tmp_path_factory.mktemp("faults")))
    asks = [
        getattr(lab.make, case.kind)(number, f"Do it [[emulate {case.fault}]]", step=case.step)
        for number, case in enumerate(CASES)
    ]
    steps = [case.step for case in CASES]
    hasty = {case.step: {"deadline_s": 1.0} for case in CASES if case.fault.startswith("hang")}
    with lab.engine(steps=steps, own=hasty) as engine:
        taken = lab.take(engine, asks)
        assert engine.books.ledger.reserved == 0
        spent = engine.books.ledger.spent
    assert taken.stopped is None
    proven = lab.audit()
    assert proven.history.spent == spent and not proven.history.open
    records: dict[str, list[Record]] = {}
    for record in proven.history.records:
        records.setdefault(record.step, []).append(record)
    return Struck({outcome.ask.step: outcome for outcome in taken.outcomes}, records)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.step)
def test_a_fault_ends_as_it_should_and_is_booked_so(struck: Struck, case: Case) -> None:
    outcome, records = struck.outcomes[case.step], struck.records[case.step]
    assert type(outcome) is case.ends
    assert Counter(record.outcome for record in records) == case.books
    assert getattr(outcome, "reason", None) is case.reason
    assert all(not record.usd for record in records if record.outcome == "free")
    assert all(record.usd > 0 for record in records if record.outcome != "free")
    assert not any("sk-" in str(getattr(outcome, "detail", "")) for outcome in [outcome])


def test_a_damaged_answer_that_tells_its_usage_is_booked_at_its_price(struck: Struck) -> None:
    exact = struck.records["edit-none"][0].usd
    for step in ("edit-bad_b64", "edit-wrong_size", "edit-truncated_image"):
        assert {record.usd - exact < Decimal("0.0002") for record in struck.records[step]} == {True}
    (chat,) = struck.records["chat-refusal"]
    empty = struck.records["chat-empty_data"]
    assert all(0 < record.usd < 10 * chat.usd for record in empty)


def test_every_call_has_a_name_of_its_own(struck: Struck) -> None:
    names = [record.attempt for records in struck.records.values() for record in records]
    assert len(names) == len(set(names))


def test_what_got_no_answer_is_asked_again_by_the_next_run_and_alone_paid(lab) -> None:
    asks = lab.make.chats(6)
    lab.config(faults={"server_error": 1.0})
    with lab.engine(call_attempts=1) as engine:
        first = lab.take(engine, asks)
    lab.config(faults={})
    with lab.engine() as engine:
        second = lab.take(engine, asks + lab.make.edits(1))
    assert (first.kinds(), second.kinds()) == ({"Unanswered": 6}, {"Answered": 7})
    assert lab.audit().by_outcome() == {"free": 6, "settled": 7}


def test_a_request_that_was_damaged_three_times_is_not_paid_for_by_the_next_process(lab) -> None:
    ask = lab.make.chat(1, "Say it [[emulate html_200]]")
    with lab.engine() as engine:
        lab.take(engine, [ask])
        again = lab.take(engine, [ask])
    with lab.engine() as engine:
        later = lab.take(engine, [ask])
        assert engine.books.ledger.calls == {}
    for taken in (again, later):
        (outcome,) = taken.outcomes
        assert outcome.reason is Reason.ANSWER_DAMAGED and "3 times" in outcome.detail
    assert lab.audit().by_outcome() == {"damaged": 3}


def test_tries_of_an_earlier_process_count(lab) -> None:
    ask, taken = lab.make.chat(1, "Say it [[emulate html_200]]"), []
    with lab.engine() as engine:
        thread = lab.thread(lambda: taken.append(lab.take(engine, [ask])))
        while not engine.books.ledger.calls["damaged"]:
            lab.sandbox.admin("health")
        engine.stop()
        thread.join()
    with lab.engine() as engine:
        taken.append(lab.take(engine, [ask]))
    assert [one.kinds() for one in taken] == [{"Unanswered": 1}, {"Dropped": 1}]
    assert lab.audit().by_outcome() == {"damaged": 3}


def test_many_requests_refused_alike_stop_the_run(lab) -> None:
    """A wrong setting must not reject a million triplets."""
    asks = lab.make.edits(60, size=(1000, 1000))
    with lab.engine(in_flight=4) as engine:
        taken = lab.take(engine, asks)
    assert isinstance(taken.stopped, EndpointStopped)
    assert "20 calls of regenerate in a row" in str(taken.stopped)
    assert "divisible by 16" in str(taken.stopped)
    assert len(taken.of(Dropped)) <= 19 + 4
    assert lab.audit().by_outcome()["free"] <= 20 + 4


def test_an_answer_in_between_shows_that_the_settings_are_right(lab) -> None:
    wrong = lab.make.edits(38, size=(1000, 1000))
    good = lab.make.chat(99, step="regenerate")
    with lab.engine(in_flight=1) as engine:
        parts = [lab.take(engine, asks) for asks in (wrong[:19], [good], wrong[19:])]
    assert [part.stopped for part in parts] == [None, None, None]
    assert [part.kinds() for part in parts] == [{"Dropped": 19}, {"Answered": 1}, {"Dropped": 19}]
    refused = [*parts[0].of(Dropped), *parts[2].of(Dropped)]
    assert {one.reason for one in refused} == {Reason.REQUEST_REFUSED}


def test_what_the_safety_system_refuses_never_stops_the_run(lab) -> None:
    asks = lab.make.edits(25, "Do it [[emulate moderation_input]]")
    with lab.engine() as engine:
        taken = lab.take(engine, asks)
    assert taken.stopped is None and taken.kinds() == {"Dropped": 25}


def test_an_endpoint_that_answers_only_rubbish_stops_the_run(lab) -> None:
    lab.config(faults={"html_200": 1.0})
    with lab.engine(in_flight=40) as engine:
        taken = lab.take(engine, lab.make.chats(100))
    assert isinstance(taken.stopped, EndpointStopped)
    assert "60 calls of rewrite in a row" in str(taken.stopped)
    assert lab.audit().by_outcome()["damaged"] < 60 + 40
