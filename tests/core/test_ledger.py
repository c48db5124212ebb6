"""The ledger: a budget that is never passed, and a history that is never fooled."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from editcorpus.errors import BudgetExceeded, StorageError
from editcorpus.journal import Line, encode
from editcorpus.ledger import (
    History,
    Intent,
    Ledger,
    Record,
    journal_folder,
    read_history,
    to_fields,
    to_intent,
    to_record,
)
from editcorpus.storage import Store

KEY = "ab" * 32
RUN = "spring"
JOURNAL = f"{journal_folder(RUN)}/p/000000.jsonl"


def intent(attempt: str = "p-0", usd: str = "0.25", key: str = KEY, **more) -> Intent:
    at = "2026-11-20T00:00:00.000+00:00"
    made = Intent(
        attempt, key, RUN, 3, "omniedit/1", "regenerate", 0, "gpt-image-2", Decimal(1), at
    )
    return replace(made, usd=Decimal(usd), **more)


def record(attempt: str = "p-0", usd: str = "0.2", outcome="settled", **more) -> Record:
    at = "2026-11-20T00:01:00.000+00:00"
    return Record.of(intent(attempt, **more), Decimal(usd), at, outcome, request_id="req_1")


def line_of(item: Intent | Record, kind: str | None = None) -> bytes:
    kind = kind or ("intent" if isinstance(item, Intent) else "end")
    return encode(kind, item.key, **to_fields(item))


def history(store: Store, *lines: bytes) -> History:
    store.write(JOURNAL, b"".join(lines))
    return read_history(store, RUN)


money = st.decimals(0, 100, places=6)


def test_sixteen_threads_never_pass_the_budget_by_a_cent():
    budget = Decimal("10.00")
    ledger = Ledger(budget)

    def spend(thread: int) -> int:
        draw, refused = Random(thread), 0
        for number in range(400):
            attempt = f"{thread}-{number}"
            worst = Decimal(draw.randrange(1, 30)) / 100
            try:
                fits = ledger.reserve(attempt, worst)
            except BudgetExceeded:
                fits = False
            if not fits:
                refused += 1
                continue
            with ledger._lock:  # the two must be read at the same moment
                assert ledger.spent + ledger.reserved <= budget
            outcome = draw.choice(("settled", "damaged", "possibly", "free"))
            usd = {"free": Decimal(0), "possibly": worst}.get(
                outcome, worst * draw.randrange(11) / 10
            )
            ledger.book(replace(record(attempt, outcome=outcome), usd=usd))
        return refused

    with ThreadPoolExecutor(16) as pool:
        refused = sum(pool.map(spend, range(16)))
    assert ledger.spent <= budget
    assert ledger.reserved == 0
    assert ledger.spent > Decimal("9.5")
    assert refused + sum(ledger.calls.values()) == 16 * 400


class Spending(RuleBasedStateMachine):
    """Any order of reservations and endings, by a model that adds up the plain way."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = Decimal(100)
        self.ledger = Ledger(self.budget)
        self.out: dict[str, Decimal] = {}
        self.spent = Decimal(0)
        self.count = 0

    @rule(worst=money)
    def reserve(self, worst: Decimal) -> None:
        self.count += 1
        fits = self.spent + sum(self.out.values()) + worst <= self.budget
        try:
            assert self.ledger.reserve(str(self.count), worst) == fits
        except BudgetExceeded:
            assert not fits and not self.out
        else:
            assert fits or self.out
            self.out.update({str(self.count): worst} if fits else {})

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        attempt = data.draw(st.sampled_from(sorted(self.out)))
        del self.out[attempt]
        self.ledger.release(attempt)
        self.ledger.release(attempt)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), outcome=st.sampled_from(["settled", "damaged", "possibly", "free"]))
    def book(self, data: st.DataObject, outcome: str) -> None:
        attempt = data.draw(st.sampled_from(sorted(self.out)))
        worst = self.out.pop(attempt)
        usd = {"possibly": worst, "free": Decimal(0)}.get(outcome)
        usd = data.draw(st.decimals(0, worst, places=6)) if usd is None else usd
        self.ledger.book(replace(record(attempt, outcome=outcome), usd=usd))
        self.spent += usd

    @invariant()
    def the_sums_hold(self) -> None:
        assert self.ledger.spent == self.spent
        assert self.ledger.reserved == sum(self.out.values())
        assert self.ledger.spent + self.ledger.reserved <= self.budget


TestSpending = Spending.TestCase
TestSpending.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_what_does_not_fit_beside_calls_that_are_out_is_told_to_wait():
    ledger = Ledger(Decimal(1))
    assert ledger.reserve("a", Decimal("0.8"))
    assert not ledger.reserve("b", Decimal("0.3"))
    assert ledger.reserve("b", Decimal("0.2"))
    with pytest.raises(ValueError, match="'b' has a reservation already"):
        ledger.reserve("b", Decimal(0))
    assert ledger.reserved == 1
    ledger.release("b")
    ledger.book(record("a", "0.25"))
    assert ledger.reserve("c", Decimal("0.75"))


def test_what_does_not_fit_though_nothing_is_out_ends_the_run():
    ledger = Ledger(Decimal(1))
    ledger.reserve("a", Decimal("0.8"))
    ledger.book(record("a", "0.75"))
    with pytest.raises(
        BudgetExceeded,
        match=r"budget of \$1 .* \$0\.7500 is spent, nothing is in flight.* \$0\.3000\.",
    ):
        ledger.reserve("b", Decimal("0.3"))
    assert ledger.reserved == 0


def test_booking_returns_what_was_not_needed():
    ledger = Ledger(None)
    for name in "abcd":
        ledger.reserve(name, Decimal("0.5"))
    ledger.book(record("a", "0.2"))
    ledger.book(record("b", "0.5", "possibly"))
    ledger.book(record("c", "0", "free"))
    ledger.book(record("d", "0.1", "damaged"))
    ledger.cached(3)
    assert (ledger.spent, ledger.reserved, ledger.possibly) == (Decimal("0.8"), 0, 1)
    assert ledger.settled("regenerate") == 1
    assert ledger.damaged(KEY) == 1
    assert ledger.usd("regenerate", 3) == Decimal("0.8")
    counts = {"settled": 1, "possibly": 1, "free": 1, "damaged": 1, "cached": 3}
    assert dict(ledger.calls) == counts


def test_a_ledger_goes_on_from_its_history():
    past = History((record("a", "0.2"), record("b", "0.3", "possibly")), (intent("c", "0.25"),))
    ledger = Ledger(Decimal(1), past.totals)
    assert (ledger.spent, ledger.possibly, ledger.settled("regenerate")) == (Decimal("0.75"), 2, 1)
    with pytest.raises(BudgetExceeded):
        ledger.reserve("d", Decimal("0.250001"))
    ledger.reserve("d", Decimal("0.25"))
    assert ledger.calls["settled"] == 0


@given(st.decimals(0, allow_nan=False, allow_infinity=False), st.text(), st.floats(0, 1e6))
def test_records_come_back_exactly(usd: Decimal, text: str, seconds: float):
    made = replace(record(id=text, step=text), usd=usd, seconds=seconds, usage={"text_in": 7})
    assert to_record(loads(line_of(made))) == made
    sent = intent(usd="1E+3", id=text)
    assert to_intent(loads(line_of(sent))) == sent
    assert '"usd":"1000"' in line_of(sent).decode("utf-8", "surrogatepass")


def loads(line: bytes) -> dict:
    return Line("", 0, "", "", line).fields()


def test_a_record_says_which_model_answered_where_the_answer_does():
    made = replace(record(), model_version="gpt-image-2-0901")
    assert to_record(loads(line_of(made))) == made
    assert b"model_version" not in line_of(record())
    with pytest.raises(StorageError, match="'model_version'"):
        to_record({**loads(line_of(made)), "model_version": 7})


def test_records_of_a_later_version_are_read():
    members = {**loads(line_of(record())), "lease": "x", "colour": {"a": 1}}
    assert to_record(members) == record()
    assert to_intent({**loads(line_of(intent())), "lease": 1}) == intent()


@pytest.mark.parametrize(
    "change",
    [
        *({"usd": text} for text in ("NaN", "Infinity", "-1", "x", "", 0.2, None)),
        *({"k": None}, {"outcome": "lost"}, {"shard": "3"}, {"usage": []}, {"attempt": 5}),
    ],
)
def test_a_record_that_is_none_is_refused(disk_store: Store, change: dict):
    with pytest.raises(StorageError, match="A record"):
        to_record({**loads(line_of(record())), **change})
    whole = line_of(intent("q-1"))
    members = {name: value for name, value in loads(line_of(record())).items() if name not in "tk"}
    if "k" not in change:
        bad = encode("end", KEY, **{**members, **change})
        with pytest.raises(StorageError, match=rf"stands in {JOURNAL} at byte {len(whole)};"):
            history(disk_store, whole, bad)


def test_a_call_of_a_dead_process_that_is_still_under_way_is_reserved_again(disk_store):
    lines = (intent("p-0"), intent("p-1", "0.5"), record("p-2"), intent("p-2"))
    past = history(disk_store, *map(line_of, lines)).totals
    ledger = Ledger(Decimal(2), past)
    assert (ledger.spent, ledger.possibly) == (Decimal("0.95"), 2)
    assert ledger.readmit("p-1") and not ledger.readmit("p-1")
    assert not ledger.readmit("p-2") and not ledger.readmit("p-9")
    assert (ledger.spent, ledger.reserved, ledger.possibly) == (Decimal("0.45"), Decimal("0.5"), 1)
    assert ledger.free == Decimal("1.05")
    ledger.book(record("p-1", "0.1"))
    assert (ledger.spent, ledger.reserved) == (Decimal("0.55"), 0)


def test_an_intent_names_its_batch_and_an_older_one_has_none(disk_store):
    with_batch, without = intent("p-0", batch="b-1"), intent("p-1")
    assert b"batch" in line_of(with_batch) and b"batch" not in line_of(without)
    assert history(disk_store, line_of(with_batch), line_of(without)).open == (with_batch, without)
    with pytest.raises(StorageError, match="'batch'"):
        to_intent({**to_fields(without), "k": KEY, "batch": 7})
    assert "batch" not in to_fields(Record.of(with_batch, Decimal(0), "now", "free"))
